//! Samples of the pantry's types, over a vault and a server whose every secret is the canary.

use std::sync::Arc;

use async_trait::async_trait;
use grantry::authorization_code::{Callback, UserAgentBinding};
use grantry::custody::{NoLifeboat, Revocation};
use grantry::pantry::{
    DeviceNotKept, Flow, GrantName, Grantry, KeysStatus, NotKept, Service, TenantPantry, Trouble,
};
use grantry::token_exchange::SubjectToken;
use grantry::{Answer, Request, Thumbprint, TokenSource, Transport, TransportFailure};
use grantry_core::{AuthorizationServer, Error};
use grantry_vault::{ClientRecord, MemoryVault, RotationPolicy};

use super::Printed;
use super::token_endpoint::{ISSUER, device_codes, plain_refusal, refusal, scripted, tokens};
use super::vault::{key, me, now, policy};
use crate::secrets::{CANARY, client_secret};

const CALLBACK: &str = "https://app.example.com/callback";

fn server() -> AuthorizationServer {
    AuthorizationServer::builder(format!("{ISSUER}/token"))
        .issuer(ISSUER)
        .authorization_endpoint(format!("{ISSUER}/authorize"))
        .revocation_endpoint(format!("{ISSUER}/revoke"))
        .device_authorization_endpoint(format!("{ISSUER}/device"))
        .build()
        .unwrap()
}

fn user_agent() -> UserAgentBinding {
    UserAgentBinding::from_cookie(&CANARY.repeat(2)).unwrap()
}

pub(super) async fn pantry(to: &Printed) {
    let service = Service::builder("crm", server())
        .client_id("client")
        .secret(client_secret())
        .private_key(CANARY)
        .parameter("api_key", CANARY);
    to.print("grantry::pantry::ServiceBuilder", &service);
    to.print("grantry::pantry::Service", &service.build().unwrap());
    to.print("grantry::pantry::Flow", &Flow::default());
    to.print("grantry::pantry::GrantName", &GrantName::from("crm"));

    let crm = Service::builder("crm", server()).parameter("api_key", CANARY).build().unwrap();
    let calendar = Service::builder("calendar", server())
        .flow(Flow::AuthorizationCode)
        .client_id("client")
        .secret(client_secret())
        .redirect_uri(CALLBACK)
        .build()
        .unwrap();
    let odd = plain_refusal("odd");
    let (codes, denied) = (device_codes(), plain_refusal("access_denied"));
    let grants = [tokens(), refusal("invalid_grant"), codes, denied, odd.clone()];
    let answers = [vec![tokens(), odd, tokens()], grants.to_vec()].concat();
    let answers: [(u16, String); 8] = answers.try_into().unwrap();
    let builder = Grantry::builder()
        .vault(MemoryVault::new())
        .keys(key())
        .access(policy())
        .lifeboat(NoLifeboat)
        .rotation(RotationPolicy::default())
        .transport(scripted(answers))
        .services([crm, calendar]);
    to.print("grantry::pantry::GrantryBuilder", &builder);
    let pantry = builder.open().await.unwrap();
    to.shown.debug(&pantry);
    let mine = pantry.as_principal(me());
    to.print("grantry::pantry::PrincipalPantry", &mine);
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    to.print("grantry::pantry::TenantPantry", &acme);
    let client = ClientRecord::new("client").with_secret(client_secret(), now());
    acme.vault().store_client("crm", client, None).await.unwrap();

    let source = acme.stored_source("crm").await.unwrap();
    assert_eq!(source.token().await.unwrap().expose(), CANARY);
    to.print("grantry::pantry::StoredSource", source.as_ref());
    rotated(to, &acme).await;
    consented(to, &acme).await;
    consented_elsewhere(to, &acme).await;
    shown(to, &pantry, &acme).await;
    let report = acme.remove_service("crm", Revocation::HereOnly).await.unwrap();
    to.print("grantry::pantry::RemovalReport", &report);
    to.print("grantry::pantry::Registration", &report.registration);
    pantry.shutdown().await.unwrap();
    bound(to).await;
}

/// A transport that says that it presents a certificate.
#[derive(Debug)]
struct Presenting(Arc<dyn Transport>, Thumbprint);

#[async_trait]
impl Transport for Presenting {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.0.send(request).await
    }
    fn certificate(&self) -> Option<Thumbprint> {
        Some(self.1)
    }
}

/// A certificate whose key is the canary, and tokens that are exchanged for each other.
async fn bound(to: &Printed) {
    let certificate = rcgen::generate_simple_self_signed(["client.example".to_owned()]).unwrap().cert.pem();
    let thumbprint = Thumbprint(grantry_jose::certificate_thumbprint(&certificate).unwrap());
    let service = |name: &str| {
        let service = Service::builder(name, server()).client_id("client").secret(client_secret());
        service.tls_certificate(&certificate).tls_key(CANARY)
    };
    to.print("grantry::pantry::ServiceBuilder", &service("crm"));
    let orders = service("orders").flow(Flow::TokenExchange).certificate_bound().build().unwrap();
    let pantry = Grantry::builder()
        .vault(MemoryVault::new())
        .keys(key())
        .access(policy())
        .lifeboat(NoLifeboat)
        .transport(Arc::new(Presenting(scripted([tokens(), plain_refusal("odd")]), thumbprint)))
        .services([service("crm").build().unwrap(), orders])
        .open()
        .await
        .unwrap();
    to.shown.debug(&pantry);
    let mine = pantry.as_principal(me());
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    let exchange = acme.exchange("orders", SubjectToken::new(CANARY));
    to.print("grantry::pantry::Exchange", &exchange);
    let source = exchange.source().await.unwrap();
    assert_eq!(source.token().await.unwrap().expose(), CANARY);
    to.print("grantry::pantry::ExchangedSource", source.as_ref());
    let identity = source.identity().unwrap();
    assert!(identity.expose_pem().contains(CANARY));
    to.print("grantry::pantry::TlsIdentity", &identity);
    let refused = acme.exchange("orders", SubjectToken::new(CANARY)).source().await.unwrap();
    to.shown.error(&refused.token().await.unwrap_err());
    pantry.shutdown().await.unwrap();
}

/// A secret that the server explains away, and a renewal.
async fn rotated(to: &Printed, acme: &TenantPantry) {
    let rotated = acme.rotate_secret("crm", Some(CANARY.into()), false).await.unwrap();
    assert!(!rotated.report.is_finished());
    to.print("grantry::pantry::SecretRotated", &rotated);
    let renewed = acme.renew("crm").await.unwrap();
    to.print("grantry::pantry::Renewed", &renewed);
}

/// A consent that is kept, and one that the server refuses with everything that it has.
async fn consented(to: &Printed, acme: &TenantPantry) {
    let name = ("calendar", ACCOUNT);
    for succeeds in [true, false] {
        let asked = acme.authorize(name);
        to.print("grantry::pantry::Authorize", &asked);
        let (redirect, pending) = asked.begin(&user_agent()).await.unwrap();
        to.print("grantry::pantry::PendingConsent", &pending);
        let location = redirect.into_location().unwrap();
        let state = location.split('&').find_map(|pair| pair.strip_prefix("state=")).unwrap();
        let query = format!("state={state}&iss={ISSUER}&code={CANARY}");
        let ended = pending.finish(&user_agent(), Callback::from_query(&query).unwrap()).await;
        assert_eq!(ended.is_ok(), succeeds, "{ended:?}");
        if let Err(not_kept) = ended {
            to.print::<NotKept>("grantry::pantry::NotKept", &not_kept);
        }
    }
}

/// A person who declines on another device.
async fn consented_elsewhere(to: &Printed, acme: &TenantPantry) {
    let pending = acme.authorize_on_device(("calendar", ACCOUNT)).await.unwrap();
    to.print("grantry::pantry::PendingDeviceConsent", &pending);
    let not_kept = pending.finish(|_| ()).await.unwrap_err();
    to.print::<DeviceNotKept>("grantry::pantry::DeviceNotKept", &not_kept);
}

const ACCOUNT: &str = "user-17";

/// How everything is.
async fn shown(to: &Printed, pantry: &Grantry, acme: &TenantPantry) {
    let status = pantry.status();
    assert!(!status.grants.is_empty());
    to.print("grantry::pantry::Status", &status);
    to.shown.debug(&serde_json::to_string(&status).unwrap());
    to.shown.debug(&serde_json::to_string(&acme.status().await.unwrap()).unwrap());
    to.print("grantry::pantry::ProcessStatus", status.process.as_ref().unwrap());
    let open = status.grants.iter().filter_map(|grant| grant.open.as_ref());
    open.for_each(|open| to.print("grantry::pantry::OpenGrant", open));
    let grants = acme.grants(None, 10).await.unwrap();
    grants.iter().for_each(|grant| to.print("grantry::pantry::GrantStatus", grant));
    let trouble = Trouble::of(&Error::configuration("something is wrong"));
    to.print("grantry::pantry::Trouble", &trouble);
    to.print("grantry::pantry::KeysStatus", &KeysStatus::Failed(trouble));
}
