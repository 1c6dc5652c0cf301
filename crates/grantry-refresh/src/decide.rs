//! What a caller gets, decided purely: no clock, no lock, no await.

use std::time::Duration;

use grantry_core::{Error, Instant, Token};

use crate::{Fallback, RefreshPolicy};

/// The token that a source holds, as the decision sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Held<'a> {
    /// The token.
    pub token: &'a Token,
    /// From when on it is to be renewed; [`Instant::MAX`] for never.
    pub renew_at: Instant,
}

impl<'a> Held<'a> {
    /// `token`, to be renewed from `renew_at` on.
    pub fn new(token: &'a Token, renew_at: Instant) -> Self {
        Self { token, renew_at }
    }
}

/// The last attempt, which failed, as the decision sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Failed<'a> {
    /// Why.
    pub error: &'a Error,
    /// Before when nothing is tried again.
    pub retry_at: Instant,
    /// Whether the retries are used up, or the verdict was definite, so that nothing is tried by itself.
    pub ended: bool,
    /// Whether only a change by somebody can help.
    pub definite: bool,
}

impl<'a> Failed<'a> {
    /// An attempt that failed and is tried again at `retry_at`.
    pub fn retrying(error: &'a Error, retry_at: Instant) -> Self {
        Self { error, retry_at, ended: false, definite: false }
    }

    /// An episode that ended; a demand after `retry_at` begins another.
    pub fn ended(error: &'a Error, retry_at: Instant, definite: bool) -> Self {
        Self { error, retry_at, ended: true, definite }
    }
}

/// What a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The held token, which is fit.
    UseHeld,
    /// The held token, which is fit, while one renewal runs in the background.
    UseHeldAndRenew,
    /// The held token, which has expired, marked as such. Nothing is due to be tried now.
    UseExpired,
    /// Whatever the renewal in flight brings; if none is in flight it starts now.
    AwaitRenewal,
    /// The error of the last attempt: nothing is tried before its time.
    Refuse,
}

impl RefreshPolicy {
    /// What a caller gets at `now`, on the boot clock, from a source that holds `held` and whose last attempt
    /// failed as `failure` says, if it failed.
    ///
    /// A failure never displaces a fit token, and is never final: from its `retry_at` on a demand tries again.
    ///
    /// ```
    /// use grantry_core::{AccessToken, Instant, TokenSet};
    /// use grantry_refresh::{Held, RefreshPolicy, Verdict};
    /// use std::time::Duration;
    ///
    /// let policy = RefreshPolicy::default();
    /// let at = |s| Instant::ZERO.after(Duration::from_secs(s));
    /// let set = TokenSet::builder(AccessToken::new("abc"), at(0)).expires(at(3600)).build()?;
    /// let held = Held::new(set.token(), at(3300));
    /// assert_eq!(policy.decide(Some(held), None, at(10)), Verdict::UseHeld);
    /// assert_eq!(policy.decide(Some(held), None, at(3400)), Verdict::UseHeldAndRenew);
    /// assert_eq!(policy.decide(Some(held), None, at(3600)), Verdict::AwaitRenewal);
    /// # Ok::<(), grantry_core::InvalidToken>(())
    /// ```
    pub fn decide(&self, held: Option<Held<'_>>, failure: Option<Failed<'_>>, now: Instant) -> Verdict {
        let blocked = failure.filter(|failed| now < failed.retry_at);
        let Some(held) = held else {
            return self.without_fit_token(blocked);
        };
        if held.token.is_fit(now) {
            let due = self.enabled() && now >= held.renew_at && blocked.is_none();
            return if due { Verdict::UseHeldAndRenew } else { Verdict::UseHeld };
        }
        match (self.fallback(), blocked) {
            (Fallback::UseExpired { .. }, Some(failed)) if !failed.definite => {
                if self.grace_left(held.token, now).is_zero() { Verdict::Refuse } else { Verdict::UseExpired }
            }
            _ => self.without_fit_token(blocked),
        }
    }

    /// How much longer `token` may be handed out although it has expired; zero where the fallback is another.
    pub(crate) fn grace_left(&self, token: &Token, now: Instant) -> Duration {
        match self.fallback() {
            Fallback::UseExpired { grace } => token.expires().unwrap_or(Instant::MAX).after(grace).since(now),
            _ => Duration::ZERO,
        }
    }

    /// How long a caller waits that comes at `now`, and is to get `expired` if it waits in vain.
    ///
    /// At most half of what is left of the grace: a token that came at its end would be of no use to the caller, and a
    /// wait that is meant to end right before it may end right after.
    pub(crate) fn patience_with(&self, expired: Option<&Token>, now: Instant) -> Duration {
        let left = expired.map(|token| self.grace_left(token, now)).filter(|left| !left.is_zero());
        left.map_or(self.patience(), |left| self.patience().min(left / 2))
    }

    fn without_fit_token(&self, blocked: Option<Failed<'_>>) -> Verdict {
        match (blocked, self.fallback()) {
            (None, _) => Verdict::AwaitRenewal,
            // The episode goes on by itself, so there is something to wait for.
            (Some(failed), Fallback::Queue { .. }) if !failed.ended => Verdict::AwaitRenewal,
            (Some(_), _) => Verdict::Refuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::{AccessToken, ErrorKind, Stage, TokenSet};

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(seconds))
    }

    fn policy(fallback: Fallback) -> RefreshPolicy {
        RefreshPolicy::builder().fallback(fallback).build().unwrap()
    }

    /// Every row: what is held (expires at 1000, due at 700), the failure, the time, and what each fallback
    /// answers: queue, fail, use-expired (grace 60 s).
    #[test]
    fn the_table_of_verdicts() {
        use Verdict::{
            AwaitRenewal as Wait, Refuse, UseExpired as Expired, UseHeld as Held_, UseHeldAndRenew as Renew,
        };
        let set = TokenSet::builder(AccessToken::new("t"), at(0)).expires(at(1000)).build().unwrap();
        let held = Some(Held::new(set.token(), at(700)));
        let error = Error::new(ErrorKind::Unavailable, Stage::Token, "down");
        let retrying = |t| Some(Failed::retrying(&error, at(t)));
        let cooling = |t| Some(Failed::ended(&error, at(t), false));
        let definite = |t| Some(Failed::ended(&error, at(t), true));
        let none: Option<Failed<'_>> = None;
        #[rustfmt::skip]
        let rows = [
            ("nothing held, nothing tried",      None, none,           0,    [Wait,   Wait,   Wait]),
            ("nothing held, retry pending",      None, retrying(10),   5,    [Wait,   Refuse, Refuse]),
            ("nothing held, retry due",          None, retrying(10),   10,   [Wait,   Wait,   Wait]),
            ("nothing held, cooling down",       None, cooling(10),    5,    [Refuse, Refuse, Refuse]),
            ("nothing held, cooled down",        None, cooling(10),    10,   [Wait,   Wait,   Wait]),
            ("nothing held, definite",           None, definite(10),   5,    [Refuse, Refuse, Refuse]),
            ("nothing held, definite long ago",  None, definite(10),   11,   [Wait,   Wait,   Wait]),
            ("fit",                              held, none,           0,    [Held_,  Held_,  Held_]),
            ("fit, one tick before it is due",   held, none,           699,  [Held_,  Held_,  Held_]),
            ("fit, in its buffer",               held, none,           700,  [Renew,  Renew,  Renew]),
            ("fit, renewal failed, pending",     held, retrying(800),  750,  [Held_,  Held_,  Held_]),
            ("fit, renewal failed, due again",   held, retrying(800),  800,  [Renew,  Renew,  Renew]),
            ("fit, cooling down",                held, cooling(800),   750,  [Held_,  Held_,  Held_]),
            ("fit, definite verdict",            held, definite(800),  750,  [Held_,  Held_,  Held_]),
            ("last fit moment",                  held, none,           999,  [Renew,  Renew,  Renew]),
            ("expired, nothing tried",           held, none,           1000, [Wait,   Wait,   Wait]),
            ("expired, retry pending",           held, retrying(1100), 1010, [Wait,   Refuse, Expired]),
            ("expired, retry pending, no grace", held, retrying(1100), 1060, [Wait,   Refuse, Refuse]),
            ("expired, retry due",               held, retrying(1005), 1010, [Wait,   Wait,   Wait]),
            ("expired, cooling down",            held, cooling(1100),  1010, [Refuse, Refuse, Expired]),
            ("expired, definite verdict",        held, definite(1100), 1010, [Refuse, Refuse, Refuse]),
        ];
        let policies = [policy(Fallback::QUEUE), policy(Fallback::Fail), policy(Fallback::USE_EXPIRED)];
        for (what, held, failure, now, expected) in rows {
            let got = policies.each_ref().map(|p| p.decide(held, failure, at(now)));
            assert_eq!(got, expected, "{what}");
        }
    }

    #[test]
    fn patience_ends_while_the_expired_token_is_of_use() {
        let set = TokenSet::builder(AccessToken::new("t"), at(0)).expires(at(1000)).build().unwrap();
        let grace = |seconds| policy(Fallback::UseExpired { grace: Duration::from_secs(seconds) });
        #[rustfmt::skip]
        let rows = [
            ("at the expiry",                   grace(60),               Some(set.token()), 1000, 30),
            ("half of the grace is over",       grace(60),               Some(set.token()), 1030, 15),
            ("the grace is over",               grace(60),               Some(set.token()), 1060, 60),
            ("the grace is long",               grace(600),              Some(set.token()), 1000, 60),
            ("nothing to hand out in the end",  grace(60),               None,              1000, 60),
            ("another fallback",                policy(Fallback::QUEUE), Some(set.token()), 1000, 30),
            ("the other one",                   policy(Fallback::Fail),  Some(set.token()), 1000, 60),
        ];
        for (what, policy, expired, now, expected) in rows {
            assert_eq!(policy.patience_with(expired, at(now)), Duration::from_secs(expected), "{what}");
        }
    }

    #[test]
    fn a_token_of_unknown_lifetime_is_used_until_it_is_refused() {
        let set = TokenSet::builder(AccessToken::new("t"), at(0)).build().unwrap();
        let held = Some(Held::new(set.token(), Instant::MAX));
        assert_eq!(RefreshPolicy::default().decide(held, None, at(1 << 30)), Verdict::UseHeld);
    }

    #[test]
    fn with_renewal_switched_off_a_token_is_used_to_its_end_and_then_obtained_on_demand() {
        let policy = RefreshPolicy::builder().enabled(false).build().unwrap();
        let set = TokenSet::builder(AccessToken::new("t"), at(0)).expires(at(1000)).build().unwrap();
        let held = Some(Held::new(set.token(), at(700)));
        assert_eq!(policy.decide(held, None, at(999)), Verdict::UseHeld);
        assert_eq!(policy.decide(held, None, at(1000)), Verdict::AwaitRenewal);
    }
}
