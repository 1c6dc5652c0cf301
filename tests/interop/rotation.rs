//! A server that rotates refresh tokens and revokes the grant when a used one comes back, and eight who want the next at once.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use grantry::vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry::vault::{GrantRecord, LocalKey, MemoryVault, SealedVault};
use grantry::{
    Attempt, ClientAuthentication, Clock, Grant, GrantKey, KeepError, Keeper, Kept, RefreshToken,
    RefreshTokenGrant, Rotation, SystemClock, TokenSet,
};
use grantry_custody::{Custody, CustodyGrant, NoLifeboat};
use grantry_endpoint::{RefreshTokenRedemption, TokenEndpoint};
use grantry_tests::{Fallible, OidcProvider};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::support::{endpoint, start};

const EIGHT: usize = 8;

fn refreshing(server: &OidcProvider) -> Fallible<TokenEndpoint> {
    endpoint(server, "refreshing", ClientAuthentication::secret_basic("refreshing-secret"))
}

/// Everything that anybody was given.
#[derive(Debug, Default)]
struct Shelf(Mutex<Vec<String>>);

#[async_trait]
impl Keeper for Shelf {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        let token = kept.refresh_token.expose().to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_who_redeem_one_refresh_token_at_once_lose_the_grant() {
    let server = start().unwrap();
    let first = server.refresh_token().unwrap();
    let shelf = Arc::new(Shelf::default());
    let mut careless = JoinSet::new();
    for _ in 0..EIGHT {
        let token = RefreshToken::new(&first);
        let keeper: Arc<dyn Keeper> = shelf.clone();
        let grant = RefreshTokenGrant::new(refreshing(&server).unwrap(), token, keeper).unwrap();
        careless.spawn(async move { grant.obtain(Attempt::first()).await.is_ok() });
    }
    let served = careless.join_all().await.into_iter().filter(|served| *served).count();
    assert!(served < EIGHT, "a used one is refused");
    let mut kept = shelf.0.lock().unwrap().clone();
    kept.push(first);
    assert!(kept.iter().all(|token| !server.is_live(token).unwrap()), "nothing is left of the grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_replicas_in_custody_make_one_request_for_all_and_keep_the_grant() {
    let server = start().unwrap();
    let store = Arc::new(MemoryVault::new());
    let me = Principal::workload("me").unwrap();
    let open = async || {
        let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
        // The test looks at the refresh token, too, which no ready-made role may.
        let all = Role::custom("everything", Permission::ALL.iter().copied()).unwrap();
        let bound = Binding::allow(&me, "everything", Reach::everything());
        let policy = AccessPolicy::builder().role(all).bind(bound).build().unwrap();
        SealedVault::builder(Arc::clone(&store), key, policy).open().await
    };
    let vault = open().await.unwrap();
    let mine = vault.as_principal(me.clone());
    mine.create_tenant("acme").await.unwrap();
    let (acme, now) = (mine.tenant("acme").unwrap(), SystemClock::new().wall());
    let consent = RefreshToken::new(server.refresh_token().unwrap());
    let record = GrantRecord::new(now).with_refresh_token(consent, now);
    acme.create_grant("crm", "user-17", record).await.unwrap();

    let mut replicas: Vec<(Arc<CustodyGrant>, Option<TokenSet>)> = Vec::new();
    for _ in 0..EIGHT {
        let custody = Custody::builder(&open().await.unwrap(), NoLifeboat).open().await.unwrap();
        let redemption = RefreshTokenRedemption::new(refreshing(&server).unwrap());
        let grant = custody.grant(GrantKey::new("acme", "crm", "user-17").unwrap(), redemption);
        let grant = grant.rotation(Rotation::Strict { revokes_family: true }).build().unwrap();
        replicas.push((Arc::new(grant), None));
    }
    let before = server.requests("POST /token").unwrap();
    for round in 1..=5 {
        let mut asked = JoinSet::new();
        for (grant, held) in replicas.drain(..) {
            asked.spawn(async move {
                let set = grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap();
                (grant, Some(set))
            });
        }
        replicas = asked.join_all().await;
        assert_eq!(server.requests("POST /token").unwrap() - before, round);
    }
    let stored = acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    assert!(server.is_live(stored.refresh_token().unwrap().expose()).unwrap());
}
