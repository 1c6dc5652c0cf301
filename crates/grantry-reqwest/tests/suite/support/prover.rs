//! A prover that counts.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use grantry_core::{Error, Origin, PrivateKey, ProofRequest, Prover};
use reqwest::header::HeaderValue;

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
