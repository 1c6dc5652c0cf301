//! `auth remove`, where not everything goes at once.

use grantry::SqliteVault;
use grantry::vault::{Precondition, RecordKey, SealedRecord, Vault};
use grantry_testkit::{Endpoint, Fault};
use serde_json::json;

use crate::fixture::{Home, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_asked_to_revoke_keeps_the_credentials_until_it_was() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    let removed = home.run(&["auth", "remove", "--service", "crm"]).await.ends(5);
    assert!(removed.stderr.contains("stay until the server has revoked"), "{}", removed.stderr);
    let removed = home.run(&["auth", "remove", "--service", "crm", "--json"]).await.ends(5).json();
    assert_eq!((&removed["removed"], &removed["left"]), (&json!(false), &json!([])), "{removed}");
    let grant = &removed["grants"][0];
    assert_eq!(
        (&grant["queued"], &grant["deleted"], &grant["revoked_at_server"]),
        (&json!(true), &json!(false), &json!(false)),
        "{removed}"
    );
    server.clear_faults(Endpoint::Revocation);
    home.run(&["auth", "remove", "--service", "crm"]).await.ends(0);
    home.run(&["auth", "remove", "--service", "crm"]).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_only_asks_no_server() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let removed = home.run(&["auth", "remove", "--service", "crm", "--local-only"]).await.ends(0);
    assert!(removed.stderr.contains("the server was not asked"), "{}", removed.stderr);
    assert_eq!(server.ledger().count(Endpoint::Revocation), 0);
}

/// Something breaks the record of the only grant.
async fn break_the_grant(home: &Home) {
    let store = SqliteVault::open(home.vault().join("grantry.db")).await.unwrap();
    let key = RecordKey::parse("default/grant/crm/default").unwrap();
    let stored = store.load(&key).await.unwrap().unwrap();
    let mut bytes = stored.sealed.as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    store.store(&key, SealedRecord::new(bytes), Precondition::Matches(stored.revision)).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_cannot_be_read_keeps_its_credentials_unless_no_server_is_to_be_asked() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    break_the_grant(&home).await;
    let removed = home.run(&["auth", "remove", "--service", "crm"]).await.ends(6);
    assert!(removed.stderr.contains("default: left as it is"), "{}", removed.stderr);
    assert!(
        removed
            .stderr
            .contains("stay while a grant is left that uses them: run it again, or with --local-only"),
        "{}",
        removed.stderr
    );
    let removed = home.run(&["auth", "remove", "--service", "crm", "--json"]).await.ends(6).json();
    assert_eq!((&removed["removed"], &removed["grants"]), (&json!(false), &json!([])), "{removed}");
    let left = &removed["left"][0];
    assert_eq!((&left["account"], &left["kind"]), (&json!("default"), &json!("damaged")), "{removed}");
    assert_eq!(server.ledger().count(Endpoint::Revocation), 0);
    let arguments = ["auth", "remove", "--service", "crm", "--local-only", "--json"];
    let removed = home.run(&arguments).await.ends(6).json();
    assert_eq!(removed["removed"], true, "{removed}");
    home.run(&["auth", "token", "--service", "crm"]).await.ends(3);
}
