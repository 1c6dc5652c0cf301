//! ID tokens of a certified server, signed by another library than the one that verifies them here.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use grantry::{
    Algorithm, Attempt, Client, ClientAuthentication, Clock, Discovery, ExpectedIdToken, HttpTransport,
    IdToken, IdTokenVerifier, Request, SystemClock, TokenEndpoint, TokenRequest, Transport, UserInfoEndpoint,
};
use grantry_authorization_code::{AuthorizationCode, AuthorizationCodeBuilder};
use grantry_jose::VerifyError;
use grantry_testkit::{IdTokenSignature, IdTokenStyle, ManualClock, RegisteredClient, TestServer};
use grantry_tests::{Jose, OidcProvider};
use reqwest::Url;

use crate::authorization_code::{Person, REDIRECT_URI, flow, run};
use crate::support::start;

const REGISTERED: [(&str, Algorithm); 5] = [
    ("web", Algorithm::Rs256),
    ("web-ps256", Algorithm::Ps256),
    ("web-es256", Algorithm::Es256),
    ("web-eddsa", Algorithm::EdDsa),
    // By the name that RFC 9864 gives it.
    ("web-ed25519", Algorithm::EdDsa),
];

#[tokio::test]
async fn req_e22_e24_who_logs_in_is_known_by_each_algorithm_that_the_server_signs_with() {
    let server = start().unwrap();
    for (client, algorithm) in REGISTERED {
        let flow = flow(&server, client).await.unwrap().id_token_algorithms([algorithm]);
        let flow = flow.max_age(Duration::from_secs(3600)).build().unwrap();
        let granted = run(&flow, Person::Consents).await.unwrap().unwrap().granted;
        let claims = granted.claims.as_ref().unwrap();
        assert_eq!((claims.issuer(), claims.subject()), (server.issuer(), "ada"), "{client}");
        assert_eq!(claims.audience().collect::<Vec<_>>(), [client]);
        assert!(claims.authenticated().is_some());
        let asked = UserInfoEndpoint::of(flow.endpoint()).unwrap();
        let person = asked.ask(granted.token_set.token(), claims).await.unwrap();
        assert_eq!(person.subject(), "ada");
    }
}

#[tokio::test]
async fn req_c08_e23_another_algorithm_than_the_registered_one_withholds_and_revokes_the_tokens() {
    let server = start().unwrap();
    for (nth, client) in ["web-es256", "web-eddsa", "web-ps256"].into_iter().enumerate() {
        // RS256, as nothing else was said.
        let flow = flow(&server, client).await.unwrap().build().unwrap();
        let unfinished = run(&flow, Person::Consents).await.unwrap().unwrap_err();
        let refused = unfinished.error.source().unwrap().downcast_ref::<VerifyError>();
        assert_eq!(refused, Some(&VerifyError::AlgorithmNotAllowed), "{unfinished:?}");
        assert!(unfinished.error.diagnosis().remedy().contains("revoked"));
        assert_eq!(server.requests("POST /token/revocation 200").unwrap(), nth as u64 + 1);
    }
}

#[tokio::test]
async fn req_e25_a_server_that_exchanges_its_keys_is_asked_for_the_new_ones() {
    let server = start().unwrap();
    let clock = ManualClock::new();
    clock.set_wall(SystemClock::new().wall());
    let flow = flow_by(&server, &clock).await.build().unwrap();
    run(&flow, Person::Consents).await.unwrap().unwrap();
    run(&flow, Person::Consents).await.unwrap().unwrap();
    assert_eq!(server.requests("GET /jwks").unwrap(), 1);

    server.rotate_keys().unwrap();
    // The keys were read a moment ago: nobody asks for them again so soon, and the token's is not among them.
    let unfinished = run(&flow, Person::Consents).await.unwrap().unwrap_err();
    let refused = unfinished.error.source().unwrap().downcast_ref::<VerifyError>();
    assert_eq!(refused, Some(&VerifyError::UnknownKey), "{unfinished:?}");
    assert_eq!(server.requests("GET /jwks").unwrap(), 1);
    clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        run(&flow, Person::Consents).await.unwrap().unwrap();
        assert_eq!(server.requests("GET /jwks").unwrap(), 2);
    }
}

/// The flow of the client `web` by a clock of its own.
async fn flow_by(server: &OidcProvider, clock: &ManualClock) -> AuthorizationCodeBuilder {
    let transport = Arc::new(HttpTransport::new().unwrap());
    let found = Discovery::new(server.issuer(), transport).unwrap().discover().await.unwrap();
    let client = Client::new("web", ClientAuthentication::secret_basic("web-secret")).unwrap();
    let endpoint = found.endpoint(client).clock(Arc::new(clock.clone())).build().unwrap();
    AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("openid")
}

/// The ID token that a server of the testkit issues in this style, with what it has to say.
async fn issued(server: &TestServer, endpoint: &TokenEndpoint, style: IdTokenStyle) -> IdToken {
    server.with_authority(|authority, _| authority.settings_mut().id_token = style);
    let verifier = "v".repeat(43);
    let challenge = grantry_jose::base64url::encode(grantry_jose::sha256(&verifier));
    let redirect_uri = "https://app.example/callback";
    let mut url = Url::parse(&format!("{}/authorize", server.issuer())).unwrap();
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", redirect_uri),
        ("scope", "openid"),
        ("nonce", NONCE),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let back = Url::parse(&server.visit(url.as_str()).await.unwrap()).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let request = TokenRequest::new("authorization_code")
        .parameter("code", &code)
        .parameter("redirect_uri", redirect_uri)
        .parameter("code_verifier", &verifier);
    endpoint.redeem(request, Attempt::first()).await.unwrap().id_token.unwrap()
}

const NONCE: &str = "n-0S6_WzA2Mj";

#[tokio::test]
async fn req_e22_another_library_judges_the_test_servers_id_tokens_as_this_one_does() {
    let mut theirs = Jose::start().unwrap();
    let client = RegisteredClient::with_secret("app", "s3cret").redirect_uri("https://app.example/callback");
    let server = TestServer::builder().client(client).build();
    let keys_url = Url::parse(&format!("{}/jwks", server.issuer())).unwrap();
    let published = server.transport().send(Request::new(http::Method::GET, keys_url)).await.unwrap();
    let keys: serde_json::Value = serde_json::from_slice(published.expose_body()).unwrap();
    let client = Client::new("app", ClientAuthentication::secret_basic("s3cret")).unwrap();
    let facts = server.authorization_server().unwrap();
    let endpoint = TokenEndpoint::new(facts, client, Arc::new(server.transport())).unwrap();
    let now = SystemClock::new().wall().as_unix_seconds();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        let ours = IdTokenVerifier::of(&endpoint).unwrap().algorithms([algorithm]).unwrap();
        let style = || IdTokenStyle::default().algorithm(algorithm);
        let signed = |signature| style().signature(signature);
        for (style, is_right) in [
            (style(), true),
            (style().claim("aud", serde_json::json!(["app"])), true),
            (style().claim("exp", now - 30), true),
            (style().claim("exp", now - 90), false),
            (style().claim("iat", "yesterday"), false),
            (style().claim("nbf", now + 90), false),
            (style().claim("iss", "https://as.test/"), false),
            (style().claim("aud", "somebody"), false),
            (style().without("sub"), false),
            (style().without("exp"), false),
            (style().without("iat"), false),
            (style().typ(Some("at+jwt")), false),
            (signed(IdTokenSignature::None), false),
            (signed(IdTokenSignature::AnotherKey), false),
            (signed(IdTokenSignature::UnknownKey), false),
            (signed(IdTokenSignature::HmacOfPublicKey), false),
            (signed(IdTokenSignature::Broken), false),
        ] {
            let token = issued(&server, &endpoint, style.clone()).await;
            let name = algorithm.as_str();
            let verdict = theirs.judge(token.expose(), &keys, &server.issuer(), "app", name).unwrap();
            let verified = ours.verify(&token, &ExpectedIdToken::new().nonce(NONCE)).await;
            assert_eq!(verified.is_ok(), is_right, "{style:?}: {verified:?}");
            assert_eq!(verdict.refused.is_none(), is_right, "{style:?}: {verdict:?}");
            if let Ok(claims) = verified {
                assert_eq!(verdict.subject.as_deref(), Some(claims.subject()));
            }
        }
    }
}
