//! Grants that nobody opens in this process, and of which something is left.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, ErrorKind, Grant, GrantKey, Rotation};
use grantry_custody::{Custody, CustodyGrant, NoLifeboat, Opener, Revocation};
use grantry_endpoint::RevocationEndpoint;
use grantry_testkit::{Endpoint, Fault};
use grantry_vault::SealedVault;

use crate::fixture::{GRACE, STRICT, World, key, kind};

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

impl World {
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
