//! What many sources have in common.

use std::sync::Arc;

use grantry_core::{Clock, Entropy, Error, NoObserver, Observer, SystemClock, SystemEntropy};

use crate::lane::Lane;
use crate::registration::Registration;
use crate::{RefreshPolicy, Scheduler};

/// What sources share that renew at one token endpoint as one client: the policy, the lane to the endpoint, the
/// breaker of the client's registration, the scheduler.
///
/// A million sources of one profile cost one profile. Sources of the same endpoint and client should share one:
/// the cap on renewals and the breaker are the profile's.
///
/// ```
/// use grantry_refresh::{Profile, RefreshPolicy, Scheduler};
/// let scheduler = Scheduler::new();
/// let profile = Profile::builder("billing at https://as.example.com/token", &scheduler)
///     .policy(RefreshPolicy::default())
///     .concurrent_renewals(16)
///     .build()?;
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Profile {
    pub(crate) policy: RefreshPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) scheduler: Scheduler,
    pub(crate) lane: Lane,
    pub(crate) registration: Registration,
}

impl Profile {
    /// Starts from what the endpoint and client are called in events, and the scheduler.
    pub fn builder(registration: impl Into<String>, scheduler: &Scheduler) -> ProfileBuilder {
        ProfileBuilder {
            registration: registration.into(),
            scheduler: scheduler.clone(),
            policy: RefreshPolicy::default(),
            observer: Arc::new(NoObserver),
            concurrent_renewals: 16,
        }
    }

    /// When its sources renew.
    pub fn policy(&self) -> &RefreshPolicy {
        &self.policy
    }

    /// The scheduler that renews them.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

/// Builds a [`Profile`].
#[derive(Debug)]
#[must_use]
pub struct ProfileBuilder {
    registration: String,
    scheduler: Scheduler,
    policy: RefreshPolicy,
    observer: Arc<dyn Observer>,
    concurrent_renewals: usize,
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

    /// How many renewals may run at once at the token endpoint; 16 if left out.
    pub fn concurrent_renewals(mut self, renewals: usize) -> Self {
        self.concurrent_renewals = renewals;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where no renewal may run.
    pub fn build(self) -> Result<Arc<Profile>, Error> {
        if self.concurrent_renewals == 0 {
            return Err(Error::configuration("no renewal may run: set the concurrent renewals to 1 or more"));
        }
        Ok(Arc::new(Profile {
            policy: self.policy,
            clock: self.scheduler.clock(),
            entropy: self.scheduler.entropy(),
            observer: self.observer,
            lane: Lane::new(self.concurrent_renewals),
            registration: Registration::new(self.registration),
            scheduler: self.scheduler,
        }))
    }
}

/// The machine's clock and randomness.
pub(crate) fn system() -> (Arc<dyn Clock>, Arc<dyn Entropy>) {
    (Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
}
