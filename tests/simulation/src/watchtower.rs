//! Who sees every refresh token that was ever issued, and what became of it.

mod promises;
mod reasons;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, GrantKey, Instant};
use grantry_endpoint::{Answer, Request};
use grantry_testkit::ManualClock;
use grantry_vault::RecordKey;

use promises::Noted;

/// The secret of the client.
pub(crate) const SECRET: &str = "s3cret";

/// A token request that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    life: u64,
    refresh_token: String,
    number: u64,
}

/// A refresh token that was issued.
#[derive(Debug, Clone)]
struct Issued {
    key: GrantKey,
    parent: Option<String>,
    first_used: Option<Instant>,
    /// Who received it, each with whether it has died since without having kept it.
    received_by: BTreeMap<u64, bool>,
    /// Whether a lifeboat held it.
    boarded: bool,
    /// Whether something of its grant was stored after it had been received.
    stored: bool,
    /// When it was first kept, in one way or the other.
    kept: Option<Instant>,
    /// The requests that were answered with it.
    answers: Vec<u64>,
    /// Why nobody received it.
    lost: &'static str,
}

/// How far it is known that a person's consent was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Withdrawn {
    /// Somebody asked for it, and may have died with it.
    Asked,
    /// The grant is stopped; what is left of it is to be revoked.
    Stopped,
    /// It is gone.
    Deleted,
}

/// Sees everything.
#[derive(Debug)]
pub(crate) struct Watchtower {
    clock: ManualClock,
    /// How long before its expiry a token is renewed at the earliest, unless somebody gave it up.
    early: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    tokens: BTreeMap<String, Issued>,
    /// Which refresh token came with an access token.
    by_access_token: BTreeMap<String, String>,
    /// What is under way: by number, the life and the token.
    under_way: BTreeMap<u64, (u64, String)>,
    numbers: u64,
    requests: u64,
    used_again: u64,
    troubles: BTreeMap<GrantKey, Vec<Instant>>,
    withdrawn: BTreeMap<GrantKey, Withdrawn>,
    /// Processes that are no more.
    dead: BTreeSet<u64>,
    /// Who announced a request for a grant last, and has brought nothing home since.
    announced: BTreeMap<GrantKey, u64>,
    /// The refresh token that a record was last seen with.
    current: BTreeMap<GrantKey, String>,
    /// From when to when the store, the network or the server was gone for somebody.
    outages: Vec<(Instant, Instant)>,
    /// Broken promises.
    broken: Vec<String>,
    /// Whether two requests with one token may be under way: only if somebody stood still.
    may_overlap: bool,
    /// Whether the server revokes the family of a token that comes back.
    is_strict: bool,
    noted: Noted,
}

impl Watchtower {
    /// A tower over a world that goes by this clock, where nobody renews a token that is fit for longer than `early`.
    pub(crate) fn new(clock: ManualClock, may_overlap: bool, is_strict: bool, early: Duration) -> Self {
        Self { clock, early, seen: Mutex::new(Seen { may_overlap, is_strict, ..Seen::default() }) }
    }

    /// A person consented.
    pub(crate) fn consented(&self, key: &GrantKey, refresh_token: &str) {
        let issued = Issued {
            key: key.clone(),
            parent: None,
            first_used: None,
            received_by: BTreeMap::new(),
            boarded: true,
            stored: true,
            kept: Some(self.clock.now()),
            answers: Vec::new(),
            lost: "",
        };
        self.lock().tokens.insert(refresh_token.to_owned(), issued);
    }

    /// A person's consent is withdrawn.
    pub(crate) fn withdrawn(&self, key: &GrantKey, how_far: Withdrawn) {
        let mut seen = self.lock();
        let known = seen.withdrawn.entry(key.clone()).or_insert(how_far);
        *known = how_far.max(*known);
    }

    /// How far it is withdrawn, if it is.
    pub(crate) fn is_withdrawn(&self, key: &GrantKey) -> Option<Withdrawn> {
        self.lock().withdrawn.get(key).copied()
    }

    /// All refresh tokens of a grant that there ever were.
    pub(crate) fn refresh_tokens(&self, key: &GrantKey) -> Vec<String> {
        let seen = self.lock();
        seen.tokens.iter().filter(|(_, token)| token.key == *key).map(|(token, _)| token.clone()).collect()
    }

    /// I2: what a record's refresh token is replaced by descends from the same consent, and is none of its ancestors.
    pub(crate) fn holds(&self, key: &GrantKey, refresh_token: &str, may_go_back: bool) {
        let mut seen = self.lock();
        // What a mangled answer made up was never issued.
        let Some(issued) = seen.tokens.get(refresh_token) else { return };
        if issued.key != *key {
            let broken = format!("I2: the record of {key} holds a token of {}", issued.key);
            seen.broken.push(broken);
        }
        let before = seen.current.insert(key.clone(), refresh_token.to_owned());
        let mut ancestor = before.and_then(|before| seen.tokens.get(&before)?.parent.clone());
        while let Some(token) = ancestor {
            if token == refresh_token && !may_go_back {
                seen.broken.push(format!("I2: the record of {key} went back to an ancestor"));
                return;
            }
            ancestor = seen.tokens.get(&token).and_then(|token| token.parent.clone());
        }
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
        let overlaps = seen.under_way.values().any(|(_, other)| *other == refresh_token);
        if overlaps && !seen.may_overlap {
            seen.broken.push("I1: two redemptions of one refresh token are under way".to_owned());
        }
        seen.under_way.insert(number, (life, refresh_token.clone()));
        let sent = Sent { life, refresh_token, number };
        let early = if is_steady { self.early } else { Duration::MAX };
        Self::look_at_request(&mut seen, &sent, early, self.clock.now());
        sent
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
        let Some((access_token, successor)) = answer.and_then(tokens_of) else {
            seen.used_again += u64::from(was_used);
            return;
        };
        parent.first_used.get_or_insert(now);
        seen.used_again += u64::from(was_used);
        if !lost.is_empty() {
            seen.troubles.entry(key.clone()).or_default().push(now);
        }
        let Some(successor) = successor else { return };
        seen.by_access_token.insert(access_token, successor.clone());
        let parent = Some(sent.refresh_token.clone());
        let issued = Issued {
            key,
            parent,
            first_used: None,
            received_by: BTreeMap::new(),
            boarded: false,
            stored: false,
            kept: None,
            answers: Vec::new(),
            lost,
        };
        let known = seen.tokens.entry(successor).or_insert(issued);
        if lost.is_empty() {
            known.lost = "";
            known.answers.push(sent.number);
        }
    }

    /// An answer arrived.
    pub(crate) fn received(&self, sent: &Sent) {
        let mut seen = self.lock();
        let children = seen.tokens.values_mut().filter(|token| {
            token.parent.as_deref() == Some(&sent.refresh_token) && token.answers.contains(&sent.number)
        });
        for token in children {
            token.received_by.insert(sent.life, false);
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
        drop(seen);
        self.kept(life, record, |token| token.stored = true);
    }

    fn kept(&self, life: u64, record: &RecordKey, keep: impl Fn(&mut Issued)) {
        let Some(key) = record.as_grant_key() else { return };
        let mut seen = self.lock();
        let theirs = seen
            .tokens
            .values_mut()
            .filter(|token| token.key == key && token.received_by.contains_key(&life));
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
        seen.dead.insert(life);
        let mut troubled = Vec::new();
        for token in seen.tokens.values_mut() {
            if let Some(died) = token.received_by.get_mut(&life).filter(|_| !token.boarded) {
                *died = true;
                troubled.push(token.key.clone());
            }
        }
        let under_way: Vec<String> = seen
            .under_way
            .values()
            .filter(|(other, _)| *other == life)
            .map(|(_, token)| token.clone())
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
    pub(crate) fn handed_out(&self, access_token: &str) {
        let mut seen = self.lock();
        Self::note_handed_out(&mut seen, access_token);
        let Some(successor) = seen.by_access_token.get(access_token) else { return };
        let kept = seen.tokens.get(successor).is_some_and(|token| token.boarded || token.stored);
        if !kept {
            let token = seen.tokens.get(successor).cloned();
            let now = self.clock.now();
            seen.broken.push(format!("I4: a token was handed out before it was kept: at {now:?} {token:?}"));
        }
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
