//! What is promised of a client's own grants, and of people's whose refresh token stays as it is: their access tokens cost one request,
//! and are everybody's.

use std::collections::BTreeMap;
use std::time::Duration;

use grantry_core::{Clock, GrantKey, Instant};
use grantry_endpoint::Answer;

use super::promises::SLACK;
use super::{Seen, Watchtower, tokens_of};

/// How long nothing has gone wrong before what was left of it is settled.
const SETTLED: Duration = Duration::from_secs(90);

/// What was seen of the client's own grants.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// What is under way: by number, the life, the grant, and since when.
    under_way: BTreeMap<u64, (u64, GrantKey, Instant)>,
    /// The token that was obtained last for each, as far as the answer could be used.
    newest: BTreeMap<GrantKey, Obtained>,
    /// All that were obtained, each with whether something of its grant was kept after it had come.
    tokens: BTreeMap<String, bool>,
    /// Those of each process that nothing keeps yet.
    obtained_by: BTreeMap<(u64, GrantKey), Vec<String>>,
    numbers: u64,
    /// When a caller was last given one.
    served: BTreeMap<GrantKey, Instant>,
}

#[derive(Debug)]
struct Obtained {
    access_token: String,
    life: u64,
    at: Instant,
    expires: Instant,
    handed_out: bool,
}

/// A request for a client's own token that was seen.
#[derive(Debug)]
pub(crate) struct Asked {
    number: u64,
    life: u64,
    key: GrantKey,
}

impl Own {
    /// A lifeboat or the store has what a process received for a grant.
    pub(super) fn kept(&mut self, life: u64, key: &GrantKey) {
        for token in self.obtained_by.remove(&(life, key.clone())).into_iter().flatten() {
            self.tokens.insert(token, true);
        }
    }

    /// A token was obtained that came without another refresh token.
    pub(super) fn obtained(
        &mut self,
        life: u64,
        key: GrantKey,
        access_token: String,
        at: Instant,
        expires: Instant,
    ) {
        self.newest.insert(key, Obtained { access_token, life, at, expires, handed_out: false });
    }

    /// What there was of a grant is no more.
    pub(super) fn forget(&mut self, key: &GrantKey) {
        self.newest.remove(key);
        self.served.remove(key);
    }

    /// When a caller was last given a token of a grant.
    pub(super) fn served(&self, key: &GrantKey) -> Option<Instant> {
        self.served.get(key).copied()
    }

    pub(super) fn note_served(&mut self, key: GrantKey, now: Instant) {
        self.served.insert(key, now);
    }

    pub(super) fn is_token(&self, word: &str) -> bool {
        self.tokens.contains_key(word)
    }
}

impl Watchtower {
    /// A request for the client's own token leaves. I1: no other is under way whose owner lives. I12: where nothing goes wrong, nobody
    /// has a token that is fit for longer than the earliest renewal, and that nobody gave up.
    pub(crate) fn asked(&self, life: u64, key: &GrantKey, is_steady: bool) -> Asked {
        let now = self.clock.now();
        let mut seen = self.lock();
        let is_behind = seen.may_be_behind(life, now) || seen.has_forgotten_lately(key, now);
        let mut overlapped = seen.own.under_way.values().filter(|(other, of, since)| {
            of == key && !is_behind && !seen.may_have_lapsed(*other, Some(key), *since, now)
        });
        if let Some((other, _, since)) = overlapped.next() {
            let broken = format!("I1: {life} asks for a token of {key}, as {other} does since {since:?}");
            seen.broken.push(broken);
        }
        if is_steady && !is_behind {
            seen.look_at_need(life, key, now);
        }
        seen.written.sent.entry((life, key.clone())).or_default().push(now);
        seen.requests += 1;
        seen.own.numbers += 1;
        let number = seen.own.numbers;
        seen.own.under_way.insert(number, (life, key.clone(), now));
        Asked { number, life, key: key.clone() }
    }

    /// Such a request is over. Where its answer can be used, what came in it is held from now on.
    pub(crate) fn answered(&self, asked: &Asked, usable: Option<(&Answer, Instant)>) {
        let now = self.clock.now();
        let mut seen = self.lock();
        seen.own.under_way.remove(&asked.number);
        let Some((answer, expires)) = usable else { return };
        let Some((access_token, _)) = tokens_of(answer) else { return };
        let theirs = seen.own.obtained_by.entry((asked.life, asked.key.clone())).or_default();
        theirs.push(access_token.clone());
        seen.own.tokens.insert(access_token.clone(), false);
        seen.own.obtained(asked.life, asked.key.clone(), access_token, now, expires);
    }

    /// L2: somebody was given a token of a grant that is alive, not longer than that ago, unless a person has just consented to it.
    pub(crate) fn look_for_unserved(&self, key: &GrantKey, within: Duration) {
        let now = self.clock.now();
        let mut seen = self.lock();
        let served = seen.own.served(key);
        let since = now.before(within);
        if served.is_none_or(|at| at < since) && !seen.has_consented_since(key, since) {
            seen.broken
                .push(format!("L2: nobody was given a token of {key} since {served:?}, and it is alive"));
        }
    }

    /// L2: in calm, somebody was given a token of each of these.
    pub(crate) fn look_at_own(&self, keys: &[GrantKey]) {
        let mut seen = self.lock();
        let calm_since = seen.noted.calm_since();
        for key in keys {
            let served = seen.own.served.get(key).copied();
            if served.is_none() || served < calm_since {
                seen.broken.push(format!("L2: nobody was given a token of {key} in calm"));
            }
        }
    }
}

impl Seen {
    /// I12: where nothing goes wrong, nobody asks for a token while the last one is fit for longer than the earliest renewal, its owner
    /// is awake, and nobody gave it up.
    pub(super) fn look_at_need(&mut self, life: u64, key: &GrantKey, now: Instant) {
        let is_calm =
            self.facts.is_calm || self.noted.calm_since().is_some_and(|since| now.since(since) > SETTLED);
        let fit_for = self.own.newest.get(key).filter(|newest| {
            let is_owner_awake = self.still_for(newest.life, newest.at, now).is_zero();
            newest.handed_out && is_owner_awake && !self.noted.given_up.contains(&newest.access_token)
        });
        let fit_for = fit_for.map(|newest| newest.expires.since(now)).unwrap_or_default();
        if is_calm && fit_for > self.facts.early + SLACK {
            let broken =
                format!("I12: {life} asks for a token of {key}, and the last is fit for {fit_for:?}");
            self.broken.push(broken);
        }
    }

    /// I4: a caller was given a token of the client's own, which is kept. What comes alone to a person's grant is worth no more than its
    /// refresh token, which is kept already.
    pub(super) fn note_own_handed_out(&mut self, life: u64, access_token: &str, now: Instant) {
        if self.own.tokens.get(access_token).is_some_and(|is_kept| !is_kept) {
            let broken = format!(
                "I4: a token of the client's own was handed out before it was kept, by {life} at {now:?}"
            );
            self.broken.push(broken);
        }
        let newest = self.own.newest.iter_mut().find(|(_, newest)| newest.access_token == access_token);
        if let Some((key, newest)) = newest {
            newest.handed_out = true;
            self.own.served.insert(key.clone(), now);
            self.written.given.entry((life, key.clone())).or_insert(now);
        }
    }
}

/// What no world shows as long as nothing is wrong: that whoever looks would see it.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may")]
mod tests {
    use grantry_testkit::ManualClock;

    use super::super::Facts;
    use super::*;

    fn calm() -> (Watchtower, ManualClock, GrantKey) {
        let clock = ManualClock::new();
        let facts = Facts { is_calm: true, early: Duration::from_secs(10), ..Facts::default() };
        let tower = Watchtower::new(clock.clone(), facts);
        tower.calm();
        (tower, clock, GrantKey::new("tenant", "reports", "client").unwrap())
    }

    fn obtain(tower: &Watchtower, key: &GrantKey, access_token: &str) {
        let asked = tower.asked(1, key, true);
        let body = format!(r#"{{"access_token":"{access_token}","token_type":"Bearer"}}"#);
        let answer = Answer::new(http::StatusCode::OK).with_body(body);
        let expires = tower.clock.now().after(Duration::from_secs(60));
        tower.answered(&asked, Some((&answer, expires)));
    }

    #[test]
    fn two_who_ask_at_once_are_seen() {
        let (tower, _, key) = calm();
        let first = tower.asked(1, &key, true);
        tower.answered(&first, None);
        let _second = tower.asked(1, &key, true);
        assert!(tower.broken().is_empty(), "{:?}", tower.broken());
        let _third = tower.asked(2, &key, true);
        assert!(tower.broken().concat().starts_with("I1"), "{:?}", tower.broken());
    }

    #[test]
    fn a_request_that_nobody_needed_is_seen() {
        let (tower, clock, key) = calm();
        obtain(&tower, &key, "one");
        tower.lock().own.kept(1, &key);
        tower.handed_out(1, "one");
        clock.advance(Duration::from_secs(55));
        obtain(&tower, &key, "two");
        tower.lock().own.kept(1, &key);
        tower.handed_out(1, "two");
        assert!(tower.broken().is_empty(), "{:?}", tower.broken());
        obtain(&tower, &key, "three");
        assert!(tower.broken().concat().starts_with("I12"), "{:?}", tower.broken());
    }

    #[test]
    fn a_token_that_nothing_keeps_is_seen_and_a_caller_without_any() {
        let (tower, _, key) = calm();
        tower.look_at_own(std::slice::from_ref(&key));
        assert!(tower.broken().concat().starts_with("L2"), "{:?}", tower.broken());
        obtain(&tower, &key, "one");
        tower.handed_out(1, "one");
        assert!(tower.broken().concat().contains("I4"), "{:?}", tower.broken());
        tower.look_at_own(&[key]);
        assert_eq!(tower.broken().len(), 2, "{:?}", tower.broken());
    }
}
