//! Proofs of possession, as the server and the resource judge them (RFC 9449).

use std::sync::Arc;

use grantry_core::{
    AccessToken, Attempt, Binding, ErrorKind, Origin, ProofRequest, Prover, RefreshToken, Scope, Timestamp,
};
use grantry_endpoint::{
    Client, ClientAuthentication, Dpop, DpopKey, DpopProvers, HttpTransport, Request, TokenEndpoint,
    TokenRequest, Transport,
};
use grantry_jose::Algorithm;
use grantry_testkit::{
    ManualClock, Nonces, ProofPolicy, ProtectedResource, RegisteredClient, SeededEntropy, SeededGrant,
    TestServer,
};
use http::{HeaderName, HeaderValue, Method};

fn server(policy: ProofPolicy) -> TestServer {
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let server = TestServer::builder().client(client).client(RegisteredClient::public("desktop")).build();
    server.with_authority(|authority, _| authority.settings_mut().proofs = policy);
    server
}

fn endpoint(server: &TestServer, client: &str, dpop: Option<Dpop>) -> TokenEndpoint {
    let authentication = match client {
        "billing" => ClientAuthentication::secret_basic("s3cret"),
        _ => ClientAuthentication::none(),
    };
    let facts = server.authorization_server().unwrap();
    let client = Client::new(client, authentication).unwrap();
    let builder = TokenEndpoint::builder(facts, client, Arc::new(server.transport()));
    match dpop {
        Some(dpop) => builder.dpop(dpop),
        None => builder,
    }
    .build()
    .unwrap()
}

fn request() -> TokenRequest {
    TokenRequest::new("client_credentials")
}

#[tokio::test]
async fn req_e12_each_choice_of_nonces_is_what_it_says() {
    for (nonces, works, requests) in [
        (Nonces::None, true, 2),
        (Nonces::Steady, true, 3),
        (Nonces::EachOnce, true, 3),
        (Nonces::NeverContent, false, 4),
    ] {
        let server = server(ProofPolicy { nonces, ..ProofPolicy::default() });
        let endpoint = endpoint(&server, "billing", Some(Dpop::es256()));
        for _ in 0..2 {
            let result = endpoint.request(request(), Attempt::first()).await;
            assert_eq!(result.is_ok(), works, "{nonces:?}");
        }
        assert_eq!(server.ledger().total(), requests, "{nonces:?}");
    }
}

#[tokio::test]
async fn req_e13_a_server_that_ignores_proofs_issues_bearer_tokens() {
    let server = server(ProofPolicy { ignored: true, ..ProofPolicy::default() });
    let bound = endpoint(&server, "billing", Some(Dpop::es256()));
    let failure = bound.request(request(), Attempt::first()).await.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::InvalidAnswer);
    let lax = endpoint(&server, "billing", Some(Dpop::es256().or_bearer()));
    let set = lax.request(request(), Attempt::first()).await.unwrap();
    assert!(matches!(set.token().binding(), Binding::Bearer));
}

#[tokio::test]
async fn req_e14_the_refresh_token_of_a_public_client_is_bound_and_that_of_a_confidential_one_is_not() {
    for (client, is_bound) in [("desktop", true), ("billing", false)] {
        let server = server(ProofPolicy { required: true, ..ProofPolicy::default() });
        let seeded = server.seed_grant(SeededGrant::new(client, Scope::EMPTY));
        server.with_authority(|authority, _| {
            authority.settings_mut().rotation = grantry_core::Rotation::KeepOld;
        });
        let endpoint = endpoint(&server, client, Some(Dpop::es256()));
        let refresh = |token: &RefreshToken| {
            TokenRequest::new("refresh_token").parameter("refresh_token", token.expose())
        };
        let key = DpopKey::generate(Algorithm::Es256).unwrap();
        let first = endpoint.request(refresh(&seeded).dpop_key(key.clone()), Attempt::first()).await.unwrap();
        let second = first.refresh_token().unwrap().clone();
        let other = endpoint.request(refresh(&second), Attempt::first()).await;
        assert_eq!(other.is_err(), is_bound, "{client}");
        assert!(endpoint.request(refresh(&second).dpop_key(key), Attempt::first()).await.is_ok(), "{client}");
    }
}

#[tokio::test]
async fn a_request_without_a_proof_is_refused_where_one_is_required() {
    let server = server(ProofPolicy { required: true, ..ProofPolicy::default() });
    let failure = endpoint(&server, "billing", None).request(request(), Attempt::first()).await.unwrap_err();
    assert_eq!(failure.error.oauth_code(), Some("invalid_dpop_proof"));
}

/// A resource, a bound token, and its prover.
struct Case {
    resource: ProtectedResource,
    token: AccessToken,
    prover: Arc<dyn Prover>,
    _server: TestServer,
}

async fn case() -> Case {
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let server = TestServer::builder().client(client).start().await.unwrap();
    let resource = ProtectedResource::start(&server).await.unwrap();
    let set =
        endpoint(&server, "billing", Some(Dpop::es256())).request(request(), Attempt::first()).await.unwrap();
    let Binding::Proof(prover) = set.token().binding() else { panic!("not bound") };
    Case {
        resource,
        token: AccessToken::new(set.token().expose()),
        prover: Arc::clone(prover),
        _server: server,
    }
}

impl Case {
    async fn proof(&self, method: &Method, path: &str, token: &AccessToken) -> HeaderValue {
        let origin = Origin::parse(self.resource.origin()).unwrap();
        let target = self.resource.url(path);
        let request = ProofRequest::new(method, &target, &origin).with_access_token(token);
        self.prover.prove(request).await.unwrap()
    }

    async fn get(&self, scheme: &str, proofs: &[&HeaderValue]) -> (u16, String) {
        let url = self.resource.url("/orders?q=1").parse().unwrap();
        let header = HeaderValue::try_from(format!("{scheme} {}", self.token.expose())).unwrap();
        let mut request = Request::new(Method::GET, url).with_header(http::header::AUTHORIZATION, header);
        for proof in proofs {
            request = request.with_header(HeaderName::from_static("dpop"), (*proof).clone());
        }
        let answer = HttpTransport::new().unwrap().send(request).await.unwrap();
        let challenge = answer.headers().get(http::header::WWW_AUTHENTICATE);
        (answer.status().as_u16(), challenge.map_or("", |value| value.to_str().unwrap()).to_owned())
    }
}

#[tokio::test]
async fn a_resource_takes_a_bound_token_with_its_own_proof_once_and_with_no_other() {
    let at = case().await;
    let good = at.proof(&Method::GET, "/orders", &at.token).await;
    assert_eq!(at.get("DPoP", &[&good]).await.0, 200);
    let replayed = at.get("DPoP", &[&good]).await;
    assert!(replayed.0 == 401 && replayed.1.contains("invalid_dpop_proof"), "{replayed:?}");
    for bad in [
        at.proof(&Method::POST, "/orders", &at.token).await,
        at.proof(&Method::GET, "/other", &at.token).await,
        at.proof(&Method::GET, "/orders", &AccessToken::new("another")).await,
        HeaderValue::from_static("a.b.c"),
    ] {
        let answer = at.get("DPoP", &[&bad]).await;
        assert!(answer.0 == 401 && answer.1.contains("invalid_dpop_proof"), "{answer:?}");
    }
    let fresh = at.proof(&Method::GET, "/orders", &at.token).await;
    for (scheme, proofs) in [("DPoP", &[][..]), ("Bearer", &[&fresh]), ("Bearer", &[])] {
        let answer = at.get(scheme, proofs).await;
        assert!(answer.0 == 401 && answer.1.contains("invalid_token"), "{scheme}: {answer:?}");
    }
    // The proof of another key, for the same token.
    let clock = ManualClock::new();
    clock.set_wall(Timestamp::from_unix_seconds(1));
    let stranger = DpopKey::generate(Algorithm::Es256).unwrap();
    let provers =
        DpopProvers::new(Arc::new(grantry_core::SystemClock::new()), Arc::new(SeededEntropy::new(1)));
    let stranger = Case { prover: provers.prover(stranger.clone()), ..case().await };
    let theirs = stranger.proof(&Method::GET, "/orders", &stranger.token).await;
    assert_eq!(stranger.get("DPoP", &[&theirs]).await.0, 401);
    // One from the year 1970.
    let old = DpopProvers::new(Arc::new(clock), Arc::new(SeededEntropy::new(2)));
    let key = DpopKey::from_private_key(&at.prover.private_key().unwrap()).unwrap();
    let late = Case { prover: old.prover(key), ..at };
    let theirs = late.proof(&Method::GET, "/orders", &late.token).await;
    let answer = late.get("DPoP", &[&theirs]).await;
    assert!(answer.1.contains("invalid_dpop_proof"), "{answer:?}");
}

#[tokio::test]
async fn req_e11_a_resource_takes_its_own_nonces_and_no_other_s() {
    let at = case().await;
    at.resource.want_nonces(Nonces::Steady);
    let origin = Origin::parse(at.resource.origin()).unwrap();
    at.prover.saw_nonce(&origin, "as-0");
    let proof = at.proof(&Method::GET, "/orders", &at.token).await;
    let answer = at.get("DPoP", &[&proof]).await;
    assert!(answer.0 == 401 && answer.1.contains("use_dpop_nonce"), "{answer:?}");
}
