//! A source of tokens `t1`, `t2` and so on that counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{AccessToken, Binding, Error, ErrorKind, Instant, Stage, Token, TokenSet, TokenSource};

/// Hands out the token it holds; a rejected one is replaced by the next.
#[derive(Debug, Default)]
pub(crate) struct TestSource {
    held: Mutex<Option<Token>>,
    renewing: tokio::sync::Mutex<()>,
    binding: Binding,
    stubborn: bool,
    broken: bool,
    renewals: AtomicUsize,
    rejections: AtomicUsize,
}

impl TestSource {
    /// Bearer tokens.
    pub(crate) fn bearer() -> Arc<Self> {
        Arc::default()
    }

    /// Tokens of another binding.
    pub(crate) fn bound(binding: Binding) -> Arc<Self> {
        Arc::new(Self { binding, ..Self::default() })
    }

    /// Holds on to its token whatever is said of it.
    pub(crate) fn stubborn() -> Arc<Self> {
        Arc::new(Self { stubborn: true, ..Self::default() })
    }

    /// Has no token.
    pub(crate) fn broken() -> Arc<Self> {
        Arc::new(Self { broken: true, ..Self::default() })
    }

    /// Replaces the token at once.
    pub(crate) fn renew(&self) -> Token {
        let number = self.renewals.fetch_add(1, Ordering::SeqCst) + 1;
        let set = TokenSet::builder(AccessToken::new(format!("t{number}")), Instant::ZERO)
            .binding(self.binding.clone())
            .build()
            .unwrap();
        *self.held.lock().unwrap() = Some(set.token().clone());
        set.token().clone()
    }

    pub(crate) fn renewals(&self) -> usize {
        self.renewals.load(Ordering::SeqCst)
    }

    pub(crate) fn rejections(&self) -> usize {
        self.rejections.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenSource for TestSource {
    fn ready(&self) -> Option<Token> {
        self.held.lock().unwrap().clone()
    }

    async fn token(&self) -> Result<Token, Error> {
        let _one_at_a_time = self.renewing.lock().await;
        if let Some(token) = self.ready() {
            return Ok(token);
        }
        if self.broken {
            return Err(Error::new(ErrorKind::Unavailable, Stage::Token, "the server answered 503"));
        }
        tokio::task::yield_now().await;
        Ok(self.renew())
    }

    fn reject(&self, refused: &Token) {
        self.rejections.fetch_add(1, Ordering::SeqCst);
        let mut held = self.held.lock().unwrap();
        if !self.stubborn && held.as_ref().is_some_and(|token| token.is_same(refused)) {
            *held = None;
        }
    }
}
