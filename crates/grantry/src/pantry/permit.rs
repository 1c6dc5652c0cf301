//! What one principal may do with one grant: decided and recorded when it begins, and again when that may be otherwise.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use grantry_core::{AccountId, Clock, Error, GrantKey, ServiceName};
use grantry_vault::TenantVault;
use grantry_vault::access::{Object, Permission, Principal};

use super::house::{House, named};

/// No epoch of a policy.
const UNDECIDED: u64 = u64::MAX;
/// The decision does not end by itself.
const NO_END: i64 = i64::MAX;

/// That a principal may use the tokens of a grant, for as long as it is known.
pub(super) struct Permit {
    house: Arc<House>,
    vault: TenantVault,
    principal: Principal,
    key: GrantKey,
    /// Which state of the policy allowed it.
    epoch: AtomicU64,
    /// Until when, in nanoseconds of Unix time.
    until: AtomicI64,
}

impl Permit {
    /// Decides and records.
    ///
    /// # Errors
    /// `AccessDenied`, and those of every call of the vault.
    pub(super) async fn ask(
        house: &Arc<House>,
        vault: TenantVault,
        principal: Principal,
        key: &GrantKey,
    ) -> Result<Self, Error> {
        let (epoch, until) = decide(house, &vault, &principal, key).await?;
        Ok(Self {
            house: Arc::clone(house),
            vault,
            principal,
            key: key.clone(),
            epoch: AtomicU64::new(epoch),
            until: AtomicI64::new(until),
        })
    }

    #[cfg(feature = "token-exchange")]
    pub(super) fn key(&self) -> &GrantKey {
        &self.key
    }

    pub(super) fn vault(&self) -> &TenantVault {
        &self.vault
    }

    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether nothing has changed since it was decided.
    pub(super) fn holds(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        self.epoch.load(Ordering::Acquire) == self.house.vault.policy_epoch()
            && (until == NO_END || self.house.clock.coarse().wall.as_unix_nanos() < until)
    }

    /// Decides anew where something has.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn renew(&self) -> Result<(), Error> {
        if self.holds() {
            return Ok(());
        }
        self.epoch.store(UNDECIDED, Ordering::Release);
        let (epoch, until) = decide(&self.house, &self.vault, &self.principal, &self.key).await?;
        self.until.store(until, Ordering::Release);
        self.epoch.store(epoch, Ordering::Release);
        Ok(())
    }
}

/// Decides and records, by asking the vault for the use of the grant: the state of the policy that allowed it, and until
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

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("principal", &self.principal)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
