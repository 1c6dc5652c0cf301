//! A client's own grant, shared by replicas through a vault: for servers that count token requests.

use std::sync::Arc;

use grantry_core::{Attempt, Clock, Grant, GrantKey, SystemClock, TokenSet};
use grantry_custody::{Custody, CustodyGrant, NoLifeboat};
use grantry_testkit::{Endpoint, Fault, TestServer};
use grantry_vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry_vault::{GrantRecord, LocalKey, MemoryVault, SealedVault};
use zeroize::Zeroizing;

const REPLICAS: usize = 8;
const CALLERS: usize = 8;

/// One process, with the vault that it reaches the store through.
struct Replica {
    _vault: SealedVault,
    _custody: Custody,
    grant: CustodyGrant,
}

fn key() -> GrantKey {
    GrantKey::new("acme", "orders", "default").unwrap()
}

async fn vault(store: &Arc<MemoryVault>) -> SealedVault {
    let everything = Role::custom("everything", Permission::ALL.iter().copied()).unwrap();
    let binding = Binding::allow(admin(), "everything", Reach::everything());
    let policy = AccessPolicy::builder().role(everything).bind(binding).build().unwrap();
    let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
    SealedVault::builder(Arc::clone(store), key, policy).open().await.unwrap()
}

fn admin() -> Principal {
    Principal::workload("admin").unwrap()
}

async fn replicas(server: &TestServer) -> Vec<Replica> {
    let store = Arc::new(MemoryVault::new());
    let mine = vault(&store).await.as_principal(admin());
    mine.create_tenant("acme").await.unwrap();
    let record = GrantRecord::new(SystemClock::new().wall());
    mine.tenant("acme").unwrap().create_grant("orders", "default", record).await.unwrap();
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        let vault = vault(&store).await;
        let custody = Custody::builder(&vault, NoLifeboat).open().await.unwrap();
        let grant = custody.grant(key(), crate::grant(server)).build().unwrap();
        replicas.push(Replica { _vault: vault, _custody: custody, grant });
    }
    replicas
}

/// Every caller of every replica asks at once for a token in place of the one that it holds.
async fn all_ask(replicas: &[Replica], held: &[Option<TokenSet>]) -> Vec<Option<TokenSet>> {
    let calls = held.iter().enumerate().map(|(nth, held)| async move {
        // As a source does: what sent nothing, or cannot tell, is asked again.
        loop {
            let attempt = Attempt::replace_if_any(held.as_ref());
            match replicas[nth % REPLICAS].grant.obtain(attempt).await {
                Ok(set) => return Some(set),
                Err(failure) => assert!(failure.error.kind() != grantry_core::ErrorKind::InvalidGrant),
            }
        }
    });
    futures_util::future::join_all(calls).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_replicas_and_eight_callers_each_share_one_token_request() {
    let server = crate::server().await;
    let replicas = replicas(&server).await;
    let mut held = vec![None; REPLICAS * CALLERS];
    for round in 1..=3 {
        held = all_ask(&replicas, &held).await;
        assert_eq!(server.ledger().count(Endpoint::Token), round);
        let first = held[0].as_ref().unwrap().token().expose().to_owned();
        assert!(held.iter().flatten().all(|set| set.token().expose() == first), "one token for all");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_leaves_no_doubt_and_costs_one_more_request() {
    let server = crate::server().await;
    let replicas = replicas(&server).await;
    server.inject(Endpoint::Token, Fault::drop_after_handling());
    let held = all_ask(&replicas, &vec![None; REPLICAS * CALLERS]).await;
    assert!(held.iter().all(Option::is_some));
    assert_eq!(server.ledger().count(Endpoint::Token), 2);
}
