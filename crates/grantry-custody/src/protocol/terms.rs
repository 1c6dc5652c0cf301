//! What the server does with used tokens, and how long things may take.

use std::time::Duration;

use grantry_core::{RefreshRate, Rotation, StoreTime};

/// The terms on which a grant is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_structs,
    reason = "facts and times that whoever checks the protocol sets one by one"
)]
pub struct Terms {
    /// What the server does with a refresh token that was used.
    pub rotation: Rotation,
    /// How long an attempt owns the record.
    pub lease: Duration,
    /// How long a token request takes at most, from the first byte to the last of the answer, where a window has to be met; how
    /// long it is reckoned to take elsewhere, where an answer is [waited for](Self::answer_within) longer.
    pub http_timeout: Duration,
    /// For the difference between two clocks, and whatever stands still for a moment.
    pub margin: Duration,
    /// How long after its lease an owner may still come back with what it received.
    pub allowance: Duration,
    /// How long a doubt may stand on a strict server before the last chance is taken, while an access token is still fit.
    pub doubt_limit: Duration,
    /// How often the server lets one refresh token be used, where it bounds that.
    pub rate: Option<RefreshRate>,
}

/// How long an answer is waited for where no window has to be met.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// The shortest window in which an answer can be lost and asked for again: half a second for each request.
const SHORTEST_WINDOW: Duration = Duration::from_secs(4);

/// Terms under which a grant could be lost without any fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTerms {
    /// The retry after a lost answer would come too late.
    #[error(
        "the server accepts a used refresh token for {window:?}, but a retry may come {needed:?} after the first use (lease + 2 x http timeout + margin): shorten them"
    )]
    WindowTooShort {
        /// The server's window.
        window: Duration,
        /// What the times add up to.
        needed: Duration,
    },
    /// No times fit the window, however short.
    #[error(
        "the server accepts a used refresh token for {window:?}: too short for an answer to be lost and asked for again, which \
         takes {SHORTEST_WINDOW:?} at least. Take it for a server that accepts none (Rotation::Strict)"
    )]
    WindowOfNoUse {
        /// The server's window.
        window: Duration,
    },
    /// There would be no moment at which a request may be sent.
    #[error("the lease has to be longer than http timeout + margin ({needed:?}): lengthen it")]
    LeaseTooShort {
        /// What the times add up to.
        needed: Duration,
    },
}

impl Terms {
    /// The terms for a server, with times that are chosen by its window: a lease of 6 s and 4 s for a request where it
    /// has none, or one that is long enough.
    pub fn of(rotation: Rotation) -> Self {
        let lease = Duration::from_secs(6);
        let http_timeout = Duration::from_secs(4);
        let margin = Duration::from_secs(1);
        let terms = Self {
            rotation,
            lease,
            http_timeout,
            margin,
            allowance: http_timeout + margin,
            doubt_limit: Duration::from_secs(600),
            rate: None,
        };
        match rotation {
            Rotation::Grace { window, .. } if window < terms.retry_within() => {
                // Half of the window for an attempt and its retry, in the same proportions.
                let share = |part: u32| window / 2 * part / 15;
                Self {
                    lease: share(6),
                    http_timeout: share(4),
                    margin: share(1),
                    allowance: share(5),
                    ..terms
                }
            }
            _ => terms,
        }
    }

    /// Checks that the times fit the server's window.
    ///
    /// # Errors
    /// [`InvalidTerms`] says which do not.
    pub fn check(&self) -> Result<(), InvalidTerms> {
        if let Rotation::Grace { window, .. } = self.rotation
            && window < SHORTEST_WINDOW
        {
            return Err(InvalidTerms::WindowOfNoUse { window });
        }
        let needed = self.http_timeout + self.margin;
        if self.lease <= needed {
            return Err(InvalidTerms::LeaseTooShort { needed });
        }
        match self.rotation {
            Rotation::Grace { window, .. } if window < self.retry_within() => {
                Err(InvalidTerms::WindowTooShort { window, needed: self.retry_within() })
            }
            _ => Ok(()),
        }
    }

    /// For how long an answer is waited for.
    ///
    /// Where the server takes a used token for a while, no longer than leaves room for another attempt. Where it takes none,
    /// whoever stops waiting gives the only successor away, and a server that is slow has not lost anything; where it takes any,
    /// there is no hurry. The lease goes on for as long as its owner waits.
    pub fn answer_within(&self) -> Duration {
        match self.rotation {
            Rotation::Grace { .. } => self.http_timeout,
            _ => self.http_timeout.max(LONGEST_ANSWER),
        }
    }

    /// How long after the first sending a retry has arrived at the latest.
    fn retry_within(&self) -> Duration {
        self.lease + 2 * self.http_timeout + self.margin
    }

    /// How long after the reading that a claim goes on from a request may be sent, where that reading took no time.
    pub(super) fn send_within(&self) -> Duration {
        self.lease.saturating_sub(self.http_timeout + self.margin)
    }

    /// How long a reading may have taken at most for a lease to be longer by that: others wait for as much longer for an owner
    /// that died.
    pub(super) fn longest_reading(&self) -> Duration {
        self.lease / 2
    }

    /// Until when a used token may be sent again, if the server accepts that at all: `None` for always.
    pub(super) fn resend_until(&self, first_sent: StoreTime) -> Option<StoreTime> {
        match self.rotation {
            Rotation::None | Rotation::KeepOld => None,
            // The times are chosen so that the first retry comes well inside. After more than one fault it may be the last
            // moment, and still it is better than any later one.
            Rotation::Grace { window, .. } => Some(first_sent.after(window)),
            // Strict, and whatever this version does not know.
            _ => Some(first_sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grace(seconds: u64) -> Rotation {
        Rotation::Grace { window: Duration::from_secs(seconds), same: false }
    }

    #[test]
    fn the_times_that_are_chosen_fit_every_window() {
        for seconds in 4..120 {
            assert_eq!(Terms::of(grace(seconds)).check(), Ok(()), "{seconds} s");
        }
        for seconds in 0..4 {
            let refused = Terms::of(grace(seconds)).check().unwrap_err();
            assert_eq!(refused, InvalidTerms::WindowOfNoUse { window: Duration::from_secs(seconds) });
            assert!(refused.to_string().contains("4s at least"), "{refused}");
        }
        assert_eq!(Terms::of(Rotation::UNKNOWN).check(), Ok(()));
    }

    #[test]
    fn a_window_that_is_shorter_than_two_attempts_is_refused() {
        let terms = Terms { rotation: grace(14), ..Terms::of(Rotation::None) };
        let needed = Duration::from_secs(15);
        assert_eq!(
            terms.check(),
            Err(InvalidTerms::WindowTooShort { window: Duration::from_secs(14), needed })
        );
        assert!(terms.check().unwrap_err().to_string().contains("shorten"));
        assert_eq!(Terms { rotation: grace(15), ..terms }.check(), Ok(()));
        let short = Terms { lease: Duration::from_secs(5), ..Terms::of(Rotation::None) };
        assert_eq!(short.check(), Err(InvalidTerms::LeaseTooShort { needed: Duration::from_secs(5) }));
    }
}
