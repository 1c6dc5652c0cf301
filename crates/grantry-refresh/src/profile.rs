//! What many sources have in common.

use std::fmt;
use std::sync::Arc;

use grantry_core::{
    Clock, ContainedObserver, Entropy, Event, NoObserver, Observer, SystemClock, SystemEntropy,
    shown_url_text,
};

use crate::clocks::Clocks;
use crate::lane::Lane;
use crate::registration::Registration;
use crate::{RefreshPolicy, Scheduler};

/// What sources share that renew at one token endpoint as one client: the policy, the lane to the endpoint, the
/// breaker of the client's registration, the scheduler.
///
/// A million sources of one profile cost one profile. Sources of the same client should share one: the breaker is the
/// profile's. The cap on renewals is the token endpoint's, among all profiles of the scheduler that name it.
///
/// The scheduler's clock and randomness are called under the locks of a source, so they must not ask the source; the
/// observer is called outside of them.
///
/// ```
/// use grantry_refresh::{Profile, RefreshPolicy, Scheduler};
/// let scheduler = Scheduler::new();
/// let profile = Profile::builder("https://as.example.com/token", "billing", &scheduler)
///     .policy(RefreshPolicy::default())
///     .build();
/// ```
#[derive(Debug)]
pub struct Profile {
    pub(crate) policy: RefreshPolicy,
    pub(crate) clock: Arc<Clocks>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) observer: ContainedObserver,
    pub(crate) scheduler: Scheduler,
    pub(crate) lane: Arc<Lane>,
    pub(crate) registration: Registration,
}

impl Profile {
    /// Starts from the token endpoint and the client, as they are called in events, and the scheduler.
    pub fn builder(
        token_endpoint: impl Into<String>,
        client: impl Into<String>,
        scheduler: &Scheduler,
    ) -> ProfileBuilder {
        ProfileBuilder {
            token_endpoint: token_endpoint.into(),
            client: client.into(),
            scheduler: scheduler.clone(),
            policy: RefreshPolicy::default(),
            observer: Arc::new(NoObserver),
        }
    }

    /// When its sources renew.
    pub fn policy(&self) -> &RefreshPolicy {
        &self.policy
    }

    /// Who is told what happens to its sources.
    pub fn observer(&self) -> &Arc<dyn Observer> {
        self.observer.as_inner()
    }

    /// The scheduler that renews them.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

/// Builds a [`Profile`].
#[must_use]
pub struct ProfileBuilder {
    token_endpoint: String,
    client: String,
    scheduler: Scheduler,
    policy: RefreshPolicy,
    observer: Arc<dyn Observer>,
}

impl ProfileBuilder {
    /// When its sources renew; the specification's defaults if left out.
    pub fn policy(mut self, policy: RefreshPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Who is told what happens.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Builds it.
    pub fn build(self) -> Arc<Profile> {
        Arc::new(Profile {
            policy: self.policy,
            clock: Arc::clone(self.scheduler.clocks()),
            entropy: self.scheduler.entropy(),
            observer: ContainedObserver::new(self.observer),
            lane: self.scheduler.lane(&self.token_endpoint),
            registration: Registration::new(format!(
                "{} at {}",
                self.client,
                shown_url_text(&self.token_endpoint)
            )),
            scheduler: self.scheduler,
        })
    }
}

impl fmt::Debug for ProfileBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileBuilder")
            .field("token_endpoint", &shown_url_text(&self.token_endpoint))
            .field("client", &self.client)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Profile {
    /// Tells the observer.
    pub(crate) fn tell(&self, event: &Event) {
        self.observer.on(event);
    }
}

/// The machine's clock and randomness.
pub(crate) fn system() -> (Arc<dyn Clock>, Arc<dyn Entropy>) {
    (Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_and_the_user_of_an_endpoint_do_not_show() {
        let builder =
            Profile::builder("https://canary:canary@as.test/token?key=canary", "billing", &Scheduler::new());
        assert!(!format!("{builder:?}").contains("canary"), "{builder:?}");
        let profile = builder.build();
        assert!(!format!("{profile:?}").contains("canary"), "{profile:?}");
        assert_eq!(profile.registration.name(), "billing at https://as.test/token");
    }
}
