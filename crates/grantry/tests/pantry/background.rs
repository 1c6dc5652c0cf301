//! What goes on in the background while a pantry lives, and no longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry::config::{Config, Source, SystemSurroundings};
use grantry::custody::{HealthState, ReapedOutcome};
use grantry::pantry::{Grantry, KeysStatus};
use grantry::vault::{
    GrantRecord, KeyContext, KeyError, KeyId, KeyProvider, KeyRotation, KeyVersion, LocalKey, LocalKeySet,
    RotationPolicy, RotationReport, TenantKey, VaultKeys, WrappedKey,
};
use grantry::{Clock, ErrorKind, TokenSource};
use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{World, acme, admin};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl World {
    /// Time passes, from timer to timer.
    async fn hours(&self, hours: u32) {
        tokio::time::sleep(HOUR * hours).await;
    }

    async fn days(&self, days: u32) {
        self.hours(24 * days).await;
    }

    /// A key file as old as the world.
    fn make_key_file(&self) {
        let keys = LocalKeySet::generate(self.clock.wall()).to_text();
        self.write_key_file(keys.as_bytes());
    }

    fn write_key_file(&self, bytes: &[u8]) {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.key_file());
        file.unwrap().write_all(bytes).unwrap();
    }

    fn key_file(&self) -> std::path::PathBuf {
        self.folder.path().join("grantry.key")
    }

    fn rotating(&self) -> VaultKeys {
        let key = LocalKey::from_file(self.key_file()).unwrap();
        VaultKeys::rotating(key.with_clock(Arc::new(self.clock.clone())))
    }
}

fn last_rotation(pantry: &Grantry) -> RotationReport {
    match pantry.status().process.unwrap().keys {
        Some(KeysStatus::Done(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_exchanged_while_it_lives_and_everything_stays_readable() {
    let world = World::new();
    world.make_key_file();
    let policy = RotationPolicy::default().every(HOUR * 12).warn_before(HOUR).hold(HOUR);
    let builder = world.builder().services([world.service().build().unwrap()]).look_every(HOUR);
    let pantry = builder.keys(world.rotating()).rotation(policy.clone()).open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme(&pantry).vault().create_grant("calendar", "user-17", record).await.unwrap();
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    let ids = async |pantry: &Grantry| {
        let mine = pantry.as_principal(admin());
        let ages = mine.vault().key_ages(&policy, None, 10).await.unwrap();
        format!("{ages:?}")
    };
    let before = ids(&pantry).await;
    let file = std::fs::read(world.key_file()).unwrap();

    world.hours(6).await;
    assert_eq!(last_rotation(&pantry).new_epochs, 0, "they are young");
    assert_eq!(std::fs::read(world.key_file()).unwrap(), file);

    world.hours(18).await;
    assert_ne!(ids(&pantry).await, before);
    assert_ne!(std::fs::read(world.key_file()).unwrap(), file);
    let report = last_rotation(&pantry);
    assert!(report.failed.is_empty() && report.refused.is_empty(), "{report:?}");
    assert!(world.is_valid(&source.token().await.unwrap()));

    // A key is gone where nothing names it, and the newest of the file opens everything.
    pantry.shutdown().await.unwrap();
    let services = [world.service().build().unwrap(), world.calendar().build().unwrap()];
    let builder = world.builder().keys(world.rotating()).services(services);
    let again = builder.without_rotation().open().await.unwrap();
    let calendar = acme(&again).source(("calendar", "user-17")).await.unwrap();
    assert!(world.is_valid(&calendar.token().await.unwrap()));
    assert!(again.status().process.unwrap().keys.is_none());

    // Whoever was shut down, or exchanges no keys, leaves them as they are.
    let file = std::fs::read(world.key_file()).unwrap();
    world.days(1).await;
    assert_eq!(std::fs::read(world.key_file()).unwrap(), file);
}

/// A key that wraps and unwraps, and of which no new version can be made while that is said.
#[derive(Debug, Clone)]
struct Stuck {
    key: Arc<LocalKey>,
    is_stuck: Arc<AtomicBool>,
}

#[async_trait]
impl KeyProvider for Stuck {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        self.key.wrap_key(key, context).await
    }
    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        self.key.unwrap_key(wrapped, context).await
    }
    async fn active(&self) -> Result<KeyId, KeyError> {
        self.key.active().await
    }
}

#[async_trait]
impl KeyRotation for Stuck {
    async fn versions(&self) -> Result<Vec<KeyVersion>, KeyError> {
        self.key.versions().await
    }
    async fn create(&self) -> Result<KeyId, KeyError> {
        if self.is_stuck.load(Ordering::SeqCst) {
            return Err(KeyError::Unavailable("the HSM has no room left".into()));
        }
        self.key.create().await
    }
    async fn promote(&self, key: &KeyId) -> Result<(), KeyError> {
        self.key.promote(key).await
    }
    async fn retire(&self, key: &KeyId) -> Result<(), KeyError> {
        self.key.retire(key).await
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_exchanged_are_told_and_tokens_go_on() {
    let world = World::new();
    world.make_key_file();
    let key = LocalKey::from_file(world.key_file()).unwrap().with_clock(Arc::new(world.clock.clone()));
    let stuck = Stuck { key: Arc::new(key), is_stuck: Arc::new(AtomicBool::new(true)) };
    let policy = RotationPolicy::default().every(HOUR * 12).warn_before(HOUR).hold(HOUR);
    let builder = world.builder().services([world.service().build().unwrap()]).look_every(HOUR);
    let builder = builder.keys(VaultKeys::rotating(stuck.clone())).rotation(policy);
    let pantry = builder.open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    world.days(1).await;
    let status = pantry.status();
    let Some(KeysStatus::Failed(trouble)) = &status.process.as_ref().unwrap().keys else {
        panic!("{status:?}");
    };
    assert!(!trouble.remedy.is_empty(), "{trouble:?}");
    let told = serde_json::to_value(&status).unwrap();
    assert_eq!(told["process"]["keys"]["outcome"], "failed");
    assert_eq!(told["process"]["keys"]["trouble"]["kind"], trouble.kind);
    assert!(world.is_valid(&source.token().await.unwrap()));

    stuck.is_stuck.store(false, Ordering::SeqCst);
    world.hours(2).await;
    assert!(last_rotation(&pantry).failed.is_empty());
    assert_eq!(serde_json::to_value(pantry.status()).unwrap()["process"]["keys"]["outcome"], "done");
    assert!(world.is_valid(&source.token().await.unwrap()));
    pantry.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_configuration_has_unused_grants_revoked_too() {
    let world = World::new();
    let text = format!(
        r#"{{"vault": {{"type": "memory", "reaper": {{"unusedFor": 1, "principal": "{}"}}}}}}"#,
        admin().as_str()
    );
    let config = Config::load([Source::text("reaper.json", text)], &SystemSurroundings::new()).unwrap();
    let services = [world.calendar().build().unwrap()];
    let builder = world.builder().services(services).without_rotation().look_every(HOUR);
    let pantry = builder.config(config).open().await.unwrap();
    let itself = pantry.as_principal(admin());
    itself.create_tenant("acme").await.unwrap();
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    let acme = itself.tenant("acme").unwrap();
    acme.vault().create_grant("calendar", "user-17", record).await.unwrap();
    world.hours(20).await;
    assert_eq!(acme.grants(None, 10).await.unwrap().len(), 1);
    world.days(2).await;
    assert!(acme.grants(None, 10).await.unwrap().is_empty());
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 1);
    pantry.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_uses_is_revoked_while_it_lives_and_what_is_used_is_not() {
    let world = World::new();
    let services = [world.calendar().build().unwrap()];
    let builder = world.builder().services(services).without_rotation().look_every(HOUR);
    let pantry = builder.reap_unused(DAY, admin()).open().await.unwrap();
    let itself = pantry.as_principal(admin());
    for tenant in ["acme", "globex"] {
        itself.create_tenant(tenant).await.unwrap();
        let wall = world.clock.wall();
        let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
        let vault = itself.tenant(tenant).unwrap().vault().clone();
        vault.create_grant("calendar", "user-17", record).await.unwrap();
    }
    let used = acme(&pantry).source(("calendar", "user-17")).await.unwrap();
    for day in 1..=3 {
        used.token().await.unwrap();
        world.days(1).await;
        let left = itself.tenant("globex").unwrap().grants(None, 10).await.unwrap();
        assert_eq!(left.is_empty(), day >= 2, "day {day}: {left:?}");
    }
    assert!(world.is_valid(&used.token().await.unwrap()));
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 1, "that of globex");
    assert_eq!(acme(&pantry).grants(None, 10).await.unwrap().len(), 1);
    let again = itself.tenant("globex").unwrap().source(("calendar", "user-17")).await;
    assert_eq!(again.err().unwrap().kind(), ErrorKind::InvalidGrant);

    // A dry run says what would go, and changes nothing.
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme(&pantry).vault().create_grant("calendar", "user-19", record).await.unwrap();
    world.hours(2).await;
    let looked_at = acme(&pantry).reap(HOUR, true).await.unwrap();
    let unused = looked_at.iter().filter(|reaped| matches!(reaped.outcome, ReapedOutcome::Unused));
    assert_eq!(unused.map(|reaped| reaped.key.account()).collect::<Vec<_>>(), ["user-19"]);
    assert_eq!(acme(&pantry).grants(None, 10).await.unwrap().len(), 2);
    acme(&pantry).reap(HOUR, false).await.unwrap();
    assert_eq!(acme(&pantry).grants(None, 10).await.unwrap().len(), 1);

    // A server that is away keeps what is to be revoked waiting, and nobody uses it.
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    let globex = itself.tenant("globex").unwrap();
    globex.vault().create_grant("calendar", "user-18", record).await.unwrap();
    world.server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    world.days(2).await;
    let left = globex.grants(None, 10).await.unwrap();
    assert_eq!(left[0].stored.as_ref().unwrap().state, HealthState::Revoking);
    world.server.clear_faults(Endpoint::Revocation);
    world.days(1).await;
    assert!(globex.grants(None, 10).await.unwrap().is_empty());

    // Shut down, it revokes nothing more.
    pantry.shutdown().await.unwrap();
    let revoked = world.server.ledger().count(Endpoint::Revocation);
    world.days(2).await;
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), revoked);
}

/// The process that comes next opens grants when they are asked for, and nobody asks for this one.
#[tokio::test(start_paused = true)]
async fn what_a_process_left_half_done_is_finished_by_the_next_that_is_there_to_stay() {
    let world = World::new();
    let pantry = world.open([world.calendar()]).await;
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme(&pantry).vault().create_grant("calendar", "user-17", record).await.unwrap();
    // The request never arrives, but nobody can know that.
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    let source = acme(&pantry).source(("calendar", "user-17")).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1), source.token()).await.is_err());
    pantry.shutdown().await.unwrap();
    assert_eq!(world.requests(), 1);
    let calendar = || [world.calendar().build().unwrap()];
    let brief = world.builder().services(calendar()).for_a_moment().open().await.unwrap();
    world.pass(Duration::from_secs(60)).await;
    brief.shutdown().await.unwrap();
    assert_eq!(world.requests(), 1);
    let next = world.builder().services(calendar()).open().await.unwrap();
    world.pass(Duration::from_secs(60)).await;
    next.shutdown().await.unwrap();
    assert_eq!(world.requests(), 2);
    let last = world.builder().services(calendar()).open().await.unwrap();
    acme(&last).source(("calendar", "user-17")).await.unwrap().token().await.unwrap();
    assert_eq!(world.requests(), 2, "it is there");
}
