//! A clock that goes with tokio's paused time, from one runtime to the next.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, CoarseReading, Instant, Timestamp};

/// The boot clock of a machine whose processes are runtimes: while a runtime waits, its time jumps to the next timer.
#[derive(Debug)]
pub(crate) struct VirtualTime(Mutex<Reading>);

#[derive(Debug, Clone, Copy)]
struct Reading {
    stood: Duration,
    goes: Option<tokio::time::Instant>,
}

impl VirtualTime {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Reading { stood: Duration::from_secs(1_000), goes: None }))
    }

    /// From now on it goes with the runtime that this is called on.
    pub(crate) fn follow(&self) {
        self.stop();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).goes = Some(tokio::time::Instant::now());
    }

    /// It stands until it follows another runtime.
    pub(crate) fn stop(&self) {
        let stood = self.read();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Reading { stood, goes: None };
    }

    fn read(&self) -> Duration {
        let reading = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.stood + reading.goes.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.read().as_nanos()).unwrap()
    }
}

impl Clock for VirtualTime {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos())
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_790_000_000).after(self.read())
    }
    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: self.nanos(), wall: self.wall() }
    }
}

/// A runtime whose time is paused.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}
