//! How often a grant needed a token, and how many requests that took: by the real lives of the tokens that it got.

use std::time::Duration;

use grantry_core::Instant;

/// A renewal is due in the last quarter of a token's life. Ours begins 300 ms before the end of two seconds, and up to 85 ms
/// before that, so that renewals spread; what is left for a machine that stands still in between is 115 ms.
const DUE_PART: u32 = 4;

/// A token request of a grant, and the access token that came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) at: Instant,
    pub(crate) token: Option<Life>,
}

/// The life of an access token that was sent to whoever had asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// When it left for its worker.
    pub(crate) sent: Instant,
    /// When it ends, by its issuer.
    pub(crate) ends: Instant,
}

/// What became of the requests of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    /// How often it needed a token.
    pub(crate) expiries: u64,
    /// Requests while a token was out that was to live on for more than a quarter of its life.
    pub(crate) needless: u64,
}

/// Counts the requests of one grant, which are in the order of their arrival. A request that comes when the newest token is
/// due begins an expiry, and those that follow belong to it until a token was sent. A grant that gets none needs one
/// again a lifetime later.
pub(crate) fn count(asks: &[Ask], lifetime: Duration) -> Count {
    let mut count = Count::default();
    let mut open: Option<Instant> = None;
    for (nth, ask) in asks.iter().enumerate() {
        let sent = |after: Instant| {
            let earlier = asks.get(..nth).unwrap_or_default().iter().filter_map(|earlier| earlier.token);
            earlier.filter(move |life| life.sent >= after && life.sent <= ask.at)
        };
        let newest = sent(Instant::ZERO).map(|life| life.ends).max();
        if newest.is_some_and(|ends| ends > ask.at.after(lifetime / DUE_PART)) {
            count.needless += 1;
            continue;
        }
        let goes_on = |first: Instant| sent(first).next().is_none() && ask.at.since(first) < lifetime;
        if !open.is_some_and(goes_on) {
            count.expiries += 1;
            open = Some(ask.at);
        }
    }
    count
}

/// How many expiries a race without faults has at least: whoever asks all the time needs a token when it begins to, and then
/// another whenever the one before has ended. Each may come half a life late, on a machine that has other things to do.
pub(crate) fn floor(lifetime: Duration, grants: usize, lasts: Duration) -> u64 {
    let turn = lifetime + lifetime / 2;
    let of_grant = |grant: usize| {
        // They begin one after the other within one lifetime.
        let begins = lifetime.mul_f64(grant as f64 / grants.max(1) as f64);
        1 + lasts.saturating_sub(begins).as_nanos() / turn.as_nanos().max(1)
    };
    u64::try_from((0..grants).map(of_grant).sum::<u128>()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(2);

    fn at(millis: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(millis))
    }

    /// A request that is answered 10 ms later, with a token that lives from then on.
    fn answered(millis: u64) -> Ask {
        Ask { at: at(millis), token: Some(Life { sent: at(millis + 10), ends: at(millis + 2_010) }) }
    }

    fn unanswered(millis: u64) -> Ask {
        Ask { at: at(millis), token: None }
    }

    fn counted(asks: &[Ask]) -> (u64, u64) {
        let Count { expiries, needless } = count(asks, LIFETIME);
        (expiries, needless)
    }

    #[test]
    fn a_renewal_at_half_of_the_life_is_needless_and_one_in_the_last_quarter_is_due() {
        assert_eq!(counted(&[answered(0), answered(1_000)]), (1, 1));
        assert_eq!(counted(&[answered(0), answered(1_500)]), (1, 1), "10 ms too early");
        assert_eq!(counted(&[answered(0), answered(1_510), answered(3_100)]), (3, 0));
        assert_eq!(counted(&[answered(0), answered(5_000)]), (2, 0), "nobody asked in between");
    }

    #[test]
    fn requests_belong_to_one_expiry_until_a_token_was_sent() {
        assert_eq!(counted(&[answered(0), answered(5)]), (1, 0), "both before the answer");
        assert_eq!(counted(&[answered(0), answered(15)]), (1, 1));
        assert_eq!(counted(&[answered(0), unanswered(1_700), answered(1_800), answered(3_400)]), (3, 0));
    }

    #[test]
    fn a_grant_that_gets_no_token_needs_one_again_a_lifetime_later() {
        assert_eq!(
            counted(&[unanswered(0), unanswered(1_999), unanswered(2_000), unanswered(3_000)]),
            (2, 0)
        );
    }

    #[test]
    fn a_token_that_ended_early_by_its_issuer_is_due_early() {
        let life = Life { sent: at(10), ends: at(1_300) };
        assert_eq!(counted(&[Ask { at: at(0), token: Some(life) }, answered(1_000)]), (2, 0));
        assert_eq!(counted(&[Ask { at: at(0), token: Some(life) }, answered(700)]), (1, 1));
    }

    #[test]
    fn a_race_has_an_expiry_of_each_grant_for_every_turn_of_its_length() {
        assert_eq!(floor(LIFETIME, 1, Duration::from_secs(12)), 5, "at 0, and after each 3 s of 12");
        assert_eq!(floor(LIFETIME, 2, Duration::from_millis(3_900)), 3, "the second begins at 1 s");
        assert_eq!(floor(LIFETIME, 30, Duration::ZERO), 30);
        assert_eq!(floor(LIFETIME, 0, LIFETIME), 0);
    }
}
