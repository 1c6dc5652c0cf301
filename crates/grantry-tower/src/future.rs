//! The future of one request.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use grantry_core::Token;
use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::exchange::{Before, Boxed, Exchange};
use crate::{BoxError, Error, Replay};

pin_project! {
    /// The answer to one request of [`Authorize`](crate::Authorize).
    ///
    /// **Cancel-safety**: dropping it drops the request; a renewal that it waited for goes on and loses nothing.
    #[must_use = "futures do nothing unless polled"]
    pub struct AuthorizeFuture<S, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, R, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, R, F> {
        Refused { error: Option<grantry_core::Error> },
        Running { exchange: Exchange<S, B, R>, #[pin] step: Step<F> },
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F> {
        Taking { taking: Boxed<Token> },
        Proving { proving: Boxed<Option<HeaderValue>> },
        Readying { proof: Option<HeaderValue> },
        Sending { #[pin] sending: F },
    }
}

impl<F> From<Before> for Step<F> {
    fn from(before: Before) -> Self {
        match before {
            Before::Take(taking) => Self::Taking { taking },
            Before::Prove(proving) => Self::Proving { proving },
            Before::Send => Self::Readying { proof: None },
        }
    }
}

impl<S: Service<Request<B>>, B, R> AuthorizeFuture<S, B, R> {
    pub(crate) fn new(begun: Result<(Exchange<S, B, R>, Before), grantry_core::Error>) -> Self {
        let state = match begun {
            Ok((exchange, before)) => State::Running { exchange, step: before.into() },
            Err(error) => State::Refused { error: Some(error) },
        };
        Self { state }
    }
}

impl<S, B, A, R> Future for AuthorizeFuture<S, B, R>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Error: Into<BoxError>,
    R: Replay<B>,
{
    type Output = Result<Response<A>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (exchange, mut step) = match self.project().state.project() {
            StateProjection::Running { exchange, step } => (exchange, step),
            StateProjection::Refused { error } => {
                let polled_again = || grantry_core::Error::internal("a future was polled after its end");
                return Poll::Ready(Err(error.take().unwrap_or_else(polled_again).into()));
            }
        };
        let inner = |error: S::Error| Error::Inner(error.into());
        loop {
            let next = match step.as_mut().project() {
                StepProjection::Taking { taking } => {
                    let token = ready!(taking.as_mut().poll(cx))?;
                    exchange.hold(token)?.into()
                }
                StepProjection::Proving { proving } => {
                    let proof = ready!(proving.as_mut().poll(cx))?;
                    Step::Readying { proof }
                }
                StepProjection::Readying { proof } => {
                    ready!(exchange.inner.poll_ready(cx)).map_err(inner)?;
                    let request = exchange.outgoing(proof.take())?;
                    Step::Sending { sending: exchange.inner.call(request) }
                }
                StepProjection::Sending { sending } => {
                    let answer = ready!(sending.poll(cx)).map_err(inner)?;
                    match exchange.after(&answer)? {
                        Some(before) => before.into(),
                        None => return Poll::Ready(Ok(answer)),
                    }
                }
            };
            step.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B, R> fmt::Debug for AuthorizeFuture<S, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeFuture").finish_non_exhaustive()
    }
}
