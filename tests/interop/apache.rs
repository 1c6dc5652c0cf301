//! A resource server that none of us wrote: Apache with mod_oauth2, for tokens of oidc-provider and of Authlib.

use std::sync::Arc;
use std::time::Duration;

use grantry::{
    AccessToken, Attempt, AuthorizedClient, Binding, Client, ClientAuthentication, ClientCredentials,
    Discovery, Dpop, ErrorKind, Grant, HttpTransport, ManagedSource, RefreshPolicy, RequestError,
    RevocationEndpoint, Scheduler, TokenSet, TokenSource,
};
use grantry_tests::{Apache, Authlib, Fallible, Introspection, OidcProvider, Settings};

use crate::held::Held;
use crate::support::start;

const JWT: &str = "https://api.example/jwt";
const OPAQUE: &str = "https://api.example/opaque";

fn apache_of(server: &OidcProvider) -> Fallible<Apache> {
    Apache::start(Introspection {
        issuer: server.issuer(),
        introspection: "/token/introspection",
        keys: "/jwks",
    })
}

async fn grant(
    issuer: &str,
    client: &str,
    resource: &str,
    dpop: Option<Dpop>,
) -> Fallible<ClientCredentials> {
    let found = Discovery::new(issuer, Arc::new(HttpTransport::new()?))?.discover().await?;
    let secret = ClientAuthentication::secret_basic(format!("{client}-secret"));
    let endpoint = found.endpoint(Client::new(client, secret)?);
    let endpoint = dpop.into_iter().fold(endpoint, |endpoint, dpop| endpoint.dpop(dpop)).build()?;
    let grant = ClientCredentials::builder(endpoint).scope("read");
    Ok(if resource.is_empty() { grant } else { grant.resource(resource) }.build()?)
}

/// A source of the client `basic` for a resource, if one is named.
async fn source(issuer: &str, resource: &str, scheduler: &Scheduler) -> Fallible<Arc<ManagedSource>> {
    let policy = RefreshPolicy::builder().retry_delay(Duration::from_millis(100)).build()?;
    let source = grantry::client_credentials(grantry::discover(issuer).await?, "basic", "basic-secret");
    let source = source.scope("read").policy(policy).scheduler(scheduler);
    Ok(if resource.is_empty() { source } else { source.resource(resource) }.build()?)
}

fn client<S: TokenSource>(source: S, apache: &Apache) -> Fallible<AuthorizedClient> {
    grantry::install_crypto_provider();
    Ok(AuthorizedClient::from_builder(reqwest::Client::builder().no_proxy(), source, [apache.origin()])?)
}

async fn read(client: &AuthorizedClient, url: &str) -> Result<String, RequestError> {
    let answer = client.get(url).send().await?;
    let status = answer.status();
    Ok(if status.is_success() { answer.text().await? } else { status.to_string() })
}

/// Presents a token that is going to stay refused, and gives how often its source was told.
async fn rejected(set: &TokenSet, apache: &Apache, page: &str) -> Fallible<u32> {
    let held = Arc::new(Held::new(set.token()));
    let api = client(Arc::clone(&held), apache)?;
    match read(&api, &apache.url(page)).await {
        Err(RequestError::Token(error)) if error.kind() == ErrorKind::TokenRejected => Ok(held.refused()),
        other => Err(format!("{other:?}\n{}", apache.errors()).into()),
    }
}

#[tokio::test]
async fn req_e01_e05_a_jwt_is_verified_by_the_servers_keys_and_one_that_expired_is_replaced_once() {
    let server = OidcProvider::start(Settings { access_ttl: 6, ..Settings::default() }).unwrap();
    let apache = apache_of(&server).unwrap();
    let set =
        grant(server.issuer(), "basic", JWT, None).await.unwrap().obtain(Attempt::first()).await.unwrap();
    assert_eq!(set.token().expose().split('.').count(), 3, "it is a JWT");
    let api = client(Arc::new(Held::new(set.token())), &apache).unwrap();
    assert_eq!(read(&api, &apache.url("/jwt")).await.unwrap(), "jwt", "{}", apache.errors());
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(
        rejected(&set, &apache, "/jwt").await.unwrap(),
        1,
        "it has expired, and its source has no other"
    );
    assert_eq!(apache.statuses("/jwt", 2), [200, 401]);

    // A source that has another is asked for it, once.
    let scheduler = Scheduler::new();
    let source = source(server.issuer(), JWT, &scheduler).await.unwrap();
    let api = client(source, &apache).unwrap();
    assert_eq!(read(&api, &apache.url("/jwt")).await.unwrap(), "jwt");
    scheduler.shutdown().await;
}

#[tokio::test]
async fn req_e05_a_jwt_of_another_server_is_refused_for_good() {
    let (server, other) = (start().unwrap(), start().unwrap());
    let apache = apache_of(&server).unwrap();
    let foreign = grant(other.issuer(), "basic", JWT, None).await.unwrap();
    let set = foreign.obtain(Attempt::first()).await.unwrap();
    assert_eq!(rejected(&set, &apache, "/jwt").await.unwrap(), 1);
    // Its source renews, and the new one is no better: two requests, and no more.
    let scheduler = Scheduler::new();
    let api = client(source(other.issuer(), JWT, &scheduler).await.unwrap(), &apache).unwrap();
    let Err(RequestError::Token(error)) = read(&api, &apache.url("/jwt")).await else { panic!("taken") };
    assert_eq!(error.kind(), ErrorKind::TokenRejected);
    assert_eq!(apache.statuses("/jwt", 3), [401, 401, 401]);
    assert_eq!(other.requests("POST /token").unwrap(), 3);
    scheduler.shutdown().await;
}

#[tokio::test]
async fn req_e05_e28_an_opaque_token_is_introspected_and_a_revoked_one_is_replaced_once() {
    let server = start().unwrap();
    let apache = apache_of(&server).unwrap();
    let grant = grant(server.issuer(), "basic", OPAQUE, None).await.unwrap();
    let revocation = RevocationEndpoint::of(grant.endpoint()).unwrap();
    let scheduler = Scheduler::new();
    let source = source(server.issuer(), OPAQUE, &scheduler).await.unwrap();
    let api = client(Arc::clone(&source), &apache).unwrap();
    assert_eq!(read(&api, &apache.url("/opaque")).await.unwrap(), "opaque", "{}", apache.errors());
    let held = AccessToken::new(source.token().await.unwrap().expose());
    revocation.revoke_access_token(&held).await.unwrap();
    assert_eq!(read(&api, &apache.url("/opaque")).await.unwrap(), "opaque");
    assert_eq!(apache.statuses("/opaque", 3), [200, 401, 200], "one retry");
    assert_eq!(server.requests("POST /token").unwrap(), 2);
    scheduler.shutdown().await;
}

#[tokio::test]
async fn req_e08_e10_a_bound_token_is_taken_with_a_new_proof_for_each_request_and_without_one_it_is_not() {
    let server = start().unwrap();
    let apache = apache_of(&server).unwrap();
    let grant = grant(server.issuer(), "bound", OPAQUE, Some(Dpop::es256())).await.unwrap();
    let set = grant.obtain(Attempt::first()).await.unwrap();
    assert!(matches!(set.token().binding(), Binding::Proof(_)));
    let api = client(Arc::new(Held::new(set.token())), &apache).unwrap();
    for _ in 0..3 {
        let answer = read(&api, &apache.url("/bound?page=2")).await;
        assert_eq!(answer.ok().as_deref(), Some("bound"), "{}", apache.errors());
    }
    assert_eq!(apache.statuses("/bound", 3), [200; 3]);
    // Stolen, it is worth nothing: neither as a bearer token nor with the scheme alone.
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    for scheme in ["Bearer", "DPoP"] {
        let stolen = format!("{scheme} {}", set.token().expose());
        let answer = plain.get(apache.url("/bound")).header("authorization", stolen).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401, "{scheme}");
    }
    // It is revoked: a source that has no other is told so, and nothing is sent again.
    let held = AccessToken::new(set.token().expose());
    RevocationEndpoint::of(grant.endpoint()).unwrap().revoke_access_token(&held).await.unwrap();
    assert_eq!(rejected(&set, &apache, "/bound").await.unwrap(), 1);
    assert_eq!(apache.statuses("/bound", 6), [200, 200, 200, 401, 401, 401]);
}

#[tokio::test]
async fn req_e12_a_resource_that_knows_no_eddsa_refuses_its_proofs_and_costs_one_renewal() {
    // The JOSE library of mod_oauth2 does not read such proofs, and it does not say which algorithms it takes.
    let server = start().unwrap();
    let apache = apache_of(&server).unwrap();
    let grant = grant(server.issuer(), "bound", OPAQUE, Some(Dpop::ed25519())).await.unwrap();
    let set = grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(rejected(&set, &apache, "/bound").await.unwrap(), 1);
    assert_eq!(apache.statuses("/bound", 1), [401]);
}

#[tokio::test]
async fn req_e05_e28_authlib_and_apache_agree_with_each_other_and_with_us() {
    let server = Authlib::start().unwrap();
    let apache =
        Apache::start(Introspection { issuer: server.issuer(), introspection: "/introspect", keys: "/none" })
            .unwrap();
    let grant = grant(server.issuer(), "basic", "", None).await.unwrap();
    let revocation = RevocationEndpoint::of(grant.endpoint()).unwrap();
    let scheduler = Scheduler::new();
    let source = source(server.issuer(), "", &scheduler).await.unwrap();
    let api = client(Arc::clone(&source), &apache).unwrap();
    assert_eq!(read(&api, &apache.url("/opaque")).await.unwrap(), "opaque", "{}", apache.errors());
    let held = AccessToken::new(source.token().await.unwrap().expose());
    revocation.revoke_access_token(&held).await.unwrap();
    assert_eq!(read(&api, &apache.url("/opaque")).await.unwrap(), "opaque");
    assert_eq!(apache.statuses("/opaque", 3), [200, 401, 200], "one retry");
    assert_eq!(server.requests("POST /introspect").unwrap(), 3);
    scheduler.shutdown().await;
}
