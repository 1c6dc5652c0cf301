//! What is promised of a client's own grants: their tokens cost one request, and are everybody's.

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
    /// Whose each is.
    obtained_by: BTreeMap<(u64, GrantKey), String>,
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
        let token = self.obtained_by.get(&(life, key.clone()));
        if let Some(is_kept) = token.and_then(|token| self.tokens.get_mut(token)) {
            *is_kept = true;
        }
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
        let is_behind = seen.may_be_behind(life, now) || seen.forgotten.contains_key(key);
        let mut overlapped = seen.own.under_way.values().filter(|(other, of, since)| {
            of == key && !is_behind && !seen.may_have_lapsed(*other, Some(key), *since, now)
        });
        if let Some((other, _, since)) = overlapped.next() {
            let broken = format!("I1: {life} asks for a token of {key}, as {other} does since {since:?}");
            seen.broken.push(broken);
        }
        let is_calm =
            seen.facts.is_calm || seen.noted.calm_since().is_some_and(|since| now.since(since) > SETTLED);
        let fit_for = seen.own.newest.get(key).filter(|newest| {
            let is_owner_awake = seen.still_for(newest.life, newest.at, now).is_zero();
            newest.handed_out && is_owner_awake && !seen.noted.given_up.contains(&newest.access_token)
        });
        let fit_for = fit_for.map(|newest| newest.expires.since(now)).unwrap_or_default();
        if is_calm && is_steady && !is_behind && fit_for > seen.facts.early + SLACK {
            let broken =
                format!("I12: {life} asks for a token of {key}, and the last is fit for {fit_for:?}");
            seen.broken.push(broken);
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
        let (life, key) = (asked.life, asked.key.clone());
        seen.own.tokens.insert(access_token.clone(), false);
        seen.own.obtained_by.insert((life, key.clone()), access_token.clone());
        seen.own.newest.insert(key, Obtained { access_token, life, at: now, expires, handed_out: false });
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
    /// I4: a caller was given a token of the client's own, which is kept.
    pub(super) fn note_own_handed_out(&mut self, life: u64, access_token: &str, now: Instant) {
        let Some(is_kept) = self.own.tokens.get(access_token) else { return };
        if !is_kept {
            self.broken.push("I4: a token of the client's own was handed out before it was kept".to_owned());
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
