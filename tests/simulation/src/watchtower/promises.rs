//! What is promised of single requests, of what is logged, and of what is received.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use grantry_core::{Clock, GrantKey, Instant};
use grantry_endpoint::Answer;

use super::{Issued, Seen, Sent, Watchtower, tokens_of};

/// How far a caller's look at a clock may be from the request that follows it.
pub(super) const SLACK: Duration = Duration::from_secs(2);

/// What was seen for these promises alone.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// With which access tokens a refresh token came, and until when each is fit.
    came_with: BTreeMap<String, Vec<(String, Instant)>>,
    /// Refresh tokens that were found in an answer that could not be used, with no access token beside them.
    salvaged: BTreeSet<String>,
    /// Grants of which an answer could not be used, and when.
    unusable: BTreeMap<GrantKey, Vec<Instant>>,
    /// Access tokens that were given to a caller.
    handed_out: BTreeSet<String>,
    /// Access tokens that a caller wanted to be replaced.
    pub(super) given_up: BTreeSet<String>,
    /// Access tokens that came without a refresh token, and whose they are.
    pub(super) came_alone: BTreeMap<String, GrantKey>,
    /// Whose lifeboat did not take what it was given, and when.
    not_aboard: Vec<(u64, Instant)>,
    /// How often each refresh token was sent.
    sends: BTreeMap<String, u64>,
    /// When tokens of each grant were sent, by those who were not held up.
    sent_at: BTreeMap<GrantKey, VecDeque<Instant>>,
    /// The requests for each grant since calm came.
    in_calm: BTreeMap<GrantKey, (u64, u64)>,
    calm_since: Option<Instant>,
    /// Authorization codes that may have reached the server.
    codes: BTreeSet<String>,
}

impl Seen {
    /// For how long the access token is fit that came with a refresh token, where that is longer than `early` and nobody wanted
    /// it to be replaced. What came of the same parent is of the same generation: whoever holds it holds nothing older.
    fn fresh_for(&self, refresh_token: &str, early: Duration, now: Instant) -> Option<Duration> {
        let token = self.tokens.get(refresh_token)?;
        let parent = &token.parent;
        // Nobody has what came with it, or knows whether it is the one that the server goes on with: that is found out by
        // redeeming it, whatever a sibling brought (L1). One that a record held with its access token is in no doubt, unless it
        // was lost; what another process has in its lifeboat alone is nothing to whoever found the refresh token by itself.
        let is_held = token.is_whole && !self.forgotten.contains_key(&token.key);
        if self.noted.salvaged.contains(refresh_token) && !is_held {
            return None;
        }
        let siblings =
            self.tokens.iter().filter(|(_, token)| token.parent.is_some() && token.parent == *parent);
        let came_with = siblings.filter_map(|(sibling, _)| self.noted.came_with.get(sibling)).flatten();
        let mut least = None;
        for (access_token, expires) in came_with {
            let left = expires.since(now);
            if left <= early || self.noted.given_up.contains(access_token) {
                return None;
            }
            if self.noted.handed_out.contains(access_token) {
                least = Some(least.map_or(left, |least: Duration| least.min(left)));
            }
        }
        least
    }
}

impl Noted {
    /// A grant is called something else from now on.
    pub(super) fn rename(&mut self, key: &GrantKey, former: &GrantKey) {
        if let Some(times) = self.unusable.remove(key) {
            self.unusable.insert(former.clone(), times);
        }
        self.sent_at.remove(key);
        self.came_alone.values_mut().filter(|of| *of == key).for_each(|of| *of = former.clone());
    }

    /// There is one more reason to renew a grant.
    pub(super) fn note_given_up_in_calm(&mut self, key: &GrantKey) {
        self.in_calm.entry(key.clone()).or_default().1 += 1;
    }

    pub(super) const fn calm_since(&self) -> Option<Instant> {
        self.calm_since
    }
}

impl Seen {
    /// I6: a token comes back that was used, to a server that refuses it for that, and may revoke the family. There was a real loss
    /// since it had been used: an answer that was lost, a process that died with one, or one that could not be read; or somebody
    /// stood still, or was cut off. One is enough: a family is revoked once, and there is one of each grant.
    pub(super) fn look_at_second_use(&mut self, key: &GrantKey, token: &str, now: Instant) {
        let first_used = self.tokens.get(token).and_then(|token| token.first_used).unwrap_or(now);
        let since = |times: Option<&Vec<Instant>>| {
            times.into_iter().flatten().any(|at| *at >= first_used.before(SLACK))
        };
        let was_lost = since(self.troubles.get(key)) || since(self.noted.unusable.get(key));
        let hinders = |from: Instant, to: Instant| from <= now && to >= first_used.before(SLACK);
        let was_late = self.forgotten.contains_key(key)
            || self.outages.iter().any(|(from, to)| hinders(*from, *to))
            || self.still.iter().any(|(_, from, to)| hinders(*from, *to));
        if !was_lost && !was_late {
            let short: String = token.chars().take(8).collect();
            self.broken.push(format!("I6: {short} of {key} was used again, and nothing had been lost"));
        }
    }
}

impl Seen {
    /// Whether a token was sent before, or something of its grant was lost since then.
    fn is_to_be_found_out(&self, key: &GrantKey, token: &str, since: Instant) -> bool {
        let lost = self.troubles.get(key).into_iter().chain(self.noted.unusable.get(key));
        self.noted.sends.contains_key(token) || lost.flatten().any(|at| *at >= since)
    }

    /// Whether what a process received is kept, or may be about to be.
    fn is_on_its_way(&self, token: &Issued, life: u64, now: Instant) -> bool {
        let is_kept = token.boarded || token.stored || self.facts.has_no_lifeboat;
        let received = token.received_at.unwrap_or(now);
        let is_held_up = !self.still_for(life, received, now.max(received)).is_zero()
            || self.noted.not_aboard.iter().any(|(other, at)| *other == life && *at >= received);
        is_kept || is_held_up || received.after(SLACK) >= now
    }

    /// I1: a redemption leaves while another of the same token is under way. Of that one's owner others may think that it is gone, or
    /// whoever sends now has stood still since it looked. Gives whether another is under way.
    pub(super) fn look_at_overlap(&mut self, life: u64, refresh_token: &str, now: Instant) -> bool {
        // What a mangled answer made up is of no grant.
        let key = self.tokens.get(refresh_token).map(|token| &token.key);
        let is_under_way = self.under_way.values().any(|(_, token, _)| token == refresh_token);
        if key.is_some_and(|key| self.has_forgotten_lately(key, now)) {
            return is_under_way;
        }
        let overlapped = self.under_way.values().find(|(other, token, since)| {
            token == refresh_token
                && !self.may_have_lapsed(*other, key, *since, now)
                && !self.may_be_behind(life, now)
        });
        if let Some((other, _, since)) = overlapped {
            let short: String = refresh_token.chars().take(8).collect();
            self.broken
                .push(format!("I1: {life} sends {short}, which {other} has under way since {since:?}"));
        }
        is_under_way
    }
}

impl Watchtower {
    /// A caller wants another token than this one.
    pub(crate) fn given_up(&self, access_token: &str) {
        let mut seen = self.lock();
        if !seen.noted.given_up.insert(access_token.to_owned()) {
            return;
        }
        let key = seen.by_access_token.get(access_token).and_then(|token| seen.tokens.get(token));
        let key = key.map(|token| &token.key).or_else(|| seen.noted.came_alone.get(access_token));
        let Some(key) = key.cloned() else { return };
        seen.noted.note_given_up_in_calm(&key);
    }

    /// Nothing goes wrong any more.
    pub(crate) fn calm(&self) {
        let mut seen = self.lock();
        seen.noted.calm_since = Some(self.clock.now());
        seen.noted.in_calm.clear();
    }

    /// For how long nothing has gone wrong.
    pub(crate) fn calm_for(&self) -> Duration {
        self.lock().noted.calm_since.map_or(Duration::ZERO, |since| self.clock.now().since(since))
    }

    /// I11: all processes together use the tokens of a grant no more often than the server allows. A store that went back, or
    /// whose clock leapt, has lost count; and inside of a window what was lost is asked for again, and what was found in an answer that
    /// could not be used is tried, whatever the bound.
    pub(super) fn look_at_rate(seen: &mut Seen, key: &GrantKey, token: &str, now: Instant) {
        let Some(rate) = seen.facts.rate else { return };
        if seen.facts.window.is_some_and(|window| seen.is_to_be_found_out(key, token, now.before(window))) {
            return;
        }
        let may_have_lost_count = seen.has_leapt_within(rate.within, now) || seen.forgotten.contains_key(key);
        let sent_at = seen.noted.sent_at.entry(key.clone()).or_default();
        sent_at.retain(|sent| now.since(*sent) < rate.within);
        sent_at.push_back(now);
        let sent = sent_at.len();
        if sent > rate.most.get() as usize && !may_have_lost_count {
            seen.broken.push(format!("I11: {sent} requests for {key} up to {now:?}, and {rate:?}"));
        }
    }

    /// The same, of a request that leaves now.
    #[cfg(test)]
    pub(super) fn look_at_rate_of(&self, key: &GrantKey, token: &str) {
        let now = self.clock.now();
        Self::look_at_rate(&mut self.lock(), key, token, now);
    }

    /// I3, I11 and I12, as a request leaves. `early` is how long before its expiry a token is renewed at the earliest where
    /// nobody gave it up.
    pub(super) fn look_at_request(seen: &mut Seen, sent: &Sent, early: Duration, now: Instant) {
        let token = &sent.refresh_token;
        let Some(issued) = seen.tokens.get(token) else { return };
        let (key, issued_at) = (issued.key.clone(), issued.issued_at);
        seen.noted.in_calm.entry(key.clone()).or_default().0 += 1;
        let before = seen.noted.sends.entry(token.clone()).or_default();
        *before += 1;
        let is_first = *before == 1;
        // A successor that was tried, and refused, is none. A server that forgives may be asked again while one waits in a lifeboat, or
        // on its way there.
        let waits = |child: &Issued| !seen.facts.is_strict && seen.is_on_its_way(child, sent.life, now);
        let received = !seen.has_forgotten_lately(&key, now)
            && seen.tokens.iter().any(|(name, child)| {
                child.parent.as_deref() == Some(token)
                    && child.received_by.contains_key(&sent.life)
                    && !waits(child)
                    && !seen.noted.sends.contains_key(name)
            });
        if received {
            let short: String = token.chars().take(8).collect();
            seen.broken
                .push(format!("I3: {key} is renewed at {now:?} with {short}, whose successor is at hand"));
        }
        if early < Duration::MAX
            && !seen.may_be_behind(sent.life, now)
            && !seen.has_forgotten_lately(&key, now)
        {
            seen.look_at_need(sent.life, &key, now);
        }
        let read_for = seen.may_have_read_for(sent.life, issued_at, now);
        let is_left = seen.was_left_by_one_that_read_for_long(&key, token, sent.life, now);
        // Whoever finds a record behind what he has seen cannot know what was redeemed meanwhile, and finds that out.
        let is_doubtful = seen.has_forgotten_lately(&key, now);
        if is_first
            && !is_left
            && !is_doubtful
            && let Some(left) = seen.fresh_for(token, early.saturating_add(SLACK + read_for), now)
        {
            let short: String = token.chars().take(8).collect();
            seen.broken.push(format!(
                "I12: {key} is renewed at {now:?} with {short}, and nobody gave its access token up, fit for {left:?}"
            ));
        }
    }

    /// An answer is there that can be used: what came in it is held from now on.
    pub(crate) fn usable(&self, sent: &Sent, answer: &Answer, expires: Instant) {
        let now = self.clock.now();
        let Some((access_token, successor)) = tokens_of(answer) else { return };
        let mut seen = self.lock();
        let key = seen.tokens.get(&sent.refresh_token).map(|token| token.key.clone());
        let is_same = successor.as_ref().is_none_or(|successor| *successor == sent.refresh_token);
        if let Some(key) = key.filter(|_| is_same) {
            seen.own.obtained(sent.life, key, access_token.clone(), now, expires);
        }
        let Some(refresh_token) = successor else { return };
        if let Some(token) = seen.tokens.get_mut(&refresh_token) {
            token.usable_for.insert(sent.life);
        }
        seen.noted.came_with.entry(refresh_token).or_default().push((access_token, expires));
    }

    /// An answer is there that cannot be used: of what came in it, the refresh token alone is kept.
    pub(crate) fn unusable(&self, sent: &Sent, answer: &Answer) {
        let mut seen = self.lock();
        let key = seen.tokens.get(&sent.refresh_token).map(|token| token.key.clone());
        let now = self.clock.now();
        key.into_iter().for_each(|key| seen.noted.unusable.entry(key).or_default().push(now));
        if let Some((_, Some(refresh_token))) = tokens_of(answer) {
            seen.noted.salvaged.insert(refresh_token);
        }
    }

    /// The lifeboat of a process did not take what it was given.
    pub(crate) fn not_aboard(&self, life: u64) {
        let now = self.clock.now();
        self.lock().noted.not_aboard.push((life, now));
    }

    pub(super) fn note_handed_out(seen: &mut Seen, access_token: &str) {
        seen.noted.handed_out.insert(access_token.to_owned());
    }

    /// I9: nothing secret is in a log line or an error.
    pub(crate) fn overheard(&self, text: &str) {
        let mut seen = self.lock();
        let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let word = text.split(|letter| !is_of_token(letter)).find(|word| {
            seen.tokens.contains_key(*word)
                || seen.own.is_token(word)
                || seen.noted.came_alone.contains_key(*word)
                || seen.by_access_token.contains_key(*word)
                || seen.noted.codes.contains(*word)
                || *word == super::SECRET
        });
        if let Some(word) = word {
            let broken = format!("I9: {word} is a secret, and stands in {text:?}");
            seen.broken.push(broken);
        }
    }

    /// I10: an authorization code leaves for the server, and may reach it.
    pub(crate) fn code_posted(&self, code: String) {
        let mut seen = self.lock();
        if !seen.noted.codes.insert(code) {
            seen.broken.push("I10: an authorization code was posted again".to_owned());
        }
    }

    /// How many authorization codes were posted.
    pub(crate) fn codes(&self) -> u64 {
        self.lock().noted.codes.len() as u64
    }

    /// I11: in calm, a grant is renewed once in a token's life and once for each token that was given up.
    pub(crate) fn look_at_rates(&self, shortest: Duration) {
        let mut seen = self.lock();
        let Some(since) = seen.noted.calm_since else { return };
        let lives = self.clock.now().since(since).as_nanos() / shortest.as_nanos().max(1);
        // One more at each end; and what was in doubt when calm came is asked again.
        let most = |given_up: u64| u64::try_from(lives).unwrap_or(u64::MAX) + given_up + 4;
        let counts = seen.noted.in_calm.clone();
        for (key, (requests, given_up)) in counts {
            if requests > most(given_up) {
                let most = most(given_up);
                seen.broken.push(format!("I11: {requests} requests for {key} in calm, and {most} would do"));
            }
        }
    }

    /// I3: at the end no successor that somebody received is missing where its parent is still the current token.
    pub(crate) fn look_for_discarded(&self, key: &GrantKey, held: &[&str]) {
        let mut seen = self.lock();
        let Some((current, _)) = held.split_first() else { return };
        let discarded = seen.tokens.iter().find(|(token, child)| {
            child.parent.as_deref() == Some(current)
                && !seen.noted.sends.contains_key(token.as_str())
                && child.received_by.values().any(|died| !died)
                && !held.contains(&token.as_str())
        });
        if let Some((_, child)) = discarded {
            let broken = format!("I3: a successor of the current token of {key} is nowhere: {child:?}");
            seen.broken.push(broken);
        }
    }
}
