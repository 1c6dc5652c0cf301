//! What is promised of records, looked at whenever one is written, and of what was written before a secret leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use grantry_core::{Clock, GrantKey, Instant, RefreshToken};
use grantry_vault::{Fingerprint, GrantState};

use super::{Seen, Watchtower, Withdrawn};
use crate::life::machine_of;
use crate::records::{Announced, Held, Records};

/// What was seen of records for these promises alone.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Who announced an attempt, with what it redeems: another token, where others brought the grant on before it was sent.
    announced: BTreeMap<(GrantKey, [u8; 16], Option<Fingerprint>), u64>,
    /// How often each process sent a token.
    sends: BTreeMap<(u64, Fingerprint), usize>,
    /// Since when a record is in doubt, or in somebody's hands.
    unsettled: BTreeMap<GrantKey, Instant>,
    /// The batches of the audit trail by writer: whose it is, and when each was written, by the number of its first line.
    batches: BTreeMap<String, (u64, BTreeMap<u64, Instant>)>,
    /// When a process sent a refresh token of a grant.
    pub(super) sent: BTreeMap<(u64, GrantKey), Vec<Instant>>,
    /// When a process first gave out an access token of a grant.
    pub(super) given: BTreeMap<(u64, GrantKey), Instant>,
}

impl Written {
    /// A grant is called something else from now on.
    pub(super) fn rename(&mut self, key: &GrantKey, former: &GrantKey) {
        let (theirs, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.announced).into_iter().partition(|((of, ..), _)| of == key);
        self.announced = others;
        let renamed =
            theirs.into_iter().map(|((_, attempt, token), life)| ((former.clone(), attempt, token), life));
        self.announced.extend(renamed);
    }
}

impl Watchtower {
    /// A process has written the record of a grant: I2, I5 and I13 hold for what stands there now.
    pub(crate) fn wrote(&self, life: u64, key: &GrantKey, held: Option<&Held>, records: &Records) {
        let now = self.clock.now();
        if let Some(current) = held.and_then(|held| held.refresh_tokens.first()) {
            self.holds(key, current);
        }
        let mut seen = self.lock();
        seen.look_at_withdrawal(key, held);
        for token in held.into_iter().flat_map(|held| &held.refresh_tokens) {
            if let Some(token) = seen.tokens.get_mut(token) {
                token.is_stored(life, now);
            }
        }
        seen.note_standing(key, held, now);
        let Some(held) = held else { return };
        if held.state == GrantState::ReauthorizationNeeded {
            seen.look_at_verdict(life, key, held, records, now);
        }
        if let Some(Announced { attempt, token }) = held.intent {
            seen.written.announced.entry((key.clone(), attempt, token)).or_insert(life);
        }
    }

    /// I8: a redemption leaves, and the store holds the announcement of it, which the process wrote before.
    ///
    /// Where a process may stand still between its last look and the sending, or where the store forgets, somebody else may own
    /// the record by now. There the announcement was written at some time, one for each sending.
    pub(crate) fn look_at_announcement(&self, life: u64, refresh_token: &str, records: &Records) {
        let mut seen = self.lock();
        // What a mangled answer made up belongs to no grant.
        let Some(key) = seen.tokens.get(refresh_token).map(|token| token.key.clone()) else { return };
        seen.written.sent.entry((life, key.clone())).or_default().push(self.clock.now());
        let token = Fingerprint::of(&RefreshToken::new(refresh_token));
        let sends = seen.written.sends.entry((life, token)).or_default();
        *sends += 1;
        let sends = *sends;
        let announcements = seen
            .written
            .announced
            .iter()
            .filter(|((of, _, redeems), by)| *of == key && **by == life && *redeems == Some(token))
            .count();
        let owner = records.read(&key).ok().flatten().and_then(|held| held.intent);
        let owns = owner.is_some_and(|owner| {
            seen.written.announced.get(&(key.clone(), owner.attempt, Some(token))) == Some(&life)
        });
        let now = self.clock.now();
        // A person who consents once more overtakes everybody.
        let is_of_the_past = seen.former.contains_key(&key);
        let may_be_overtaken =
            is_of_the_past || seen.has_forgotten_lately(&key, now) || seen.may_be_behind(life, now);
        if announcements < sends || (!owns && !may_be_overtaken) {
            seen.broken.push(format!(
                "I8: process {life} sends a token of {key} for the {sends}. time, with {announcements} announcements, owned: {owns}"
            ));
        }
    }

    /// A failover has set a record back to this.
    pub(crate) fn set_back(&self, key: &GrantKey, held: Option<&Held>) {
        self.forgot(key);
        let mut seen = self.lock();
        // Who writes now goes on from there.
        match held.and_then(|held| held.refresh_tokens.first()) {
            Some(current) => seen.current.insert(key.clone(), current.clone()),
            None => seen.current.remove(key),
        };
        seen.note_standing(key, held, self.clock.now());
    }

    /// A process sent a refresh token of a grant.
    #[cfg(test)]
    pub(crate) fn sent_for(&self, life: u64, key: &GrantKey) {
        self.lock().written.sent.entry((life, key.clone())).or_default().push(self.clock.now());
    }

    /// L1: while nothing goes wrong, no record is in doubt or in somebody's hands for longer than `most`.
    pub(crate) fn look_at_doubts(&self, most: Duration) {
        let now = self.clock.now();
        let mut seen = self.lock();
        let Some(calm) = seen.noted.calm_since() else { return };
        let mut late = Vec::new();
        seen.written.unsettled.retain(|key, since| {
            let is_late = since.after(most).max(calm.after(most)) < now;
            if is_late {
                late.push(format!("L1: {key} is in doubt since {since:?}"));
            }
            !is_late
        });
        seen.broken.extend(late);
    }

    /// I14: a batch of the audit trail was written, and its writer goes on where it was.
    pub(crate) fn trail_written(&self, life: u64, name: &str, is_new: bool) {
        let Some((writer, first)) = name.split_once('/') else { return };
        let now = self.clock.now();
        let mut seen = self.lock();
        let forgets = seen.facts.forgets;
        let Ok(first) = first.parse() else {
            return seen.broken.push(format!("I14: a batch is called {name}"));
        };
        let (_, batches) = seen.written.batches.entry(writer.to_owned()).or_insert((life, BTreeMap::new()));
        let goes_on = batches.last_key_value().is_none_or(|(last, _)| *last < first);
        batches.insert(first, now);
        if !is_new || (!goes_on && !forgets) {
            seen.broken
                .push(format!("I14: {name} was written where something stood, or behind what came later"));
        }
    }

    /// Whether a line of the trail was written so long ago by a process that lives. Who died never says how an attempt of his ended; and
    /// the line itself goes by a clock that may jump.
    pub(crate) fn is_open_for_long(&self, writer: &str, number: u64, most: Duration) -> bool {
        let now = self.clock.now();
        let seen = self.lock();
        let Some((life, batches)) = seen.written.batches.get(writer) else { return false };
        let written = batches.range(..=number).next_back();
        !seen.dead.contains_key(life) && written.is_some_and(|(_, at)| at.after(most) < now)
    }

    /// I8: for each redemption that a process sent there was an intent of its own in the audit trail, durable before; and at
    /// least one before the process gave out the first access token of a grant. `intents` are the renewals that the trail
    /// tells of, by writer and number.
    pub(crate) fn look_at_intents(&self, intents: &[(String, u64, GrantKey)]) {
        let mut seen = self.lock();
        let mut durable: BTreeMap<(u64, &GrantKey), Vec<Instant>> = BTreeMap::new();
        for (writer, number, key) in intents {
            let Some((life, batches)) = seen.written.batches.get(writer) else { continue };
            let Some((_, when)) = batches.range(..=number).next_back() else { continue };
            durable.entry((*life, key)).or_default().push(*when);
        }
        let before = |life: u64, key: &GrantKey, when: Instant| {
            durable.get(&(life, key)).map_or(0, |times| times.iter().filter(|time| **time <= when).count())
        };
        let mut broken = Vec::new();
        // What was sent for an earlier consent has an intent of its own, too.
        let mut sent: BTreeMap<(u64, &GrantKey), Vec<Instant>> = BTreeMap::new();
        for ((life, key), times) in &seen.written.sent {
            sent.entry((*life, seen.grant_of(key))).or_default().extend(times);
        }
        sent.values_mut().for_each(|times| times.sort_unstable());
        for ((life, key), times) in &sent {
            if times.iter().enumerate().any(|(nth, when)| before(*life, key, *when) <= nth) {
                broken.push(format!(
                    "I8: process {life} redeemed a token of {key} without an intent in the trail"
                ));
            }
        }
        for ((life, key), when) in &seen.written.given {
            let key = seen.grant_of(key);
            if before(*life, key, *when) == 0 {
                broken.push(format!(
                    "I8: process {life} gave out a token of {key} without an intent in the trail"
                ));
            }
        }
        seen.broken.extend(broken);
    }

    /// I2: what a record's refresh token is replaced by descends from the same consent, and is none of its ancestors.
    pub(super) fn holds(&self, key: &GrantKey, refresh_token: &str) {
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
            if token == refresh_token {
                seen.broken.push(format!("I2: the record of {key} went back to an ancestor"));
                return;
            }
            ancestor = seen.tokens.get(&token).and_then(|token| token.parent.clone());
        }
    }
}

impl Seen {
    /// Notes since when a record is in doubt, or in somebody's hands.
    pub(super) fn note_standing(&mut self, key: &GrantKey, held: Option<&Held>, now: Instant) {
        if held.is_some_and(|held| held.is_unsettled) {
            self.written.unsettled.entry(key.clone()).or_insert(now);
        } else {
            self.written.unsettled.remove(key);
        }
    }

    /// Whether somebody else announced to redeem a token, and had stood still or been cut off: it took what it had read for older than
    /// it was, and what it left is to be found out.
    pub(super) fn was_left_by_one_that_read_for_long(
        &self,
        key: &GrantKey,
        token: &str,
        by: u64,
        now: Instant,
    ) -> bool {
        let issued = self.tokens.get(token).map_or(now, |token| token.issued_at);
        let token = Some(Fingerprint::of(&RefreshToken::new(token)));
        let announced = self.written.announced.iter();
        let mut others =
            announced.filter(|((of, _, redeems), life)| of == key && *redeems == token && **life != by);
        others.any(|(_, life)| !self.may_have_read_for(*life, issued, now).is_zero())
    }

    pub(super) fn note_given(&mut self, life: u64, access_token: &str, now: Instant) {
        let token = self.by_access_token.get(access_token).and_then(|token| self.tokens.get(token));
        let key = token.map(|token| &token.key).or_else(|| self.noted.came_alone.get(access_token));
        if let Some(key) = key.cloned() {
            self.own.note_served(self.grant_of(&key).clone(), now);
            self.written.given.entry((life, key)).or_insert(now);
        }
    }

    /// I13: what was deleted does not come back, and what was stopped does not go on.
    fn look_at_withdrawal(&mut self, key: &GrantKey, held: Option<&Held>) {
        let Some(held) = held else { return };
        match self.withdrawn.get(key) {
            Some(Withdrawn::Deleted) => {
                self.broken.push(format!("I13: {key} was deleted, and is written again: {:?}", held.state));
            }
            Some(Withdrawn::Stopped) if held.state != GrantState::Revoked => {
                self.broken.push(format!("I13: {key} was stopped, and is written as {:?}", held.state));
            }
            _ => {}
        }
    }

    /// I5: a person is asked for only where nothing that lives is in the record, or in the hands of a process that lives.
    ///
    /// What waits in the lifeboat of a dead process is judged where that is on the machine of the one who asks, and has been looked into
    /// since: of others, or out of its successor's reach, nobody can know, and it revives the grant when it comes home. So it is looked
    /// at in the end. The same holds for what a process has in its hands that stood still, was cut off from the store all the while, or wrote into a
    /// store that went back.
    fn look_at_verdict(&mut self, by: u64, key: &GrantKey, held: &Held, records: &Records, now: Instant) {
        if let Some(token) = held.refresh_tokens.iter().find(|token| records.is_live(token)) {
            let short: String = token.chars().take(8).collect();
            self.broken.push(format!("I5: a person is asked for, and {short} of {key} lives in the record"));
        }
        if self.has_forgotten_lately(key, now) {
            return;
        }
        let is_near = |life: u64| machine_of(life) == machine_of(by) && self.was_looked_into(life, now);
        let in_hands = self.tokens.iter().find(|(name, token)| {
            token.key == *key
                && !token.stored
                && token.received_by.keys().any(|life| {
                    let is_dead = self.dead.contains_key(life);
                    (!is_dead
                        && !self.was_given_up(*life, key, token.issued_at, now)
                        && !self.was_out_of_reach(token, now))
                        || (is_dead && token.boarded && is_near(*life))
                })
                && records.is_live(name)
        });
        if let Some((name, token)) = in_hands {
            let short: String = name.chars().take(8).collect();
            let broken =
                format!("I5: a person is asked for, and {short} of {key} is in somebody's hands: {token:?}");
            self.broken.push(broken);
        }
    }
}
