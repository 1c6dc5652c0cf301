//! The routes of a gateway, on another site than the authorization server: `localhost` and 127.0.0.1.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::request::Parts;
use axum::response::Response;
use grantry::{Client, ClientAuthentication, Discovery, HttpTransport};
use grantry_authorization_code::AuthorizationCode;
use grantry_axum::{Logins, People};
use grantry_tests::{Fallible, OidcProvider, Settings};
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::audit::MemorySink;
use grantry_vault::{LocalKey, MemoryVault, PrincipalVault, SealedVault};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::person::{Person, is_plain};

/// A gateway with one user.
#[derive(Debug)]
struct OneUser;

#[async_trait]
impl People for OneUser {
    async fn person(&self, _request: &Parts) -> Result<grantry_axum::Person, Response> {
        Ok(grantry_axum::Person::new("acme", "ada").unwrap())
    }
}

struct Gateway {
    origin: String,
    vault: PrincipalVault,
    serving: JoinHandle<()>,
}

impl Gateway {
    async fn start(server: &OidcProvider) -> Fallible<Self> {
        let me = Principal::workload("gateway")?;
        let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
        let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me))
            .audit_elsewhere()
            .audit_sink(MemorySink::as_if_durable())
            .open()
            .await?
            .as_principal(me);
        vault.create_tenant("acme").await?;

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://localhost:{}", listener.local_addr()?.port());
        let found = Discovery::new(server.issuer(), Arc::new(HttpTransport::new()?))?.discover().await?;
        let secret = ClientAuthentication::secret_basic("gateway-secret");
        let endpoint = found.endpoint(Client::new("gateway", secret)?).build()?;
        let flow = AuthorizationCode::builder(endpoint, format!("{origin}/oauth/callback"))
            .scope("openid offline_access read")
            .prompt("consent")
            .build()?;
        let router = Logins::in_vault(OneUser, vault.clone()).service("crm", flow).build()?.router::<()>();
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Ok(Self { origin, vault, serving })
    }

    fn start_url(&self) -> String {
        format!("{}/oauth/start/crm", self.origin)
    }

    async fn is_connected(&self) -> bool {
        let acme = self.vault.tenant("acme").unwrap();
        acme.grant("crm", "ada").await.unwrap().is_some_and(|grant| grant.has_refresh_token)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_b08_b18_a_person_connects_an_account_and_the_cookie_comes_along_from_another_site() {
    let server = OidcProvider::start(Settings::default()).unwrap();
    let gateway = Gateway::start(&server).await.unwrap();
    let person = Person::sit_down().await.unwrap();
    person.open(&gateway.start_url()).await.unwrap();
    person.log_in().await.unwrap();
    person.consent().await.unwrap();
    person.sees("Connected").await.unwrap();
    is_plain(&person).await.unwrap();
    person.photograph("gateway-connected").await.unwrap();
    assert!(gateway.is_connected().await);

    let cookie = person.cookie("__Host-grantry").await.unwrap();
    assert_eq!(cookie.value().len(), 43);
    assert_eq!((cookie.secure(), cookie.http_only()), (Some(true), Some(true)));
    assert_eq!(
        (cookie.same_site().map(|site| site.to_string()).as_deref(), cookie.path()),
        (Some("Lax"), Some("/"))
    );
    assert_eq!(person.ask("return document.cookie").await.unwrap(), "");

    person.reload().await.unwrap();
    person.sees("Already connected").await.unwrap();
    assert_eq!(server.requests("POST /token").unwrap(), 1);
    person.go_away().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_cancels_reads_so_and_can_begin_again() {
    let server = OidcProvider::start(Settings::default()).unwrap();
    let gateway = Gateway::start(&server).await.unwrap();
    let person = Person::sit_down().await.unwrap();
    person.open(&gateway.start_url()).await.unwrap();
    person.log_in().await.unwrap();
    person.cancel().await.unwrap();
    person.sees("Not connected").await.unwrap();
    is_plain(&person).await.unwrap();
    person.photograph("gateway-cancelled").await.unwrap();
    assert!(!gateway.is_connected().await);

    // The server has forgotten nobody: consent is all that it asks for now.
    person.open(&gateway.start_url()).await.unwrap();
    person.consent().await.unwrap();
    person.sees("Connected").await.unwrap();
    assert!(gateway.is_connected().await);
    person.go_away().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_b08_the_link_of_one_browser_is_of_no_use_in_another() {
    let server = OidcProvider::start(Settings::default()).unwrap();
    let gateway = Gateway::start(&server).await.unwrap();
    let (person, other) = (Person::sit_down().await.unwrap(), Person::sit_down().await.unwrap());
    person.open(&gateway.start_url()).await.unwrap();
    let at_the_server = person.address().await.unwrap();
    // Somebody who sees the address, or is sent it, opens it in a browser of their own and consents there.
    other.open(&at_the_server).await.unwrap();
    let attempted = other.address().await.unwrap();
    assert!(attempted.starts_with(server.issuer()), "{attempted}");
    other.open(&format!("{}/oauth/callback?code=stolen&state=seen", gateway.origin)).await.unwrap();
    other.sees("Another browser").await.unwrap();
    other.photograph("gateway-another-browser").await.unwrap();
    assert_eq!(server.requests("POST /token").unwrap(), 0);

    person.log_in().await.unwrap();
    person.consent().await.unwrap();
    person.sees("Connected").await.unwrap();
    assert!(gateway.is_connected().await);
    other.go_away().await.unwrap();
    person.go_away().await.unwrap();
}
