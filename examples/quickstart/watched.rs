//! A source around a source: counts the requests that had to wait for a token.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use grantry::{Error, ManagedSource, Token, TokenSource};

#[derive(Debug)]
pub(crate) struct Watched {
    inner: Arc<ManagedSource>,
    refused: AtomicBool,
    unprovoked: AtomicU64,
    provoked: AtomicU64,
}

/// How many requests had to wait for a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stalls {
    /// Before the API refused one.
    pub(crate) unprovoked: u64,
    /// After that.
    pub(crate) provoked: u64,
}

impl Stalls {
    pub(crate) fn all(self) -> u64 {
        self.unprovoked + self.provoked
    }
}

impl Watched {
    pub(crate) fn new(inner: Arc<ManagedSource>) -> Self {
        Self {
            inner,
            refused: AtomicBool::new(false),
            unprovoked: AtomicU64::new(0),
            provoked: AtomicU64::new(0),
        }
    }

    /// What has been counted so far.
    pub(crate) fn stalls(&self) -> Stalls {
        Stalls {
            unprovoked: self.unprovoked.load(Ordering::Relaxed),
            provoked: self.provoked.load(Ordering::Relaxed),
        }
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
                let refused = self.refused.load(Ordering::SeqCst);
                let stalls = if refused { &self.provoked } else { &self.unprovoked };
                stalls.fetch_add(1, Ordering::Relaxed);
                token.await
            }
        }
    }

    fn reject(&self, refused: &Token) {
        self.refused.store(true, Ordering::SeqCst);
        self.inner.reject(refused);
    }
}
