//! A mistake in what was configured fails when it is built, with a message that says what to change.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_client_credentials::{ClientCredentials, ClientCredentialsBuilder};
use grantry_core::presenting::AllowedOrigins;
use grantry_core::{
    AccessToken, Attempt, AuthorizationServer, AuthorizationServerBuilder, ClientAuthenticationMethod, Error,
    ErrorKind, Grant, GrantKey, Instant, Party, RefreshToken, Retry, Scope, Token, TokenSet, TokenSource,
};
use grantry_endpoint::{
    Client, ClientAuthentication, Discovery, HttpTransport, HttpTransportBuilder, IntrospectionEndpoint,
    KeepError, Keeper, Kept, RefreshTokenGrant, RevocationEndpoint, TokenEndpoint, TokenRequest,
};
use grantry_refresh::{Fallback, RefreshPolicy, RefreshPolicyBuilder};
use grantry_reqwest::AuthorizedClient;
use grantry_testkit::{RawAnswer, RawServer};
use grantry_tower::AuthorizeLayer;

/// Stands in every secret that is configured.
const CANARY: &str = "c4n4ry5f0c1d9e7b";
const GOOD: &str = "https://as.example.com/token";

/// Checks the error of a mistake: found while building, the application's move, and with these words in it.
#[track_caller]
fn refused<T: Debug>(what: &str, built: Result<T, Error>, words: &str) {
    let Err(error) = built else { panic!("{what} is accepted: {built:?}") };
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{what}: {text}");
    assert!(text.contains(words), "{what}: does not say {words:?}: {text}");
    assert_eq!(error.diagnosis().party(), Party::Application, "{what}");
    assert_eq!(error.diagnosis().retry(), Retry::Never, "{what}");
    assert!(error.is_definite(), "{what}");
    let shown = format!("{error:?} {error} {}", error.diagnosis());
    assert!(!shown.contains(CANARY) && !shown.contains('\n'), "{what}: {shown}");
}

fn secret() -> ClientAuthentication {
    ClientAuthentication::secret_basic(CANARY)
}

fn endpoint(
    server: AuthorizationServerBuilder,
    authentication: ClientAuthentication,
) -> Result<TokenEndpoint, Error> {
    let client = Client::new("client", authentication)?;
    TokenEndpoint::new(server.build()?, client, Arc::new(HttpTransport::new()?))
}

fn good_endpoint() -> TokenEndpoint {
    endpoint(AuthorizationServer::builder(GOOD), secret()).unwrap()
}

#[test]
fn req_a01_a06_a_url_that_may_not_be_an_endpoint_is_refused_wherever_it_stands() {
    let table = [
        ("", "not a URL"),
        ("as.example.com/token", "not a URL"),
        ("/token", "not a URL"),
        ("https://", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://as.example.com:65536/token", "not a URL"),
        ("https://as.example.com:https/token", "not a URL"),
        ("https://exa mple.com/token", "not a URL"),
        ("https://as.example.com:0/token", "port 0"),
        ("http://as.example.com/token", "has to be an https URL"),
        ("http://10.0.0.1/token", "has to be an https URL"),
        ("http://0.0.0.0/token", "has to be an https URL"),
        ("http://localhost.example.com/token", "has to be an https URL"),
        ("http://[::ffff:10.0.0.1]/token", "has to be an https URL"),
        ("ftp://as.example.com/token", "has to be an https URL"),
        ("https://user@as.example.com/token", "user name or password"),
        ("https://user:c4n4ry5f0c1d9e7b@as.example.com/token", "user name or password"),
        ("https://as.example.com/token#part", "fragment"),
        ("https://as.example.com/token#", "fragment"),
        ("file:///token", "host"),
        ("mailto:as@example.com", "host"),
        ("as.example.com:443/token", "host"),
    ];
    let transport = Arc::new(HttpTransport::new().unwrap());
    for (url, words) in table {
        let good = || AuthorizationServer::builder(GOOD);
        refused(url, AuthorizationServer::builder(url).build(), words);
        refused(url, good().issuer(url).build(), words);
        refused(url, good().revocation_endpoint(url).build(), words);
        refused(url, good().introspection_endpoint(url).build(), words);
        refused(url, good().authorization_endpoint(url).build(), words);
        refused(url, good().device_authorization_endpoint(url).build(), words);
        refused(url, good().pushed_authorization_request_endpoint(url).build(), words);
        refused(url, good().jwks_uri(url).build(), words);
        refused(url, Discovery::new(url, transport.clone()), words);
    }
    refused("a query", Discovery::new("https://as.example.com/?x=y", transport.clone()), "query");
    for url in [
        "https://as.example.com/token?x=y",
        "http://127.0.0.1:8080/t",
        "http://[::1]/t",
        "http://localhost/t",
    ] {
        assert!(AuthorizationServer::builder(url).build().is_ok(), "{url}");
    }
}

#[test]
fn a_client_that_could_not_authenticate_is_refused() {
    for (id, words) in [
        ("", "client id is empty"),
        ("id\n", "client id holds a control character"),
        ("a\0b", "control character"),
    ] {
        refused("a client id", Client::new(id, secret()), words);
        refused("a public client's id", Client::new(id, ClientAuthentication::none()), words);
    }
    let build = |authentication| Client::new("client", authentication);
    refused("an empty secret", build(ClientAuthentication::secret_basic("")), "client secret is empty");
    refused("an empty secret", build(ClientAuthentication::secret_post("")), "client secret is empty");
    refused("an empty second secret", build(secret().or_secret("")), "client secret is empty");
    let broken = format!("{CANARY}\r\n");
    refused(
        "a line break",
        build(ClientAuthentication::secret_post(broken)),
        "line break at its end: remove it",
    );
    refused("a short secret", build(ClientAuthentication::secret_jwt(CANARY)), "at least 32 bytes");

    let basic_only = || {
        AuthorizationServer::builder(GOOD)
            .client_authentication_methods([ClientAuthenticationMethod::ClientSecretBasic])
    };
    let post = ClientAuthentication::secret_post(CANARY);
    refused("another method", endpoint(basic_only(), post), "use one of client_secret_basic");
    assert!(Client::new("client:with+odd%characters é", secret()).is_ok());
}

#[test]
fn limits_of_the_transport_that_contradict_each_other_are_refused() {
    let seconds = Duration::from_secs;
    let table: [(&str, HttpTransportBuilder, &str); 13] = [
        ("total 0", HttpTransport::builder().total_timeout(seconds(0)), "above zero"),
        ("connect 0", HttpTransport::builder().connect_timeout(seconds(0)), "above zero"),
        ("read 0", HttpTransport::builder().read_timeout(seconds(0)), "above zero"),
        ("total of a year", HttpTransport::builder().total_timeout(Duration::MAX), "at most an hour"),
        (
            "read over total",
            HttpTransport::builder().total_timeout(seconds(3)).read_timeout(seconds(4)),
            "read timeout",
        ),
        ("connect over read", HttpTransport::builder().connect_timeout(seconds(10)), "connect timeout"),
        (
            "connect is read",
            HttpTransport::builder().connect_timeout(seconds(2)).read_timeout(seconds(2)),
            "shorter than the read timeout",
        ),
        (
            "no proxy URL",
            HttpTransport::builder().proxy("proxy:3128"),
            "such as http://proxy.example.com:3128",
        ),
        ("an empty proxy", HttpTransport::builder().proxy(""), "such as http://proxy"),
        (
            "a foreign proxy",
            HttpTransport::builder().proxy(format!("socks9://u:{CANARY}@h")),
            "such as http://proxy",
        ),
        ("an empty certificate", HttpTransport::builder().add_root_certificate(""), "root certificate"),
        ("no certificate", HttpTransport::builder().add_root_certificate(CANARY), "root certificate"),
        (
            "broken PEM",
            HttpTransport::builder().add_root_certificate("-----BEGIN CERTIFICATE-----\nAAAA"),
            "root certificate",
        ),
    ];
    for (what, builder, words) in table {
        refused(what, builder.build(), words);
    }
}

#[test]
fn durations_of_the_policy_that_are_zero_or_contradict_each_other_are_refused() {
    let (zero, ages) = (Duration::ZERO, Duration::MAX);
    let change = |change: fn(RefreshPolicyBuilder, Duration) -> RefreshPolicyBuilder, to| {
        change(RefreshPolicy::builder(), to)
    };
    let queue = |builder: RefreshPolicyBuilder, patience| builder.fallback(Fallback::Queue { patience });
    let expired = |builder: RefreshPolicyBuilder, grace| builder.fallback(Fallback::UseExpired { grace });
    for (what, builder, words) in [
        ("retryDelay 0", change(RefreshPolicyBuilder::retry_delay, zero), "retryDelay is 0"),
        (
            "retryDelay of ages",
            change(RefreshPolicyBuilder::retry_delay, ages),
            "retryDelay is longer than a year",
        ),
        (
            "retryDelay over the longest",
            change(RefreshPolicyBuilder::retry_delay, Duration::from_secs(86_400)),
            "as long",
        ),
        ("longest delay 0", change(RefreshPolicyBuilder::longest_delay, zero), "longest retry delay"),
        (
            "bufferTime of ages",
            change(RefreshPolicyBuilder::buffer, ages),
            "bufferTime is longer than a year",
        ),
        ("cool-down 0", change(RefreshPolicyBuilder::cool_down, zero), "cool-down is 0"),
        ("cool-down of ages", change(RefreshPolicyBuilder::cool_down, ages), "cool-down is longer"),
        (
            "rejections of ages",
            change(RefreshPolicyBuilder::between_rejections, ages),
            "between rejections is longer",
        ),
        // E34: nothing would hold a storm of refusals back.
        ("rejections 0", change(RefreshPolicyBuilder::between_rejections, zero), "between rejections is 0"),
        ("patience 0", change(queue, zero), "patience of `queue` is 0"),
        ("patience of ages", change(queue, ages), "patience or grace"),
        ("grace 0", change(expired, zero), "grace of `use-expired` is 0"),
        ("grace of ages", change(expired, ages), "patience or grace"),
        ("nobody waits", RefreshPolicy::builder().max_waiting(0), "no caller may wait"),
    ] {
        refused(what, builder.build(), words);
    }
}

#[test]
fn a_grant_that_the_server_would_refuse_is_not_built() {
    fn build(
        change: impl FnOnce(ClientCredentialsBuilder) -> ClientCredentialsBuilder,
    ) -> Result<ClientCredentials, Error> {
        change(ClientCredentials::builder(good_endpoint())).build()
    }
    let public = endpoint(AuthorizationServer::builder(GOOD), ClientAuthentication::none()).unwrap();
    refused(
        "a public client",
        ClientCredentials::builder(public.clone()).build(),
        "confidential clients only",
    );
    refused("a scope with a quote", build(|b| b.scope("a\"b")), "scope");
    refused("a scope with a line break", build(|b| b.scope("a\nb")), "scope");
    refused("no audience", build(|b| b.audience("")), "audience is empty");
    for resource in ["", "api.example.com", "https://api.example.com/#part", "https:api", "https://a b/"] {
        refused(resource, build(|b| b.resource(resource)), "absolute URI without a fragment");
    }
    for name in
        ["grant_type", "scope", "client_id", "client_secret", "client_assertion", "resource", "audience"]
    {
        refused(name, build(|b| b.parameter(name, CANARY)), "cannot be set as an extra one");
    }
    refused("no name", build(|b| b.parameter("", CANARY)), "empty name");
    refused("no value", build(|b| b.parameter("x", "")), "parameter x is empty");
    refused("twice", build(|b| b.parameter("x", CANARY).parameter("x", CANARY)), "set twice");

    let keeper = || Arc::new(Nowhere);
    let refresh =
        |token: &str| RefreshTokenGrant::builder(good_endpoint(), RefreshToken::new(token), keeper());
    refused("no refresh token", refresh("").build(), "refresh token is empty");
    refused(
        "a line break",
        refresh(&format!("{CANARY}\n")).build(),
        "refresh token holds a control character",
    );
    let (a, ab) = (Scope::parse("a").unwrap(), Scope::parse("a b").unwrap());
    refused(
        "a wider scope",
        refresh("r").granted_scope(a.clone()).narrow_to(ab).build(),
        "part of the granted scope",
    );
    refused(
        "nothing at all",
        refresh("r").granted_scope(a).narrow_to(Scope::EMPTY).build(),
        "part of the granted scope",
    );

    refused("no revocation endpoint", RevocationEndpoint::of(&good_endpoint()), "name its URL");
    refused("no introspection endpoint", IntrospectionEndpoint::of(&good_endpoint()), "name its URL");
    let server = AuthorizationServer::builder(GOOD).introspection_endpoint("https://as.example.com/i");
    let public = endpoint(server, ClientAuthentication::none()).unwrap();
    refused("a public client", IntrospectionEndpoint::of(&public), "give it a secret or a key");
}

#[tokio::test]
async fn a_token_request_of_its_own_making_is_refused_before_it_is_sent() {
    for (what, request, words) in [
        ("no grant type", TokenRequest::new(""), "grant type"),
        ("ours", TokenRequest::new("x").parameter("client_secret", CANARY), "client_secret is set by"),
        ("twice", TokenRequest::new("x").parameter("a", CANARY).parameter("a", CANARY), "repeated"),
    ] {
        let failure = good_endpoint().request(request, Attempt::first()).await.unwrap_err();
        assert!(!failure.sent, "{what}");
        refused(what, Err::<(), _>(failure.error), words);
    }
}

#[test]
fn req_e07_origins_that_a_token_could_leak_to_are_refused() {
    fn all(origins: &[&str]) -> [Result<(), Error>; 4] {
        let client = reqwest_client();
        [
            AllowedOrigins::new(origins).map(drop),
            AuthorizedClient::new(client, Fixed, origins).map(drop),
            AuthorizedClient::from_builder(builder(), Fixed, origins).map(drop),
            AuthorizeLayer::new(Fixed, origins).map(drop),
        ]
    }
    for (origins, words) in [
        (&[] as &[&str], "at least one allowed origin"),
        (&[""], "absolute URL"),
        (&["api.example.com"], "absolute URL"),
        (&["https://*.example.com"], "wildcard"),
        (&["*"], "wildcard"),
        (&["http://api.example.com"], "https"),
        (&["https://user:c4n4ry5f0c1d9e7b@api.example.com"], "user name or password"),
        (&["https://api.example.com:0"], "port 0"),
        (&["https://api.example.com", "ftp://api.example.com"], "https"),
    ] {
        for built in all(origins) {
            refused(&format!("{origins:?}"), built, words);
        }
    }
    refused("a fixed origin", AuthorizeLayer::fixed(Fixed, "http://api.example.com").map(drop), "https");
}

#[test]
fn presets_refuse_what_would_lead_elsewhere() {
    for domain in
        ["", "acme.okta.com/oauth2", "https://acme.okta.com", "acme@evil.test", "a b", "../x", "acme:443"]
    {
        refused(domain, grantry_providers::okta(domain), "");
        refused(domain, grantry_providers::okta_custom(domain, "default"), "");
    }
    refused("an id", grantry_providers::okta_custom("acme", "../default"), "the id alone");
    for tenant in ["", "contoso", "common/../x", "a b.example.com", "72f988bf"] {
        refused(tenant, grantry_providers::microsoft(tenant), "Expected a directory id such as");
    }
}

#[test]
fn names_that_could_be_mistaken_for_others_are_refused_with_the_rule() {
    for (tenant, service, account, words) in [
        ("", "crm", "a", "tenant \"\" is not usable: it is empty"),
        ("..", "crm", "a", "begin with a-z or 0-9"),
        ("acme", "c/m", "a", "only a-z, 0-9"),
        ("acme", "crm", "", "account \"\" is not usable: it is empty"),
        ("acme", "crm", "a\0", "control characters"),
    ] {
        let error = GrantKey::new(tenant, service, account).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_unreachable_and_nothing_hangs() {
    // No resolver is asked: no label has more than 63 characters.
    let unknown = format!("https://{}.invalid/token", "a".repeat(70));
    // Nothing listens at a port that was free a moment ago.
    let gone = RawServer::start(RawAnswer::default()).await.unwrap();
    let closed = gone.url("/token");
    gone.shutdown().await;
    for url in [unknown, closed] {
        let endpoint = endpoint(AuthorizationServer::builder(&url), secret()).unwrap();
        let grant = ClientCredentials::builder(endpoint).build().unwrap();
        let obtained = tokio::time::timeout(Duration::from_secs(30), grant.obtain(Attempt::first()));
        let failure = obtained.await.expect("it hangs").unwrap_err();
        assert_eq!(
            (failure.error.kind(), failure.sent),
            (ErrorKind::Unreachable, false),
            "{url}: {failure:?}"
        );
        assert_eq!(failure.error.diagnosis().party(), Party::Network);
        assert!(!failure.error.is_definite());
    }
}

fn builder() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

fn reqwest_client() -> reqwest::Client {
    builder().build().unwrap()
}

/// Keeps nothing.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Keeper for Nowhere {
    async fn keep(&self, _kept: Kept<'_>) -> Result<(), KeepError> {
        Ok(())
    }
}

/// One token, forever.
#[derive(Debug)]
struct Fixed;

#[async_trait]
impl TokenSource for Fixed {
    fn ready(&self) -> Option<Token> {
        let set = TokenSet::builder(AccessToken::new(CANARY), Instant::ZERO).build().unwrap();
        Some(set.token().clone())
    }

    async fn token(&self) -> Result<Token, Error> {
        Ok(self.ready().unwrap())
    }

    fn reject(&self, _refused: &Token) {}
}
