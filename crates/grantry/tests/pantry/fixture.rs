//! A server, a store that outlives pantries, and pantries.

use std::sync::Arc;
use std::time::Duration;

use grantry::pantry::{Flow, Grantry, GrantryBuilder, Service, ServiceBuilder, TenantPantry};
use grantry::vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry::vault::{ClientRecord, LocalKey, MemoryVault};
use grantry::{Clock, RefreshToken, Rotation, Scope};
use grantry_testkit::{Endpoint, ManualClock, Moment, RegisteredClient, SeededGrant, TestServer};
use zeroize::Zeroizing;

pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);

pub(crate) const REDIRECT_URI: &str = "https://app.example.com/callback";

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) clock: ManualClock,
    store: Arc<MemoryVault>,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::following_tokio();
        let server = TestServer::builder()
            .client(RegisteredClient::with_secret("billing", "s3cret").redirect_uri(REDIRECT_URI))
            .rotation(Rotation::Strict { revokes_family: true })
            .token_lifetime(LIFETIME)
            .clock(Arc::new(clock.clone()))
            .build();
        let store = Arc::new(MemoryVault::with_clock(clock.clone()));
        Self { server, clock, store, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn builder(&self) -> GrantryBuilder {
        let transport = self.server.transport().with_latency(Duration::from_millis(20));
        Grantry::builder()
            .vault(Arc::clone(&self.store))
            .keys(LocalKey::from_bytes(Zeroizing::new([7; 32])))
            .access(policy(&[]))
            .lifeboats(self.folder.path())
            .transport(Arc::new(transport))
            .clock(Arc::new(self.clock.clone()))
    }

    pub(crate) fn service(&self) -> ServiceBuilder {
        self.service_named("crm")
    }

    pub(crate) fn service_named(&self, name: &str) -> ServiceBuilder {
        let server = self.server.authorization_server().unwrap();
        let server = server.to_builder().rotation(Rotation::Strict { revokes_family: true }).build().unwrap();
        Service::builder(name, server).client_id("billing").secret("s3cret").scope("contacts.read")
    }

    /// A service to which people consent.
    pub(crate) fn calendar(&self) -> ServiceBuilder {
        let server = self.service().build().unwrap().server().clone();
        Service::builder("calendar", server)
            .flow(Flow::AuthorizationCode)
            .client_id("billing")
            .secret("s3cret")
            .scope("contacts.read")
    }

    pub(crate) async fn open(&self, services: impl IntoIterator<Item = ServiceBuilder>) -> Grantry {
        let services: Vec<_> = services.into_iter().map(|service| service.build().unwrap()).collect();
        let pantry = self.builder().services(services).open().await.unwrap();
        pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
        pantry
    }

    /// A registration that describes its service, as the command stores it.
    pub(crate) fn registration(&self, secret: &str) -> ClientRecord {
        let endpoint = |url: &str| self.server.token_endpoint().replace("/token", url);
        ClientRecord::new("billing")
            .with_secret(secret, self.clock.wall())
            .with_attribute("token_url", self.server.token_endpoint())
            .with_attribute("revocation_url", endpoint("/revoke"))
            .with_attribute("scopes", "contacts.read")
    }

    /// What a person consented to, as the server sees it.
    pub(crate) fn consent(&self) -> RefreshToken {
        self.server.seed_grant(SeededGrant::new("billing", Scope::parse("contacts.read").unwrap()))
    }

    pub(crate) fn requests(&self) -> u64 {
        self.server.ledger().count(Endpoint::Token)
    }

    pub(crate) fn is_valid(&self, token: &grantry::Token) -> bool {
        let at = Moment::read(&self.clock);
        let token = grantry::AccessToken::new(token.expose());
        self.server.with_authority(|authority, _| authority.check(&token, at)).is_some()
    }

    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance_with_tokio_by_steps(time, Duration::from_secs(5)).await;
    }
}

pub(crate) fn admin() -> Principal {
    Principal::workload("admin").unwrap()
}

pub(crate) fn other() -> Principal {
    Principal::workload("other").unwrap()
}

/// The admin may do everything; those of the list may use tokens of acme.
pub(crate) fn policy(users: &[Principal]) -> AccessPolicy {
    let everything = Role::custom("everything", Permission::ALL.iter().copied()).unwrap();
    let builder = AccessPolicy::builder().role(everything);
    let builder = builder.bind(Binding::allow(admin(), "everything", Reach::everything()));
    let reach = || Reach::parse("acme/*/*").unwrap();
    let bound = users.iter().map(|user| Binding::allow(user, Role::service(), reach()));
    bound.fold(builder, |builder, binding| builder.bind(binding)).build().unwrap()
}

pub(crate) fn acme(pantry: &Grantry) -> TenantPantry {
    pantry.as_principal(admin()).tenant("acme").unwrap()
}
