//! Metadata, revocation and introspection.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::{AccessToken, Attempt, ClientAuthenticationMethod, ErrorKind, Retry};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Discovery, IntrospectionEndpoint, RevocationEndpoint, TokenRequest,
    TransportCause, TransportFailure,
};
use proptest::prelude::ProptestConfig;
use support::{Script, WALL_SECONDS, answer, endpoint, endpoint_for, server, with_headers};

fn document(issuer: &str, rest: &str) -> Result<Answer, TransportFailure> {
    let body = format!(r#"{{"issuer":"{issuer}","token_endpoint":"https://as.example.com/token"{rest}}}"#);
    Ok(answer(200, body))
}

fn asked(script: &Script) -> Vec<String> {
    script.left().into_iter().map(|left| left.url).collect()
}

#[tokio::test]
async fn req_e17_three_places_are_tried_in_order_for_an_issuer_with_a_path() {
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
}

#[tokio::test]
async fn req_e17_two_places_are_tried_in_order_for_an_issuer_without_a_path() {
    let script = Script::new([Ok(answer(404, "<html>")), Ok(answer(302, ""))]);
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

#[tokio::test]
async fn an_introspection_answer_is_read_member_by_member_and_the_verdict_first() {
    for (body, active) in [
        (r#"{"active":false,"scope":["x"],"exp":"x","sub":7}"#, Some(false)),
        (r#"{"active":false,"exp":1,"exp":2}"#, Some(false)),
        (r#"{"active":true,"scope":{"a":1},"client_id":7,"sub":[],"aud":{},"iss":null}"#, Some(true)),
        (r#"{"active":true,"scope":["a","b"],"aud":"x"}"#, Some(true)),
        (r#"{"active":true,"scope":"a","scope":"a b"}"#, None),
        (r#"{"active":true,"active":false}"#, None),
        (r#"{"active":1}"#, None),
        ("{}", None),
    ] {
        let script = Script::new([Ok(answer(200, body))]);
        let introspection = IntrospectionEndpoint::of(&endpoint(full_server(), &script)).unwrap();
        let found = introspection.introspect(&AccessToken::new("at")).await;
        assert_eq!(found.as_ref().ok().map(Option::is_some), active, "{body}");
        if let Ok(Some(token)) = found {
            let lists = body.contains(r#"["a","b"]"#);
            assert_eq!(token.scope().as_str(), if lists { "a b" } else { "" });
            assert_eq!(token.audience().len(), usize::from(lists));
            assert_eq!((token.client_id(), token.subject(), token.issuer()), (None, None, None));
        }
    }
}

#[tokio::test]
async fn an_expiry_that_cannot_be_read_makes_an_introspection_answer_good_for_the_moment() {
    let script = Script::new([]);
    let now = endpoint(server(), &script).clock().now();
    for (exp, fresh_until) in [
        (format!(r#","exp":{}"#, WALL_SECONDS + 60), Some(now.after(Duration::from_secs(60)))),
        (format!(r#","exp":{}.5"#, WALL_SECONDS + 60), Some(now.after(Duration::from_millis(60_500)))),
        (format!(r#","exp":"{}""#, WALL_SECONDS + 60), Some(now)),
        (r#","exp":-5"#.to_owned(), Some(now)),
        (r#","exp":1e300"#.to_owned(), Some(now)),
        (r#","exp":[]"#.to_owned(), Some(now)),
        (r#","exp":1"#.to_owned(), Some(now)),
        (r#","exp":null"#.to_owned(), None),
        (String::new(), None),
    ] {
        let script = Script::new([Ok(answer(200, format!(r#"{{"active":true{exp}}}"#)))]);
        let introspection = IntrospectionEndpoint::of(&endpoint(full_server(), &script)).unwrap();
        let found = introspection.introspect(&AccessToken::new("at")).await.unwrap().unwrap();
        assert_eq!(found.fresh_until(), fresh_until, "{exp}");
    }
}

#[tokio::test]
async fn req_e21_endpoints_come_from_the_validated_metadata_of_the_issuer_alone() {
    let rest =
        r#","revocation_endpoint":"https://as.example.com/revoke","x_endpoint":"https://evil.example""#;
    let found = |documents: [Result<Answer, TransportFailure>; 1]| {
        let script = Script::new(documents);
        async move { Discovery::new("https://as.example.com", script).unwrap().discover().await }
    };
    for other in ["https://evil.example", "https://as.example.com/", "https://as.example.com.evil.example"] {
        assert!(found([document(other, rest)]).await.is_err(), "{other}");
    }
    let found = found([document("https://as.example.com", rest)]).await.unwrap();
    let script = Script::new([Ok(answer(200, r#"{"access_token":"at"}"#)), Ok(answer(200, ""))]);
    let client = Client::new("c", ClientAuthentication::secret_post("s")).unwrap();
    let endpoint = found.endpoint_over(client, script.clone()).build().unwrap();
    endpoint.request(TokenRequest::new("x"), Attempt::first()).await.unwrap();
    RevocationEndpoint::of(&endpoint).unwrap().revoke_access_token(&"at".into()).await.unwrap();
    assert!(IntrospectionEndpoint::of(&endpoint).is_err(), "none was published, and none is guessed");
    assert_eq!(asked(&script), ["https://as.example.com/token", "https://as.example.com/revoke"]);
}

proptest::proptest! {
    // `PROPTEST_CASES=1000000` tries a million.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(20_000), ..ProptestConfig::default() })]
    #[test]
    fn req_c13_nothing_of_one_server_ever_goes_to_another(
        servers in 2_usize..5,
        steps in proptest::collection::vec((0_usize..5, 0_usize..4), 1..20),
        method in 0_usize..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let script = Script::new(steps.iter().map(|(_, step)| Ok(match step {
            0 => answer(200, r#"{"access_token":"at"}"#),
            1 => answer(307, ""),
            2 => answer(200, r#"{"active":false}"#),
            _ => answer(200, ""),
        })));
        let endpoints: Vec<_> = (0..servers).map(|nth| {
            let secret = format!("secret-of-{nth}-which-is-long-enough-for-a-mac");
            let authentication = match method {
                0 => ClientAuthentication::secret_post(secret),
                1 => ClientAuthentication::secret_basic(secret),
                _ => ClientAuthentication::secret_jwt(secret),
            };
            let facts = grantry_core::AuthorizationServer::builder(format!("https://as{nth}.example.com/token"))
                .issuer(format!("https://as{nth}.example.com"))
                .revocation_endpoint(format!("https://as{nth}.example.com/revoke"))
                .introspection_endpoint(format!("https://as{nth}.example.com/introspect"));
            endpoint_for(facts, Client::new(format!("client-{nth}"), authentication).unwrap(), &script)
        }).collect();
        for (which, step) in &steps {
            let nth = which % servers;
            let endpoint = &endpoints[nth];
            let token = format!("token-of-{nth}");
            runtime.block_on(async {
                match step {
                    0 | 1 => {
                        let request = TokenRequest::new("refresh_token").parameter("refresh_token", token);
                        let _ = endpoint.request(request, Attempt::first()).await;
                    }
                    2 => drop(IntrospectionEndpoint::of(endpoint).unwrap().introspect(&token.into()).await),
                    _ => drop(RevocationEndpoint::of(endpoint).unwrap().revoke_refresh_token(&token.into()).await),
                }
            });
        }
        let left = script.left();
        proptest::prop_assert_eq!(left.len(), steps.len());
        for (left, (which, _)) in left.iter().zip(&steps) {
            let nth = which % servers;
            let origin = format!("https://as{nth}.example.com/");
            proptest::prop_assert!(left.url.starts_with(&origin));
            let basic = left.headers.get("authorization").map(|value| {
                STANDARD.decode(&value.as_bytes()["Basic ".len()..]).unwrap()
            });
            let assertion = left.parameter("client_assertion").map(|assertion| {
                grantry_jose::base64url::decode(assertion.split('.').nth(1).unwrap()).unwrap()
            });
            let sent = [Some(left.body.clone().into_bytes()), basic, assertion];
            let sent = String::from_utf8(sent.into_iter().flatten().flatten().collect()).unwrap();
            for other in (0..servers).filter(|other| *other != nth) {
                for its in ["secret-of", "token-of", "client"] {
                    let its = format!("{its}-{other}");
                    proptest::prop_assert!(!sent.contains(&its), "{} went to {}", its, origin);
                }
                let audience = format!("https://as{other}.example.com");
                proptest::prop_assert!(!sent.contains(&audience));
            }
        }
    }
}
