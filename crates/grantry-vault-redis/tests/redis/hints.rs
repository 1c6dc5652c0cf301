//! Hints of changes.

use std::time::Duration;

use grantry_vault::Vault;
use tokio::time::timeout;

use crate::{connect, create, key, server};

/// Far more than a hint ever takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_hint_reaches_the_own_process_and_another() {
    let server = server();
    let (one, other) = (connect(&server).await, connect(&server).await);
    let text = "acme/grant/crm/a";
    let own = one.watch().unwrap().next_change(&key(text));
    // The first one may come early: the subscription had to be made.
    timeout(PATIENCE, async {
        other.watch().unwrap().next_change(&key(text)).await;
    })
    .await
    .unwrap();
    let foreign = other.watch().unwrap().next_change(&key(text));
    let unrelated = other.watch().unwrap().next_change(&key("acme/grant/crm/b"));
    let revision = create(&one, text, "b").await.unwrap();
    timeout(PATIENCE, own).await.unwrap();
    timeout(PATIENCE, foreign).await.unwrap();
    let removed = other.watch().unwrap().next_change(&key(text));
    one.remove(&key(text), &revision).await.unwrap();
    timeout(PATIENCE, removed).await.unwrap();
    assert!(timeout(Duration::from_millis(50), unrelated).await.is_err());
}

#[tokio::test]
async fn a_lost_subscription_wakes_everybody_once_it_is_back() {
    let mut server = server();
    let vault = connect(&server).await;
    timeout(PATIENCE, vault.watch().unwrap().next_change(&key("acme/grant/crm/a"))).await.unwrap();
    let waiting = vault.watch().unwrap().next_change(&key("acme/grant/crm/a"));
    server.restart().unwrap();
    timeout(PATIENCE, waiting).await.unwrap();
    // And it is followed again.
    let other = connect(&server).await;
    let waiting = vault.watch().unwrap().next_change(&key("acme/grant/crm/b"));
    create(&other, "acme/grant/crm/b", "c").await.unwrap();
    timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn tenants_are_followed_as_somebody_waits_for_them() {
    let server = server();
    let (one, other) = (connect(&server).await, connect(&server).await);
    for nth in 0..20 {
        let text = format!("tenant-{nth}/grant/crm/a");
        let waiting = one.watch().unwrap().next_change(&key(&text));
        create(&other, &text, "b").await.unwrap();
        timeout(PATIENCE, waiting).await.unwrap();
    }
}
