//! The gate of the fast path: until when a held token may be handed out without a second look.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::{CoarseReading, Instant};

use crate::clocks::Clocks;

/// The coarse clocks lag by a scheduler tick of the kernel, at most 10 ms.
const COARSE_LAG: u64 = 10_000_000;
/// How long a caller who was sent to renew keeps others from being sent too.
const CLAIM: u64 = 1_000_000_000;
/// Marks a gate whose next renewal was claimed by a caller who has not come to it yet.
const CLAIMED: u64 = 1;

/// Two bounds in the coarse clocks. While both lie ahead the held token is fit and no renewal is due.
///
/// The monotonic bound is the moment of the next look, usually the renewal; the wall bound is the expiry, and is
/// there for the time that the machine sleeps, which the coarse monotonic clock does not count until somebody notices
/// (see [`Clocks`](crate::clocks::Clocks)).
#[derive(Debug, Default)]
pub(crate) struct Gate {
    look: AtomicU64,
    wall: AtomicI64,
}

/// What the gate says of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Hand the token out.
    Open,
    /// The same, and a caller is on the way to renew.
    OpenClaimed,
    /// A second look is needed.
    Late,
}

impl Gate {
    /// What the gate says of `reading`.
    #[inline]
    pub(crate) fn pass(&self, reading: CoarseReading) -> Pass {
        let look = self.look.load(Ordering::Acquire);
        if reading.monotonic < look && reading.wall.as_unix_nanos() < self.wall.load(Ordering::Relaxed) {
            if look & CLAIMED == 0 { Pass::Open } else { Pass::OpenClaimed }
        } else {
            Pass::Late
        }
    }

    /// Opens the gate until `look`, for a token that expires at `expires`; both on the boot clock.
    pub(crate) fn open(&self, look: Instant, expires: Instant, clocks: &Clocks) {
        // In this order: a thread that is held up in between opens the gate for less long, never for longer.
        let coarse = clocks.coarse();
        let now = clocks.now();
        let wall = if expires == Instant::MAX {
            i64::MAX
        } else {
            let left = expires.since(now).saturating_sub(Duration::from_nanos(COARSE_LAG));
            coarse.wall.after(left).as_unix_nanos()
        };
        let look = if look == Instant::MAX {
            u64::MAX
        } else {
            let ahead = u64::try_from(look.since(now).as_nanos()).unwrap_or(u64::MAX);
            coarse.monotonic.saturating_add(ahead.saturating_sub(COARSE_LAG))
        };
        self.wall.store(wall, Ordering::Relaxed);
        self.look.store(look & !CLAIMED, Ordering::Release);
    }

    /// Opens or shuts the gate as `other` is now. What opens `other` has to be kept away meanwhile.
    pub(crate) fn follow(&self, other: &Self) {
        self.wall.store(other.wall.load(Ordering::Relaxed), Ordering::Relaxed);
        self.look.store(other.look.load(Ordering::Acquire), Ordering::Release);
    }

    /// Shuts the gate: nothing is handed out before it is opened again.
    pub(crate) fn shut(&self) {
        self.look.store(0, Ordering::Release);
    }

    /// Lets exactly one of the callers that come late win; for a second the others pass meanwhile, but not past the
    /// token's expiry, which is `left` ahead. Nobody wins where nothing is left to pass with.
    pub(crate) fn claim(&self, reading: CoarseReading, left: Duration) -> bool {
        let ahead = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX).saturating_sub(COARSE_LAG).min(CLAIM);
        if ahead == 0 {
            return false;
        }
        let look = self.look.load(Ordering::Acquire);
        let wall = self.wall.load(Ordering::Relaxed);
        let mut won = false;
        if reading.monotonic >= look {
            let later = reading.monotonic.saturating_add(ahead) | CLAIMED;
            won |= self.look.compare_exchange(look, later, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        }
        if reading.wall.as_unix_nanos() >= wall {
            let later = reading.wall.after(Duration::from_nanos(ahead)).as_unix_nanos();
            if self.wall.compare_exchange(wall, later, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                // So that the winner's `token` takes the long way too, and sets both bounds right.
                self.look.fetch_or(CLAIMED, Ordering::AcqRel);
                won = true;
            }
        }
        won
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::{Clock, SystemClock, Timestamp};

    fn reading(monotonic: u64, wall: i64) -> CoarseReading {
        CoarseReading { monotonic, wall: Timestamp::from_unix_nanos(wall) }
    }

    #[test]
    fn a_gate_that_was_never_opened_is_shut() {
        let gate = Gate::default();
        assert_eq!(gate.pass(SystemClock::new().coarse()), Pass::Late);
    }

    #[test]
    fn exactly_one_of_many_late_callers_is_sent_to_renew() {
        let gate = Gate::default();
        gate.look.store(1_000, Ordering::Relaxed);
        gate.wall.store(i64::MAX, Ordering::Relaxed);
        assert_eq!(gate.pass(reading(998, 0)), Pass::Open);
        let long = Duration::from_secs(60);
        let won = (0..100)
            .filter(|_| gate.pass(reading(1_000, 0)) == Pass::Late && gate.claim(reading(1_000, 0), long));
        assert_eq!(won.count(), 1);
        assert_eq!(gate.pass(reading(1_000, 0)), Pass::OpenClaimed);
        assert_eq!(gate.pass(reading(1_001 + CLAIM, 0)), Pass::Late, "a claim that came to nothing lapses");
    }

    #[test]
    fn a_wall_clock_that_jumped_sends_one_caller_to_look() {
        let gate = Gate::default();
        gate.look.store(!CLAIMED, Ordering::Relaxed);
        gate.wall.store(1_000, Ordering::Relaxed);
        assert_eq!(gate.pass(reading(5, 1_000)), Pass::Late);
        let long = Duration::from_secs(60);
        assert!(gate.claim(reading(5, 1_000), long));
        assert!(!gate.claim(reading(5, 1_000), long));
        assert_eq!(gate.pass(reading(5, 1_000)), Pass::OpenClaimed);
    }

    #[test]
    fn a_claim_lets_nobody_pass_beyond_the_expiry() {
        let gate = Gate::default();
        gate.look.store(1_000_000_000, Ordering::Relaxed);
        gate.wall.store(i64::MAX, Ordering::Relaxed);
        let now = reading(1_000_000_000, 0);
        assert!(gate.claim(now, Duration::from_millis(30)));
        assert_eq!(gate.pass(reading(1_019_000_000, 0)), Pass::OpenClaimed);
        assert_eq!(gate.pass(reading(1_021_000_000, 0)), Pass::Late);
        assert!(!gate.claim(reading(1_021_000_000, 0), Duration::from_millis(9)));
        assert_eq!(
            gate.pass(reading(1_021_000_001, 0)),
            Pass::Late,
            "so little is left that nobody may pass"
        );
    }
}
