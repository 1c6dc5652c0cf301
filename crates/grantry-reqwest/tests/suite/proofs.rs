//! Tokens that need a proof on every request (RFC 9449).

use std::collections::HashSet;
use std::sync::Arc;

use crate::support::{CountingProver, Reply, Server, TestSource, client_builder};
use grantry_core::{Binding, ErrorKind};
use grantry_reqwest::{AuthorizedClient, Error};

struct Setup {
    server: Server,
    source: Arc<TestSource>,
    prover: Arc<CountingProver>,
    api: AuthorizedClient,
}

async fn setup(answer: impl Fn(&crate::support::Seen) -> Reply + Send + Sync + 'static) -> Setup {
    let server = Server::start(answer).await;
    let prover = Arc::new(CountingProver::default());
    let source = TestSource::bound(Binding::Proof(Arc::clone(&prover) as _));
    let api =
        AuthorizedClient::from_builder(client_builder(), Arc::clone(&source), [server.origin()]).unwrap();
    Setup { server, source, prover, api }
}

fn proofs(server: &Server) -> Vec<String> {
    server.seen().iter().map(|seen| seen.header("dpop").unwrap_or("-").to_owned()).collect()
}

fn asks_for(nonce: &str) -> Reply {
    Reply::new(401)
        .header("WWW-Authenticate", "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"")
        .header("DPoP-Nonce", nonce)
}

#[tokio::test]
async fn req_e08_every_request_has_a_proof_for_its_method_and_target() {
    let at = setup(|_| Reply::ok()).await;
    at.api.get(at.server.url("/a/b?query=secret")).send().await.unwrap();
    at.api.post(at.server.url("/c")).send().await.unwrap();
    let origin = at.server.origin();
    assert_eq!(proofs(&at.server), [format!("1 GET {origin}/a/b -"), format!("2 POST {origin}/c -")]);
    assert_eq!(at.server.authorizations(), ["DPoP t1", "DPoP t1"]);
}

#[tokio::test]
async fn req_e11_the_newest_nonce_of_any_answer_goes_into_the_next_proof() {
    let at = setup(|seen| Reply::new(200).header("DPoP-Nonce", format!("n{}", seen.path.len()))).await;
    for path in ["/", "/x", "/xy"] {
        at.api.get(at.server.url(path)).send().await.unwrap();
    }
    let ends: Vec<String> =
        proofs(&at.server).iter().map(|proof| proof.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(ends[1..], ["n1", "n2"]);
    assert_eq!(at.prover.nonces.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn req_e12_a_nonce_that_is_asked_for_is_tried_once_with_the_same_token() {
    let at = setup(|seen| {
        if seen.header("dpop").is_some_and(|proof| proof.ends_with("n-1")) {
            Reply::ok()
        } else {
            asks_for("n-1")
        }
    })
    .await;
    assert_eq!(at.api.post(at.server.url("/")).body("text").send().await.unwrap().status(), 200);
    assert_eq!(at.server.authorizations(), ["DPoP t1", "DPoP t1"]);
    assert_eq!((at.source.rejections(), at.source.renewals()), (0, 1));
}

#[tokio::test]
async fn req_e12_a_server_that_always_wants_another_nonce_is_an_error() {
    let at = setup(|seen| asks_for(&format!("n{}", seen.header("dpop").unwrap_or_default().len()))).await;
    let error = at.api.get(at.server.url("/")).send().await.unwrap_err();
    assert!(matches!(error, Error::Token(error) if error.kind() == ErrorKind::InvalidAnswer));
    assert_eq!((at.server.seen().len(), at.source.rejections()), (2, 0));
}

#[tokio::test]
async fn req_e10_no_proof_is_sent_twice_even_when_both_retries_are_needed() {
    let at = setup(|seen| {
        let has_nonce = seen.header("dpop").is_some_and(|proof| proof.ends_with("n-1"));
        match seen.header("authorization") {
            _ if !has_nonce => asks_for("n-1"),
            Some("DPoP t1") => Reply::new(401).header("WWW-Authenticate", "DPoP error=\"invalid_token\""),
            _ => Reply::ok(),
        }
    })
    .await;
    assert_eq!(at.api.get(at.server.url("/")).send().await.unwrap().status(), 200);
    let sent = proofs(&at.server);
    assert_eq!(sent.len(), 3);
    assert_eq!(sent.iter().collect::<HashSet<_>>().len(), 3, "{sent:?}");
    assert_eq!(at.server.authorizations(), ["DPoP t1", "DPoP t1", "DPoP t2"]);
}
