//! A service that runs and the command, on one vault at once.

use std::sync::Arc;
use std::time::Duration;

use grantry::custody::HealthState;
use grantry::pantry::{Grantry, TenantPantry};
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{GrantRecord, LocalKey, VaultKeys};
use grantry::{Clock, ErrorKind, Rotation, Scope, SqliteVault, SystemClock, TokenSource};
use grantry_testkit::{Endpoint, Outcome, RegisteredClient, SeededGrant, TestServer};
use serde_json::Value;

use crate::fixture::{Home, NEW_SECRET, SECRET, revocation_url, server, server_with};

/// The service that runs all the time.
struct Service {
    pantry: Grantry,
    tenant: TenantPantry,
}

impl Service {
    async fn start(home: &Home) -> Self {
        let (vault, me) = (home.vault(), Principal::workload("billing").unwrap());
        let pantry = Grantry::builder()
            .vault(SqliteVault::open(vault.join("grantry.db")).await.unwrap())
            .keys(VaultKeys::rotating(LocalKey::from_file(vault.join("grantry.key")).unwrap()))
            .lifeboats(vault.join("lifeboats"))
            .access(AccessPolicy::sole(&me))
            .principal(me)
            .process_name("billing")
            .open()
            .await
            .unwrap();
        let tenant = pantry.tenant("default").unwrap();
        Self { pantry, tenant }
    }

    /// What the service gives out after it has renewed.
    async fn renewed(&self, account: &str, source: &Arc<dyn TokenSource>) -> String {
        self.tenant.renew(("crm", account)).await.unwrap();
        source.token().await.unwrap().expose().to_owned()
    }

    /// As `auth status --json` prints it, without what a running process knows beside it.
    async fn stored(&self) -> Value {
        let mut status = serde_json::to_value(self.tenant.status().await.unwrap()).unwrap();
        let object = status.as_object_mut().unwrap();
        object.remove("process").unwrap();
        for grant in object["grants"].as_array_mut().unwrap() {
            let grant = grant.as_object_mut().unwrap();
            grant.remove("open").unwrap();
            // Uses that are not written yet are known to those who made them.
            grant.remove("calls").unwrap();
            grant.remove("last_used_day").unwrap();
        }
        status
    }
}

async fn printed(home: &Home) -> String {
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    token.stdout.trim().to_owned()
}

/// The token that comes after this one was refused by an API. Refusals in a row count once.
async fn refused_by_an_api(source: &Arc<dyn TokenSource>) -> String {
    let held = source.token().await.unwrap();
    source.reject(&held);
    source.token().await.unwrap().expose().to_owned()
}

fn refused(server: &TestServer) -> usize {
    let is_refused =
        |outcome: &Outcome| !matches!(outcome, Outcome::Answered { status, .. } if status.is_success());
    server.ledger().of(Endpoint::Token).iter().filter(|entry| is_refused(&entry.outcome)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_and_the_command_share_one_vault_and_no_request_is_made_twice() {
    let (home, server) = (Home::new(), server().await);
    let requests = || server.ledger().count(Endpoint::Token);
    home.set(&server).await.ends(0);
    let service = Service::start(&home).await;
    let source = service.tenant.source("crm").await.unwrap();

    // What one obtained the other gives out.
    let first = source.token().await.unwrap().expose().to_owned();
    assert_eq!(printed(&home).await, first);
    assert_eq!(requests(), 1);
    let list = home.run(&["auth", "list", "--json"]).await.ends(0).json();
    assert_eq!((&list["services"][0]["service"], &list["services"][0]["grants"]), (&"crm".into(), &1.into()));

    // Both tell the same of what is stored, in the same form.
    let mut told = home.run(&["auth", "status", "--json"]).await.ends(0).json();
    let mut stored = service.stored().await;
    for status in [&mut told, &mut stored] {
        let object = status.as_object_mut().unwrap();
        object.remove("at").unwrap();
        for grant in object["grants"].as_array_mut().unwrap() {
            grant.as_object_mut().unwrap().remove("calls");
            grant.as_object_mut().unwrap().remove("last_used_day");
        }
    }
    assert_eq!(told, stored);

    // The command renews; the service finds what it brought, without a request of its own.
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
    assert_eq!(requests(), 2);
    let second = refused_by_an_api(&source).await;
    assert_ne!(second, first);
    assert_eq!(printed(&home).await, second);
    assert_eq!(requests(), 2);

    // The service renews; the command prints that.
    let third = service.renewed("default", &source).await;
    assert_ne!(third, second);
    assert_eq!(printed(&home).await, third);
    assert_eq!(requests(), 3);

    // Keys are exchanged beneath an open service.
    home.run(&["vault", "rotate-keys"]).await.ends(0);
    let fourth = service.renewed("default", &source).await;
    assert_eq!(printed(&home).await, fourth);
    assert_eq!((requests(), refused(&server)), (4, 0));

    // So is the client's secret: the server knows both until the old one is dropped.
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", SECRET).or_secret(NEW_SECRET));
    });
    let flags = ["auth", "rotate", "--service", "crm", "--client-secret-stdin"];
    home.run_with_stdin(&flags, NEW_SECRET).await.ends(0);
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", NEW_SECRET));
    });
    let before = (requests(), refused(&server));
    let fifth = service.renewed("default", &source).await;
    assert_ne!(fifth, fourth);
    assert_eq!(printed(&home).await, fifth);
    let sixth = service.renewed("default", &source).await;
    assert_eq!(printed(&home).await, sixth);
    assert_eq!((requests() - before.0, refused(&server) - before.1), (2, 0), "nobody shows the old secret");

    // What the command removes is gone for the service.
    home.run(&["auth", "remove", "--service", "crm"]).await.ends(0);
    let left = requests();
    service.pantry.reread().await.unwrap();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
    assert!(source.ready().is_none());
    let error = service.tenant.source("crm").await.err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound), "{error}");
    assert!(!service.pantry.status().is_well());
    assert_eq!(requests(), left);

    // And stored anew it is there again, for the same handle.
    home.run_with_stdin(
        &[
            "auth",
            "set",
            "--service",
            "crm",
            "--client-id",
            "billing",
            "--client-secret-stdin",
            "--token-url",
            &server.token_endpoint(),
            "--revocation-url",
            &revocation_url(&server),
        ],
        NEW_SECRET,
    )
    .await
    .ends(0);
    let again = service.tenant.source("crm").await.unwrap();
    let token = again.token().await.unwrap();
    assert_eq!(source.token().await.unwrap().expose(), token.expose());
    assert_eq!(printed(&home).await, token.expose());
    service.pantry.shutdown().await.unwrap();
    assert_eq!(printed(&home).await, token.expose());
    let trail = home.run(&["audit", "verify"]).await.ends(0);
    assert!(!trail.stdout.is_empty() || !trail.stderr.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_good_once_survives_a_service_and_commands_that_renew_at_once() {
    const ROUNDS: usize = 6;
    let home = Home::new();
    let server = TestServer::builder()
        .client(RegisteredClient::with_secret("billing", SECRET))
        .rotation(Rotation::Strict { revokes_family: true })
        .start()
        .await
        .unwrap();
    home.set(&server).await.ends(0);
    home.run(&["auth", "set", "--service", "crm", "--flow", "authorization_code", "--rotation", "strict"])
        .await
        .ends(0);
    let service = Service::start(&home).await;
    let consent = server.seed_grant(SeededGrant::new("billing", Scope::parse("contacts.read").unwrap()));
    let now = SystemClock::new().wall();
    let record = GrantRecord::new(now).with_refresh_token(consent, now);
    service.tenant.vault().create_grant("crm", "ana", record).await.unwrap();
    let source = service.tenant.source(("crm", "ana")).await.unwrap();
    for _ in 0..ROUNDS {
        let refresh = ["auth", "refresh", "--service", "crm", "--account", "ana"];
        let (token, one, other) =
            tokio::join!(service.renewed("ana", &source), home.run(&refresh), home.run(&refresh));
        assert!(!token.is_empty());
        one.ends(0);
        other.ends(0);
    }
    assert_eq!(refused(&server), 0, "{:?}", server.ledger().of(Endpoint::Token));
    // Whoever was asked sent one request, or took what another one brought.
    assert!(server.ledger().count(Endpoint::Token) <= 3 * ROUNDS as u64 + 1);
    let status = service.tenant.status().await.unwrap();
    let ana = status.grants.iter().find(|grant| grant.key.account() == "ana").unwrap();
    assert_eq!(ana.stored.as_ref().unwrap().state, HealthState::Active);

    // The person's consent is revoked by the command; the service asks nobody in vain.
    home.run(&["auth", "revoke", "--service", "crm", "--account", "ana"]).await.ends(0);
    let requests = server.ledger().count(Endpoint::Token);
    let error = service.tenant.renew(("crm", "ana")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{error}");
    assert_eq!(server.ledger().count(Endpoint::Token), requests);
    service.pantry.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_renews_in_the_background_the_command_gives_out() {
    let home = Home::new();
    let server = TestServer::builder()
        .client(RegisteredClient::with_secret("billing", SECRET))
        .token_lifetime(Duration::from_secs(8))
        .start()
        .await
        .unwrap();
    home.set(&server).await.ends(0);
    home.run(&["auth", "set", "--service", "crm", "--buffer-time", "5"]).await.ends(0);
    let service = Service::start(&home).await;
    let source = service.tenant.source("crm").await.unwrap();
    let mut seen = vec![source.token().await.unwrap().expose().to_owned()];
    while seen.len() < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // Nobody asks for it: it is renewed by itself, and only looked at here.
        let open = service.pantry.status().grants[0].open.clone().unwrap();
        if open.renewals.0 as usize > seen.len() {
            seen.push(printed(&home).await);
        }
    }
    seen.dedup();
    assert!(seen.len() >= 2, "the command follows");
    service.pantry.shutdown().await.unwrap();
    assert_eq!(refused(&server), 0);
    assert!(server.ledger().count(Endpoint::Token) >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_of_the_same_client_is_left_alone() {
    let home = Home::new();
    let server = server_with(RegisteredClient::with_secret("billing", SECRET)).await;
    home.set(&server).await.ends(0);
    home.run_with_stdin(
        &[
            "auth",
            "set",
            "--service",
            "erp",
            "--client-id",
            "billing",
            "--client-secret-stdin",
            "--token-url",
            &server.token_endpoint(),
        ],
        SECRET,
    )
    .await
    .ends(0);
    let service = Service::start(&home).await;
    let (crm, erp) =
        (service.tenant.source("crm").await.unwrap(), service.tenant.source("erp").await.unwrap());
    crm.token().await.unwrap();
    let token = erp.token().await.unwrap();
    home.run(&["auth", "remove", "--service", "crm"]).await.ends(0);
    service.pantry.reread().await.unwrap();
    assert_eq!(crm.token().await.unwrap_err().kind(), ErrorKind::Removed);
    assert_eq!(erp.token().await.unwrap().expose(), token.expose());
    service.pantry.shutdown().await.unwrap();
}
