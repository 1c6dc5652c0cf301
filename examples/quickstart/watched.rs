//! A source around a source: counts the callers who had to wait for a token.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use grantry::{Error, ManagedSource, Token, TokenSource};

#[derive(Debug)]
pub(crate) struct Watched {
    inner: Arc<ManagedSource>,
    waited: AtomicU64,
}

impl Watched {
    pub(crate) fn new(inner: Arc<ManagedSource>) -> Self {
        Self { inner, waited: AtomicU64::new(0) }
    }

    /// How many callers have waited so far.
    pub(crate) fn waited(&self) -> u64 {
        self.waited.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TokenSource for Watched {
    fn ready(&self) -> Option<Token> {
        self.inner.ready()
    }

    async fn token(&self) -> Result<Token, Error> {
        let mut token = std::pin::pin!(self.inner.token());
        let first = std::future::poll_fn(|context| Poll::Ready(token.as_mut().poll(context))).await;
        match first {
            Poll::Ready(result) => result,
            Poll::Pending => {
                self.waited.fetch_add(1, Ordering::Relaxed);
                token.await
            }
        }
    }

    fn reject(&self, refused: &Token) {
        self.inner.reject(refused);
    }
}
