//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::exchange::Exchange;
use crate::terms::Terms;
use crate::{AuthorizeFuture, BoxError, Error, Replay};

/// Puts a token on every request and passes it on; made by [`AuthorizeLayer`](crate::AuthorizeLayer).
///
/// It is ready when the inner service is. A request that waits for a token keeps the inner service's readiness,
/// so put limits on concurrency inside only if they may be held for that long.
#[derive(Debug, Clone)]
pub struct Authorize<S, R> {
    inner: S,
    terms: Arc<Terms>,
    replay: R,
}

impl<S, R> Authorize<S, R> {
    pub(crate) fn new(inner: S, terms: Arc<Terms>, replay: R) -> Self {
        Self { inner, terms, replay }
    }

    /// The inner service.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S, B, A, R> Service<Request<B>> for Authorize<S, R>
where
    S: Service<Request<B>, Response = Response<A>> + Clone,
    S::Error: Into<BoxError>,
    R: Replay<B> + Clone,
{
    type Response = Response<A>;
    type Error = Error;
    type Future = AuthorizeFuture<S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(|error| Error::Inner(error.into()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was asked is the one that is ready.
        let fresh = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, fresh);
        AuthorizeFuture::new(Exchange::begin(ready, Arc::clone(&self.terms), self.replay.clone(), request))
    }
}
