//! Keeping what a person's consent brought.

use std::sync::Arc;

use grantry_core::{Error, TokenSet};

use super::handles::{GrantName, TenantPantry};
use crate::keep_token_set::keep_token_set;

impl TenantPantry {
    /// Keeps what a person's consent brought, as a flow returned it, in the place of an earlier consent if there is one.
    /// Open handles go on with it. What the server said beside the tokens is kept with them
    /// ([`StoredSource::further_parameters`](super::StoredSource::further_parameters)). Needs `grant.create` and `grant.read`.
    ///
    /// The tokens of the earlier consent are not revoked: with some servers that would take the new ones along.
    ///
    /// # Errors
    /// `NotFound` where there is no such service; those of every call of the vault. Nothing was kept then, and the tokens
    /// are still alive at the server.
    pub async fn keep_consent(&self, name: impl Into<GrantName>, consent: &TokenSet) -> Result<(), Error> {
        let key = self.key(&name.into())?;
        let ready = self.house.ready(key.tenant(), key.service()).await?;
        let target = ready.resolved.target.clone();
        let (service, account) = (key.service(), key.account());
        keep_token_set(&self.vault, service, account, consent, target, &*self.house.clock).await?;
        let open = self.house.entry(&key);
        if let Some(entry) = open {
            entry.begin_anew(&self.house, &Arc::clone(&ready));
        }
        Ok(())
    }
}

/// What the flows have in common that ask a person.
#[cfg(any(feature = "authorization-code", feature = "device-authorization"))]
mod flows {
    use std::future::Future;
    use std::sync::Arc;

    use grantry_core::{AccountId, Clock, Error, ErrorKind, GrantKey, ServiceName, Stage};
    use grantry_vault::access::{Object, Permission};
    use tokio::sync::{oneshot, watch};

    use super::super::handles::{GrantName, TenantPantry};
    use super::super::house::{House, named};
    use super::super::registration::Ready;
    use super::super::service::Flow;

    pub(in super::super) const NOT_KEPT: &str = "the runtime shut down before the consent was kept";

    impl TenantPantry {
        /// A service that a person can consent to.
        pub(in super::super) async fn ready_to_consent(&self, key: &GrantKey) -> Result<Arc<Ready>, Error> {
            let ready = self.house.ready(key.tenant(), key.service()).await?;
            let flow = ready.resolved.parts.flow;
            if flow == Flow::AuthorizationCode {
                return Ok(ready);
            }
            let fact = format!("nobody has to consent to {}: its flow is {}", key.service(), flow.as_str());
            Err(Error::configuration(fact))
        }

        /// Whether this principal may keep what comes of a consent: asked before anybody is sent anywhere.
        pub(in super::super) fn may_keep(&self, name: &GrantName) -> Result<(), Error> {
            let Self { house, principal, vault } = self;
            let service = ServiceName::new(name.service()).map_err(named)?;
            let account = AccountId::new(name.account()).map_err(named)?;
            let object = Object::account(vault.tenant(), &service, &account);
            let (policy, now) = (house.vault.policy(), house.clock.wall());
            for permission in [Permission::GrantCreate, Permission::GrantRead] {
                let decision = policy.decide(principal, permission, &object, now);
                if !decision.is_allowed() {
                    let fact = format!("{principal} may not {permission} here: {}", decision.reason());
                    return Err(Error::new(ErrorKind::AccessDenied, Stage::Vault, fact));
                }
            }
            Ok(())
        }
    }

    /// Tells that nobody waits any more: whoever called went away, or the pantry is shut down.
    #[derive(Debug)]
    pub(in super::super) struct GivenUp {
        dropped: oneshot::Receiver<()>,
        ending: watch::Receiver<bool>,
    }

    impl GivenUp {
        pub(in super::super) async fn happens(mut self) {
            tokio::select! {
                biased;
                _ = self.dropped => {}
                _ = self.ending.wait_for(|is_ending| *is_ending) => {}
            }
        }
    }

    /// Does the work as a task of its own, for whose end a shutdown waits. `None` where the runtime ended before it.
    pub(in super::super) async fn to_its_end<T, F>(
        house: &House,
        work: impl FnOnce(GivenUp) -> F,
    ) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let under_way = Arc::clone(&house.consenting).read_owned().await;
        let (alive, dropped) = oneshot::channel::<()>();
        let work = work(GivenUp { dropped, ending: house.ending.subscribe() });
        let task = tokio::spawn(async move {
            let done = work.await;
            drop(under_way);
            done
        });
        let done = task.await.ok();
        drop(alive);
        done
    }
}

#[cfg(any(feature = "authorization-code", feature = "device-authorization"))]
pub(super) use flows::{NOT_KEPT, to_its_end};
