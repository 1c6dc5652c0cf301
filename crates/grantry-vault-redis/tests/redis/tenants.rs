//! The wall between tenants that the server's ACL is.

use grantry_core::TenantId;
use grantry_tests::redis::{Redis, Settings};
use grantry_vault::{Precondition, RecordPrefix, SealedRecord, Vault, VaultError};
use grantry_vault_redis::RedisVault;

use crate::{connect, create, key};

/// The user of the crate's first page, for a tenant.
fn user(tenant: &str) -> Vec<String> {
    let page = include_str!("../../src/lib.rs");
    let example = page.split("ACL SETUSER acme").nth(1).unwrap().split("```").next().unwrap();
    let words = example.replace("//!", "").replace('\\', "").replace("acme", tenant).replace("'", "");
    std::iter::once(tenant.to_owned()).chain(words.split_whitespace().map(str::to_owned)).collect()
}

fn server() -> Redis {
    let server = Redis::start(Settings::default()).unwrap();
    for tenant in ["acme", "other"] {
        let words = user(tenant);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        server.command(&[&["ACL", "SETUSER"], words.as_slice()].concat()).unwrap();
    }
    server
}

async fn connect_as(server: &Redis, tenant: &str) -> RedisVault {
    let builder = RedisVault::builder(&server.url_of(tenant, "password"));
    builder.accept_unchecked_settings().connect().await.unwrap()
}

#[tokio::test]
async fn a_tenants_user_does_all_of_its_own_work() {
    let server = server();
    let (everyone, acme) = (connect(&server).await, connect_as(&server, "acme").await);
    let revision = create(&acme, "acme/grant/crm/a", "b").await.unwrap();
    let revision = acme
        .store(&key("acme/grant/crm/a"), SealedRecord::new("c"), Precondition::Matches(revision))
        .await
        .unwrap();
    let own = RecordPrefix::tenant(&TenantId::new("acme").unwrap());
    assert_eq!(acme.list(&own, None, 10).await.unwrap().records.len(), 1);
    assert_eq!(everyone.list(&RecordPrefix::everything(), None, 10).await.unwrap().records.len(), 1);
    acme.now().await.unwrap();
    // What it may not follow does not keep it from following its own.
    drop(acme.watch().unwrap().next_change(&key("other/grant/crm/a")));
    // The first one may come from subscribing.
    acme.watch().unwrap().next_change(&key("acme/grant/crm/a")).await;
    let hint = acme.watch().unwrap().next_change(&key("acme/grant/crm/b"));
    create(&everyone, "acme/grant/crm/b", "c").await.unwrap();
    hint.await;
    acme.remove(&key("acme/grant/crm/a"), &revision).await.unwrap();
}

#[tokio::test]
async fn a_tenants_user_reaches_nothing_of_another() {
    let server = server();
    let (everyone, acme) = (connect(&server).await, connect_as(&server, "acme").await);
    let revision = create(&everyone, "other/grant/crm/a", "b").await.unwrap();
    create(&everyone, "-/keys/-/other", "b").await.unwrap();
    let refused = |error: VaultError| matches!(error, VaultError::Refused(_));
    for text in ["other/grant/crm/a", "-/keys/-/other", "acme-2/grant/crm/a"] {
        assert!(refused(acme.load(&key(text)).await.unwrap_err()), "{text}");
        assert!(refused(create(&acme, text, "c").await.unwrap_err()), "{text}");
        assert!(refused(acme.remove(&key(text), &revision).await.unwrap_err()), "{text}");
    }
    let tenant = RecordPrefix::tenant(&TenantId::new("other").unwrap());
    for prefix in [tenant, RecordPrefix::everything()] {
        assert!(refused(acme.list(&prefix, None, 10).await.unwrap_err()), "{prefix:?}");
    }
    // And past the vault, by any command that the user has.
    let record = "grantry:{other}:r:other/grant/crm/a";
    for attempt in [
        &["HMGET", record, "sealed"][..],
        &["HSET", record, "sealed", "c"],
        &["DEL", record],
        &["ZRANGE", "grantry:{other}:index", "0", "-1"],
        &["ZRANGE", "grantry:tenants", "0", "-1"],
        &["SUBSCRIBE", "grantry:{other}:changes"],
        &["PUBLISH", "grantry:{other}:changes", "a"],
        &["EVAL", "return redis.call('HGET', KEYS[1], 'sealed')", "1", record],
        &["EVAL", "return redis.call('HGET', 'grantry:{other}:r:other/grant/crm/a', 'sealed')", "0"],
        &["KEYS", "*"],
        &["FLUSHALL"],
        &["CONFIG", "GET", "requirepass"],
    ] {
        let denied = server.command_as("acme", "password", attempt).unwrap_err().to_string();
        // Redis 7.0 has another code for what is denied within a script.
        let is_denied =
            denied.contains("NOPERM") || denied.contains("The user executing the script can't access");
        assert!(is_denied, "{attempt:?}: {denied}");
    }
    assert_eq!(everyone.load(&key("other/grant/crm/a")).await.unwrap().unwrap().revision, revision);
}

#[tokio::test]
async fn a_user_for_all_tenants_needs_no_more_than_the_page_says() {
    let server = server();
    let mut words = user("everyone");
    words.retain(|word| !word.starts_with(['~', '%', '&']));
    words.extend(["~grantry:*", "&grantry:*", "+config|get"].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    server.command(&[&["ACL", "SETUSER"], words.as_slice()].concat()).unwrap();
    let vault = RedisVault::connect(&server.url_of("everyone", "password")).await.unwrap();
    let revision = create(&vault, "acme/grant/crm/a", "b").await.unwrap();
    create(&vault, "other/grant/crm/a", "b").await.unwrap();
    assert_eq!(vault.list(&RecordPrefix::everything(), None, 10).await.unwrap().records.len(), 2);
    vault.watch().unwrap().next_change(&key("other/grant/crm/a")).await;
    vault.remove(&key("acme/grant/crm/a"), &revision).await.unwrap();
}
