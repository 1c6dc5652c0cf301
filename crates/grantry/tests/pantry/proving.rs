//! Proving a new client secret at the server, where what is kept are people's consents.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use grantry::custody::{SecretRotationReport, SecretStep};
use grantry::pantry::{Flow, Grantry, Service, TenantPantry};
use grantry::vault::audit::MemorySink;
use grantry::vault::{ClientRecord, GrantRecord};
use grantry::{Clock, ErrorAlias, ErrorKind, TokenSource};
use grantry_testkit::{Endpoint, Fault, RegisteredClient};

use crate::fixture::{World, acme, admin};

const ACCOUNT: (&str, &str) = ("calendar", "user-17");

/// A person's consent, and the client's secret in the vault.
async fn consented(world: &World, pantry: &Grantry, client: ClientRecord) -> TenantPantry {
    let acme = acme(pantry);
    acme.vault().store_client("calendar", client, None).await.unwrap();
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme.vault().create_grant(ACCOUNT.0, ACCOUNT.1, record).await.unwrap();
    acme
}

fn registration(world: &World) -> ClientRecord {
    world.registration("s3cret").with_attribute("flow", "authorization_code")
}

async fn exchange(acme: &TenantPantry, new: &str) -> SecretRotationReport {
    acme.rotate_secret("calendar", Some(new.into()), false).await.unwrap().report
}

fn accept_another(world: &World, secret: &str) {
    let client = RegisteredClient::with_secret("billing", "s3cret").or_secret(secret);
    world.server.with_authority(|authority, _| authority.register(client));
}

fn is_proven(report: &SecretRotationReport) -> bool {
    report.steps.contains(&SecretStep::Proven)
}

#[tokio::test(start_paused = true)]
async fn a_new_secret_is_proven_without_spending_a_persons_consent() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = consented(&world, &pantry, registration(&world)).await;
    let before = acme.vault().grant(ACCOUNT.0, ACCOUNT.1).await.unwrap().unwrap();

    let wrong = exchange(&acme, "mistyped").await;
    assert_eq!(wrong.steps, [SecretStep::Stored, SecretStep::TakenBack]);
    assert_eq!(wrong.stopped.unwrap().kind(), ErrorKind::InvalidClient);
    assert_eq!(world.requests(), 1);

    accept_another(&world, "n3w");
    let right = exchange(&acme, "n3w").await;
    assert!(right.is_finished() && is_proven(&right), "{right:?}");
    assert_eq!(world.requests(), 2);
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 0);
    let shown: Vec<String> = world
        .server
        .ledger()
        .of(Endpoint::Token)
        .iter()
        .map(|entry| {
            let form = entry.request.form();
            assert_eq!(form.expose("grant_type"), Some("refresh_token"));
            form.expose("refresh_token").unwrap().to_owned()
        })
        .collect();
    assert!(shown[0] != shown[1] && shown.iter().all(|token| token.len() == 32), "{shown:?}");

    let after = acme.vault().grant(ACCOUNT.0, ACCOUNT.1).await.unwrap().unwrap();
    assert_eq!(after.version.number(), before.version.number(), "nobody touched what is kept");
    let token = acme.source(ACCOUNT).await.unwrap().token().await.unwrap();
    assert!(world.is_valid(&token), "the consent is as it was");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_knows_nobody_at_revocation_proves_no_mistyped_secret() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = consented(&world, &pantry, registration(&world)).await;
    world.server.inject(Endpoint::Revocation, Fault::status(200).until_cleared());
    let report = exchange(&acme, "mistyped").await;
    assert_eq!(report.steps, [SecretStep::Stored, SecretStep::TakenBack]);
    let kept = acme.vault().reveal_client("calendar").await.unwrap().unwrap();
    let secrets: Vec<&str> = kept.secrets().iter().map(|stored| stored.secret.expose()).collect();
    assert_eq!(secrets, ["s3cret"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_revocation_endpoint_finishes_the_exchange_of_its_secret() {
    let world = World::new();
    let pantry = world.open([]).await;
    let client = ClientRecord::new("billing")
        .with_secret("s3cret", world.clock.wall())
        .with_attribute("token_url", world.server.token_endpoint())
        .with_attribute("scopes", "contacts.read")
        .with_attribute("flow", "authorization_code");
    let acme = consented(&world, &pantry, client).await;
    accept_another(&world, "n3w");
    let report = exchange(&acme, "n3w").await;
    assert!(report.is_finished() && is_proven(&report), "{report:?}");
    assert_eq!(report.steps.last(), Some(&SecretStep::OldDropped));
}

/// Servers call a wrong secret by other names than `invalid_client`, too.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_may_be_one_of_the_client_proves_no_secret() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = consented(&world, &pantry, registration(&world)).await;
    for (status, code) in [
        (401, "unauthorized_client"),
        (400, "unauthorized_client"),
        (400, "unsupported_grant_type"),
        (400, "invalid_request"),
        (403, "access_denied"),
        (401, "invalid_grant"),
        (400, "odd"),
    ] {
        let refused = Fault::status(status).with_body(format!(r#"{{"error":"{code}"}}"#));
        world.server.inject(Endpoint::Token, refused.until_cleared());
        let report = exchange(&acme, "mistyped").await;
        assert!(!report.is_finished() && !is_proven(&report), "{code}: {report:?}");
        let error = report.stopped.unwrap();
        assert_eq!(
            (error.kind(), error.oauth_code(), error.status()),
            (ErrorKind::Refused, Some(code), Some(status))
        );
        assert!(error.to_string().contains("does not prove the new secret"), "{error}");
        world.server.clear_faults(Endpoint::Token);
    }
    // Whoever mistyped it tells the right one, and the old one worked all the while.
    assert!(world.is_valid(&acme.source(ACCOUNT).await.unwrap().token().await.unwrap()));
    accept_another(&world, "n3w");
    assert!(exchange(&acme, "n3w").await.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_code_of_the_servers_own_proves_a_secret_where_it_means_the_token_alone() {
    let world = World::new();
    let alias = |status, code| ErrorAlias { status, code, means: "invalid_grant" };
    let server = world.service().build().unwrap().server().to_builder();
    let aliases = [alias(403, "unauthorized_client"), alias(200, "invalid_refresh_token")];
    let server = server.error_aliases(aliases).build().unwrap();
    let service = Service::builder("calendar", server).flow(Flow::AuthorizationCode).scope("contacts.read");
    let pantry = world.open([service]).await;
    let client = ClientRecord::new("billing").with_secret("s3cret", world.clock.wall());
    let acme = consented(&world, &pantry, client).await;
    for (status, code, proves) in [(403, "unauthorized_client", false), (200, "invalid_refresh_token", true)]
    {
        let refused = Fault::status(status).with_body(format!(r#"{{"error":"{code}"}}"#));
        world.server.inject(Endpoint::Token, refused);
        assert_eq!(is_proven(&exchange(&acme, "n3w").await), proves, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_for_a_refresh_token_that_nobody_has_prove_nothing_and_are_dropped() {
    let world = World::new();
    let pantry = world.open([]).await;
    let acme = consented(&world, &pantry, registration(&world)).await;
    let before = acme.vault().grant(ACCOUNT.0, ACCOUNT.1).await.unwrap().unwrap();
    let body = r#"{"access_token":"anybody's","token_type":"Bearer","refresh_token":"anybody's-too"}"#;
    world.server.inject(Endpoint::Token, Fault::status(200).with_body(body));
    let report = exchange(&acme, "mistyped").await;
    assert_eq!(report.steps, [SecretStep::Stored]);
    let error = report.stopped.unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
    assert!(error.to_string().contains("for a refresh token that nobody has"), "{error}");
    let after = acme.vault().grant(ACCOUNT.0, ACCOUNT.1).await.unwrap().unwrap();
    assert_eq!(after.version.number(), before.version.number());
}

#[tokio::test(start_paused = true)]
async fn neither_secret_shows_in_the_trail_the_log_or_an_error_of_a_proof() {
    const NEW: &str = "n3w-canary-9f2c71e04b";
    const OLD: &str = "s3cret";
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let world = World::new();
    let trail = Arc::new(MemorySink::new());
    let pantry = world.builder().audit_sink(Arc::clone(&trail)).open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let acme = consented(&world, &pantry, registration(&world)).await;

    let mut told = String::new();
    let echo = format!(r#"{{"error":"{NEW}","error_description":"{NEW} is not {OLD}"}}"#);
    world.server.inject(Endpoint::Token, Fault::status(400).with_body(echo));
    let echoed = exchange(&acme, NEW).await;
    let refused = exchange(&acme, NEW).await;
    accept_another(&world, NEW);
    let proven = exchange(&acme, NEW).await;
    assert!(!is_proven(&echoed) && !is_proven(&refused) && is_proven(&proven));
    for report in [&echoed, &refused, &proven] {
        write!(told, "{report:?}").unwrap();
        if let Some(error) = &report.stopped {
            write!(told, "{error} {error:?} {:?} {:?}", error.diagnosis(), error.oauth_code()).unwrap();
        }
    }
    let lines: Vec<String> = trail.lines().iter().map(|line| line.to_json()).collect();
    assert!(lines.iter().any(|line| line.contains("client.write")), "the trail tells of the exchange");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("token request failed"), "{logged}");
    for secret in [NEW, OLD] {
        assert!(!told.contains(secret), "{told}");
        assert!(!logged.contains(secret), "{logged}");
        assert!(!lines.iter().any(|line| line.contains(secret)), "{lines:?}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
