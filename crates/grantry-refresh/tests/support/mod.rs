//! A grant whose answers a test scripts, and a clock on tokio's paused time.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, reason = "a test may")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Clock, CoarseReading, Diagnosis, Error, ErrorKind, Failure, Grant, GrantKey,
    Instant, Party, Retry, Stage, Timestamp, TokenSet,
};
use grantry_refresh::{ManagedSource, Profile, RefreshPolicy, Scheduler};

/// Tokio's clock, which stands still but for what a test lets pass, plus time that the machine slept.
#[derive(Debug)]
pub struct TestClock {
    start: tokio::time::Instant,
    slept: AtomicU64,
    wall_jump: Mutex<i64>,
}

impl TestClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that the test hands in")]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            start: tokio::time::Instant::now(),
            slept: AtomicU64::new(0),
            wall_jump: Mutex::new(0),
        })
    }

    /// The machine sleeps: the monotonic clock stands still, the others go on.
    pub fn sleep_machine(&self, time: Duration) {
        self.slept.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock.
    pub fn jump_wall(&self, seconds: i64) {
        *self.wall_jump.lock().unwrap() += seconds * 1_000_000_000;
    }

    fn monotonic(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64 + 1_000_000_000_000
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.monotonic() + self.slept.load(Ordering::Relaxed))
    }
    fn wall(&self) -> Timestamp {
        let boot = i64::try_from(self.now().as_nanos()).unwrap();
        Timestamp::from_unix_nanos(1_700_000_000_000_000_000 + boot + *self.wall_jump.lock().unwrap())
    }
    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: self.monotonic(), wall: self.wall() }
    }
}

/// One answer of a scripted grant.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A token that lives this long.
    Token(Duration),
    /// A token of unknown lifetime.
    Endless,
    /// An error of this kind; the request was sent.
    Fails(ErrorKind),
    /// The client is refused, and has another credential to try.
    OtherCredential,
    /// An error after which the server asks for a pause.
    Busy(Duration),
    /// Nothing was sent.
    Unreachable,
    /// The grant panics.
    Panics,
    /// The answer never comes.
    Hangs,
}

/// Answers by script, the last line for ever, each after a delay; counts what it was asked.
#[derive(Debug)]
pub struct ScriptedGrant {
    clock: Arc<TestClock>,
    delay: Duration,
    script: Mutex<VecDeque<Answer>>,
    pub asked: AtomicU64,
    pub at_once: AtomicU64,
    pub most_at_once: AtomicU64,
}

impl ScriptedGrant {
    pub fn new(
        clock: &Arc<TestClock>,
        delay: Duration,
        script: impl IntoIterator<Item = Answer>,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(clock),
            delay,
            script: Mutex::new(script.into_iter().collect()),
            asked: AtomicU64::new(0),
            at_once: AtomicU64::new(0),
            most_at_once: AtomicU64::new(0),
        })
    }

    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Replaces the script.
    pub fn now_answers(&self, script: impl IntoIterator<Item = Answer>) {
        *self.script.lock().unwrap() = script.into_iter().collect();
    }
}

#[async_trait]
impl Grant for ScriptedGrant {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let sent = self.clock.now();
        let answer = {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 { script.pop_front().unwrap() } else { script.front().unwrap().clone() }
        };
        tokio::time::sleep(self.delay).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let token = TokenSet::builder(AccessToken::new(format!("token-{nth}")), sent);
        let error = |kind| Error::new(kind, Stage::Token, "as the script says");
        match answer {
            Answer::Token(life) => Ok(token.expires(sent.after(life)).build().unwrap()),
            Answer::Endless => Ok(token.build().unwrap()),
            Answer::Fails(kind) => Err(Failure::not_consumed(error(kind))),
            Answer::OtherCredential => {
                let next = Diagnosis::new(Party::Application, "as the script says", Retry::Now);
                Err(Failure::not_consumed(error(ErrorKind::InvalidClient).with_diagnosis(next)))
            }
            Answer::Busy(pause) => Err(Failure::not_consumed(
                error(ErrorKind::Unavailable).with_retry_at(self.clock.now().after(pause)),
            )),
            Answer::Unreachable => Err(Failure::unsent(error(ErrorKind::Unreachable))),
            Answer::Panics => panic!("as the script says"),
            Answer::Hangs => std::future::pending().await,
        }
    }
}

/// A source over a scripted grant, on tokio's paused time.
pub struct Scene {
    pub clock: Arc<TestClock>,
    pub grant: Arc<ScriptedGrant>,
    pub scheduler: Scheduler,
    pub source: Arc<ManagedSource>,
}

pub fn key() -> GrantKey {
    GrantKey::new("acme", "crm", "default").unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Sets the scene: the policy, how long the grant takes, and its script.
pub fn scene(policy: RefreshPolicy, delay: Duration, script: impl IntoIterator<Item = Answer>) -> Scene {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(&clock, delay, script);
    let scheduler = Scheduler::builder().clock(clock.clone()).build();
    let profile = Profile::builder("https://as.test/token", "test", &scheduler).policy(policy).build();
    let source = ManagedSource::new(key(), grant.clone(), &profile);
    Scene { clock, grant, scheduler, source }
}
