//! Grants that nobody opens in this process, and of which something is left.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, Clock, ErrorKind, Grant, GrantKey, RefreshToken, Rotation, Scope};
use grantry_custody::{Custody, CustodyGrant, NoLifeboat, Opener, Revocation};
use grantry_endpoint::RevocationEndpoint;
use grantry_testkit::{Endpoint, Fault, Moment, SeededGrant};
use grantry_vault::{GrantRecord, SealedVault};

use crate::fixture::{GRACE, STRICT, World, admin, key, kind};

/// Opens whatever it is asked for.
struct All {
    custody: Custody,
    redemption: Arc<dyn Grant>,
    revocation: RevocationEndpoint,
    rotation: Rotation,
}

#[async_trait]
impl Opener for All {
    async fn open(&self, key: &GrantKey) -> Option<Arc<CustodyGrant>> {
        let grant = self.custody.grant(key.clone(), Arc::clone(&self.redemption));
        let grant = grant.rotation(self.rotation).revoker(self.revocation.clone());
        grant.build().ok().map(Arc::new)
    }
}

/// Never has the first of two grants open: it waits for an issuer that does not answer.
struct HangsForTheFirst(All);

#[async_trait]
impl Opener for HangsForTheFirst {
    async fn open(&self, asked: &GrantKey) -> Option<Arc<CustodyGrant>> {
        if *asked == key() {
            std::future::pending::<()>().await;
        }
        self.0.open(asked).await
    }
}

/// Comes after the other one wherever grants are listed.
fn second_key() -> GrantKey {
    GrantKey::new("acme", "crm", "user-18").unwrap()
}

impl World {
    /// Another grant beside the one that is there.
    async fn second_grant(&self) {
        let consented = SeededGrant::new("crm", Scope::parse("contacts.read").unwrap());
        let wall = self.clock.wall();
        let record = GrantRecord::new(wall).with_refresh_token(self.server.seed_grant(consented), wall);
        let acme = self.vault().await.as_principal(admin()).tenant("acme").unwrap();
        acme.create_grant("crm", "user-18", record).await.unwrap();
    }

    /// The refresh token of that one.
    async fn second_token(&self) -> Option<RefreshToken> {
        let acme = self.vault().await.as_principal(admin()).tenant("acme").unwrap();
        acme.reveal_grant("crm", "user-18").await.unwrap()?.refresh_token().cloned()
    }

    fn is_live(&self, token: &RefreshToken) -> bool {
        let at = Moment::read(&self.clock);
        self.server.with_authority(|authority, _| authority.is_live(token, at))
    }

    /// A process that has opened no grant.
    async fn idle_process(&self) -> (SealedVault, Custody) {
        let vault = self.vault().await;
        let custody = Custody::builder(&vault, NoLifeboat).clock(self.clock.clone()).open().await.unwrap();
        (vault, custody)
    }

    fn opener(&self, custody: &Custody) -> All {
        All {
            custody: custody.clone(),
            redemption: self.redemption(),
            revocation: self.revocation_endpoint(),
            rotation: self.rotation,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_a_dead_process_left_is_finished_inside_the_window_though_nobody_opens_the_grant() {
    let world = World::new(GRACE).await;
    let replica = world.replica().await;
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    assert_eq!(kind(replica.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    replica.custody.close().await;
    drop(replica);
    let (_vault, custody) = world.idle_process().await;
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.requests(), 1, "without an opener nobody can");
    custody.finish_with(world.opener(&custody));
    world.pass(Duration::from_secs(5)).await;
    custody.close().await;
    assert_eq!(world.requests(), 2);
    world.pass(Duration::from_secs(60)).await;
    assert!(world.is_alive().await, "the window is over, and the store holds the successor");
}

#[tokio::test(start_paused = true)]
async fn what_a_process_leaves_that_dies_later_is_finished_inside_the_window_too() {
    let world = World::new(GRACE).await;
    let (_vault, custody) = world.idle_process().await;
    custody.look_in_time_for(GRACE);
    custody.finish_with(world.opener(&custody));
    world.pass(Duration::from_secs(600)).await;
    let replica = world.replica().await;
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    assert_eq!(kind(replica.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    replica.custody.close().await;
    drop(replica);
    world.pass(Duration::from_secs(90)).await;
    custody.close().await;
    assert_eq!(world.requests(), 2);
    assert!(world.is_alive().await, "the window is over, and the store holds the successor");
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_a_dead_process_left_is_finished_though_nobody_opens_the_grant() {
    let world = World::new(STRICT).await;
    let process = world.process("one").await;
    world.server.inject(Endpoint::Revocation, Fault::status(503));
    let report = process.grant.revoke(&process.acme(), Revocation::default()).await.unwrap();
    assert!(report.is_queued(), "{report:?}");
    process.custody.close().await;
    drop(process);
    let (_vault, custody) = world.idle_process().await;
    custody.finish_with(world.opener(&custody));
    world.pass(Duration::from_secs(300)).await;
    custody.close().await;
    assert_eq!(world.server.ledger().count(Endpoint::Revocation), 2);
    assert!(world.stored().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_opener_is_asked_for_nothing_where_nothing_is_left() {
    struct Nobody;
    #[async_trait]
    impl Opener for Nobody {
        async fn open(&self, key: &GrantKey) -> Option<Arc<CustodyGrant>> {
            panic!("{key} is whole")
        }
    }
    let world = World::new(STRICT).await;
    assert!(world.replica().await.grant.obtain(Attempt::first()).await.is_ok());
    assert_eq!(key().tenant(), "acme");
    let (_vault, custody) = world.idle_process().await;
    custody.finish_with(Nobody);
    world.pass(Duration::from_secs(4000)).await;
    custody.close().await;
    assert_eq!(world.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_opener_that_hangs_for_one_grant_keeps_no_other_from_being_finished_inside_its_window() {
    let world = World::new(GRACE).await;
    world.second_grant().await;
    let replica = world.replica().await;
    let second = replica.custody.grant(second_key(), world.redemption()).rotation(GRACE).build().unwrap();
    world.server.inject(Endpoint::Token, Fault::drop_after_handling().times(2));
    assert_eq!(kind(replica.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    assert_eq!(kind(second.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    replica.custody.close().await;
    drop((replica, second));
    let (_vault, custody) = world.idle_process().await;
    custody.finish_with(HangsForTheFirst(world.opener(&custody)));
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(world.requests(), 3);
    world.pass(Duration::from_secs(60)).await;
    assert!(world.is_live(&world.second_token().await.unwrap()), "the store holds the successor");
    let closed = tokio::time::timeout(Duration::from_secs(1), custody.close()).await;
    assert!(closed.is_ok(), "nobody waits for the one that hangs");
}

#[tokio::test(start_paused = true)]
async fn an_opener_that_hangs_for_one_grant_keeps_no_other_from_being_revoked() {
    let world = World::new(STRICT).await;
    world.second_grant().await;
    let token = world.second_token().await.unwrap();
    let acme = world.vault().await.as_principal(admin()).tenant("acme").unwrap();
    for account in ["user-17", "user-18"] {
        acme.stop_grant("crm", account, None).await.unwrap().unwrap();
    }
    let (_vault, custody) = world.idle_process().await;
    custody.finish_with(HangsForTheFirst(world.opener(&custody)));
    world.pass(Duration::from_secs(90)).await;
    assert!(!world.is_live(&token) && world.second_token().await.is_none());
    let closed = tokio::time::timeout(Duration::from_secs(1), custody.close()).await;
    assert!(closed.is_ok(), "nobody waits for the one that hangs");
}
