//! The authorization endpoint, pushed requests and codes, as a program that knows no library asks for them.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AccessToken, RefreshToken};
use grantry_endpoint::{Answer, Request, Transport};
use grantry_jose::{base64url, sha256};
use grantry_testkit::*;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

const REDIRECT_URI: &str = "https://app.test/callback?x=1";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more";

struct Case {
    server: TestServer,
    clock: ManualClock,
}

impl Case {
    fn new() -> Self {
        let clock = ManualClock::new();
        let client = RegisteredClient::with_secret("web", "s3cret").redirect_uri(REDIRECT_URI);
        let other = RegisteredClient::with_secret("other", "s3cret").redirect_uri(REDIRECT_URI);
        let server =
            TestServer::builder().client(client).client(other).clock(Arc::new(clock.clone())).build();
        Self { server, clock }
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.server.with_authority(|authority, _| change(authority.settings_mut()));
    }

    fn asked(&self) -> Vec<(&'static str, String)> {
        vec![
            ("client_id", "web".into()),
            ("response_type", "code".into()),
            ("redirect_uri", REDIRECT_URI.into()),
            ("scope", "a b".into()),
            ("state", "st".into()),
            ("code_challenge", base64url::encode(sha256(VERIFIER))),
            ("code_challenge_method", "S256".into()),
        ]
    }

    /// Where the browser is sent, with one parameter of the request changed.
    async fn sent_to(&self, name: &str, value: &str) -> Option<Form> {
        let asked: Vec<_> = self.asked().into_iter().filter(|(n, _)| *n != name).collect();
        let mut url = Url::parse("https://as.test/authorize").unwrap();
        url.query_pairs_mut().extend_pairs(asked).append_pair(name, value);
        let back = Url::parse(&self.server.visit(url.as_str()).await?).unwrap();
        assert!(back.as_str().starts_with(REDIRECT_URI), "{back}");
        Some(Form::parse(back.query().unwrap().as_bytes()))
    }

    async fn code(&self) -> String {
        self.sent_to("x", "y").await.unwrap().expose("code").unwrap().to_owned()
    }

    async fn post(&self, path: &str, client: &str, parameters: &[(&str, &str)]) -> serde_json::Value {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", client).append_pair("client_secret", "s3cret").extend_pairs(parameters);
        let url = format!("https://as.test{path}").parse().unwrap();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = Request::new(Method::POST, url).with_header(CONTENT_TYPE, kind);
        let request = request.with_body(Zeroizing::new(form.finish().into_bytes()));
        let answer: Answer = self.server.transport().send(request).await.unwrap();
        serde_json::from_slice(answer.expose_body()).unwrap()
    }

    async fn redeem(&self, client: &str, code: &str, verifier: &str, uri: &str) -> serde_json::Value {
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", uri),
        ];
        self.post("/token", client, &parameters).await
    }
}

#[tokio::test]
async fn a_person_consents_and_the_code_is_good_for_once() {
    let case = Case::new();
    let response = case.sent_to("x", "y").await.unwrap();
    assert_eq!(response.expose("state"), Some("st"));
    assert_eq!(response.expose("iss"), Some("https://as.test"));
    let code = response.expose("code").unwrap();
    let answer = case.redeem("web", code, VERIFIER, REDIRECT_URI).await;
    assert_eq!(answer["scope"], "a b");
    let access = AccessToken::new(answer["access_token"].as_str().unwrap());
    let refresh = RefreshToken::new(answer["refresh_token"].as_str().unwrap());
    let live =
        || case.server.with_authority(|a, at| (a.check(&access, at).is_some(), a.is_live(&refresh, at)));
    assert_eq!(live(), (true, true));
    // RFC 6749 section 4.1.2: the second use is refused, and takes back what the first brought.
    let again = case.redeem("web", code, VERIFIER, REDIRECT_URI).await;
    assert_eq!((&again["error"], live()), (&"invalid_grant".into(), (false, false)));
}

#[tokio::test]
async fn a_code_is_bound_to_verifier_redirect_uri_client_and_time() {
    let case = Case::new();
    let wrong = [
        ("web", "another-verifier-of-forty-three-characters-or-more", REDIRECT_URI, 0),
        ("web", VERIFIER, "https://app.test/callback", 0),
        ("other", VERIFIER, REDIRECT_URI, 0),
        ("web", VERIFIER, REDIRECT_URI, 60),
    ];
    for (client, verifier, uri, seconds) in wrong {
        let code = case.code().await;
        case.clock.advance(Duration::from_secs(seconds));
        let answer = case.redeem(client, &code, verifier, uri).await;
        assert_eq!(answer["error"], "invalid_grant", "{client} {verifier} {uri}");
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_redirect_uri_that_is_not_registered() {
    let case = Case::new();
    for uri in ["https://app.test/callback", "https://app.test/callback?x=1&y=2", "https://evil.test/", ""] {
        assert!(case.sent_to("redirect_uri", uri).await.is_none(), "{uri}");
    }
    assert!(case.sent_to("client_id", "nobody").await.is_none());
}

#[tokio::test]
async fn req_b02_a_request_without_a_challenge_by_s256_gets_no_code() {
    let case = Case::new();
    for (name, value) in [
        ("code_challenge", ""),
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
        ("code_challenge_method", ""),
        ("response_type", "token"),
    ] {
        let response = case.sent_to(name, value).await.unwrap();
        assert!(response.expose("code").is_none() && response.expose("error").is_some(), "{name}={value}");
    }
}

#[tokio::test]
async fn the_settings_decide_what_comes_back() {
    let case = Case::new();
    case.set(|s| {
        s.decision = Decision::Deny;
        s.response_issuer = ResponseIssuer::Absent;
        s.response_state = ResponseState::Other("another".into());
    });
    let response = case.sent_to("x", "y").await.unwrap();
    assert_eq!(response.expose("error"), Some("access_denied"));
    assert_eq!((response.expose("iss"), response.expose("state")), (None, Some("another")));
    case.set(|s| {
        s.decision = Decision::Contradict("server_error".into());
        s.response_issuer = ResponseIssuer::Other("https://other.test".into());
        s.response_state = ResponseState::Absent;
    });
    let response = case.sent_to("x", "y").await.unwrap();
    assert!(response.expose("code").is_some() && response.expose("error").is_some());
    assert_eq!((response.expose("iss"), response.expose("state")), (Some("https://other.test"), None));
}

#[tokio::test]
async fn req_c20_a_pushed_request_is_good_for_once_and_for_its_client() {
    let case = Case::new();
    let asked = case.asked();
    let asked: Vec<(&str, &str)> =
        asked.iter().map(|(n, v)| (*n, v.as_str())).filter(|(n, _)| *n != "client_id").collect();
    let visit = async |client: &str, uri: &str| {
        let mut url = Url::parse("https://as.test/authorize").unwrap();
        url.query_pairs_mut().append_pair("client_id", client).append_pair("request_uri", uri);
        case.server.visit(url.as_str()).await
    };
    let pushed = async || {
        let answer = case.post("/par", "web", &asked).await;
        assert_eq!(answer["expires_in"], 60);
        answer["request_uri"].as_str().unwrap().to_owned()
    };
    let uri = pushed().await;
    assert!(visit("web", &uri).await.unwrap().contains("code="));
    assert!(visit("web", &uri).await.is_none());
    assert!(visit("other", &pushed().await).await.is_none());
    let uri = pushed().await;
    case.clock.advance(Duration::from_secs(60));
    assert!(visit("web", &uri).await.is_none());

    case.set(|s| s.requires_pushed_requests = true);
    assert!(case.sent_to("x", "y").await.is_none());
    assert_eq!(case.post("/par", "web", &[("request_uri", "urn:x")]).await["error"], "invalid_request");
}
