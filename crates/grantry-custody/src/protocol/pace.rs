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

    /// Takes one redemption out again, which its own attempt entered on the same terms and which provably never left. By what
    /// that leaves nobody is free earlier than if it had not been entered. Whoever was overtaken, and whoever cannot tell, takes
    /// nothing out.
    pub(super) fn take_back_redemption(&mut self, terms: &Terms) {
        if let (Some(made_up), Some(rate)) = (self.made_up, terms.rate) {
            self.made_up = Some(made_up.before(Pace::of(rate, terms).each));
        }
    }
}

#[cfg(test)]
mod tests {
    use grantry_vault::{Fingerprint, LineageId};

    use super::*;
    use crate::protocol::{Doubt, Intent, Outcome, Settled, Snapshot};

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
    fn what_never_left_uses_nothing_up_and_lets_nobody_send_more() {
        let terms = terms(10, 600, Rotation::None);
        let (mut standing, mut now, mut sent) = (Standing::default(), at(1_000), Vec::new());
        for nth in 0_u32.. {
            match standing.enter_redemption(Some(&candidate()), now, &terms) {
                Ok(()) if nth % 3 == 1 => sent.push(now),
                Ok(()) => standing.take_back_redemption(&terms),
                Err(free) => now = free,
            }
            if sent.len() == 50 {
                break;
            }
        }
        let inside =
            |first: StoreTime| move |other: &&StoreTime| other.since(first) < Duration::from_secs(612);
        let most = (0..sent.len()).map(|nth| sent[nth..].iter().take_while(inside(sent[nth])).count()).max();
        assert_eq!(most, Some(10));
        assert!(sent[..5].iter().all(|early| *early == at(1_000)), "no attempt in between counted: {sent:?}");
        // With nothing left it is no earlier than it was.
        let free = standing.enter_redemption(Some(&candidate()), now, &terms).unwrap_err();
        for _ in 0..100 {
            assert_eq!(standing.enter_redemption(Some(&candidate()), free, &terms), Ok(()));
            standing.take_back_redemption(&terms);
        }
        assert!(standing.enter_redemption(Some(&candidate()), now, &terms).is_err());
    }

    #[test]
    fn only_what_provably_never_left_and_has_its_place_still_is_taken_back() {
        let terms = terms(10, 600, Rotation::None);
        let token = candidate().token;
        let mut standing = Standing::new(Some(token));
        standing.enter_redemption(Some(&candidate()), at(0), &terms).unwrap();
        let (first_sent, lease_until) = (at(0), at(6_000));
        let intent =
            Intent { attempt: [1; 16], epoch: 1, token: Some(token), first_sent, sends: 1, lease_until };
        let snapshot = Snapshot {
            standing: Standing { intent: Some(intent), ..standing.clone() },
            lineage: LineageId::from_bytes([7; 16]),
            generation: 0,
            now: at(1_000),
            stamp: at(1_000),
            took: Duration::ZERO,
            reachable_since: at(0),
            access_expires: None,
            holds_another: None,
        };
        let made_up = |outcome| match snapshot.settle(&intent, outcome, &terms) {
            Settled::AsBefore(settled) | Settled::InDoubt(settled) | Settled::NeedsPerson(settled) => {
                settled.made_up
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(made_up(Outcome::NotSent), Some(at(0)));
        for outcome in [Outcome::NotSpent, Outcome::Refused, Outcome::Unknown] {
            assert_eq!(made_up(outcome), standing.made_up, "{outcome:?}");
        }
        let overtaken = Snapshot { standing: standing.clone(), ..snapshot.clone() };
        assert_eq!(overtaken.settle(&intent, Outcome::NotSent, &terms), Settled::Overtaken(None));
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
