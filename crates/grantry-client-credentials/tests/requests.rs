//! What the grant puts on the wire, and what it refuses to be built with.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_client_credentials::{ClientCredentials, ClientCredentialsBuilder};
use grantry_core::{
    Attempt, AuthorizationServer, AuthorizationServerBuilder, ClientAuthenticationMethod as Method, Clock,
    Consumed, ErrorKind, Grant, Instant, Scope, SystemClock,
};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Request, TokenEndpoint, Transport, TransportCause, TransportFailure,
};
use grantry_jose::{Algorithm, SigningKey, verify_jwt};
use http::StatusCode;
use proptest::prelude::*;

/// Records every request and answers each one alike.
#[derive(Debug)]
struct Recorder {
    answer: Option<(StatusCode, &'static str)>,
    seen: Mutex<Vec<Request>>,
}

const TOKEN: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#;

impl Recorder {
    fn new(answer: Option<(StatusCode, &'static str)>) -> Arc<Self> {
        Arc::new(Self { answer, seen: Mutex::default() })
    }

    fn with_token() -> Arc<Self> {
        Self::new(Some((StatusCode::OK, TOKEN)))
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The parameters of the only request, read back.
    fn form(&self) -> Vec<(String, String)> {
        let seen = self.seen.lock().unwrap();
        let [request] = &seen[..] else { return Vec::new() };
        url::form_urlencoded::parse(request.expose_body()).into_owned().collect()
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.seen.lock().unwrap().push(request);
        match self.answer {
            Some((status, body)) => Ok(Answer::new(status).with_body(body)),
            None => Err(TransportFailure::unknown(TransportCause::TimedOut)),
        }
    }
}

fn server() -> AuthorizationServerBuilder {
    AuthorizationServer::builder("https://as.example.com/token")
}

fn secret() -> ClientAuthentication {
    ClientAuthentication::secret_basic("a client secret")
}

fn builder(
    server: AuthorizationServerBuilder,
    authentication: ClientAuthentication,
    transport: &Arc<Recorder>,
) -> ClientCredentialsBuilder {
    let client = Client::new("orders", authentication).unwrap();
    let transport: Arc<dyn Transport> = transport.clone();
    ClientCredentials::builder(TokenEndpoint::new(server.build().unwrap(), client, transport).unwrap())
}

fn simple(transport: &Arc<Recorder>) -> ClientCredentialsBuilder {
    builder(server(), secret(), transport)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[tokio::test]
async fn req_a04_the_request_is_a_form_sent_by_post() {
    let transport = Recorder::with_token();
    let grant = simple(&transport)
        .scope("orders.write orders.read")
        .scopes(["orders.read"])
        .audience("https://api.example.com")
        .resource("https://b.example/")
        .resource("https://a.example/")
        .resource("https://b.example/")
        .parameter("organization", "acme & söhne")
        .build()
        .unwrap();
    let set = grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(set.token().scope(), &Scope::parse("orders.read orders.write").unwrap());
    let seen = transport.seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method(), seen[0].url().as_str()),
        (&http::Method::POST, "https://as.example.com/token")
    );
    assert_eq!(seen[0].headers()["content-type"], "application/x-www-form-urlencoded");
    assert!(seen[0].headers()["authorization"].is_sensitive());
    assert_eq!(
        std::str::from_utf8(seen[0].expose_body()).unwrap(),
        "grant_type=client_credentials&scope=orders.read+orders.write\
         &resource=https%3A%2F%2Fa.example%2F&resource=https%3A%2F%2Fb.example%2F\
         &audience=https%3A%2F%2Fapi.example.com&organization=acme+%26+s%C3%B6hne"
    );
}

#[tokio::test]
async fn req_b26_what_was_not_set_is_not_asked_for() {
    let transport = Recorder::with_token();
    simple(&transport).build().unwrap().obtain(Attempt::first()).await.unwrap();
    assert_eq!(transport.form(), [("grant_type".into(), "client_credentials".into())]);
}

#[tokio::test]
async fn req_c04_the_secret_is_never_in_the_url() {
    let transport = Recorder::with_token();
    let post = ClientAuthentication::secret_post("canary");
    builder(server(), post, &transport).build().unwrap().obtain(Attempt::first()).await.unwrap();
    assert!(transport.form().contains(&("client_secret".into(), "canary".into())));
    assert!(!transport.seen.lock().unwrap()[0].url().as_str().contains("canary"));
}

#[tokio::test]
async fn a_private_key_signs_a_new_assertion_for_each_request() {
    let transport = Recorder::with_token();
    let key = SigningKey::generate_es256().unwrap().with_key_id("k1");
    let server = server()
        .issuer("https://as.example.com")
        .client_authentication_methods([Method::PrivateKeyJwt, Method::ClientSecretPost])
        .client_credentials_methods([Method::PrivateKeyJwt]);
    let grant = builder(server, ClientAuthentication::private_key(key.clone()), &transport).build().unwrap();
    grant.obtain(Attempt::first()).await.unwrap();
    let form: BTreeMap<_, _> = transport.form().into_iter().collect();
    let (header, claims): (_, BTreeMap<String, serde_json::Value>) =
        verify_jwt(&form["client_assertion"], &key.verifying_key(), &[Algorithm::Es256]).unwrap();
    assert_eq!(header.key_id.as_deref(), Some("k1"));
    assert!(claims.contains_key("jti") && claims.contains_key("exp"));
}

#[tokio::test]
async fn one_call_sends_one_request_whatever_comes_back() {
    for (answer, kind, consumed) in [
        (Some((StatusCode::SERVICE_UNAVAILABLE, "")), ErrorKind::Unavailable, Consumed::No),
        (
            Some((StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#)),
            ErrorKind::InvalidClient,
            Consumed::No,
        ),
        (
            Some((StatusCode::BAD_REQUEST, r#"{"error":"invalid_scope"}"#)),
            ErrorKind::InvalidScope,
            Consumed::No,
        ),
        (Some((StatusCode::OK, "<html>")), ErrorKind::InvalidAnswer, Consumed::Unknown),
        (None, ErrorKind::Interrupted, Consumed::Unknown),
    ] {
        let transport = Recorder::new(answer);
        let failure = simple(&transport).build().unwrap().obtain(Attempt::first()).await.unwrap_err();
        assert_eq!((failure.error.kind(), failure.consumed), (kind, consumed));
        assert!(failure.sent);
        assert_eq!(transport.count(), 1);
    }
}

#[tokio::test]
async fn a_deadline_in_the_past_sends_nothing() {
    let transport = Recorder::with_token();
    let grant = simple(&transport).build().unwrap();
    let failure = grant.obtain(Attempt::first().send_before(Instant::ZERO)).await.unwrap_err();
    assert!(!failure.sent && failure.consumed == Consumed::No);
    assert_eq!(transport.count(), 0);
}

#[tokio::test]
async fn each_token_set_takes_the_place_of_the_one_before() {
    let transport = Recorder::with_token();
    let grant = simple(&transport).build().unwrap();
    let before = SystemClock::new().now();
    let first = grant.obtain(Attempt::first()).await.unwrap();
    let second = grant.obtain(Attempt::replace(&first)).await.unwrap();
    assert_eq!((first.generation(), second.generation()), (0, 0), "there is no refresh token to count for");
    assert!(first.token().expires().unwrap() > before && !first.token().is_same(second.token()));
    assert_eq!(transport.count(), 2);
}

#[test]
fn req_c05_a_public_client_is_refused() {
    let transport = Recorder::with_token();
    let error = builder(server(), ClientAuthentication::none(), &transport).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("confidential clients only"), "{error}");
    assert!(error.to_string().contains("secret or a private key"), "{error}");
}

#[test]
fn a_method_that_the_server_refuses_for_this_flow_is_answered_with_the_one_that_works() {
    let transport = Recorder::with_token();
    let server = server()
        .provider("okta")
        .client_authentication_methods([Method::PrivateKeyJwt, Method::ClientSecretBasic, Method::None])
        .client_credentials_methods([Method::PrivateKeyJwt]);
    let error = builder(server, secret(), &transport).build().unwrap_err().to_string();
    assert!(error.contains("okta does not accept client_secret_basic for client credentials"), "{error}");
    assert!(error.contains("use private_key_jwt (ClientAuthentication::private_key)"), "{error}");
}

#[test]
fn parameters_that_have_another_place_are_refused() {
    let transport = Recorder::with_token();
    for (name, expected) in [
        ("grant_type", "sets it itself"),
        ("scope", "use scope()"),
        ("audience", "use audience()"),
        ("resource", "use resource()"),
        ("client_id", "the endpoint's client"),
        ("client_secret", "the endpoint's client"),
        ("client_assertion", "the endpoint's client"),
        ("client_assertion_type", "the endpoint's client"),
        ("", "empty name"),
    ] {
        let error = simple(&transport).parameter(name, "canary").build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    assert!(simple(&transport).parameter("x", "1").parameter("x", "2").build().is_err());
    assert!(simple(&transport).parameter("x", "").build().is_err());
    assert!(simple(&transport).audience("").build().is_err());
    assert!(simple(&transport).scope("a\"b").build().is_err());
    assert!(simple(&transport).resource("https://a.example/#f").build().is_err());
}

#[test]
fn a_scope_that_holds_the_servers_separator_is_refused() {
    let transport = Recorder::with_token();
    let commas = || server().scope_separator(',');
    assert!(builder(commas(), secret(), &transport).scope("a,b").build().is_err());
    let grant = builder(commas(), secret(), &transport).scope("a b").build().unwrap();
    block_on(grant.obtain(Attempt::first())).unwrap();
    assert!(transport.form().contains(&("scope".into(), "a,b".into())));
}

#[test]
fn no_secret_shows_in_debug() {
    let transport = Recorder::with_token();
    let building = builder(server(), ClientAuthentication::secret_post("canary"), &transport);
    let building = building.parameter("hint", "canary");
    let mut shown = format!("{building:?}");
    shown.push_str(&format!("{:?}", building.build().unwrap()));
    assert!(!shown.contains("canary") && shown.contains("hint"), "{shown}");
}

fn names() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,11}|\\PC{1,6}".prop_filter("has another place", |name| {
        let elsewhere = ["scope", "audience", "resource", "grant_type"];
        !elsewhere.contains(&name.as_str()) && !name.starts_with("client_")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn req_a05_whatever_is_asked_for_is_sent_once_and_reads_back_the_same(
        extra in prop::collection::btree_map(names(), "\\PC{1,20}|[\\x00-\\x7f]{1,20}", 0..6),
        scopes in prop::collection::btree_set("[!#-\\[\\]-~]{1,8}", 0..4),
        paths in prop::collection::btree_set("[a-z0-9/?=&%+.~-]{0,12}", 0..4),
        audience in prop::option::of("\\PC{1,20}"),
        post: bool,
    ) {
        let transport = Recorder::with_token();
        let authentication = if post { ClientAuthentication::secret_post("s&=+ %é") } else { secret() };
        let mut building = builder(server(), authentication, &transport).scopes(scopes.clone());
        let mut expected = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        if !scopes.is_empty() {
            let joined: Vec<_> = scopes.into_iter().collect();
            expected.push(("scope".into(), joined.join(" ")));
        }
        for path in paths {
            let resource = format!("https://api.example/{path}");
            building = building.resource(resource.clone());
            expected.push(("resource".into(), resource));
        }
        if let Some(audience) = audience {
            building = building.audience(audience.clone());
            expected.push(("audience".into(), audience));
        }
        for (name, value) in extra {
            building = building.parameter(name.clone(), value.clone());
            expected.push((name, value));
        }
        if post {
            expected.push(("client_id".into(), "orders".into()));
            expected.push(("client_secret".into(), "s&=+ %é".into()));
        }
        block_on(building.build().unwrap().obtain(Attempt::first())).unwrap();

        let mut sent = transport.form();
        sent.sort();
        expected.sort();
        prop_assert_eq!(sent, expected);
        let seen = transport.seen.lock().unwrap();
        prop_assert_eq!(seen[0].method(), http::Method::POST);
        prop_assert_eq!(&seen[0].headers()["content-type"], "application/x-www-form-urlencoded");
        prop_assert!(seen[0].expose_body().is_ascii());
    }
}
