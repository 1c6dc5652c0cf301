//! How often one refresh token is redeemed, where the server bounds that.

use std::time::Duration;

use grantry_core::{RefreshRate, Rotation, StoreTime};

use super::{Candidate, Standing, Terms};

/// A bound of the server, kept by one moment in the record that all replicas share: by when what was redeemed so far is made up
/// for. Half of what is allowed may be redeemed at once, and the other half follows one by one, so that no window that slides
/// over it holds more.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// What one redemption takes to be made up for.
    each: Duration,
    /// By how much more than now may have to be made up for.
    ahead: Duration,
    /// After how long no use counts any more.
    over: Duration,
}

impl Pace {
    fn of(rate: RefreshRate, terms: &Terms) -> Self {
        let most = rate.most.get();
        let at_once = most.div_ceil(2);
        // A request leaves within its lease, and not at the moment at which it was announced.
        let over = rate.within.saturating_add(2 * terms.lease);
        let each = over / (most - at_once + 1);
        Self { each, ahead: each.saturating_mul(at_once - 1), over }
    }
}

impl Standing {
    /// Enters one redemption of a token at this moment; or says when it may be redeemed, if not now.
    pub(super) fn enter_redemption(
        &mut self,
        candidate: Option<&Candidate>,
        now: StoreTime,
        terms: &Terms,
    ) -> Result<(), StoreTime> {
        let (Some(_), Some(rate)) = (candidate, terms.rate) else {
            self.made_up = None;
            return Ok(());
        };
        let pace = Pace::of(rate, terms);
        // A server that was asked too often, a clock that leapt, and a bound that was mistyped are over in a window's time, too.
        let latest = now.after(pace.over.saturating_add(pace.ahead));
        let made_up = self.made_up.map_or(now, |made_up| made_up.clamp(now, latest));
        let free = made_up.before(pace.ahead);
        // What was lost has to be asked for again inside the window: a grant is worth more than a bound.
        let is_in_doubt = self.current.iter().chain(&self.others).any(|held| held.doubt.is_some());
        let is_urgent = is_in_doubt && matches!(terms.rotation, Rotation::Grace { .. });
        if now < free && !is_urgent {
            return Err(free);
        }
        self.made_up = Some(made_up.after(pace.each));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use grantry_vault::Fingerprint;

    use super::*;
    use crate::protocol::Doubt;

    fn terms(most: u32, seconds: u64, rotation: Rotation) -> Terms {
        let rate = RefreshRate::at_most(most, Duration::from_secs(seconds));
        Terms { rate, ..Terms::of(rotation) }
    }

    fn candidate() -> Candidate {
        Candidate::proven(Fingerprint::from_bytes([1; 16]), 0)
    }

    fn at(millis: u64) -> StoreTime {
        StoreTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn no_window_holds_more_than_the_server_allows_however_eager_those_who_ask() {
        for (most, seconds) in [(1, 60), (2, 60), (3, 10), (10, 600), (7, 1)] {
            let terms = terms(most, seconds, Rotation::None);
            let (mut standing, mut now, mut sent) = (Standing::default(), at(1_000), Vec::new());
            while sent.len() < 50 {
                match standing.enter_redemption(Some(&candidate()), now, &terms) {
                    Ok(()) => sent.push(now),
                    Err(free) => now = free,
                }
            }
            let window = Duration::from_secs(seconds);
            for (nth, first) in sent.iter().enumerate() {
                // What was announced first may have left as late as its lease allows.
                let inside = |other: &&StoreTime| other.since(*first) < window + terms.lease;
                let held = sent[nth..].iter().take_while(inside).count();
                assert!(held <= most as usize, "{held} of {most} in {seconds} s");
            }
            let first_at_once = sent.iter().filter(|other| **other == sent[0]).count();
            assert_eq!(first_at_once, most.div_ceil(2) as usize);
        }
    }

    #[test]
    fn whoever_waited_long_may_redeem_as_many_at_once_and_no_more() {
        let terms = terms(10, 600, Rotation::None);
        let mut standing = Standing::default();
        for now in [at(0), at(100_000_000)] {
            for _ in 0..5 {
                assert_eq!(standing.enter_redemption(Some(&candidate()), now, &terms), Ok(()));
            }
            let free = standing.enter_redemption(Some(&candidate()), now, &terms).unwrap_err();
            assert_eq!(free.since(now), Duration::from_secs(612) / 6);
        }
    }

    #[test]
    fn a_lost_answer_is_asked_for_inside_its_window_and_counts_all_the_same() {
        let grace = Rotation::Grace { window: Duration::from_secs(30), same: false };
        let doubt = Some(Doubt { first_sent: at(0), sends: 1, settled: at(0) });
        let in_doubt = Candidate { doubt, ..candidate() };
        for (rotation, is_urgent) in [(grace, true), (Rotation::None, false), (Rotation::UNKNOWN, false)] {
            let terms = terms(1, 60, rotation);
            let mut standing = Standing { current: Some(in_doubt), ..Standing::default() };
            assert_eq!(standing.enter_redemption(Some(&candidate()), at(0), &terms), Ok(()));
            let before = standing.made_up;
            let again = standing.enter_redemption(Some(&in_doubt), at(1), &terms);
            assert_eq!((again.is_ok(), standing.made_up > before), (is_urgent, is_urgent), "{rotation:?}");
        }
    }

    #[test]
    fn whatever_was_sent_in_need_or_by_a_clock_that_leapt_is_over_in_a_windows_time() {
        let grace = Rotation::Grace { window: Duration::from_secs(30), same: false };
        let terms = terms(10, 600, grace);
        let doubt = Some(Doubt { first_sent: at(0), sends: 1, settled: at(0) });
        let in_doubt = Candidate { doubt, ..candidate() };
        let mut standing = Standing { current: Some(in_doubt), ..Standing::default() };
        for second in (0..3_600).step_by(5) {
            assert_eq!(standing.enter_redemption(Some(&in_doubt), at(second * 1_000), &terms), Ok(()));
        }
        let mut leapt = Standing { current: Some(candidate()), ..Standing::default() };
        leapt.made_up = Some(at(86_400_000));
        standing.current = Some(candidate());
        for standing in [&mut standing, &mut leapt] {
            let free = standing.enter_redemption(Some(&candidate()), at(3_600_000), &terms).unwrap_err();
            assert_eq!(free.since(at(3_600_000)), Duration::from_secs(600) + 2 * terms.lease);
        }
    }

    #[test]
    fn without_a_bound_or_a_refresh_token_nothing_is_entered() {
        let mut standing = Standing::default();
        let unbounded = Terms::of(Rotation::None);
        assert_eq!(standing.enter_redemption(Some(&candidate()), at(0), &unbounded), Ok(()));
        assert_eq!(standing.enter_redemption(None, at(0), &terms(1, 60, Rotation::None)), Ok(()));
        assert_eq!(standing, Standing::default());
    }
}
