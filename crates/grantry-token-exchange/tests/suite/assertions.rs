//! JWTs as authorization grants (RFC 7523 section 2.1).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::*;
use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
use grantry_jose::{Algorithm, SignError, Signer, verify_jwt};
use grantry_testkit::*;
use grantry_token_exchange::*;

use crate::support::*;

type Claims = BTreeMap<String, serde_json::Value>;

/// The claims of the assertion in the last token request.
fn claims(case: &Case) -> Claims {
    let asked = case.asked();
    let assertion = asked.expose("assertion").unwrap();
    verify_jwt(assertion, &case.key.verifying_key(), &[Algorithm::EdDsa]).unwrap().1
}

#[tokio::test]
async fn each_attempt_has_an_assertion_of_its_own_that_says_who_vouches_for_whom() {
    let case = Case::new();
    let grant = case.bearer(case.assertions().build().unwrap()).scope("read").build().unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let set = grant.obtain(Attempt::first()).await.unwrap();
        assert_eq!(set.token().scope().as_str(), "read");
        let facts = case.server.with_authority(|a, at| a.check(&AccessToken::new(set.token().expose()), at));
        assert_eq!(facts.unwrap().subject, "ada@example.com");
        let claims = claims(&case);
        let now = case.clock.wall().as_unix_seconds();
        assert_eq!((&claims["iss"], &claims["sub"]), (&"robot".into(), &"ada@example.com".into()));
        assert_eq!(claims["aud"], "https://as.test");
        assert_eq!(
            (&claims["iat"], &claims["nbf"], &claims["exp"]),
            (&now.into(), &now.into(), &(now + 60).into())
        );
        let jti = claims["jti"].as_str().unwrap().to_owned();
        assert!(jti.len() >= 22 && !seen.contains(&jti));
        seen.push(jti);
    }
    let asked = case.asked();
    assert_eq!(asked.expose("grant_type"), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    assert!(!asked.names().any(|name| name == "client_assertion"));
}

#[tokio::test]
async fn audience_lifetime_and_claims_are_as_they_were_set() {
    let case = Case::new();
    let assertions = case
        .assertions()
        .audience("https://as.test/token")
        .lifetime(Duration::from_secs(300))
        .claim("scope", "read write")
        .build()
        .unwrap();
    assert_eq!(assertions.audience(), "https://as.test/token");
    let grant = case
        .bearer(assertions)
        .resource("https://a.example")
        .parameter("requested_token_use", "on_behalf_of")
        .build()
        .unwrap();
    grant.obtain(Attempt::first()).await.unwrap();
    let (claims, asked) = (claims(&case), case.asked());
    assert_eq!((&claims["aud"], &claims["scope"]), (&"https://as.test/token".into(), &"read write".into()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert_eq!(asked.expose("resource"), Some("https://a.example"));
    assert_eq!(asked.expose("requested_token_use"), Some("on_behalf_of"));
}

#[tokio::test]
async fn the_audience_is_what_the_servers_facts_say_and_has_to_be_known() {
    let case = Case::new();
    let endpoint = |server: AuthorizationServer| {
        let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
        TokenEndpoint::new(server, client, Arc::new(case.server.transport())).unwrap()
    };
    let server = || AuthorizationServer::builder("https://as.test/token");
    let build = |endpoint: &TokenEndpoint| {
        SignedAssertions::builder(endpoint, case.key.clone(), "robot", "robot").build()
    };
    let by_endpoint = server().assertion_audience(AssertionAudience::TokenEndpoint).build().unwrap();
    assert_eq!(build(&endpoint(by_endpoint)).unwrap().audience(), "https://as.test/token");
    let error = build(&endpoint(server().build().unwrap())).unwrap_err();
    assert!(error.to_string().contains("issuer"), "{error}");
}

/// A key whose HSM is away.
#[derive(Debug)]
struct Away;

#[async_trait]
impl Signer for Away {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }
    fn key_id(&self) -> Option<&str> {
        None
    }
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_never_signs_ends_the_attempt_unsent() {
    let case = Case::new();
    let assertions = SignedAssertions::builder(&case.endpoint, Away, "robot", "robot").build().unwrap();
    let grant = case.bearer(assertions).build().unwrap();
    let failure = grant.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!((failure.error.kind(), failure.sent), (ErrorKind::Unreachable, false));
    assert!(failure.error.diagnosis().remedy().contains("key"));
    assert_eq!(case.token_requests(), 0);
}

#[tokio::test]
async fn an_assertion_is_dated_by_the_servers_clock_as_far_as_it_is_known() {
    let case = Case::new();
    let grant = case.bearer(case.assertions().build().unwrap()).build().unwrap();
    // Our clock is an hour behind the server's, which its answers tell.
    let endpoint_clock = ManualClock::new();
    endpoint_clock.set_wall(case.clock.wall().before(Duration::from_secs(3_600)));
    let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
    let facts = case.server.authorization_server().unwrap();
    let endpoint = TokenEndpoint::builder(facts, client, Arc::new(case.server.transport()))
        .clock(Arc::new(endpoint_clock))
        .build()
        .unwrap();
    let skewed = JwtBearer::builder(endpoint, case.assertions().build().unwrap()).build().unwrap();
    let first = skewed.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!(first.error.kind(), ErrorKind::InvalidGrant);
    skewed.obtain(Attempt::first()).await.unwrap();
    grant.obtain(Attempt::first()).await.unwrap();
}

/// Gives the same assertion each time.
#[derive(Debug)]
struct Same(Assertion);

#[async_trait]
impl Assertions for Same {
    async fn assertion(&self, _: Timestamp) -> Result<Assertion, Error> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn req_c10_a_refused_assertion_is_a_matter_of_the_application_and_no_other_grant_is_tried() {
    let case = Case::new();
    let signed = case.assertions().build().unwrap().assertion(case.clock.wall()).await.unwrap();
    let grant = case.bearer(Box::new(Same(signed)) as Box<dyn Assertions>).build().unwrap();
    grant.obtain(Attempt::first()).await.unwrap();
    let failure = grant.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!((failure.error.kind(), failure.consumed), (ErrorKind::InvalidGrant, Consumed::Refused));
    let diagnosis = failure.error.diagnosis();
    assert!(
        diagnosis.party() == Party::Application && diagnosis.remedy().contains("assertion"),
        "{diagnosis}"
    );

    let empty = case.bearer(Same(Assertion::new(""))).build().unwrap();
    assert!(!empty.obtain(Attempt::first()).await.unwrap_err().sent);
    assert_eq!(case.token_requests(), 2);
    assert_eq!(case.asked().expose("grant_type"), Some("urn:ietf:params:oauth:grant-type:jwt-bearer"));
}

#[tokio::test]
async fn what_could_not_work_is_refused_when_it_is_built() {
    let case = Case::new();
    let new = || case.assertions();
    let of = |iss: &str, sub: &str| SignedAssertions::builder(&case.endpoint, case.key.clone(), iss, sub);
    for wrong in [
        of("", "x"),
        of("x", ""),
        new().audience(""),
        new().lifetime(Duration::from_millis(900)),
        new().lifetime(Duration::from_secs(3_601)),
        new().claim("", "x"),
        new().claim("x", ""),
        new().claim("x", "1").claim("x", "2"),
        new().claim("jti", "x"),
        new().claim("aud", "x"),
        new().claim("exp", "x"),
    ] {
        assert_eq!(wrong.build().unwrap_err().kind(), ErrorKind::Configuration);
    }
    let grant = || case.bearer(new().build().unwrap());
    for wrong in [
        grant().scope("a\"b"),
        grant().resource("x"),
        grant().parameter("assertion", "x"),
        grant().parameter("scope", "x"),
        grant().parameter("x", ""),
    ] {
        assert_eq!(wrong.build().unwrap_err().kind(), ErrorKind::Configuration);
    }
}
