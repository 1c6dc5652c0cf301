//! Who did nothing for a while, who could not write, and of what the store lost something.

use std::time::Duration;

use grantry_core::{Clock, GrantKey, Instant};

use super::{Issued, Seen, Watchtower};
use crate::life::machine_of;
use crate::watchtower::Withdrawn;

/// For how long an owner is silent before others take its lease of 6 s for over, at least: it extends that each third, and would have
/// done so a moment after it fell silent.
const LAPSE: Duration = Duration::from_millis(3_900);

/// For how long an owner is silent before others do what cannot be undone, at least: until its lease is over, and the allowance of 5 s
/// after that.
pub(super) const GONE: Duration = Duration::from_millis(8_900);

/// The same where the store's clock leaps: others follow it by an eighth faster than time goes. Who had not looked before it leapt
/// believes all of it at once.
const BY_LEAPS: (Duration, Duration) = (Duration::from_millis(3_200), Duration::from_millis(7_700));

/// How long after a failover a process that lives, and is not hindered, has written again what it remembers.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How long after a failover everybody has looked at the record that was set back: once in a look at all grants.
const KNOWN: Duration = Duration::from_secs(120);

/// How long after a leap of the store's clock everybody has followed it, by an eighth faster than time goes.
const FOLLOWED: Duration = Duration::from_secs(40);

/// How long after its owner's death somebody has looked into a lifeboat, where nothing hinders those who live on its machine: a process
/// begins within 6 s, and looks soon.
const LOOKED_INTO: Duration = Duration::from_secs(90);

/// How often an owner extends its lease.
const BEAT: Duration = Duration::from_secs(2);

/// How far back an owner's last write may lie from its request.
const AGO: Duration = Duration::from_secs(40);

/// How far back somebody's last look at a clock, or at a record, may lie from what follows from it.
const LOOK: Duration = Duration::from_secs(40);

impl Watchtower {
    /// A process does nothing for a while, of itself or because its machine sleeps.
    pub(crate) fn stands_still(&self, life: u64, from: Instant, to: Instant) {
        self.lock().still.push((life, from, to));
    }

    /// A write of a process was lost: if it was to extend a lease, the next is a third of that later.
    pub(crate) fn write_lost(&self, life: u64) {
        let now = self.clock.now();
        self.lock().lost_writes.push((life, now, now.after(BEAT)));
    }

    /// A process looks at grants, and so at the store's clock.
    pub(crate) fn looks(&self, life: u64) {
        let now = self.clock.now();
        self.lock().looked.entry(life).or_insert(now);
    }

    /// The store's clock leaps ahead.
    pub(crate) fn leapt(&self, by: Duration) {
        let now = self.clock.now();
        self.lock().leaps.push((now, by));
    }

    /// A failover has set the record of a grant back.
    pub(crate) fn forgot(&self, key: &GrantKey) {
        let now = self.clock.now();
        let mut seen = self.lock();
        seen.forgotten.entry(key.clone()).or_default().push(now);
        // Somebody may know of it, or nobody: it is as if it had been asked for alone.
        if let Some(known) = seen.withdrawn.get_mut(key) {
            *known = Withdrawn::Asked;
        }
    }

    /// Whether a failover ever set the record of a grant back.
    pub(crate) fn has_forgotten(&self, key: &GrantKey) -> bool {
        self.lock().forgotten.contains_key(key)
    }

    /// Whether a grant may have been lost because a failover has set its record back: nobody who lived remembered the successor for
    /// long enough to write it again before its parent was used once more.
    pub(crate) fn is_lost_by_the_store(&self, key: &GrantKey) -> bool {
        let seen = self.lock();
        let Some(set_back) = seen.forgotten.get(key) else { return false };
        let leaves = seen.tokens.values().filter(|token| token.key == *key && token.first_used.is_none());
        !leaves.filter(|leaf| leaf.lost.is_empty()).any(|leaf| {
            let parent = leaf.parent.as_ref().and_then(|parent| seen.tokens.get(parent));
            let used_again = parent.and_then(|parent| parent.used_again);
            let before =
                |at: &&Instant| used_again.is_none_or(|again| **at < again) && leaf.issued_at <= **at;
            let Some(last) = set_back.iter().filter(before).max() else { return false };
            let remembered = last.after(REMEMBERED);
            let had_time = used_again.is_none_or(|again| again > remembered) && remembered < self.clock.now();
            let is_hindered =
                seen.outages.iter().any(|(from, to)| *from <= remembered && *to >= leaf.issued_at);
            let remembers = |life: &u64| seen.silent_for(*life, leaf.issued_at, remembered).is_zero();
            had_time && !is_hindered && leaf.received_by.keys().any(remembers)
        })
    }

    /// Whether the store's clock leapt in a span up to now, or so lately before it that some may not have followed it.
    pub(crate) fn has_leapt_within(&self, span: Duration) -> bool {
        self.lock().has_leapt_within(span, self.clock.now())
    }

    /// Whether something was gone at some time between two moments, or a process stood still.
    pub(crate) fn was_hindered(&self, life: u64, from: Instant, to: Instant) -> bool {
        let seen = self.lock();
        let is_gone = seen.outages.iter().any(|(began, ended)| *began <= to && *ended >= from);
        is_gone || !seen.still_for(life, from, to).is_zero()
    }
}

impl Seen {
    /// Whether a failover has set the record of a grant back so lately that not everybody knows of it.
    pub(super) fn has_forgotten_lately(&self, key: &GrantKey, now: Instant) -> bool {
        self.forgotten.get(key).into_iter().flatten().any(|at| at.after(KNOWN) >= now)
    }

    /// Whether the store's clock leapt so lately that some may not follow it yet, or in a span before that.
    pub(super) fn has_leapt_within(&self, span: Duration, now: Instant) -> bool {
        self.leaps.iter().any(|(at, _)| at.after(span + FOLLOWED) >= now)
    }

    /// For how long a process did nothing between two moments.
    pub(super) fn still_for(&self, life: u64, from: Instant, to: Instant) -> Duration {
        let theirs = self.still.iter().filter(|(other, ..)| *other == life);
        overlap(theirs.map(|(_, began, ended)| (*began, *ended)).collect(), from, to)
    }

    /// Whether it is enough for a caller that what a process received is in its lifeboat: since it is there, the store was out of the
    /// process's reach, or did not answer it.
    pub(super) fn suffices_aboard(&self, token: &Issued, life: u64, now: Instant) -> bool {
        let Some(kept) = token.kept.filter(|_| !self.facts.waits_for_store) else { return false };
        let is_gone = |(from, to): (&Instant, &Instant)| *from <= now && *to >= kept;
        self.outages.iter().any(|(from, to)| is_gone((from, to)))
            || self.lost_writes.iter().any(|(other, from, to)| *other == life && is_gone((from, to)))
            || !self.silent_for(life, kept, now).is_zero()
    }

    /// Whether a lifeboat that a process left when it died has been looked into since by those who came after it on its machine.
    pub(super) fn was_looked_into(&self, life: u64, now: Instant) -> bool {
        let Some(died) = self.dead.get(&life).filter(|died| died.after(LOOKED_INTO) < now) else {
            return false;
        };
        let is_since = |to: &Instant| *to >= *died;
        let machine = machine_of(life);
        !self.outages.iter().any(|(_, to)| is_since(to))
            && !self.cut_off.iter().chain(&self.unread).any(|(cut, _, to)| *cut == machine && is_since(to))
            && !self.still.iter().any(|(other, _, to)| machine_of(*other) == machine && is_since(to))
            && !self.dead.iter().any(|(other, at)| machine_of(*other) == machine && at > died)
    }

    /// For how long a process could not have written between two moments: it did nothing, the store was out of its reach, or what it
    /// wrote was lost.
    fn silent_for(&self, life: u64, from: Instant, to: Instant) -> Duration {
        let still = self.still.iter().chain(&self.lost_writes).filter(|(other, ..)| *other == life);
        let cuts = self.cut_off.iter().filter(|(machine, ..)| *machine == machine_of(life));
        let still = still.map(|(_, began, ended)| (*began, *ended));
        let still = still.chain(self.dead.get(&life).map(|died| (*died, to)));
        // It tries again a beat after the one that failed.
        let cuts = cuts.map(|(_, began, ended)| (*began, ended.after(BEAT)));
        overlap(still.chain(cuts).collect(), from, to)
    }

    /// Whether a process may be at something that others have done meanwhile: it stood still since it looked.
    pub(super) fn may_be_behind(&self, life: u64, now: Instant) -> bool {
        !self.still_for(life, now.before(LOOK), now).is_zero()
    }

    /// For how long a process may have been about to read a record that was written then, or later: it takes that for as old as if it
    /// had been read at once, and a token in it is over so much sooner.
    pub(super) fn may_have_read_for(&self, life: u64, written: Instant, now: Instant) -> Duration {
        let still = self.still.iter().filter(|(other, ..)| *other == life);
        let cuts = self.cut_off.iter().filter(|(machine, ..)| *machine == machine_of(life));
        let still = still.map(|(_, began, ended)| (*began, *ended));
        let cuts = cuts.map(|(_, began, ended)| (*began, *ended));
        let spans = still.chain(cuts).filter(|(_, ended)| *ended >= written).collect();
        overlap(spans, now.before(LOOK), now)
    }

    /// Whether others may have taken a process for gone that has had a request for a grant under way since then: also for what it
    /// did between the announcement and the request.
    pub(super) fn may_have_lapsed(
        &self,
        life: u64,
        key: Option<&GrantKey>,
        since: Instant,
        now: Instant,
    ) -> bool {
        let lapse = if self.facts.leaps { BY_LEAPS.0 } else { LAPSE };
        self.was_silent(life, self.last_write(life, key, since), now, lapse)
    }

    /// Whether a process was silent for so long with what it received that others did what cannot be undone.
    pub(super) fn was_given_up(&self, life: u64, key: &GrantKey, since: Instant, now: Instant) -> bool {
        let gone = if self.facts.leaps { BY_LEAPS.1 } else { GONE };
        self.was_silent(life, self.last_write(life, Some(key), since), now, gone)
    }

    /// When a process wrote the record of a grant for the last time before that.
    fn last_write(&self, life: u64, key: Option<&GrantKey>, before: Instant) -> Instant {
        let mut theirs = key.and_then(|key| self.writes.get(&(life, key.clone()))).into_iter().flatten();
        theirs.rfind(|at| **at <= before).copied().unwrap_or(before.before(AGO))
    }

    fn was_silent(&self, life: u64, from: Instant, now: Instant, least: Duration) -> bool {
        self.silent_for(life, from, now) >= least.saturating_sub(self.leapt_for_the_new(from, now))
    }

    /// How far the store's clock leapt between two moments, for processes that had not looked at it before.
    fn leapt_for_the_new(&self, from: Instant, to: Instant) -> Duration {
        let is_new = |leapt: Instant| self.looked.values().any(|looked| *looked >= leapt && *looked <= to);
        let leaps = self.leaps.iter().filter(|(at, _)| *at >= from && *at <= to && is_new(*at));
        leaps.map(|(_, by)| *by).sum()
    }
}

/// How much of a span these cover, which may overlap each other.
fn overlap(mut spans: Vec<(Instant, Instant)>, from: Instant, to: Instant) -> Duration {
    spans.sort_unstable();
    let (mut covered, mut reached) = (Duration::ZERO, from);
    for (began, ended) in spans {
        let (began, ended) = (began.max(reached), ended.min(to));
        covered += ended.since(began);
        reached = reached.max(ended);
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_overlap_count_once() {
        let at = |second: u64| Instant::ZERO.after(Duration::from_secs(second));
        let spans = vec![(at(3), at(9)), (at(1), at(5)), (at(20), at(40))];
        assert_eq!(overlap(spans, at(2), at(30)), Duration::from_secs(7 + 10));
        assert_eq!(overlap(Vec::new(), at(2), at(30)), Duration::ZERO);
    }
}
