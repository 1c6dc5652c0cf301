//! What leaves for a token endpoint, and what is remembered of its answers.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::{
    AssertionAudience, Attempt, AuthorizationServerBuilder, ClientAuthenticationMethod, Clock, ErrorKind,
    Event, Instant, Retry, Scope,
};
use grantry_endpoint::{
    Client, ClientAuthentication, TokenEndpoint, TokenRequest, TransportCause, TransportFailure,
};
use grantry_jose::{Algorithm, SigningKey, verify_jwt};
use support::{
    Remembered, Script, Standing, WALL_SECONDS, answer, endpoint, endpoint_for, server, with_headers,
};

const OK: &str = r#"{"access_token":"at"}"#;
const NO_CLIENT: &str = r#"{"error":"invalid_client"}"#;

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

fn request() -> TokenRequest {
    TokenRequest::new("client_credentials")
}

#[tokio::test]
async fn req_a04_the_request_is_one_posted_form_to_the_url_with_its_query() {
    let script = Script::new([Ok(answer(200, OK))]);
    let server = grantry_core::AuthorizationServer::builder("https://as.example.com/token?p=1");
    endpoint(server, &script)
        .request(
            request().scope(scope("b a")).parameter("audience", "ü &=").parameter("empty", ""),
            Attempt::first(),
        )
        .await
        .unwrap();
    let left = &script.left()[0];
    assert_eq!((left.method.as_str(), left.url.as_str()), ("POST", "https://as.example.com/token?p=1"));
    assert_eq!(left.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(left.headers["accept"], "application/json");
    assert_eq!(left.body, "grant_type=client_credentials&scope=a+b&audience=%C3%BC+%26%3D");
}

#[tokio::test]
async fn req_a05_no_parameter_is_repeated_but_resource() {
    let script = Script::new([Ok(answer(200, OK))]);
    let server =
        server().extra_parameter("audience", "theirs").extra_parameter("x", "1").extra_parameter("x", "2");
    let asked =
        request().parameter("audience", "mine").resource("https://a.example").resource("https://b.example");
    let endpoint = endpoint(server, &script);
    endpoint.request(asked, Attempt::first()).await.unwrap();
    let pairs = script.left()[0].pairs();
    let values = |name: &str| -> Vec<String> {
        pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
    };
    assert_eq!(values("audience"), ["mine"]);
    assert_eq!(values("x"), ["1"]);
    assert_eq!(values("resource"), ["https://a.example", "https://b.example"]);

    for twice in ["audience", "grant_type", "scope", "client_id", "client_secret", "client_assertion"] {
        let asked = request().parameter(twice, "a").parameter(twice, "b");
        let failure = endpoint.request(asked, Attempt::first()).await.unwrap_err();
        assert_eq!((failure.error.kind(), failure.sent), (ErrorKind::Configuration, false), "{twice}");
    }
    assert_eq!(script.left().len(), 1);
}

/// RFC 8693 section 2.1: "Multiple audience parameters may be used".
#[tokio::test]
async fn a_token_exchange_may_name_several_audiences_and_no_other_request() {
    const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    let script = Script::new([Ok(answer(200, OK))]);
    let server = server().extra_parameter("audience", "theirs");
    let endpoint = endpoint(server, &script);
    let asked =
        |grant_type| TokenRequest::new(grant_type).parameter("audience", "one").parameter("audience", "two");
    endpoint.request(asked(EXCHANGE), Attempt::first()).await.unwrap();
    let pairs = script.left()[0].pairs();
    let audiences: Vec<&str> =
        pairs.iter().filter(|(name, _)| name == "audience").map(|(_, value)| value.as_str()).collect();
    assert_eq!(audiences, ["one", "two"]);

    for other in [
        asked("refresh_token"),
        asked("client_credentials"),
        asked(EXCHANGE).parameter("x", "1").parameter("x", "2"),
    ] {
        let failure = endpoint.request(other, Attempt::first()).await.unwrap_err();
        assert_eq!((failure.error.kind(), failure.sent), (ErrorKind::Configuration, false));
    }
    assert_eq!(script.left().len(), 1);
}

#[tokio::test]
async fn req_c02_each_method_puts_its_proof_in_one_place_and_req_c04_never_in_the_url() {
    let secret = "a client secret of 32 bytes or so";
    let key = || SigningKey::generate_ed25519().unwrap();
    for authentication in [
        ClientAuthentication::none(),
        ClientAuthentication::secret_basic(secret),
        ClientAuthentication::secret_post(secret),
        ClientAuthentication::secret_jwt(secret),
        ClientAuthentication::private_key(key()),
    ] {
        let script = Script::new([Ok(answer(200, OK))]);
        let client = Client::new("the-client", authentication).unwrap();
        let method = client.method();
        let server = server().issuer("https://as.example.com");
        endpoint_for(server, client, &script).request(request(), Attempt::first()).await.unwrap();
        let left = &script.left()[0];
        let in_header = left.headers.contains_key("authorization");
        let has = |name: &str| left.parameter(name).is_some();
        let places = (in_header, has("client_id"), has("client_secret"), has("client_assertion"));
        use ClientAuthenticationMethod as Method;
        let expected = match method {
            Method::None => (false, true, false, false),
            Method::ClientSecretBasic => (true, false, false, false),
            Method::ClientSecretPost => (false, true, true, false),
            _ => (false, true, false, true),
        };
        assert_eq!(places, expected, "{method:?}");
        assert_eq!(left.url, "https://as.example.com/token");
        if in_header {
            let header = &left.headers["authorization"];
            assert!(header.is_sensitive());
            let pair = STANDARD.decode(&header.as_bytes()["Basic ".len()..]).unwrap();
            assert_eq!(pair, b"the-client:a+client+secret+of+32+bytes+or+so");
        }
    }
}

async fn claims(script: &Script, key: &SigningKey, nth: usize) -> BTreeMap<String, serde_json::Value> {
    let assertion = script.left()[nth].parameter("client_assertion").unwrap();
    verify_jwt(&assertion, &key.verifying_key(), &[Algorithm::EdDsa]).unwrap().1
}

#[tokio::test]
async fn req_c07_an_assertion_is_for_the_issuer_unless_the_server_wants_its_endpoint() {
    let key = SigningKey::generate_ed25519().unwrap();
    let issuer = || server().issuer("https://as.example.com");
    for (server, audience) in [
        (issuer(), "https://as.example.com"),
        (server().assertion_audience(AssertionAudience::TokenEndpoint), "https://as.example.com/token"),
        (issuer().assertion_audience(AssertionAudience::TokenEndpoint), "https://as.example.com/token"),
    ] {
        let script = Script::new([Ok(answer(200, OK))]);
        let client = Client::new("c", ClientAuthentication::private_key(key.clone())).unwrap();
        endpoint_for(server, client, &script).request(request(), Attempt::first()).await.unwrap();
        assert_eq!(claims(&script, &key, 0).await["aud"], audience);
    }
}

#[test]
fn req_c07_a_client_that_signs_is_not_built_for_a_server_without_an_issuer() {
    for authentication in [
        ClientAuthentication::private_key(SigningKey::generate_ed25519().unwrap()),
        ClientAuthentication::secret_jwt("a client secret of 32 bytes or so"),
    ] {
        let client = Client::new("c", authentication).unwrap();
        let build = |server: AuthorizationServerBuilder| {
            TokenEndpoint::new(server.build().unwrap(), client.clone(), Script::new([]))
        };
        let refused = build(server()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration);
        assert!(refused.to_string().contains("name the server's issuer"), "{refused}");
        assert!(build(server().issuer("https://as.example.com")).is_ok());
        assert!(build(server().assertion_audience(AssertionAudience::TokenEndpoint)).is_ok());
    }
}

#[tokio::test]
async fn req_c09_after_one_rejection_assertions_follow_the_servers_clock() {
    for (date, ahead) in [("Sun, 06 Nov 1994 08:59:37 GMT", 600), ("Sun, 06 Nov 1994 08:39:37 GMT", -600)] {
        let key = SigningKey::generate_ed25519().unwrap();
        let script = Script::new([
            Ok(with_headers(answer(401, NO_CLIENT), &[("date", date)])),
            Ok(with_headers(answer(200, OK), &[("date", date)])),
        ]);
        let client = Client::new("c", ClientAuthentication::private_key(key.clone())).unwrap();
        let seen = Arc::new(Remembered::default());
        let server = server().issuer("https://as.example.com").build().unwrap();
        let endpoint = TokenEndpoint::builder(server, client, script.clone())
            .clock(Standing::new())
            .observer(seen.clone())
            .build()
            .unwrap();
        let rejected = endpoint.request(request(), Attempt::first()).await.unwrap_err().error;
        assert_eq!((rejected.kind(), rejected.diagnosis().retry()), (ErrorKind::InvalidClient, Retry::Now));
        endpoint.request(request(), Attempt::first()).await.unwrap();
        let (first, second) = (claims(&script, &key, 0).await, claims(&script, &key, 1).await);
        assert_eq!(second["iat"].as_i64().unwrap() - first["iat"].as_i64().unwrap(), ahead);
        assert_ne!(first["jti"], second["jti"]);
        assert!(matches!(seen.events()[..], [Event::ClockSkew { .. }]));
    }
}

#[tokio::test]
async fn a_date_that_nobody_can_believe_makes_no_assertion_for_another_century() {
    let key = SigningKey::generate_ed25519().unwrap();
    let far = [("date", "Fri, 31 Dec 9999 23:59:59 GMT")];
    let script = Script::new([
        Ok(with_headers(answer(401, NO_CLIENT), &far)),
        Ok(with_headers(answer(200, OK), &far)),
    ]);
    let client = Client::new("c", ClientAuthentication::private_key(key.clone())).unwrap();
    let endpoint = endpoint_for(server().issuer("https://as.example.com"), client, &script);
    let refused = endpoint.request(request(), Attempt::first()).await.unwrap_err().error;
    assert_eq!(refused.diagnosis().retry(), Retry::Never);
    endpoint.request(request(), Attempt::first()).await.unwrap();
    assert_eq!(claims(&script, &key, 1).await["iat"], WALL_SECONDS);
}

#[tokio::test]
async fn a_server_whose_clock_jumps_is_not_asked_without_end() {
    let key = SigningKey::generate_ed25519().unwrap();
    let (early, late) =
        ([("date", "Sun, 06 Nov 1994 09:49:37 GMT")], [("date", "Sun, 06 Nov 1994 10:49:37 GMT")]);
    let no = |date: &[(&str, &str)]| Ok(with_headers(answer(401, NO_CLIENT), date));
    let script = Script::new([
        no(&early),
        no(&late),
        no(&early),
        Ok(with_headers(answer(200, OK), &early)),
        no(&late),
        no(&early),
    ]);
    let client = Client::new("c", ClientAuthentication::private_key(key)).unwrap();
    let endpoint = endpoint_for(server().issuer("https://as.example.com"), client, &script);
    let mut retries = Vec::new();
    for _ in 0..6 {
        let result = endpoint.request(request(), Attempt::first()).await;
        retries.push(result.err().map(|f| f.error.diagnosis().retry()));
    }
    let (now, never) = (Some(Retry::Now), Some(Retry::Never));
    assert_eq!(retries, [now, never, never, None, now, never], "once until it is accepted");
}

#[tokio::test]
async fn the_observer_learns_which_of_several_secrets_was_refused() {
    let script =
        Script::new([(401, NO_CLIENT), (401, NO_CLIENT)].map(|(status, body)| Ok(answer(status, body))));
    let both = ClientAuthentication::secret_post("s3cret-new").or_secret("s3cret-old");
    let seen = Arc::new(Remembered::default());
    let endpoint = TokenEndpoint::builder(server().build().unwrap(), Client::new("c", both).unwrap(), script)
        .clock(Standing::new())
        .observer(seen.clone())
        .build()
        .unwrap();
    for _ in 0..2 {
        assert!(endpoint.request(request(), Attempt::first()).await.is_err());
    }
    let events = seen.events();
    let refused = |event: &Event| match event {
        Event::SecretRefused { registration, secret, next, .. } => {
            assert_eq!(registration, "c at https://as.example.com/token");
            Some((*secret, *next))
        }
        _ => None,
    };
    assert_eq!(events.iter().filter_map(refused).collect::<Vec<_>>(), [(1, true), (2, false)]);
    assert!(!format!("{events:?}").contains("s3cret"));
}

#[tokio::test]
async fn secrets_are_tried_in_order_one_for_each_request_and_the_one_that_works_stays() {
    let script = Script::new(
        [(401, NO_CLIENT), (200, OK), (200, OK), (401, NO_CLIENT), (401, NO_CLIENT)]
            .map(|(status, body)| Ok(answer(status, body))),
    );
    let both = ClientAuthentication::secret_post("new").or_secret("old");
    let endpoint = endpoint_for(server(), Client::new("c", both).unwrap(), &script);
    let mut retries = Vec::new();
    for _ in 0..5 {
        let result = endpoint.clone().request(request(), Attempt::first()).await;
        retries.push(result.err().map(|f| f.error.diagnosis().retry()));
    }
    let used: Vec<String> = script.left().iter().map(|l| l.parameter("client_secret").unwrap()).collect();
    assert_eq!(used, ["new", "old", "old", "old", "new"]);
    assert_eq!(retries, [Some(Retry::Now), None, None, Some(Retry::Now), Some(Retry::Never)]);
}

#[tokio::test]
async fn the_transport_is_told_how_long_a_request_may_take() {
    let script = Script::new([Ok(answer(200, OK)), Ok(answer(200, OK))]);
    let endpoint = endpoint(server(), &script);
    let limit = Duration::from_secs(4);
    endpoint.request(request(), Attempt::first().answered_within(limit)).await.unwrap();
    endpoint.request(request(), Attempt::first()).await.unwrap();
    let told: Vec<_> = script.left().iter().map(|left| left.time_limit).collect();
    assert_eq!(told, [Some(limit), None]);
}

#[tokio::test]
async fn nothing_is_sent_when_it_is_too_late() {
    let script = Script::new([Ok(answer(200, OK))]);
    let endpoint = endpoint(server(), &script);
    let now = endpoint.clock().now();
    let late = endpoint.request(request(), Attempt::first().send_before(now)).await.unwrap_err();
    assert_eq!((late.sent, script.left().len()), (false, 0));
    let deadline = now.after(Duration::from_nanos(1));
    assert!(endpoint.request(request(), Attempt::first().send_before(deadline)).await.is_ok());
}

#[tokio::test]
async fn req_d04_lifetimes_count_from_when_the_request_was_sent() {
    /// Takes 30 s to answer.
    #[derive(Debug)]
    struct Slow(Arc<Standing>);

    #[async_trait::async_trait]
    impl grantry_endpoint::Transport for Slow {
        async fn send(
            &self,
            _request: grantry_endpoint::Request,
        ) -> Result<grantry_endpoint::Answer, grantry_endpoint::TransportFailure> {
            self.0.advance(Duration::from_secs(30));
            Ok(answer(200, r#"{"access_token":"at","expires_in":100,"refresh_in":40}"#))
        }
    }
    let clock = Standing::new();
    let sent = clock.now();
    let client = Client::new("c", ClientAuthentication::none()).unwrap();
    let endpoint = TokenEndpoint::builder(server().build().unwrap(), client, Arc::new(Slow(clock.clone())))
        .clock(clock)
        .build()
        .unwrap();
    let first = endpoint.request(request(), Attempt::first()).await.unwrap();
    assert_eq!(first.token().expires(), Some(sent.after(Duration::from_secs(100))));
    assert_eq!(first.renew_at(), Some(sent.after(Duration::from_secs(40))));
    assert_eq!(first.generation(), 0);
}

#[tokio::test]
async fn renewals_are_counted_only_where_a_refresh_token_is_renewed() {
    let refreshed = r#"{"access_token":"at","refresh_token":"r"}"#;
    let script = Script::new([OK, OK, refreshed, refreshed].map(|body| Ok(answer(200, body))));
    let endpoint = endpoint(server(), &script);
    let mut held = None;
    let mut generations = Vec::new();
    for _ in 0..4 {
        let set = endpoint.request(request(), Attempt::replace_if_any(held.as_ref())).await.unwrap();
        generations.push(set.generation());
        held = Some(set);
    }
    assert_eq!(generations, [0, 0, 1, 2]);
}

#[test]
fn req_a06_an_endpoint_has_no_fragment_and_keeps_its_query() {
    let url = |url: &str| grantry_core::AuthorizationServer::builder(url).build();
    assert!(url("https://as.example.com/token#top").unwrap_err().to_string().contains("fragment"));
    let kept = url("https://as.example.com/token?p=1&q=a%20b").unwrap();
    assert_eq!(kept.token_endpoint().as_str(), "https://as.example.com/token?p=1&q=a%20b");
}

#[tokio::test]
async fn req_c01_a_confidential_client_authenticates_with_every_request() {
    for grant_type in ["client_credentials", "refresh_token", "authorization_code", "urn:x:other"] {
        let key = SigningKey::generate_ed25519().unwrap();
        for authentication in [
            ClientAuthentication::secret_basic("secret"),
            ClientAuthentication::secret_post("secret"),
            ClientAuthentication::secret_jwt("a client secret of 32 bytes or so"),
            ClientAuthentication::private_key(key),
        ] {
            let script = Script::new([OK, OK].map(|body| Ok(answer(200, body))));
            let client = Client::new("c", authentication).unwrap();
            assert!(client.is_confidential());
            let endpoint = endpoint_for(server().issuer("https://as.example.com"), client, &script);
            for left in 1..=2 {
                let asked = TokenRequest::new(grant_type).parameter("refresh_token", "r");
                endpoint.request(asked, Attempt::first()).await.unwrap();
                let sent = &script.left()[left - 1];
                let proof = ["client_secret", "client_assertion"].map(|name| sent.parameter(name).is_some());
                assert!(sent.headers.contains_key("authorization") || proof.contains(&true), "{grant_type}");
            }
        }
    }
}

#[tokio::test]
async fn a_subscriber_that_panics_loses_no_token() {
    /// Panics whenever a span is entered, left or closed, and at every record and event.
    struct Panics;

    impl tracing::Subscriber for Panics {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target().starts_with("grantry_endpoint")
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {
            panic!("record");
        }
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            panic!("event");
        }
        fn enter(&self, _: &tracing::span::Id) {
            panic!("enter");
        }
        fn exit(&self, _: &tracing::span::Id) {
            panic!("exit");
        }
        fn try_close(&self, _: tracing::span::Id) -> bool {
            panic!("close");
        }
    }
    let wreck = r#"{"refresh_token":"r1","#;
    let script =
        Script::new([OK, wreck].map(|body| Ok(answer(200, body))).into_iter().chain([Err(
            TransportFailure::unknown(TransportCause::Truncated).with_partial(answer(200, wreck)),
        )]));
    let endpoint = endpoint(server(), &script);
    let _guard = tracing::subscriber::set_default(Panics);
    assert!(endpoint.request(request(), Attempt::first()).await.is_ok());
    for _ in 0..2 {
        let failure = endpoint.request(request(), Attempt::first()).await.unwrap_err();
        assert_eq!(failure.salvaged.unwrap().expose(), "r1");
    }
}

#[tokio::test]
async fn req_d05_a_scope_that_differs_is_told_and_one_that_is_left_out_is_as_asked() {
    let rows = [
        ("a b", r#","scope":"b a""#, "a b", false),
        ("a b", "", "a b", false),
        ("a b", r#","scope":"a""#, "a", true),
        ("a", r#","scope":"a b""#, "a b", true),
        ("", r#","scope":"a b""#, "a b", false),
    ];
    for (asked, rest, granted, told) in rows {
        let script = Script::new([Ok(answer(200, format!(r#"{{"access_token":"at"{rest}}}"#)))]);
        let seen = Arc::new(Remembered::default());
        let client = Client::new("c", ClientAuthentication::none()).unwrap();
        let endpoint = TokenEndpoint::builder(server().build().unwrap(), client, script)
            .observer(seen.clone())
            .build()
            .unwrap();
        let set = endpoint.request(request().scope(scope(asked)), Attempt::first()).await.unwrap();
        assert_eq!(set.token().scope().as_str(), granted);
        assert_eq!(seen.events().len(), usize::from(told), "{asked:?} {rest}");
    }
}

#[tokio::test]
async fn retry_after_becomes_a_moment_on_the_boot_clock() {
    let at = |seconds: u64| Some(Instant::ZERO.after(Duration::from_secs(100 + seconds)));
    for (status, header, expected) in [
        (429, "7", at(7)),
        (503, "Sun, 06 Nov 1994 08:50:37 GMT", at(60)),
        (429, "Sun, 06 Nov 1994 08:00:00 GMT", at(0)),
        (429, "-1", None),
        (503, "soon", None),
    ] {
        let script = Script::new([Ok(with_headers(answer(status, ""), &[("retry-after", header)]))]);
        let error = endpoint(server(), &script).request(request(), Attempt::first()).await.unwrap_err().error;
        assert_eq!((error.kind(), error.retry_at()), (ErrorKind::Unavailable, expected), "{header}");
    }
}

#[test]
fn a_method_that_the_server_is_known_not_to_accept_is_refused_when_it_is_built() {
    let server = server().client_authentication_methods([ClientAuthenticationMethod::PrivateKeyJwt]);
    let client = Client::new("c", ClientAuthentication::secret_basic("s")).unwrap();
    let refused = TokenEndpoint::new(server.build().unwrap(), client, Script::new([])).unwrap_err();
    assert!(refused.to_string().contains("use one of private_key_jwt"), "{refused}");
}
