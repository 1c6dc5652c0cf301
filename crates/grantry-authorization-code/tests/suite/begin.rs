//! What leaves for the authorization endpoint.

use std::time::Duration;

use grantry_authorization_code::AuthorizationCode;
use grantry_core::{AuthorizationServer, ErrorKind, Pkce};

use crate::support::*;

/// Where a new authorization sends the person.
async fn begun(case: &Case) -> String {
    let (redirect, _) = case.flow.begin(&case.user_agent).await.unwrap();
    redirect.into_location().unwrap().to_string()
}

#[tokio::test]
async fn req_b01_b02_b06_every_request_has_a_challenge_by_s256_and_a_state() {
    let url = begun(&Case::new()).await;
    let sent = query(&url);
    assert_eq!(sent.expose("response_type"), Some("code"));
    assert_eq!(sent.expose("code_challenge_method"), Some("S256"));
    assert_eq!(sent.expose("code_challenge").map(str::len), Some(43));
    assert!(sent.expose("state").is_some() && sent.expose("code_verifier").is_none());
}

#[tokio::test]
async fn req_b04_two_authorizations_share_nothing_random() {
    let case = Case::new();
    let (one, other) = (begun(&case).await, begun(&case).await);
    for name in ["state", "nonce", "code_challenge"] {
        let (one, other) = (query(&one), query(&other));
        assert_eq!(one.expose(name).map(str::len), Some(43), "{name}");
        assert_ne!(one.expose(name), other.expose(name), "{name}");
    }
    let sent = query(&one);
    assert_ne!(sent.expose("state"), sent.expose("nonce"));
}

#[tokio::test]
async fn the_servers_facts_speak_in_every_request_unless_the_flow_was_told_otherwise() {
    let mut case = Case::new();
    let with = |case: &Case, parameters: &[(&str, &str)]| {
        let facts = case.server.authorization_server().unwrap().to_builder();
        let facts = facts.authorization_parameters(parameters.iter().copied()).build().unwrap();
        AuthorizationCode::builder(endpoint(facts, case.server.transport(), &case.clock), REDIRECT_URI)
    };
    let usual = with(&case, &[("access_type", "offline"), ("prompt", "consent")]);
    let told = usual.clone().prompt("select_account").parameter("access_type", "online");
    for (builder, access_type, prompt) in [(usual, "offline", "consent"), (told, "online", "select_account")]
    {
        case.flow = builder.build().unwrap();
        let url = begun(&case).await;
        let sent = query(&url);
        assert_eq!(sent.expose_all("access_type").collect::<Vec<_>>(), [access_type]);
        assert_eq!(sent.expose_all("prompt").collect::<Vec<_>>(), [prompt]);
    }
    for bad in [("state", "x"), ("redirect_uri", "https://evil.example"), ("response_mode", "fragment")] {
        assert_eq!(refused(with(&case, &[bad])).kind(), ErrorKind::Configuration, "{bad:?}");
    }
}

#[tokio::test]
async fn req_b16_b26_the_request_asks_for_what_was_asked_and_names_its_redirect_uri() {
    let case = Case::with(|builder| {
        builder
            .scopes(["write", "read"])
            .resource("https://api.example/b")
            .resource("https://api.example/a")
            .resource("https://api.example/b")
            .prompt("consent")
            .login_hint("ada+x@example.com")
            .parameter("access_type", "offline")
            .form_post()
    });
    let url = begun(&case).await;
    let sent = query(&url);
    assert_eq!(sent.expose("client_id"), Some(CLIENT));
    assert_eq!(sent.expose("redirect_uri"), Some(REDIRECT_URI));
    assert_eq!(sent.expose("scope"), Some("read write"));
    let resources: Vec<&str> = sent.expose_all("resource").collect();
    assert_eq!(resources, ["https://api.example/a", "https://api.example/b"]);
    assert_eq!(sent.expose("prompt"), Some("consent"));
    assert_eq!(sent.expose("login_hint"), Some("ada+x@example.com"));
    assert_eq!(sent.expose("access_type"), Some("offline"));
    assert_eq!(sent.expose("response_mode"), Some("form_post"));
    assert!(sent.expose("nonce").is_none(), "openid was not asked for");
    assert!(!url.contains("secret"), "{url}");
}

#[tokio::test]
async fn a_nonce_comes_with_openid_or_where_it_is_asked_for() {
    for (case, sent) in [
        (Case::with(|builder| builder.scope("openid")), true),
        (Case::with(|builder| builder.scope("read").nonce()), true),
        (Case::with(|builder| builder.scope("read")), false),
        (Case::with(|builder| builder), false),
    ] {
        assert_eq!(query(&begun(&case).await).expose("nonce").is_some(), sent);
    }
}

#[tokio::test]
async fn the_query_of_the_authorization_endpoint_is_kept() {
    let case = Case::new();
    let facts = case.server.authorization_server().unwrap().to_builder();
    let facts = facts.authorization_endpoint("https://as.test/authorize?policy=b2c%201").build().unwrap();
    let endpoint = endpoint(facts, case.server.transport(), &case.clock);
    let flow = AuthorizationCode::builder(endpoint.clone(), REDIRECT_URI).build().unwrap();
    let (redirect, _) = flow.begin(&case.user_agent).await.unwrap();
    let location = redirect.into_location().unwrap();
    assert!(location.starts_with("https://as.test/authorize?policy=b2c%201&client_id="), "{}", *location);

    let twice = AuthorizationCode::builder(endpoint, REDIRECT_URI).parameter("policy", "other");
    assert!(refused(twice).to_string().contains("policy"));
}

#[tokio::test]
async fn scopes_are_joined_as_the_server_has_it() {
    let case = Case::new();
    let facts = case.server.authorization_server().unwrap().to_builder();
    let facts = facts.scope_separator(',').build().unwrap();
    let endpoint = endpoint(facts, case.server.transport(), &case.clock);
    let flow = AuthorizationCode::builder(endpoint.clone(), REDIRECT_URI).scope("a b").build().unwrap();
    let (redirect, _) = flow.begin(&case.user_agent).await.unwrap();
    assert_eq!(query(&redirect.into_location().unwrap()).expose("scope"), Some("a,b"));
    assert!(AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("a,b").build().is_err());
}

#[test]
fn what_could_not_work_is_refused_when_it_is_built() {
    let case = Case::new();
    let fresh = || builder(&case.server, &case.clock);
    for (wrong, word) in [
        (fresh().parameter("state", "mine"), "state"),
        (fresh().parameter("code_challenge_method", "plain"), "code_challenge_method"),
        (fresh().parameter("client_secret", "x"), "URL"),
        (fresh().parameter("request", "x"), "request"),
        (fresh().parameter("display", ""), "display"),
        (fresh().scope("a\"b"), "scope"),
        (fresh().resource("/orders"), "resource"),
        (fresh().prompt(""), "prompt"),
        (fresh().lifetime(Duration::ZERO), "1 s"),
        (fresh().lifetime(Duration::from_secs(90_000)), "24 h"),
        (AuthorizationCode::builder(case.flow.endpoint().clone(), "/callback"), "redirect URI"),
    ] {
        let error = refused(wrong);
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
}

#[test]
fn req_c21_a_server_that_needs_what_nobody_named_is_refused_when_the_flow_is_built() {
    let case = Case::new();
    let start = || {
        AuthorizationServer::builder("https://as.test/token")
            .authorization_endpoint("https://as.test/authorize")
    };
    for (facts, word) in [
        (AuthorizationServer::builder("https://as.test/token"), "authorization endpoint"),
        (start().authorization_response_iss_parameter(true), "issuer"),
        (start().require_pushed_authorization_requests(true), "pushed"),
    ] {
        let endpoint = endpoint(facts.build().unwrap(), case.server.transport(), &case.clock);
        let error = refused(AuthorizationCode::builder(endpoint, REDIRECT_URI));
        assert!(error.to_string().contains(word), "{error}");
    }
    let plain = endpoint(start().build().unwrap(), case.server.transport(), &case.clock);
    assert!(AuthorizationCode::builder(plain.clone(), REDIRECT_URI).build().is_ok());
    assert!(AuthorizationCode::builder(plain, REDIRECT_URI).pushed().build().is_err());
}

#[tokio::test]
async fn req_b07_a_server_that_does_not_announce_pkce_is_refused_where_that_is_asked_for() {
    let case = Case::new();
    let announcing = |pkce: Pkce| {
        let facts = AuthorizationServer::builder("https://as.example/token")
            .authorization_endpoint("https://as.example/authorize")
            .pkce(pkce)
            .build()
            .unwrap();
        AuthorizationCode::builder(endpoint(facts, case.server.transport(), &case.clock), REDIRECT_URI)
    };
    assert!(announcing(Pkce::Supported).announced_pkce().build().is_ok());
    assert!(announcing(Pkce::Unknown).build().is_ok());
    for refused in [
        announcing(Pkce::Unknown).announced_pkce(),
        announcing(Pkce::Ignored).announced_pkce(),
        announcing(Pkce::WithoutS256),
        announcing(Pkce::WithoutS256).announced_pkce(),
    ] {
        let error = refused.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("PKCE"), "{error}");
    }
}
