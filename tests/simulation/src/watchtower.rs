//! Who sees every refresh token that was ever issued, and what became of it.

mod consents;
mod facts;
mod issued;
mod own;
mod promises;
mod reasons;
mod stillness;
#[cfg(test)]
mod tests;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, GrantKey, Instant};
use grantry_endpoint::{Answer, Request};
use grantry_testkit::ManualClock;
use grantry_vault::RecordKey;

pub(crate) use consents::Withdrawn;
pub(crate) use facts::Facts;
use issued::Issued;
use own::Own;
use promises::Noted;
use written::Written;

/// The secret of the client.
pub(crate) const SECRET: &str = "s3cret";

/// A token request that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    life: u64,
    refresh_token: String,
    number: u64,
    /// Whether somebody else had the same token under way, whose lease was over.
    pub(crate) overtakes: bool,
}

/// Sees everything.
#[derive(Debug)]
pub(crate) struct Watchtower {
    clock: ManualClock,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    tokens: BTreeMap<String, Issued>,
    /// Which refresh token came with an access token.
    by_access_token: BTreeMap<String, String>,
    /// What is under way: by number, the life, the token, and since when.
    under_way: BTreeMap<u64, (u64, String, Instant)>,
    numbers: u64,
    requests: u64,
    used_again: u64,
    troubles: BTreeMap<GrantKey, Vec<Instant>>,
    withdrawn: BTreeMap<GrantKey, Withdrawn>,
    /// Since when.
    withdrawn_since: BTreeMap<GrantKey, Instant>,
    /// Those that somebody wanted to be forgotten here alone.
    left_at_the_server: BTreeSet<GrantKey>,
    /// Processes that are no more, and since when.
    dead: BTreeMap<u64, Instant>,
    /// Who announced a request for a grant last, and has brought nothing home since.
    announced: BTreeMap<GrantKey, u64>,
    /// The refresh token that a record was last seen with.
    current: BTreeMap<GrantKey, String>,
    /// From when to when the store, the network or the server was gone for somebody.
    outages: Vec<(Instant, Instant)>,
    /// Which machine could not reach the store, from when to when.
    cut_off: Vec<(usize, Instant, Instant)>,
    /// On which machine the lifeboats of the dead could not be read, from when to when.
    unread: Vec<(usize, Instant, Instant)>,
    /// Which process stood still of itself, from when to when.
    stalls: Vec<(u64, Instant, Instant)>,
    /// Broken promises.
    broken: Vec<String>,
    /// When a process wrote the record of a grant.
    writes: BTreeMap<(u64, GrantKey), Vec<Instant>>,
    /// When a process looked at the store's clock for the first time.
    looked: BTreeMap<u64, Instant>,
    /// When the store's clock leapt ahead, and how far.
    leaps: Vec<(Instant, Duration)>,
    /// Who did nothing from when to when, for whatever reason.
    still: Vec<(u64, Instant, Instant)>,
    /// Whose write was lost, and until when the next would have come.
    lost_writes: Vec<(u64, Instant, Instant)>,
    /// Grants whose record failovers have set back, and when.
    forgotten: BTreeMap<GrantKey, Vec<Instant>>,
    /// Grants as they were before a person consented once more, by a name of their own, each with what it is called.
    former: BTreeMap<GrantKey, GrantKey>,
    /// When a person last consented to a grant once more.
    consented: BTreeMap<GrantKey, Instant>,
    facts: Facts,
    /// Requests that left after their sender had stood still, behind its last look at the clock: no client can help that.
    left_late: BTreeSet<u64>,
    /// Grants of which such a request brought a used token to the server, which refused it, and the family from then on.
    late_uses: BTreeSet<GrantKey>,
    noted: Noted,
    written: Written,
    own: Own,
}

impl Watchtower {
    /// A tower over a world that goes by this clock.
    pub(crate) fn new(clock: ManualClock, facts: Facts) -> Self {
        Self { clock, seen: Mutex::new(Seen { facts, ..Seen::default() }) }
    }

    /// All refresh tokens of a grant that there ever were.
    pub(crate) fn refresh_tokens(&self, key: &GrantKey) -> Vec<String> {
        let seen = self.lock();
        seen.tokens.iter().filter(|(_, token)| token.key == *key).map(|(token, _)| token.clone()).collect()
    }

    /// A promise was broken.
    pub(crate) fn broke(&self, what: String) {
        self.lock().broken.push(what);
    }

    /// The promises that were broken.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    /// Something was gone for a while.
    pub(crate) fn outage(&self, from: Instant, to: Instant) {
        self.lock().outages.push((from, to));
    }

    /// A machine cannot reach the store for a while.
    pub(crate) fn cut_off(&self, machine: usize, from: Instant, to: Instant) {
        self.lock().cut_off.push((machine, from, to));
    }

    /// The lifeboats of the dead on a machine cannot be read for a while.
    pub(crate) fn unread(&self, machine: usize, from: Instant, to: Instant) {
        self.lock().unread.push((machine, from, to));
    }

    /// A process stands still for a while.
    pub(crate) fn stalled(&self, life: u64, from: Instant, to: Instant) {
        self.lock().stalls.push((life, from, to));
    }

    /// How many token requests were sent, and how many of them with a token that had been used.
    pub(crate) fn requests(&self) -> (u64, u64) {
        let seen = self.lock();
        (seen.requests, seen.used_again)
    }

    /// A request leaves, from a process that has not stood still for a while, or has: its clock is behind what it read then.
    pub(crate) fn sent(&self, life: u64, request: &Request, is_steady: bool) -> Sent {
        let refresh_token = form_value(request.expose_body(), "refresh_token");
        let mut seen = self.lock();
        seen.numbers += 1;
        seen.requests += 1;
        let number = seen.numbers;
        let now = self.clock.now();
        let overtakes = seen.look_at_overlap(life, &refresh_token, now);
        seen.under_way.insert(number, (life, refresh_token.clone(), now));
        let sent = Sent { life, refresh_token, number, overtakes };
        let early = if is_steady { seen.facts.early } else { Duration::MAX };
        let key = seen.tokens.get(&sent.refresh_token).map(|token| token.key.clone());
        if let Some(key) = key.filter(|_| is_steady) {
            Self::look_at_rate(&mut seen, &key, &sent.refresh_token, now);
        }
        Self::look_at_request(&mut seen, &sent, early, now);
        sent
    }

    /// A request leaves that was held up.
    pub(crate) fn left_late(&self, sent: &Sent) {
        self.lock().left_late.insert(sent.number);
    }

    /// A request is over, one way or the other.
    pub(crate) fn over(&self, sent: &Sent) {
        self.lock().under_way.remove(&sent.number);
    }

    /// The server answered. `lost` says why nobody receives it, if that is so.
    pub(crate) fn issued(&self, sent: &Sent, answer: Option<&Answer>, lost: &'static str) {
        let now = self.clock.now();
        let mut seen = self.lock();
        let Some(parent) = seen.tokens.get_mut(&sent.refresh_token) else { return };
        let key = parent.key.clone();
        let was_used = parent.first_used.is_some();
        let is_refused = answer.and_then(tokens_of).is_none() && seen.facts.window.is_some();
        // What was withdrawn is refused for that.
        let is_over = seen.withdrawn.contains_key(&key) || seen.former.contains_key(&key);
        if was_used && (seen.facts.is_strict || (is_refused && !is_over)) {
            seen.look_at_second_use(&key, &sent.refresh_token, now);
        }
        let Some(parent) = seen.tokens.get_mut(&sent.refresh_token) else { return };
        if was_used {
            parent.used_again.get_or_insert(now);
        }
        let Some((access_token, successor)) = answer.and_then(tokens_of) else {
            seen.used_again += u64::from(was_used);
            if was_used && seen.left_late.contains(&sent.number) {
                seen.late_uses.insert(key);
            }
            return;
        };
        parent.first_used.get_or_insert(now);
        seen.used_again += u64::from(was_used);
        if !lost.is_empty() {
            seen.troubles.entry(key.clone()).or_default().push(now);
        }
        let Some(successor) = successor else {
            seen.noted.came_alone.insert(access_token, key);
            return;
        };
        seen.by_access_token.insert(access_token, successor.clone());
        let issued = Issued::after(sent.refresh_token.clone(), key, lost, now);
        let known = seen.tokens.entry(successor).or_insert(issued);
        if lost.is_empty() {
            known.lost = "";
            known.answers.push(sent.number);
        }
    }

    /// An answer was lost on its way back.
    pub(crate) fn swallowed(&self, sent: &Sent) {
        let now = self.clock.now();
        let mut seen = self.lock();
        let Some(key) = seen.tokens.get(&sent.refresh_token).map(|token| token.key.clone()) else { return };
        seen.troubles.entry(key).or_default().push(now);
        for token in seen.tokens.values_mut().filter(|token| token.answers.contains(&sent.number)) {
            token.answers.retain(|number| *number != sent.number);
            if token.answers.is_empty() && token.received_by.is_empty() {
                token.lost = "answer lost";
            }
        }
    }

    /// An answer arrived.
    pub(crate) fn received(&self, sent: &Sent) {
        let now = self.clock.now();
        let mut seen = self.lock();
        let children = seen.tokens.values_mut().filter(|token| {
            token.parent.as_deref() == Some(&sent.refresh_token) && token.answers.contains(&sent.number)
        });
        for token in children {
            token.received_by.insert(sent.life, false);
            token.received_at.get_or_insert(now);
        }
    }

    /// A lifeboat holds what a process had received for a record.
    pub(crate) fn boarded(&self, life: u64, record: &RecordKey) {
        self.kept(life, record, |token| token.boarded = true);
    }

    /// A process stored a record. With nothing new to keep it announces what it is about to do, and the others wait for it.
    pub(crate) fn stored(&self, life: u64, record: &RecordKey, is_alive: bool) {
        let Some(key) = record.as_grant_key() else { return };
        let now = self.clock.now();
        let mut seen = self.lock();
        seen.writes.entry((life, key.clone())).or_default().push(now);
        seen.own.kept(life, &key);
        let brings = seen
            .tokens
            .values()
            .any(|token| token.key == key && token.received_by.contains_key(&life) && !token.stored);
        seen.announced.remove(&key);
        match (brings, is_alive) {
            (true, _) => {}
            (false, true) => drop(seen.announced.insert(key.clone(), life)),
            (false, false) => seen.troubles.entry(key.clone()).or_default().push(now),
        }
        // Whoever looks into the record sees what is in it.
        if !seen.facts.inspects {
            drop(seen);
            self.kept(life, record, |token| token.is_stored(life, now));
        }
    }

    fn kept(&self, life: u64, record: &RecordKey, keep: impl Fn(&mut Issued)) {
        let Some(key) = record.as_grant_key() else { return };
        let mut seen = self.lock();
        seen.own.kept(life, &key);
        let Seen { tokens, former, .. } = &mut *seen;
        let theirs = tokens.values_mut().filter(|token| {
            *former.get(&token.key).unwrap_or(&token.key) == key && token.received_by.contains_key(&life)
        });
        let now = self.clock.now();
        theirs.for_each(|token| {
            token.kept.get_or_insert(now);
            keep(token);
        });
    }

    /// A process died.
    pub(crate) fn died(&self, life: u64) {
        let now = self.clock.now();
        let mut seen = self.lock();
        seen.dead.insert(life, now);
        let mut troubled = Vec::new();
        for token in seen.tokens.values_mut() {
            if let Some(died) = token.received_by.get_mut(&life).filter(|_| !token.boarded && !token.stored) {
                *died = true;
                troubled.push(token.key.clone());
            }
        }
        let under_way: Vec<String> = seen
            .under_way
            .values()
            .filter(|(other, ..)| *other == life)
            .map(|(_, token, _)| token.clone())
            .collect();
        for parent in under_way {
            // Its answer, if one comes, finds nobody.
            if let Some(key) = seen.tokens.get(&parent).map(|token| token.key.clone()) {
                troubled.push(key);
            }
        }
        // Others wait until its announcement is over.
        troubled.extend(seen.announced.iter().filter(|(_, by)| **by == life).map(|(key, _)| key.clone()));
        for key in troubled {
            seen.troubles.entry(key).or_default().push(now);
        }
    }

    /// A request and its answer in a line.
    pub(crate) fn describe(&self, sent: &Sent, answer: Option<&Answer>) -> String {
        let short = |token: &str| token.chars().take(8).collect::<String>();
        let key = self.lock().tokens.get(&sent.refresh_token).map(|token| token.key.to_string());
        let successor = answer.and_then(tokens_of).and_then(|(_, successor)| successor);
        format!(
            "{} {key:?} {} -> {:?}",
            sent.life,
            short(&sent.refresh_token),
            successor.map(|token| short(&token))
        )
    }

    /// A caller was given an access token.
    pub(crate) fn handed_out(&self, life: u64, access_token: &str) {
        let now = self.clock.now();
        let mut seen = self.lock();
        seen.note_given(life, access_token, now);
        seen.note_own_handed_out(life, access_token, now);
        Self::note_handed_out(&mut seen, access_token);
        let successor = seen.by_access_token.get(access_token).and_then(|token| seen.tokens.get(token));
        let Some(token) = successor else { return };
        let is_kept = token.stored || (token.boarded && seen.suffices_aboard(token, life, now));
        if !is_kept {
            let broken = format!("I4: a token was handed out before it was kept: at {now:?} {token:?}");
            seen.broken.push(broken);
        }
    }

    #[cfg(test)]
    fn clock_now(&self) -> Instant {
        self.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn form_value(body: &[u8], name: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(body);
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn tokens_of(answer: &Answer) -> Option<(String, Option<String>)> {
    let body: serde_json::Value = serde_json::from_slice(answer.expose_body()).ok()?;
    let text = |name: &str| body.get(name)?.as_str().map(str::to_owned);
    Some((text("access_token")?, text("refresh_token")))
}
