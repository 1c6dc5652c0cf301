//! Grants that answer from memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Clock, Error, ErrorKind, Failure, Grant, GrantKey, Scope, Stage, SystemClock,
    TokenSet,
};
use grantry_refresh::{ManagedSource, Profile, RefreshPolicy, Scheduler};

/// The bytes of a token as most servers issue them.
pub(crate) const TOKEN_BYTES: usize = 40;

/// The bytes of a signed token with a few claims: what the peers are measured with.
pub(crate) const LONG_TOKEN_BYTES: usize = 1_000;

/// Makes tokens up after a delay; can be told to fail.
#[derive(Debug)]
pub(crate) struct MadeUp {
    clock: Arc<dyn Clock>,
    life: Duration,
    delay: Duration,
    bytes: usize,
    pub(crate) down: AtomicBool,
    pub(crate) asked: AtomicU64,
}

impl MadeUp {
    pub(crate) fn new(clock: Arc<dyn Clock>, life: Duration, delay: Duration) -> Arc<Self> {
        Self::of_bytes(TOKEN_BYTES, clock, life, delay)
    }

    /// Tokens of this many bytes.
    pub(crate) fn of_bytes(
        bytes: usize,
        clock: Arc<dyn Clock>,
        life: Duration,
        delay: Duration,
    ) -> Arc<Self> {
        Arc::new(Self { clock, life, delay, bytes, down: AtomicBool::new(false), asked: AtomicU64::new(0) })
    }
}

#[async_trait]
impl Grant for MadeUp {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let sent = self.clock.now();
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        if self.down.load(Ordering::Relaxed) {
            return Err(Failure::not_consumed(Error::new(ErrorKind::Unavailable, Stage::Token, "503")));
        }
        let token = AccessToken::new(format!("{nth:0>width$}", width = self.bytes));
        Ok(TokenSet::builder(token, sent).scope(scope()).expires(sent.after(self.life)).build().unwrap())
    }
}

/// What almost every token has.
fn scope() -> Scope {
    Scope::parse("contacts.read contacts.write").unwrap()
}

/// A source that holds a fresh token for an hour.
pub(crate) fn fresh_source(runtime: &tokio::runtime::Runtime) -> Arc<ManagedSource> {
    let clock = Arc::new(SystemClock::new());
    let grant = MadeUp::of_bytes(LONG_TOKEN_BYTES, clock, Duration::from_secs(3600), Duration::ZERO);
    let profile = profile(&Scheduler::new(), RefreshPolicy::default());
    let source = ManagedSource::new(key(0), grant, &profile);
    runtime.block_on(grantry_core::TokenSource::token(&source)).unwrap();
    source
}

pub(crate) fn profile(scheduler: &Scheduler, policy: RefreshPolicy) -> Arc<Profile> {
    Profile::builder("https://as.test/token", "benchmark", scheduler).policy(policy).build()
}

pub(crate) fn key(nth: usize) -> GrantKey {
    GrantKey::new(format!("tenant-{:03}", nth % 1_000), "crm", format!("user-{nth:07}")).unwrap()
}
