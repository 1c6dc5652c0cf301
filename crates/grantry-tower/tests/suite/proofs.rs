//! Tokens that need a proof on every request (RFC 9449).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use grantry_core::{Binding, Error, ErrorKind, Origin, PrivateKey, ProofRequest, Prover, Thumbprint};
use grantry_testkit::TestSource;
use grantry_tower::AuthorizeLayer;
use http::{HeaderValue, Request};
use http_body_util::Empty;
use tower::ServiceExt;
use tower_layer::Layer;

use crate::upstream::{Answer, Seen, Upstream, answer, challenge};

/// Proofs that say what they are for: `number method target nonce`.
#[derive(Debug, Default)]
struct CountingProver {
    made: AtomicUsize,
    nonces: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Prover for CountingProver {
    async fn prove(&self, request: ProofRequest<'_>) -> Result<HeaderValue, Error> {
        assert!(request.access_token.is_some_and(|token| token.expose().starts_with('t')));
        tokio::task::yield_now().await;
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        let nonces = self.nonces.lock().unwrap();
        let nonce = nonces.last().map_or("-", |(_, nonce)| nonce);
        Ok(format!("{number} {} {} {nonce}", request.method, request.target).parse().unwrap())
    }

    fn saw_nonce(&self, origin: &Origin, nonce: &str) {
        self.nonces.lock().unwrap().push((origin.to_string(), nonce.to_owned()));
    }

    fn saw_date(&self, _origin: &Origin, _date: &HeaderValue) {}

    fn private_key(&self) -> Option<PrivateKey> {
        None
    }
}

async fn run(
    answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> (Result<u16, grantry_tower::Error>, Vec<String>, Arc<CountingProver>) {
    let upstream = Upstream::new(answer);
    let prover = Arc::new(CountingProver::default());
    let source = TestSource::bound(Binding::Proof(Arc::clone(&prover) as _));
    let api = AuthorizeLayer::fixed(source, "https://api.example.com").unwrap().layer(upstream.clone());
    let request = Request::get("/a?query=secret").body(Empty::<Bytes>::new()).unwrap();
    let result = api.oneshot(request).await.map(|answer| answer.status().as_u16());
    let sent = upstream.seen();
    let sent = sent.iter().map(|s| format!("{}: {}", s.header("authorization"), s.header("dpop"))).collect();
    (result, sent, prover)
}

fn asks_for(nonce: &str) -> Answer {
    let mut answer = challenge(401, "DPoP error=\"use_dpop_nonce\"");
    answer.headers_mut().insert("dpop-nonce", nonce.parse().unwrap());
    answer
}

#[tokio::test]
async fn req_e08_a_proof_is_for_the_target_without_its_query_also_in_origin_form() {
    let (result, sent, _) = run(|_| answer(200)).await;
    assert_eq!(result.unwrap(), 200);
    assert_eq!(sent, ["DPoP t1: 1 GET https://api.example.com/a -"]);
}

#[tokio::test]
async fn req_e10_e12_each_send_has_a_new_proof_and_a_nonce_is_tried_once() {
    let (result, sent, prover) = run(|seen| {
        let has_nonce = seen.header("dpop").ends_with("n-1");
        match seen.header("authorization") {
            _ if !has_nonce => asks_for("n-1"),
            "DPoP t1" => challenge(401, "DPoP error=\"invalid_token\""),
            _ => answer(200),
        }
    })
    .await;
    assert_eq!(result.unwrap(), 200);
    let target = "GET https://api.example.com/a";
    assert_eq!(
        sent,
        [
            format!("DPoP t1: 1 {target} -"),
            format!("DPoP t1: 2 {target} n-1"),
            format!("DPoP t2: 3 {target} n-1"),
        ]
    );
    assert_eq!(*prover.nonces.lock().unwrap(), [("https://api.example.com".to_owned(), "n-1".to_owned())]);
}

#[tokio::test]
async fn req_e12_a_server_that_always_wants_another_nonce_is_an_error() {
    let (result, sent, _) = run(|seen| asks_for(&format!("n{}", seen.header("dpop").len()))).await;
    let error = result.unwrap_err();
    assert!(matches!(error, grantry_tower::Error::Token(error) if error.kind() == ErrorKind::InvalidAnswer));
    assert_eq!(sent.len(), 2);
}

#[tokio::test]
async fn req_c12_a_certificate_bound_token_passes_a_service_with_that_certificate_and_no_other() {
    let bound = Thumbprint([7; 32]);
    for (identity, passes) in [(Some(bound), true), (Some(Thumbprint([8; 32])), false), (None, false)] {
        let upstream = Upstream::new(|_| answer(200));
        let source = TestSource::bound(Binding::Certificate(bound));
        let origins = ["https://api.example.com"];
        let layer = match identity {
            Some(identity) => AuthorizeLayer::with_identity(source, origins, identity).unwrap(),
            None => AuthorizeLayer::new(source, origins).unwrap(),
        };
        let request = Request::get("https://api.example.com/a").body(Empty::<Bytes>::new()).unwrap();
        let result = layer.layer(upstream.clone()).oneshot(request).await;
        assert_eq!(result.is_ok(), passes, "{identity:?}");
        assert_eq!(upstream.seen().len(), usize::from(passes), "{identity:?}");
    }
}
