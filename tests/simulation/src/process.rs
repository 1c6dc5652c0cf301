//! A process: a vault, custody, sources, and callers that want tokens.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use grantry_client_credentials::ClientCredentials;
use grantry_core::{Error, Grant, GrantKey};
use grantry_custody::{Custody, CustodyGrant, Lifeboat, NoLifeboat, Release};
use grantry_endpoint::{
    Client, ClientAuthentication, RefreshTokenRedemption, RevocationEndpoint, TokenEndpoint,
};
use grantry_testkit::{ManualClock, TestServer};
use grantry_vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry_vault::{PrincipalVault, SealedVault, SealedVaultBuilder};

use crate::caller::Caller;
use crate::keys::Keys;
use crate::life::Life;
use crate::lifeboat::{Boat, Machine};
use crate::link::Link;
use crate::lobby::Lobby;
use crate::network::Network;
use crate::store::{Disk, Store};
use crate::watchtower::SECRET;
use crate::{caller, lobby};

/// Less than a third of the shortest window.
const LOOK_EVERY: Duration = Duration::from_secs(8);

/// A machine in the network, on which one process lives after another.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its disk.
    pub(crate) machine: Arc<Machine>,
    /// Whether it is cut off.
    pub(crate) is_cut: Arc<AtomicBool>,
    /// What it reaches the store and the server by.
    pub(crate) link: Arc<Link>,
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
    vault_over(store, keys, clock, entropy)?.open().await
}

/// A vault over a store, before it is opened.
///
/// # Errors
/// None in practice.
pub(crate) fn vault_over(
    store: Store,
    keys: Keys,
    clock: &ManualClock,
    entropy: grantry_testkit::SeededEntropy,
) -> Result<SealedVaultBuilder, Error> {
    let vault = SealedVault::builder(store, keys, policy()?);
    Ok(vault.clock(Arc::new(clock.clone())).entropy(Arc::new(entropy)))
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

/// What the processes of a world have in common.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) disk: Arc<Disk>,
    pub(crate) server: Arc<TestServer>,
    pub(crate) keys: Arc<[GrantKey]>,
    pub(crate) own: Arc<[GrantKey]>,
    pub(crate) lobby: Arc<Lobby>,
}

/// Everything that a process has opened.
struct Opened {
    custody: Custody,
    vault: PrincipalVault,
    grants: Vec<Arc<CustodyGrant>>,
    own: Vec<Arc<CustodyGrant>>,
    endpoint: TokenEndpoint,
}

/// Lives: opens everything, lets callers ask until the process dies.
pub(crate) async fn live(life: Arc<Life>, place: Arc<Place>, around: Surroundings) {
    let opened = tokio::select! {
        biased;
        () = life.over() => return,
        opened = open(&life, &place, &around) => opened,
    };
    let Ok((custody, inhabitants)) = opened.and_then(|opened| people(&life, &place, &around, opened)) else {
        // The store did not answer: whoever starts processes starts it again.
        tokio::time::sleep(Duration::from_secs(1)).await;
        return;
    };
    tokio::select! {
        biased;
        () = life.over() => {}
        _ = join_all(inhabitants) => {}
    }
    drop(custody);
}

/// Those who want something of a process.
fn people(
    life: &Arc<Life>,
    place: &Place,
    around: &Surroundings,
    opened: Opened,
) -> Result<(Custody, Vec<BoxFuture<'static, ()>>), Error> {
    let plan = &life.fate.plan;
    let profile = plan.managed.then(|| caller::profile(life, &place.clock)).transpose()?;
    let mut people: Vec<BoxFuture<'static, ()>> = Vec::new();
    let of_people = opened.grants.into_iter().map(|grant| (grant, false));
    for (grant, is_own) in of_people.chain(opened.own.into_iter().map(|grant| (grant, true))) {
        let caller = Caller {
            life: Arc::clone(life),
            clock: place.clock.clone(),
            server: Arc::clone(&around.server),
            grant,
            is_own,
            vault: opened.vault.clone(),
        };
        people.push(match &profile {
            Some(profile) => Box::pin(caller.take(Arc::clone(profile))),
            None => Box::pin(caller.call()),
        });
    }
    if plan.visits {
        let codes = lobby::flow(opened.endpoint, &around.lobby, life)?;
        let (lobby, server) = (Arc::clone(&around.lobby), Arc::clone(&around.server));
        people.push(Box::pin(lobby::receive(codes, lobby, server, Arc::clone(life))));
    }
    Ok((opened.custody, people))
}

async fn open(life: &Arc<Life>, place: &Place, around: &Surroundings) -> Result<Opened, Error> {
    let fate = &life.fate;
    let provider = Keys::of(life);
    let store = Store::of(&around.disk, life, &place.link);
    let vault = open_vault(store, provider, &place.clock, fate.dice.entropy()).await?;
    let boat: Arc<dyn Lifeboat> =
        if fate.plan.no_lifeboat { Arc::new(NoLifeboat) } else { Arc::new(Boat::of(&place.machine, life)) };
    let release = if fate.plan.after_store { Release::AfterStore } else { Release::AboardSuffices };
    let custody = Custody::builder(&vault, boat)
        .release(release)
        .clock(place.clock.clone())
        .entropy(fate.dice.entropy())
        .look_every(LOOK_EVERY)
        .open()
        .await?;
    let client = Client::new("crm", ClientAuthentication::secret_basic(SECRET))?;
    let network = Network::of(around.server.transport(), life, place);
    let endpoint = TokenEndpoint::builder(around.server.authorization_server()?, client, Arc::new(network))
        .clock(Arc::new(place.clock.clone()))
        .build()?;
    let revocation = RevocationEndpoint::of(&endpoint)?;
    let redemption: Arc<dyn Grant> = Arc::new(RefreshTokenRedemption::new(endpoint.clone()));
    let grants = around.keys.iter().map(|key| {
        let grant = custody.grant(key.clone(), Arc::clone(&redemption));
        let grant = grant.rotation(fate.plan.rotation).refresh_rate(fate.plan.rate);
        grant.revoker(revocation.clone()).build().map(Arc::new)
    });
    let grants = grants.collect::<Result<Vec<_>, _>>()?;
    let own = around.own.iter().map(|key| {
        // By the audience the network knows whose request it is.
        let asking = ClientCredentials::builder(endpoint.clone()).audience(key.tenant()).build()?;
        custody.grant(key.clone(), asking).revoker(revocation.clone()).build().map(Arc::new)
    });
    let own = own.collect::<Result<Vec<_>, Error>>()?;
    Ok(Opened { custody, vault: vault.as_principal(admin()?), grants, own, endpoint })
}

/// The client's own grant for a tenant.
pub(crate) fn own_key(tenant: &str) -> Option<GrantKey> {
    GrantKey::new(tenant, "reports", "client").ok()
}
