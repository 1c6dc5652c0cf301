//! What the grants of one tenant's service share: the endpoint, the client, the profile.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, Error, GrantKey, Instant, Timestamp};
use grantry_custody::{CustodyGrant, Lifetimes, NoRevocation, Revoker, Sparing};
use grantry_endpoint::{Dpop, RevocationEndpoint, TokenEndpoint};
use grantry_refresh::{Fallback, Profile, RefreshPolicy};

use super::house::House;
use super::resolved::Resolved;

/// How old what is known of the vault's registration may be when a renewal begins.
pub(super) const MOST_AGE: Duration = Duration::from_secs(300);

/// Tenant and service.
pub(super) type Name = (String, String);

/// A place for what is known of a tenant's service.
#[derive(Debug, Default)]
pub(super) struct Registration {
    pub(super) known: Mutex<Option<Arc<Ready>>>,
    /// One look at the vault at a time.
    pub(super) looking: tokio::sync::Mutex<()>,
}

impl Registration {
    pub(super) fn known(&self) -> Option<Arc<Ready>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, ready: Option<Arc<Ready>>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = ready;
    }
}

/// A tenant's service, ready for use.
pub(super) struct Ready {
    pub(super) key: Name,
    pub(super) resolved: Resolved,
    pub(super) endpoint: TokenEndpoint,
    pub(super) profile: Arc<Profile>,
    /// When its secret became another one where it is described, while this process ran.
    secret_changed: Option<Timestamp>,
    /// When the vault was looked at last.
    looked: Mutex<Instant>,
}

impl Ready {
    /// It takes the place of `before`.
    pub(super) fn new(
        house: &House,
        key: Name,
        resolved: Resolved,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let endpoint = house.endpoint(&resolved, resolved.secrets())?;
        let token_endpoint = resolved.server().token_endpoint().as_str();
        let profile = Profile::builder(token_endpoint, resolved.client_id.as_str(), &house.scheduler)
            .policy(policy(&resolved.parts.policy, house.most_patience)?.fitted_to(resolved.server()))
            .observer(Arc::clone(&house.observer))
            .build();
        let looked = Mutex::new(house.clock.now());
        let secret_changed = before.and_then(|before| {
            let is_another = resolved.has_another_described_secret(&before.resolved);
            if is_another { Some(house.clock.wall()) } else { before.secret_changed }
        });
        Ok(Self { key, resolved, endpoint, profile, secret_changed, looked })
    }

    pub(super) fn is_old(&self, now: Instant) -> bool {
        now.since(self.looked()) >= MOST_AGE
    }

    /// When the vault was looked at last.
    pub(super) fn looked(&self) -> Instant {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vault was looked at, and there is nothing new.
    pub(super) fn is_as_known(&self, now: Instant) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// A grant of this service in custody.
    pub(super) fn custody_grant(&self, house: &House, key: &GrantKey) -> Result<CustodyGrant, Error> {
        let server = self.resolved.server();
        let grant = self.resolved.grant(&self.endpoint, key)?;
        let grant = house.custody.grant(key.clone(), grant);
        let elsewhere = self.resolved.parts.dpop.as_ref().and_then(Dpop::key_elsewhere);
        let grant = match elsewhere {
            Some(key) => grant.dpop_key(key.clone()),
            None => grant,
        };
        grant
            .rotation(server.rotation())
            .refresh_rate(server.refresh_rate())
            .target(self.resolved.target.clone())
            .lifetimes(Lifetimes::of(server))
            .secret_changed(self.secret_changed)
            .revoker(self.revoker()?)
            .build()
    }

    /// Who revokes its tokens at the server.
    pub(super) fn revoker(&self) -> Result<Arc<dyn Revoker>, Error> {
        let server = self.resolved.server();
        if server.revocation_endpoint().is_none() {
            return Ok(Arc::new(NoRevocation));
        }
        let (spares, mut revoker) =
            (server.revocation_spares(), Sparing::new(RevocationEndpoint::of(&self.endpoint)?));
        if spares.refresh_tokens {
            revoker = revoker.refresh_tokens();
        }
        if spares.later_consents {
            revoker = revoker.later_consents();
        }
        Ok(Arc::new(revoker))
    }
}

/// A service's policy, with no more patience than everybody may have.
fn policy(policy: &RefreshPolicy, most: Option<Duration>) -> Result<RefreshPolicy, Error> {
    let (Some(most), Fallback::Queue { patience }) = (most, policy.fallback()) else {
        return Ok(policy.clone());
    };
    policy.to_builder().fallback(Fallback::Queue { patience: patience.min(most) }).build()
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("key", &self.key)
            .field("resolved", &self.resolved)
            .finish_non_exhaustive()
    }
}
