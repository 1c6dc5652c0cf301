//! Doubts that are resolved by themselves.

use std::time::Duration;

use grantry_core::{Attempt, ErrorKind, Grant};
use grantry_custody::{Custody, NoLifeboat};
use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{GRACE, World, key, kind};

#[tokio::test(start_paused = true)]
async fn a_doubt_that_comes_up_while_another_is_found_to_be_gone_is_resolved_before_the_next_look() {
    let world = World::new(GRACE).await;
    let vault = world.vault().await;
    let custody = Custody::builder(&vault, NoLifeboat).clock(world.clock.clone());
    let custody = custody.look_every(Duration::from_secs(3600)).open().await.unwrap();
    let grant = custody.grant(key(), world.redemption()).rotation(GRACE).build().unwrap();
    world.pass(Duration::from_secs(2)).await;
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert_eq!(kind(grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    // Whoever asks resolves it before it is done by itself, which then reads that there is none.
    let set = grant.obtain(Attempt::first()).await.unwrap();
    world.store.set_late(Duration::from_secs(2));
    tokio::time::sleep(Duration::from_millis(250)).await;
    world.store.set_late(Duration::ZERO);
    // The next one comes up while that answer is on its way.
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    assert_eq!(kind(grant.obtain(Attempt::replace(&set)).await), ErrorKind::InDoubt);
    assert_eq!(world.requests(), 3);
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(world.requests(), 4);
    world.pass(Duration::from_secs(60)).await;
    assert!(world.is_alive().await);
}
