//! A process: a vault, custody, sources, and callers that want tokens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use grantry_core::{AccessToken, Attempt, Clock, Error, Failure, Grant, GrantKey, TokenSet};
use grantry_custody::{Custody, CustodyGrant, Revocation};
use grantry_endpoint::{
    Client, ClientAuthentication, RefreshTokenRedemption, RevocationEndpoint, TokenEndpoint,
};
use grantry_testkit::{ManualClock, Moment, TestServer};
use grantry_vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry_vault::{PrincipalVault, SealedVault};

use crate::keys::Keys;
use crate::life::Life;
use crate::lifeboat::{Boat, Machine};
use crate::network::Network;
use crate::store::{Disk, Store};
use crate::watchtower::Withdrawn;

/// How long a caller waits at most for one answer, and then some.
const PATIENCE: Duration = Duration::from_secs(120);

/// Less than a third of the shortest window.
const LOOK_EVERY: Duration = Duration::from_secs(8);

/// A machine in the network, on which one process lives after another.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its disk.
    pub(crate) machine: Arc<Machine>,
    /// Whether it is cut off.
    pub(crate) is_cut: Arc<AtomicBool>,
    /// Its clock.
    pub(crate) clock: ManualClock,
    /// The process that lives there.
    pub(crate) inhabitant: Mutex<Weak<Life>>,
}

impl Place {
    /// A process begins to live there.
    pub(crate) fn settle(&self, life: &Arc<Life>) {
        *self.inhabitant.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(life);
    }

    /// The process that lives there, if one does at this moment.
    pub(crate) fn inhabitant(&self) -> Option<Arc<Life>> {
        self.inhabitant.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }
}

/// Opens a vault over a store.
///
/// # Errors
/// The store or the keys cannot be had.
pub(crate) async fn open_vault(
    store: Store,
    keys: Keys,
    clock: &ManualClock,
    entropy: grantry_testkit::SeededEntropy,
) -> Result<SealedVault, Error> {
    SealedVault::builder(store, keys, policy()?)
        .clock(Arc::new(clock.clone()))
        .entropy(Arc::new(entropy))
        .open()
        .await
}

/// Who may do everything.
///
/// # Errors
/// None in practice.
pub(crate) fn admin() -> Result<Principal, Error> {
    Principal::workload("admin").map_err(|error| Error::configuration(error.to_string()))
}

fn policy() -> Result<AccessPolicy, Error> {
    let wrong = |error: String| Error::configuration(error);
    let role =
        Role::custom("everything", Permission::ALL.iter().copied()).map_err(|e| wrong(e.to_string()))?;
    let binding = Binding::allow(admin()?, "everything", Reach::everything());
    AccessPolicy::builder().role(role).bind(binding).build().map_err(|e| wrong(e.to_string()))
}

/// Lives: opens everything, lets callers ask until the process dies.
pub(crate) async fn live(
    life: Arc<Life>,
    place: Arc<Place>,
    disk: Arc<Disk>,
    server: Arc<TestServer>,
    keys: Arc<[GrantKey]>,
) {
    let opened = tokio::select! {
        biased;
        () = life.over() => return,
        opened = open(&life, &place, &disk, &server, &keys) => opened,
    };
    let Ok((custody, vault, grants)) = opened else {
        // The store did not answer: whoever starts processes starts it again.
        tokio::time::sleep(Duration::from_secs(1)).await;
        return;
    };
    let callers = grants
        .into_iter()
        .map(|grant| call(Arc::clone(&life), Arc::clone(&place), Arc::clone(&server), grant, vault.clone()));
    tokio::select! {
        biased;
        () = life.over() => {}
        _ = futures_util::future::join_all(callers) => {}
    }
    drop(custody);
}

async fn open(
    life: &Arc<Life>,
    place: &Place,
    disk: &Arc<Disk>,
    server: &TestServer,
    keys: &[GrantKey],
) -> Result<(Custody, PrincipalVault, Vec<CustodyGrant>), Error> {
    let fate = &life.fate;
    let provider = Keys::new(&fate.keys_gone, &fate.trace);
    let vault = open_vault(Store::of(disk, life), provider, &place.clock, fate.dice.entropy()).await?;
    let boat = Boat::of(&place.machine, life);
    let custody = Custody::builder(&vault, boat)
        .clock(place.clock.clone())
        .entropy(fate.dice.entropy())
        .look_every(LOOK_EVERY)
        .open()
        .await?;
    let client = Client::new("crm", ClientAuthentication::secret_basic("s3cret"))?;
    let network = Network::of(server.transport(), life, &place.is_cut);
    let endpoint = TokenEndpoint::builder(server.authorization_server()?, client, Arc::new(network))
        .clock(Arc::new(place.clock.clone()))
        .build()?;
    let revocation = RevocationEndpoint::of(&endpoint)?;
    let redemption: Arc<dyn Grant> = Arc::new(RefreshTokenRedemption::new(endpoint));
    let grants = keys.iter().map(|key| {
        let grant = custody.grant(key.clone(), Arc::clone(&redemption));
        grant.rotation(fate.plan.rotation).revoker(revocation.clone()).build()
    });
    let grants = grants.collect::<Result<Vec<_>, _>>()?;
    Ok((custody, vault.as_principal(admin()?), grants))
}

/// One caller: wants a fit token every now and then, and presents it.
async fn call(
    life: Arc<Life>,
    place: Arc<Place>,
    server: Arc<TestServer>,
    grant: CustodyGrant,
    vault: PrincipalVault,
) {
    let fate = &life.fate;
    let mut held: Option<TokenSet> = None;
    loop {
        tokio::time::sleep(Duration::from_millis(500 + fate.dice.below(6_000))).await;
        if fate.is_evening.load(Ordering::Relaxed) {
            // Whoever is done with a token holds it still.
            std::future::pending::<()>().await;
        }
        if fate.plan.removals && fate.is_troubled.load(Ordering::Relaxed) && fate.dice.below(400) == 0 {
            remove(&grant, &vault, fate).await;
        }
        let needs = held.as_ref().is_none_or(|set| {
            let soon = place.clock.now().after(Duration::from_secs(2));
            !set.token().is_fit(soon) || fate.dice.below(20) == 0
        });
        if needs {
            let began = fate.clock.now();
            let asked =
                tokio::time::timeout(PATIENCE, grant.obtain(Attempt::replace_if_any(held.as_ref()))).await;
            match asked {
                Ok(Ok(set)) => {
                    fate.note("token", &grant.key().to_string());
                    fate.tower.handed_out(set.token().expose());
                    held = Some(set);
                }
                Ok(Err(Failure { .. })) => fate.note("no token", &grant.key().to_string()),
                // A process that stands still answers nobody; one that does not has to.
                Err(_) if !fate.plan.may_stand_still() && !fate.plan.outages && !life.is_over() => {
                    let waited = fate.clock.now().since(began);
                    fate.tower.broke(format!("L2: a caller waited {waited:?} without an answer"));
                }
                Err(_) => {}
            }
        }
        if let Some(set) = &held {
            present(&server, &place, &grant, set, fate);
        }
    }
}

/// A person withdraws what it consented to.
async fn remove(grant: &CustodyGrant, vault: &PrincipalVault, fate: &crate::life::Fate) {
    let Ok(by) = vault.tenant(grant.key().tenant()) else { return };
    fate.trace.fault("removal");
    fate.tower.withdrawn(grant.key(), Withdrawn::Asked);
    let report = tokio::time::timeout(PATIENCE, grant.revoke(&by, Revocation::AtServerThenHere)).await;
    if let Ok(Ok(report)) = report {
        let withdrawn = if report.deleted { Withdrawn::Deleted } else { Withdrawn::Stopped };
        fate.note("withdrawn", &format!("{} {withdrawn:?}", grant.key()));
        fate.tower.withdrawn(grant.key(), withdrawn);
    }
}

/// I7: a token reaches only callers of the very grant that it belongs to.
fn present(
    server: &TestServer,
    place: &Place,
    grant: &CustodyGrant,
    set: &TokenSet,
    fate: &crate::life::Fate,
) {
    let _ = place;
    let token = AccessToken::new(set.token().expose());
    let facts = server.with_authority(|authority, at: Moment| authority.check(&token, at));
    if let Some(facts) = facts.filter(|facts| facts.subject != grant.key().to_string()) {
        fate.tower.broke(format!("I7: the token of {} reached a caller of {}", facts.subject, grant.key()));
    }
}
