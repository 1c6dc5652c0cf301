//! When to renew and when to try again: pure arithmetic over durations and random numbers.

use std::time::Duration;

use grantry_core::{Entropy, Instant, TokenSet};

use crate::RefreshPolicy;

/// The part of a token's way from its first moment to its buffer in which renewals are spread by default.
const SPREAD: u32 = 20;

/// The span in which a token's renewal is to be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenewalWindow {
    /// Not before this, not even in a crowd.
    pub earliest: Instant,
    /// Not before this without need.
    pub preferred: Instant,
    /// Not after this: here the buffer begins.
    pub latest: Instant,
}

impl RefreshPolicy {
    /// When `set` is to be renewed, or `None` for a token whose lifetime is unknown.
    ///
    /// The buffer takes at most half of a token's life, so that a 10 s token under a buffer of 300 s is renewed
    /// after 5 s: neither in a loop nor too late. A moment that the server named (`refresh_in`) counts where it
    /// is earlier. The window lets renewals of many sources spread: usually over the last twentieth before the
    /// buffer, in a crowd over all but the first tenth of the life; never before the [earliest
    /// moment](RefreshPolicy::earliest_renewal) that the server allows.
    pub fn renewal_window(&self, set: &TokenSet) -> Option<RenewalWindow> {
        let (obtained, expires) = (set.obtained(), set.token().expires()?);
        let life = expires.since(obtained);
        let latest = expires.before(self.buffer().min(life / 2));
        let latest = set.renew_at().filter(|at| *at > obtained).map_or(latest, |at| at.min(latest));
        // A server that names a moment at once would have its tokens renewed in a loop.
        let latest = latest.max(obtained.after(life / 10));
        let way = latest.since(obtained);
        // Sooner ones would be refused, and each of them counted as a failure.
        let allowed = self.earliest_renewal().map_or(Instant::ZERO, |before| expires.before(before));
        Some(RenewalWindow {
            earliest: obtained.after(life / 10).min(latest).max(allowed),
            preferred: latest.before(way / SPREAD).max(allowed),
            latest: latest.max(allowed),
        })
    }

    /// How long to wait before retry number `retry` (from 1): drawn evenly between zero and the doubled delay,
    /// and never before what the server asked for.
    pub fn retry_in(&self, retry: u32, asked: Option<Duration>, entropy: &dyn Entropy) -> Duration {
        let doubled =
            self.retry_delay().saturating_mul(1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(u32::MAX));
        let drawn = doubled.min(self.longest_delay()).mul_f64(fraction(entropy));
        // Everyone was told the same time, so the draw comes on top of it.
        asked.unwrap_or_default().saturating_add(drawn)
    }
}

/// An even draw from 0 to just under 1.
pub(crate) fn fraction(entropy: &dyn Entropy) -> f64 {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

/// An even draw from the moments between `from` and `to`.
pub(crate) fn between(from: Instant, to: Instant, entropy: &dyn Entropy) -> Instant {
    from.after(to.since(from).mul_f64(fraction(entropy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::AccessToken;

    /// Gives the same byte every time.
    #[derive(Debug)]
    struct Constant(u8);
    impl Entropy for Constant {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(seconds))
    }

    fn set(life: u64) -> TokenSet {
        TokenSet::builder(AccessToken::new("t"), at(100)).expires(at(100 + life)).build().unwrap()
    }

    #[test]
    fn an_hourly_token_is_renewed_at_its_buffer_and_a_short_one_at_half_of_its_life() {
        let policy = RefreshPolicy::default();
        let latest = |life| policy.renewal_window(&set(life)).unwrap().latest;
        assert_eq!(latest(3600), at(100 + 3300));
        assert_eq!(latest(600), at(100 + 300));
        assert_eq!(latest(10), at(105));
        assert_eq!(latest(0), at(100));
    }

    #[test]
    fn a_window_is_never_turned_around() {
        let policy = RefreshPolicy::default();
        for life in [0, 1, 2, 10, 300, 301, 599, 600, 3600, 1 << 30] {
            let w = policy.renewal_window(&set(life)).unwrap();
            assert!(w.earliest <= w.latest && w.preferred <= w.latest, "{life}: {w:?}");
            assert!(w.earliest >= at(100) && w.preferred >= at(100), "{life}: {w:?}");
        }
    }

    #[test]
    fn no_renewal_is_booked_before_the_server_allows_one() {
        let policy = RefreshPolicy::builder().earliest_renewal(Duration::from_secs(30)).build().unwrap();
        for life in [10, 31, 60, 600, 3600] {
            let w = policy.renewal_window(&set(life)).unwrap();
            let allowed = at(100 + life.saturating_sub(30));
            assert!(
                w.earliest >= allowed && w.preferred >= w.earliest && w.latest >= w.preferred,
                "{life}: {w:?}"
            );
            assert!(w.latest <= at(100 + life), "{life}: {w:?}");
        }
        assert_eq!(policy.renewal_window(&set(600)).unwrap().latest, at(100 + 570));
        assert_eq!(policy.renewal_window(&set(10)).unwrap().latest, at(105), "a short life is inside of it");
        assert!(RefreshPolicy::builder().earliest_renewal(Duration::ZERO).build().is_err());
    }

    #[test]
    fn a_policy_is_fitted_to_what_the_server_says_unless_it_says_so_itself() {
        let server = grantry_core::AuthorizationServer::builder("https://as.example.com/token");
        let server = server.earliest_renewal(Duration::from_secs(30)).build().unwrap();
        let of = |policy: RefreshPolicy| policy.fitted_to(&server).earliest_renewal();
        assert_eq!(of(RefreshPolicy::default()), Some(Duration::from_secs(30)));
        let own = RefreshPolicy::builder().earliest_renewal(Duration::from_secs(9)).build().unwrap();
        assert_eq!(of(own), Some(Duration::from_secs(9)));
    }

    #[test]
    fn the_moment_that_the_server_names_counts_where_it_is_earlier() {
        let policy = RefreshPolicy::default();
        let with = |renew| {
            let b = TokenSet::builder(AccessToken::new("t"), at(0)).expires(at(3600)).renew_at(at(renew));
            policy.renewal_window(&b.build().unwrap()).unwrap().latest
        };
        assert_eq!(with(1800), at(1800));
        assert_eq!(with(3500), at(3300));
        assert_eq!(with(0), at(3300), "a moment that is no moment does not renew in a loop");
        assert_eq!(with(1), at(360), "nor does one that is too early to mean it");
    }

    #[test]
    fn retries_double_up_to_a_limit_and_obey_the_server() {
        let policy = RefreshPolicy::default();
        let (low, high) = (Constant(0), Constant(0xff));
        let most = |retry, asked| policy.retry_in(retry, asked, &high).as_secs_f64().round();
        assert_eq!((most(1, None), most(2, None), most(3, None)), (1.0, 2.0, 4.0));
        assert_eq!(most(1000, None), 60.0);
        assert_eq!(policy.retry_in(1, None, &low), Duration::ZERO, "full jitter begins at zero");
        let asked = Some(Duration::from_secs(100));
        assert_eq!(policy.retry_in(1, asked, &low), Duration::from_secs(100));
        assert_eq!(most(3, asked), 104.0);
    }
}
