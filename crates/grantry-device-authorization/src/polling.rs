//! When to poll (RFC 8628 section 3.5), and the loop that does.

use std::time::Duration;

use grantry_core::Instant;

use crate::verdict::{self, Verdict};
use crate::{DeviceGranted, DeviceUnfinished, PendingDevice, Waiting, WaitingFor};

/// What one `slow_down` adds, for good.
const SLOWER: Duration = Duration::from_secs(5);
/// The wait for a server that cannot be reached grows up to this, or to the interval where that is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// A machine that was suspended notices within this time, since tokio's timers stood still meanwhile.
const SLICE: Duration = Duration::from_secs(30);

/// How often to poll, and when next.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    interval: Duration,
    /// How many polls in a row did not reach the server.
    unreached: u32,
    next: Instant,
    polls: u64,
}

impl Pace {
    /// The first poll is one interval away, for nobody approves at once.
    pub(crate) fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, unreached: 0, next: now.after(interval), polls: 0 }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// A poll that got this answer is over by now.
    fn polled(&mut self, answer: WaitingFor, not_before: Option<Instant>, now: Instant) {
        self.polls = self.polls.saturating_add(1);
        match answer {
            WaitingFor::Person => self.unreached = 0,
            WaitingFor::PersonLessOften => {
                self.unreached = 0;
                self.interval = self.interval.saturating_add(SLOWER);
            }
            WaitingFor::Server => self.unreached = self.unreached.saturating_add(1),
        }
        let next = now.after(self.wait());
        self.next = not_before.map_or(next, |at| at.max(next));
    }

    /// A poll ended it; whoever goes on waits as after any other.
    pub(crate) fn stopped(&mut self, now: Instant) {
        self.polled(WaitingFor::Person, None, now);
    }

    /// The interval, doubled for each poll in a row that did not reach the server.
    fn wait(&self) -> Duration {
        let longest = LONGEST_BACKOFF.max(self.interval);
        let factor = 2_u32.checked_pow(self.unreached).unwrap_or(u32::MAX);
        self.interval.saturating_mul(factor).min(longest)
    }
}

impl PendingDevice {
    pub(crate) async fn poll_until_over(
        mut self,
        mut tell: impl FnMut(Waiting) + Send,
        given_up: impl Future<Output = ()> + Send,
    ) -> Result<DeviceGranted, DeviceUnfinished> {
        tokio::pin!(given_up);
        let mut waiting_for = WaitingFor::Person;
        loop {
            let now = self.endpoint.clock().now();
            tell(Waiting {
                polls: self.pace.polls,
                waiting_for,
                next: self.pace.next.since(now),
                left: self.expires().since(now),
            });
            tokio::select! {
                biased;
                () = &mut given_up => return Err(self.given_up()),
                () = self.sleep_until(self.pace.next.min(self.expires())) => {}
            }
            if self.is_expired() {
                return Err(self.expired());
            }
            let failure = match self.poll().await {
                Ok(redeemed) => return Ok(self.granted(redeemed)),
                Err(failure) => failure,
            };
            self.lost |= verdict::may_have_lost_the_tokens(&failure);
            let (error, salvaged) = (failure.error, failure.salvaged);
            self.salvaged = salvaged.or(self.salvaged);
            waiting_for = match verdict::of(&error) {
                Verdict::Wait(waiting_for) => waiting_for,
                Verdict::Over(ending) => return Err(self.over(error, ending)),
                Verdict::Stop => return Err(self.stopped(error)),
            };
            let now = self.endpoint.clock().now();
            self.pace.polled(waiting_for, error.retry_at(), now);
        }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.endpoint.clock().now() >= self.expires()
    }

    /// Waits until the clock shows `at`: tokio's timers may be early by a little, and stand still while the machine
    /// is suspended.
    async fn sleep_until(&self, at: Instant) {
        loop {
            let left = at.since(self.endpoint.clock().now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(pace: &Pace, from: Instant) -> u64 {
        pace.next.since(from).as_secs()
    }

    #[test]
    fn req_c16_slow_down_adds_five_seconds_for_good() {
        let now = Instant::from_nanos(1);
        let mut pace = Pace::new(Duration::from_secs(5), now);
        assert_eq!(seconds(&pace, now), 5);
        for (answer, wait) in [
            (WaitingFor::Person, 5),
            (WaitingFor::PersonLessOften, 10),
            (WaitingFor::Person, 10),
            (WaitingFor::PersonLessOften, 15),
            (WaitingFor::Server, 30),
            (WaitingFor::Person, 15),
        ] {
            pace.polled(answer, None, now);
            assert_eq!(seconds(&pace, now), wait, "{answer:?}");
        }
    }

    #[test]
    fn req_c17_the_wait_doubles_up_to_a_minute_and_starts_anew_after_an_answer() {
        let now = Instant::from_nanos(1);
        let mut pace = Pace::new(Duration::from_secs(5), now);
        for wait in [10, 20, 40, 60, 60] {
            pace.polled(WaitingFor::Server, None, now);
            assert_eq!(seconds(&pace, now), wait);
        }
        pace.unreached = u32::MAX;
        pace.polled(WaitingFor::Server, None, now);
        assert_eq!(seconds(&pace, now), 60);
        pace.polled(WaitingFor::Person, None, now);
        assert_eq!(seconds(&pace, now), 5);
        // A server that asks for more than a minute gets it.
        let mut rare = Pace::new(Duration::from_secs(90), now);
        rare.polled(WaitingFor::Server, None, now);
        assert_eq!(seconds(&rare, now), 90);
    }

    #[test]
    fn the_servers_own_time_counts_where_it_is_later() {
        let now = Instant::from_nanos(1);
        let mut pace = Pace::new(Duration::from_secs(5), now);
        pace.polled(WaitingFor::Server, Some(now.after(Duration::from_secs(33))), now);
        assert_eq!(seconds(&pace, now), 33);
        pace.polled(WaitingFor::Person, Some(now), now);
        assert_eq!(seconds(&pace, now), 5);
    }

    #[test]
    fn nothing_overflows() {
        let mut pace = Pace::new(Duration::MAX, Instant::MAX);
        for answer in [WaitingFor::Server, WaitingFor::PersonLessOften, WaitingFor::Person] {
            pace.polled(answer, None, Instant::MAX);
        }
        assert_eq!(pace.next, Instant::MAX);
    }
}
