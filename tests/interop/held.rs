//! A source of one token.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use grantry::{Error, Token, TokenSource};

/// Holds one token, and counts how often it was refused.
#[derive(Debug)]
pub(crate) struct Held {
    token: Token,
    refused: AtomicU32,
}

impl Held {
    pub(crate) fn new(token: &Token) -> Self {
        Self { token: token.clone(), refused: AtomicU32::new(0) }
    }

    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenSource for Held {
    fn ready(&self) -> Option<Token> {
        Some(self.token.clone())
    }
    async fn token(&self) -> Result<Token, Error> {
        Ok(self.token.clone())
    }
    fn reject(&self, _refused: &Token) {
        self.refused.fetch_add(1, Ordering::SeqCst);
    }
}
