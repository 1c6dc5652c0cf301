//! Metadata, revocation and introspection.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use grantry_core::{AccessToken, Attempt, ClientAuthenticationMethod, ErrorKind, Retry};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Discovery, IntrospectionEndpoint, RevocationEndpoint, TokenRequest,
    TransportCause, TransportFailure,
};
use support::{Script, WALL_SECONDS, answer, endpoint, endpoint_for, server, with_headers};

fn document(issuer: &str, rest: &str) -> Result<Answer, TransportFailure> {
    let body = format!(r#"{{"issuer":"{issuer}","token_endpoint":"https://as.example.com/token"{rest}}}"#);
    Ok(answer(200, body))
}

fn asked(script: &Script) -> Vec<String> {
    script.left().into_iter().map(|left| left.url).collect()
}

#[tokio::test]
async fn req_e16_the_well_known_path_is_inserted_before_the_issuers_and_the_first_document_counts() {
    let absent = || Ok(answer(404, "<html>"));
    let script =
        Script::new([absent(), Ok(answer(200, "<html>")), document("https://as.example.com/t/", "")]);
    let found =
        Discovery::new("https://as.example.com/t/", script.clone()).unwrap().discover().await.unwrap();
    assert_eq!(found.server().issuer(), Some("https://as.example.com/t/"));
    assert_eq!(
        asked(&script),
        [
            "https://as.example.com/.well-known/oauth-authorization-server/t",
            "https://as.example.com/.well-known/openid-configuration/t",
            "https://as.example.com/t/.well-known/openid-configuration",
        ]
    );
    let script = Script::new([absent(), Ok(answer(302, ""))]);
    let none =
        Discovery::new("https://as.example.com", script.clone()).unwrap().discover().await.unwrap_err();
    assert_eq!((none.kind(), none.status()), (ErrorKind::InvalidAnswer, Some(302)));
    assert_eq!(asked(&script).len(), 2);
}

#[tokio::test]
async fn req_e16_metadata_of_another_issuer_or_with_a_bad_endpoint_is_not_used() {
    let cases = [
        document("https://as.example.com/", ""),
        document("https://AS.example.com", ""),
        document("https://as.example.com:443", ""),
        document("https://evil.example", ""),
        document("https://as.example.com", r#","revocation_endpoint":"http://as.example.com/r""#),
        document("https://as.example.com", r#","issuer":"https://as.example.com""#),
        Ok(answer(200, r#"{"issuer":"https://as.example.com"}"#)),
        Ok(answer(200, r#"{"token_endpoint":"https://as.example.com/token"}"#)),
        Ok(answer(200, "{")),
    ];
    for case in cases {
        let script = Script::new([case]);
        let error =
            Discovery::new("https://as.example.com", script.clone()).unwrap().discover().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidAnswer, "{error}");
        assert_eq!(asked(&script).len(), 1, "no other address is tried");
    }
    let down = Script::new([Ok(answer(503, ""))]);
    let error = Discovery::new("https://as.example.com", down).unwrap().discover().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let lost = Script::new([Err(TransportFailure::unsent(TransportCause::NameNotFound))]);
    let error = Discovery::new("https://as.example.com", lost).unwrap().discover().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    for bad in ["as.example.com", "http://as.example.com", "https://a.example?x=1", "https://a.example#f", ""]
    {
        assert!(Discovery::new(bad, Script::new([])).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn req_e20_endpoints_beyond_the_configured_issuer_are_guarded() {
    let token = || Ok(answer(200, r#"{"access_token":"at"}"#));
    let same = r#","token_endpoint_auth_methods_supported":["none","future"]"#;
    for (issuer, learned, guarded) in [
        ("https://as.example.com", false, false),
        ("https://as.example.com", true, true),
        ("https://issuer.example.com", false, true),
    ] {
        let script = Script::new([document(issuer, same), token()]);
        let discovery = Discovery::new(issuer, script.clone()).unwrap();
        let discovery = if learned { discovery.learned() } else { discovery };
        let found = discovery.discover().await.unwrap();
        assert_eq!(found.server().client_authentication_methods(), [ClientAuthenticationMethod::None]);
        let client = Client::new("c", ClientAuthentication::none()).unwrap();
        let endpoint = found.endpoint(client).build().unwrap();
        endpoint.request(TokenRequest::new("x"), Attempt::first()).await.unwrap();
        let left = script.left();
        assert_eq!((left[0].learned, left[1].learned), (learned, guarded), "{issuer}");
    }
}

fn full_server() -> grantry_core::AuthorizationServerBuilder {
    server()
        .revocation_endpoint("https://as.example.com/revoke")
        .introspection_endpoint("https://as.example.com/introspect")
}

#[tokio::test]
async fn req_e26_revocation_posts_token_and_hint_and_503_means_that_it_still_exists() {
    let script = Script::new([
        Ok(answer(200, "<html>")),
        Ok(with_headers(answer(503, ""), &[("retry-after", "5")])),
        Ok(answer(400, r#"{"error":"unsupported_token_type"}"#)),
        Ok(answer(401, r#"{"error":"invalid_client"}"#)),
    ]);
    let token_endpoint = endpoint(full_server(), &script);
    let revocation = RevocationEndpoint::of(&token_endpoint).unwrap();
    revocation.revoke_refresh_token(&"r".into()).await.unwrap();
    let left = &script.left()[0];
    assert_eq!(left.url, "https://as.example.com/revoke");
    assert_eq!(left.body, "token=r&token_type_hint=refresh_token");
    assert!(left.headers.contains_key("authorization"));

    let later = revocation.revoke_access_token(&"a".into()).await.unwrap_err();
    let wait = later.retry_after(token_endpoint.clock().now());
    assert_eq!((later.kind(), wait), (ErrorKind::Unavailable, Some(Duration::from_secs(5))));
    let never = revocation.revoke_access_token(&"a".into()).await.unwrap_err();
    assert_eq!((never.kind(), never.oauth_code()), (ErrorKind::Refused, Some("unsupported_token_type")));
    let client = revocation.revoke_access_token(&"a".into()).await.unwrap_err();
    assert_eq!((client.kind(), client.diagnosis().retry()), (ErrorKind::InvalidClient, Retry::Never));

    let without = endpoint(server(), &script);
    assert_eq!(RevocationEndpoint::of(&without).unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn req_e28_introspection_is_authenticated_and_inactive_ends_it() {
    let active = format!(
        r#"{{"active":true,"scope":"b a","client_id":"c","sub":"s","aud":["x","y"],"exp":{},"odd":{{"a":[]}}}}"#,
        WALL_SECONDS + 60
    );
    let script = Script::new([
        Ok(answer(200, active)),
        Ok(answer(200, r#"{"active":false,"scope":"a"}"#)),
        Ok(answer(200, r#"{"active":"true"}"#)),
        Ok(answer(200, "<html>")),
        Ok(answer(500, "")),
    ]);
    let token_endpoint = endpoint(full_server(), &script);
    let introspection = IntrospectionEndpoint::of(&token_endpoint).unwrap();
    let token = AccessToken::new("at");
    let found = introspection.introspect(&token).await.unwrap().unwrap();
    assert_eq!((found.scope().as_str(), found.client_id(), found.subject()), ("a b", Some("c"), Some("s")));
    assert_eq!(found.audience(), ["x", "y"]);
    let now = token_endpoint.clock().now();
    assert_eq!(found.fresh_until(), Some(now.after(Duration::from_secs(60))));
    assert!(introspection.introspect(&token).await.unwrap().is_none());
    for kind in [ErrorKind::InvalidAnswer, ErrorKind::InvalidAnswer, ErrorKind::Unavailable] {
        assert_eq!(introspection.introspect(&token).await.unwrap_err().kind(), kind);
    }
    assert!(script.left().iter().all(|l| l.headers.contains_key("authorization")));

    let public = Client::new("c", ClientAuthentication::none()).unwrap();
    let refused = IntrospectionEndpoint::of(&endpoint_for(full_server(), public, &script)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
}
