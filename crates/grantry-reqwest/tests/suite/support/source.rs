//! A source of tokens `t1`, `t2` and so on, and a prover, both of which count.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Binding, Error, ErrorKind, Instant, Origin, PrivateKey, ProofRequest, Prover, Stage, Token,
    TokenSet, TokenSource,
};
use reqwest::header::HeaderValue;

/// Hands out the token it holds; a rejected one is replaced by the next.
#[derive(Debug)]
pub(crate) struct TestSource {
    held: Mutex<Option<Token>>,
    renewing: tokio::sync::Mutex<()>,
    binding: Binding,
    stubborn: bool,
    broken: bool,
    pub(crate) renewals: AtomicUsize,
    pub(crate) rejections: AtomicUsize,
}

impl TestSource {
    fn with(binding: Binding, stubborn: bool, broken: bool) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            binding,
            stubborn,
            broken,
            renewals: AtomicUsize::new(0),
            rejections: AtomicUsize::new(0),
        })
    }

    /// Bearer tokens.
    pub(crate) fn bearer() -> Arc<Self> {
        Self::with(Binding::Bearer, false, false)
    }

    /// Tokens of another binding.
    pub(crate) fn bound(binding: Binding) -> Arc<Self> {
        Self::with(binding, false, false)
    }

    /// Holds on to its token whatever is said of it.
    pub(crate) fn stubborn() -> Arc<Self> {
        Self::with(Binding::Bearer, true, false)
    }

    /// Has no token.
    pub(crate) fn broken() -> Arc<Self> {
        Self::with(Binding::Bearer, false, true)
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

/// Proofs that say what they are for: `number method target nonce`.
#[derive(Debug, Default)]
pub(crate) struct CountingProver {
    made: AtomicUsize,
    pub(crate) nonces: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Prover for CountingProver {
    async fn prove(&self, request: ProofRequest<'_>) -> Result<HeaderValue, Error> {
        assert!(request.access_token.is_some_and(|token| token.expose().starts_with('t')));
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let origin = request.origin.to_string();
        let nonces = self.nonces.lock().unwrap();
        let nonce = nonces.iter().rev().find(|(of, _)| *of == origin).map_or("-", |(_, nonce)| nonce);
        let text = format!("{number} {} {} {nonce}", request.method, request.target);
        Ok(text.parse().unwrap())
    }

    fn saw_nonce(&self, origin: &Origin, nonce: &str) {
        self.nonces.lock().unwrap().push((origin.to_string(), nonce.to_owned()));
    }

    fn saw_date(&self, _origin: &Origin, _date: &HeaderValue) {}

    fn private_key(&self) -> Option<PrivateKey> {
        None
    }
}
