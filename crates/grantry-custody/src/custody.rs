//! Custody: what the grants of a process share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use grantry_core::{
    Clock, ContainedObserver, Entropy, Error, Event, Grant, GrantKey, NoObserver, Observer, SystemClock,
    SystemEntropy,
};
use grantry_endpoint::DpopProvers;
use grantry_vault::access::Principal;
use grantry_vault::{PrincipalVault, SealedVault};

use crate::afloat::Afloat;
use crate::counting;
use crate::grant::{CustodyGrantBuilder, Inner};
use crate::history::ProcessName;
use crate::lifeboat::Lifeboat;
use crate::looking::Looking;
use crate::opener::Opener;
use crate::openings::Openings;
use crate::protocol::AttemptId;
use crate::recovery::Raised;
use crate::revocation::{OrphansAboard, Queue};
use crate::services::Services;
use crate::store_clock::StoreClock;
use crate::tasks::Tasks;

/// When callers may have a token whose refresh token the store does not have yet, because it does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Release {
    /// As soon as the lifeboat holds it, durably.
    #[default]
    AboardSuffices,
    /// Not before the store has it.
    AfterStore,
}

/// Keeps grants: one for each process. Clones are the same.
///
/// It acts as `system:renewal`. [`open`](CustodyBuilder::open) brings home what lifeboats of dead processes hold;
/// [`close`](Custody::close) waits until everything that was received is in the store.
#[derive(Clone)]
pub struct Custody(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) vault: PrincipalVault,
    pub(crate) lifeboat: Arc<dyn Lifeboat>,
    pub(crate) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    observer: ContainedObserver,
    release: Release,
    /// The name of this process in histories.
    pub(crate) process: ProcessName,
    /// What is known of the services whose grants were opened here.
    pub(crate) services: Services,
    /// Revocations that are not finished.
    pub(crate) queue: Queue,
    pub(crate) orphans_aboard: OrphansAboard,
    pub(crate) tasks: Tasks,
    /// What is being redeemed here.
    pub(crate) afloat: Afloat,
    grants: Mutex<HashMap<GrantKey, Weak<Inner>>>,
    /// How often lifeboats and open intents are looked at.
    pub(crate) looking: Looking,
    /// Who opens grants of which something is left, and that nobody has opened.
    pub(crate) opener: Mutex<Option<Arc<dyn Opener>>>,
    /// Those that are being opened so.
    pub(crate) openings: Arc<Openings>,
    pub(crate) raised: Raised,
    /// The store's clock, as far as it is believed.
    pub(crate) store_clock: StoreClock,
    /// What servers told, for the proofs of tokens that come from the store.
    pub(crate) provers: DpopProvers,
    /// One adoption at a time.
    pub(crate) adopting: tokio::sync::Mutex<()>,
}

/// Builds a [`Custody`].
#[must_use]
pub struct CustodyBuilder {
    vault: SealedVault,
    lifeboat: Arc<dyn Lifeboat>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    observer: Arc<dyn Observer>,
    release: Release,
    process: Option<ProcessName>,
    look_every: Option<Duration>,
}

impl Custody {
    /// Starts from what every custody has: where grants are kept, and what keeps an answer until the store has it.
    pub fn builder(vault: &SealedVault, lifeboat: impl Lifeboat) -> CustodyBuilder {
        CustodyBuilder {
            vault: vault.clone(),
            lifeboat: Arc::new(lifeboat),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            observer: Arc::new(NoObserver),
            release: Release::default(),
            process: None,
            look_every: None,
        }
    }

    /// A stored grant, renewed by `inner`: a [`RefreshTokenRedemption`](grantry_endpoint::RefreshTokenRedemption), or a
    /// grant of the client's own.
    pub fn grant(&self, key: GrantKey, inner: impl Grant) -> CustodyGrantBuilder {
        CustodyGrantBuilder::new(Arc::clone(&self.0), key, Arc::new(inner))
    }

    /// Begins nothing more, and waits until what was sent is answered and what was received is in the store.
    pub async fn close(&self) {
        self.0.tasks.close().await;
        // It may hold this custody.
        drop(self.0.opener().take());
    }
}

impl CustodyBuilder {
    /// When callers may have a token that the store does not have yet.
    pub fn release(self, release: Release) -> Self {
        Self { release, ..self }
    }

    /// The name of this process in the history of its grants, such as a pod's; 8 random hexadecimal digits if left out.
    pub fn process_name(self, name: impl AsRef<str>) -> Self {
        Self { process: Some(ProcessName::new(name)), ..self }
    }

    /// How often it looks for what dead processes left: their lifeboats, and intents that nobody finishes. If left out, a
    /// minute, or a third of the shortest window in which the server of an open grant, or one that it is to
    /// [look in time for](Custody::look_in_time_for), repeats a lost answer; a process that starts looks at once. Each look reads all records of the tenants whose grants are open here, so that with many of them
    /// and a short window you may want to look less often: then a grant whose owner dies in the midst of a renewal is lost
    /// unless somebody asks for it inside the window. At least a second.
    pub fn look_every(self, look_every: Duration) -> Self {
        Self { look_every: Some(look_every), ..self }
    }

    /// The clock of this process.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Where attempts take their names from.
    pub fn entropy(self, entropy: impl Entropy) -> Self {
        Self { entropy: Arc::new(entropy), ..self }
    }

    /// Who is told what happens.
    pub fn observer(self, observer: impl Observer) -> Self {
        Self { observer: Arc::new(observer), ..self }
    }

    /// Brings home what dead processes left in lifeboats, and goes on looking for what they left. Needs a tokio runtime.
    ///
    /// # Errors
    /// `Storage` where the lifeboats cannot be looked at.
    pub async fn open(self) -> Result<Custody, Error> {
        let process = self.process.unwrap_or_else(|| ProcessName::random(self.entropy.as_ref()));
        let provers = DpopProvers::new(Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let shared = Arc::new(Shared {
            vault: self.vault.as_principal(Principal::system_renewal()),
            lifeboat: self.lifeboat,
            clock: self.clock,
            entropy: self.entropy,
            observer: ContainedObserver::new(self.observer),
            release: self.release,
            process,
            services: Services::default(),
            queue: Queue::default(),
            orphans_aboard: OrphansAboard::default(),
            looking: Looking::every(self.look_every),
            opener: Mutex::default(),
            openings: Arc::default(),
            raised: Raised::default(),
            store_clock: StoreClock::default(),
            tasks: Tasks::default(),
            afloat: Afloat::default(),
            grants: Mutex::default(),
            provers,
            adopting: tokio::sync::Mutex::default(),
        });
        shared.adopt_or_say_why().await?;
        shared.look_after_what_is_left();
        shared.look_after_revocations();
        Ok(Custody(shared))
    }
}

impl Shared {
    pub(crate) fn new_attempt(&self) -> AttemptId {
        let mut id = [0; 16];
        self.entropy.fill(&mut id);
        id
    }

    pub(crate) fn releases_aboard(&self) -> bool {
        self.release == Release::AboardSuffices
    }

    /// Counts what happened, and tells the observer.
    pub(crate) fn tell(&self, event: &Event) {
        counting::happened(event);
        self.observer.on(event);
    }

    /// Between half of a time and the whole.
    pub(crate) fn jitter(&self, most: Duration) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        most / 2 + most * u32::from(byte[0]) / 510
    }

    pub(crate) fn register(&self, grant: &Arc<Inner>) {
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        if grants.len() >= 64 && grants.len() == grants.capacity() {
            grants.retain(|_, grant| grant.strong_count() > 0);
        }
        grants.insert(grant.key.clone(), Arc::downgrade(grant));
    }

    /// The grant that is open under a key in this process.
    pub(crate) fn registered(&self, key: &GrantKey) -> Option<Arc<Inner>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner).get(key)?.upgrade()
    }
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custody").field("lifeboat", &self.0.lifeboat).finish_non_exhaustive()
    }
}

impl fmt::Debug for CustodyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustodyBuilder").field("lifeboat", &self.lifeboat).finish_non_exhaustive()
    }
}
