//! A source as one principal holds it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use grantry_core::{
    AccountId, Clock, Error, ErrorKind, FurtherParameters, GrantKey, ServiceName, Stage, Token, TokenSource,
};
use grantry_vault::TenantVault;
use grantry_vault::access::{Object, Permission, Principal};

use super::entry::{Entry, State, closed};
use super::house::{House, named};
use super::registration::MOST_AGE;

/// No epoch of a policy.
const UNDECIDED: u64 = u64::MAX;
/// The decision does not end by itself.
const NO_END: i64 = i64::MAX;
/// How many exchanges of a service one call sees through.
const MOST_EXCHANGES: u32 = 4;

/// A grant's tokens for one principal: a [`TokenSource`].
///
/// What the principal may do was decided when it was opened, and is decided anew after each change of the policy and when
/// a binding ends; a handle whose principal may not use the grant any more gives nothing out. Handles of all principals
/// share one source and one renewal.
pub struct StoredSource {
    house: Arc<House>,
    entry: Arc<Entry>,
    vault: TenantVault,
    principal: Principal,
    /// Which state of the policy allowed it.
    epoch: AtomicU64,
    /// Until when, in nanoseconds of Unix time.
    until: AtomicI64,
}

impl StoredSource {
    pub(super) async fn open(
        house: &Arc<House>,
        vault: TenantVault,
        principal: Principal,
        key: &GrantKey,
    ) -> Result<Arc<Self>, Error> {
        if house.is_closed() {
            return Err(closed());
        }
        let (epoch, until) = decide(house, &vault, &principal, key).await?;
        let entry = house.open(key).await?;
        Ok(Arc::new(Self {
            house: Arc::clone(house),
            entry,
            vault,
            principal,
            epoch: AtomicU64::new(epoch),
            until: AtomicI64::new(until),
        }))
    }

    /// Whose grant it is.
    pub fn key(&self) -> &GrantKey {
        &self.entry.key
    }

    /// For whom it gives tokens out.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What the server said beside the tokens, such as `instance_url`, as far as its facts say to keep it
    /// ([`kept_parameters`](grantry_core::AuthorizationServer::kept_parameters)): at the consent, and since then where a
    /// renewal's answer said it anew. Empty where there is no grant yet. It is read from the vault: ask once in a while, such
    /// as after a request that found nothing where it went, and not for each one. Needs `token.use`.
    ///
    /// It is the server's word and nobody has checked it: before a token goes to such a place, hold its host against what you
    /// know ([the manual](crate::manual::providers) shows how).
    ///
    /// # Errors
    /// Those of every call of the vault.
    pub async fn further_parameters(&self) -> Result<FurtherParameters, Error> {
        let stored = self.vault.grant_in_use(self.key().service(), self.key().account()).await?;
        Ok(stored.map_or_else(FurtherParameters::default, |stored| stored.further.clone()))
    }

    fn is_decided(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        self.epoch.load(Ordering::Acquire) == self.house.vault.policy_epoch()
            && (until == NO_END || self.house.clock.coarse().wall.as_unix_nanos() < until)
    }

    async fn decide(&self) -> Result<(), Error> {
        if self.is_decided() {
            return Ok(());
        }
        self.epoch.store(UNDECIDED, Ordering::Release);
        let (epoch, until) = decide(&self.house, &self.vault, &self.principal, self.key()).await?;
        self.until.store(until, Ordering::Release);
        self.epoch.store(epoch, Ordering::Release);
        Ok(())
    }
}

/// Decides and records, by reading what the vault has of the grant: the state of the policy that allowed it, and until
/// when.
async fn decide(
    house: &House,
    vault: &TenantVault,
    principal: &Principal,
    key: &GrantKey,
) -> Result<(u64, i64), Error> {
    // Before it is asked for: a change in between is seen the next time.
    let policy = house.vault.policy();
    let (service, account) =
        (ServiceName::new(key.service()).map_err(named)?, AccountId::new(key.account()).map_err(named)?);
    let object = Object::account(vault.tenant(), &service, &account);
    let decision = policy.decide(principal, Permission::TokenUse, &object, house.clock.wall());
    let ends = decision.binding().and_then(|binding| binding.expires());
    vault.use_grant(key.service(), key.account()).await?;
    Ok((policy.epoch(), ends.map_or(NO_END, |ends| ends.as_unix_nanos())))
}

#[async_trait]
impl TokenSource for StoredSource {
    fn ready(&self) -> Option<Token> {
        if !self.is_decided() {
            return None;
        }
        match &**self.entry.state.load() {
            State::Live(live) => live.source.ready(),
            State::Gone(..) => None,
        }
    }

    async fn token(&self) -> Result<Token, Error> {
        let mut exchanges = 0;
        loop {
            self.decide().await?;
            let state = self.entry.state.load_full();
            let error = match &*state {
                State::Gone(_, since) if self.house.clock.now().since(*since) >= MOST_AGE => {
                    // Somebody may have stored it anew.
                    self.house.refresh(self.key().tenant(), self.key().service()).await?;
                    None
                }
                State::Gone(why, _) => return Err(why.clone()),
                State::Live(live) => match live.source.token().await {
                    // A policy that changed while it was waited for holds for this token too.
                    Ok(token) if self.is_decided() => return Ok(token),
                    Ok(_) => None,
                    Err(error) => Some(error),
                },
            };
            exchanges += 1;
            let Some(error) = error else {
                if exchanges > MOST_EXCHANGES {
                    let fact = "policy or service were changed again and again while a token was asked for";
                    return Err(Error::new(ErrorKind::Conflict, Stage::Wait, fact));
                }
                continue;
            };
            let is_exchanged = !Arc::ptr_eq(&state, &self.entry.state.load());
            if !is_exchanged || exchanges > MOST_EXCHANGES || self.house.is_closed() {
                let was_shut_down = self.house.is_closed() && error.kind() == ErrorKind::Closed;
                return Err(if was_shut_down { closed() } else { error });
            }
        }
    }

    fn reject(&self, refused: &Token) {
        if let State::Live(live) = &**self.entry.state.load() {
            live.reject(refused);
        }
    }
}

impl fmt::Debug for StoredSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSource")
            .field("key", &self.entry.key)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}
