//! Pushed authorization requests (RFC 9126).

use std::sync::Arc;
use std::time::Duration;

use grantry_authorization_code::AuthorizationCode;
use grantry_core::{ErrorKind, Pkce, Retry};
use grantry_endpoint::{Client, ClientAuthentication, Discovery, PushedAuthorizationRequest, TokenEndpoint};
use grantry_testkit::{Endpoint, Fault, RegisteredClient};
use url::Url;

use crate::support::*;

#[tokio::test]
async fn req_c19_everything_is_pushed_by_the_authenticated_client_and_the_browser_carries_a_reference() {
    let case = Case::with(|builder| builder.scope("read").parameter("access_type", "offline").pushed());
    let (redirect, pending) = case.flow.begin(&case.user_agent).await.unwrap();
    let location = redirect.into_location().unwrap();
    let names: Vec<String> =
        Url::parse(&location).unwrap().query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);

    let pushed = case.server.ledger().last(Endpoint::PushedAuthorization).unwrap().request;
    assert!(pushed.has_authorization());
    let form = pushed.form();
    for (name, value) in [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "read"),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
    ] {
        assert_eq!(form.expose_all(name).collect::<Vec<_>>(), [value], "{name}");
    }
    assert!(form.expose("state").is_some() && form.expose("code_verifier").is_none());

    let back = case.server.visit(&location).await.unwrap();
    case.finish(pending, &back).await.unwrap();
    assert!(case.server.visit(&location).await.is_none(), "the reference is good for once");
}

#[tokio::test]
async fn req_c20_a_reference_that_expired_is_not_given_out() {
    let case = Case::with(|builder| builder.pushed());
    let (redirect, _) = case.flow.begin(&case.user_agent).await.unwrap();
    assert_eq!(
        redirect.expires(),
        Some(grantry_core::Clock::now(&case.clock).after(Duration::from_secs(60)))
    );
    case.clock.advance(Duration::from_secs(60));
    let error = redirect.into_location().unwrap_err();
    assert_eq!(error.diagnosis().retry(), Retry::Now);

    let (redirect, _) = case.flow.begin(&case.user_agent).await.unwrap();
    case.clock.advance(Duration::from_secs(59));
    assert!(case.server.visit(&redirect.into_location().unwrap()).await.is_some());
}

#[tokio::test]
async fn req_c21_a_server_that_requires_it_gets_no_plain_request() {
    let mut case = Case::new();
    case.set(|settings| settings.requires_pushed_requests = true);
    case.flow = builder(&case.server, &case.clock).scope("read").build().unwrap();
    let (redirect, _) = case.flow.begin(&case.user_agent).await.unwrap();
    assert!(redirect.into_location().unwrap().contains("request_uri="));
    assert_eq!(case.server.ledger().count(Endpoint::PushedAuthorization), 1);
    assert!(case.run().await.is_ok());
}

#[tokio::test]
async fn a_request_that_cannot_be_pushed_sends_nobody_anywhere() {
    let case = Case::with(|builder| builder.pushed());
    for (fault, kind) in [
        (Fault::refuse_connection(), ErrorKind::Unreachable),
        (Fault::drop_after_handling(), ErrorKind::Interrupted),
        (Fault::status(503), ErrorKind::Unavailable),
        (Fault::body(r#"{"error":"invalid_request"}"#), ErrorKind::Refused),
        (Fault::body(r#"{"error":"invalid_client"}"#), ErrorKind::InvalidClient),
        (Fault::body("<html>"), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"request_uri":"","expires_in":60}"#), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"request_uri":"urn:x","expires_in":0}"#), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"request_uri":"urn:x","expires_in":-1}"#), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"request_uri":"urn:x"}"#), ErrorKind::InvalidAnswer),
        (Fault::body("{\"request_uri\":\"urn:x\\ny\",\"expires_in\":60}"), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"request_uri":"a","request_uri":"b","expires_in":60}"#), ErrorKind::InvalidAnswer),
        (
            Fault::body(format!(r#"{{"request_uri":"urn:{}","expires_in":60}}"#, "x".repeat(3_000))),
            ErrorKind::InvalidAnswer,
        ),
    ] {
        case.server.inject(Endpoint::PushedAuthorization, fault.clone());
        let error = case.flow.begin(&case.user_agent).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn a_lifetime_in_any_spelling_is_read_and_held_to_a_day() {
    let case = Case::with(|builder| builder.pushed());
    for (written, seconds) in [("60", 60), ("\"60\"", 60), ("60.5", 60), ("1e300", 86_400), ("86401", 86_400)]
    {
        let body = format!(r#"{{"request_uri":"urn:x","expires_in":{written}}}"#);
        case.server.inject(Endpoint::PushedAuthorization, Fault::body(body));
        let (redirect, _) = case.flow.begin(&case.user_agent).await.unwrap();
        let now = grantry_core::Clock::now(&case.clock);
        assert_eq!(redirect.expires(), Some(now.after(Duration::from_secs(seconds))), "{written}");
    }
}

#[tokio::test]
async fn req_b13_c21_what_the_metadata_says_is_obeyed() {
    let case = Case::new();
    for says in [false, true] {
        case.set(|settings| {
            settings.requires_pushed_requests = says;
            settings.advertises_response_issuer = says;
        });
        let transport = Arc::new(case.server.transport());
        let found = Discovery::new(case.server.issuer(), transport).unwrap().discover().await.unwrap();
        assert_eq!(found.server().require_pushed_authorization_requests(), says);
        assert_eq!(found.server().authorization_response_iss_parameter(), says);
        assert_eq!(found.server().pkce(), Pkce::Supported);
        let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
        let endpoint = found.endpoint(client).build().unwrap();
        let flow = AuthorizationCode::builder(endpoint, REDIRECT_URI).build().unwrap();
        let (redirect, _) = flow.begin(&case.user_agent).await.unwrap();
        assert_eq!(redirect.into_location().unwrap().contains("request_uri="), says);
    }
}

#[tokio::test]
async fn req_c02_each_client_authentication_pushes_and_names_the_client_once() {
    let case = Case::new();
    case.server.with_authority(|authority, _| {
        authority.register(RegisteredClient::public("public").redirect_uri(REDIRECT_URI));
    });
    for (id, authentication) in [
        (CLIENT, ClientAuthentication::secret_basic(SECRET)),
        (CLIENT, ClientAuthentication::secret_post(SECRET)),
        (CLIENT, ClientAuthentication::secret_jwt(SECRET)),
        ("public", ClientAuthentication::none()),
    ] {
        let client = Client::new(id, authentication).unwrap();
        let method = client.method();
        let facts = case.server.authorization_server().unwrap();
        let endpoint = TokenEndpoint::builder(facts, client, Arc::new(case.server.transport()));
        let endpoint = endpoint.clock(Arc::new(case.clock.clone())).build().unwrap();
        let flow = AuthorizationCode::builder(endpoint, REDIRECT_URI).pushed().build().unwrap();
        flow.begin(&case.user_agent).await.unwrap();
        let sent = case.server.ledger().last(Endpoint::PushedAuthorization).unwrap().request;
        assert_eq!(sent.form().expose_all("client_id").collect::<Vec<_>>(), [id], "{method:?}");
    }
}

#[tokio::test]
async fn what_may_not_be_pushed_is_refused_before_anything_is_sent() {
    let case = Case::new();
    for name in ["request_uri", "client_id", "client_secret", "client_assertion"] {
        let request = PushedAuthorizationRequest::to(case.flow.endpoint()).unwrap().parameter(name, "x");
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
    }
    assert_eq!(case.server.ledger().total(), 0);
}
