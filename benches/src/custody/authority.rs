//! An authorization server in memory that gives out every refresh token once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Clock, Error, ErrorKind, Failure, Grant, Instant, RefreshToken, Rotation, Stage,
    TokenSet,
};
use tokio::sync::Notify;

/// With its refresh token and what the record says beside them, a record of about 1 KiB.
const ACCESS_TOKEN_BYTES: usize = 600;

/// Redeems refresh tokens as a strict server does, or as one with a window where a grant has one.
#[derive(Debug)]
pub(crate) struct Authority {
    clock: Arc<dyn Clock>,
    life: Duration,
    delay: Duration,
    rotation: fn(u64) -> Rotation,
    grants: Mutex<HashMap<u64, Held>>,
    answers: Mutex<Answers>,
    gate: Notify,
    asked: AtomicU64,
    refused: AtomicU64,
    at_once: AtomicU64,
    most_at_once: AtomicU64,
    seconds: Mutex<BTreeMap<u64, u64>>,
}

/// What becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Answers {
    #[default]
    Come,
    /// They are lost; every other request had been served.
    AreLost,
    /// They come when the gate is opened.
    Wait,
}

/// What the server knows of a grant.
#[derive(Debug, Default)]
struct Held {
    current: u64,
    /// The one before, and when it was first used.
    used: Option<(u64, Instant)>,
}

impl Authority {
    /// Tokens that live so long, answers that take so long, and the rotation of each grant.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        life: Duration,
        delay: Duration,
        rotation: fn(u64) -> Rotation,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock,
            life,
            delay,
            rotation,
            grants: Mutex::default(),
            answers: Mutex::default(),
            gate: Notify::new(),
            asked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            at_once: AtomicU64::new(0),
            most_at_once: AtomicU64::new(0),
            seconds: Mutex::default(),
        })
    }

    /// The first refresh token of a grant.
    pub(crate) fn consent(&self, grant: u64) -> RefreshToken {
        lock(&self.grants).insert(grant, Held::default());
        refresh_token(grant, 0)
    }

    pub(crate) fn rotation(&self, grant: u64) -> Rotation {
        (self.rotation)(grant)
    }

    pub(crate) fn set(&self, answers: Answers) {
        *lock(&self.answers) = answers;
        self.gate.notify_waiters();
    }

    /// Requests so far.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Requests that brought a token that was used up.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The most requests at once.
    pub(crate) fn most_at_once(&self) -> u64 {
        self.most_at_once.load(Ordering::Relaxed)
    }

    /// The requests of each second of the boot clock.
    pub(crate) fn fullest_second(&self) -> u64 {
        lock(&self.seconds).values().copied().max().unwrap_or_default()
    }

    fn arrived(&self) -> OnTheWay<'_> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let second = self.clock.now().as_nanos() / 1_000_000_000;
        *lock(&self.seconds).entry(second).or_default() += 1;
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::Relaxed);
        OnTheWay(self)
    }

    /// The number of the successor; `None` where the token is used up.
    fn redeem(&self, grant: u64, serial: u64) -> Option<u64> {
        let now = self.clock.now();
        let mut grants = lock(&self.grants);
        let held = grants.get_mut(&grant)?;
        let forgives = match (self.rotation(grant), held.used) {
            (Rotation::Grace { window, .. }, Some((used, first))) => {
                used == serial && now.since(first) < window
            }
            _ => false,
        };
        if serial == held.current {
            held.used = Some((serial, now));
        } else if !forgives {
            return None;
        }
        held.current += 1;
        Some(held.current)
    }
}

/// A request that is not answered yet.
struct OnTheWay<'a>(&'a Authority);

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Grant for Authority {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let sent = self.clock.now();
        let (grant, serial) = attempt.redeeming().and_then(read).unwrap();
        let _on_the_way = self.arrived();
        let opened = self.gate.notified();
        let answers = *lock(&self.answers);
        match answers {
            Answers::AreLost => {
                if grant.is_multiple_of(2) {
                    self.redeem(grant, serial);
                }
                std::future::pending::<()>().await;
            }
            Answers::Wait => opened.await,
            Answers::Come => {}
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let Some(next) = self.redeem(grant, serial) else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Failure::refused(Error::new(
                ErrorKind::InvalidGrant,
                Stage::Token,
                "it was used up",
            )));
        };
        let set = TokenSet::builder(access_token(grant, next), sent)
            .expires(sent.after(self.life))
            .refresh_token(refresh_token(grant, next));
        Ok(set.build().unwrap())
    }
}

pub(crate) fn access_token(grant: u64, serial: u64) -> AccessToken {
    AccessToken::new(format!("{:0>ACCESS_TOKEN_BYTES$}", format!("{grant}.{serial}")))
}

fn refresh_token(grant: u64, serial: u64) -> RefreshToken {
    RefreshToken::new(format!("{grant:0>32}.{serial:0>12}"))
}

fn read(token: &RefreshToken) -> Option<(u64, u64)> {
    let (grant, serial) = token.expose().split_once('.')?;
    Some((grant.parse().ok()?, serial.parse().ok()?))
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
