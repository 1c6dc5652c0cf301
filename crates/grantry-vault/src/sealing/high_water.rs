//! What this process has seen: the measure by which it notices that a store went back.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::StoreTime;

use super::RefusedRecord;
use crate::backend::RecordKey;
use crate::{GrantState, LineageId};

/// The highest version seen in each place, in 32 bytes a place.
///
/// Places are known by a hash of 128 bits under keys of this process, so that nobody can make two meet.
#[derive(Debug)]
pub(crate) struct HighWater {
    seen: Mutex<HashMap<u128, Mark>>,
    /// What was withdrawn last in a place, and of which line of descent. Few places have that.
    withdrawn: Mutex<HashMap<u128, (LineageId, Withdrawal)>>,
    hashers: [RandomState; 2],
    hold: Duration,
}

/// What was seen in a place when a reading began. A reading that began earlier may well find less.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    version: u64,
    /// When it was seen last; its least bit says whether it was a tombstone.
    seen: u64,
}

/// What holds on whatever comes back of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// It was deleted.
    Deleted,
    /// It is a grant that nobody may use here any more: revoked, or moved.
    Ended(GrantState),
}

/// What was seen of a record beside its version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Its line of descent, where it has one.
    pub(crate) line: Option<LineageId>,
    /// Whether that came to its end.
    pub(crate) withdrawal: Option<Withdrawal>,
}

impl HighWater {
    /// `hold` is how long tombstones stand at least: what is gone after that may have been deleted.
    pub(crate) fn new(hold: Duration) -> Self {
        Self {
            seen: Mutex::default(),
            withdrawn: Mutex::default(),
            hashers: [RandomState::new(), RandomState::new()],
            hold,
        }
    }

    /// What was seen so far; to be taken before the store is asked.
    pub(crate) fn mark(&self, key: &RecordKey) -> Option<Mark> {
        self.lock().get(&self.hash(key)).copied()
    }

    /// The newest version that was seen.
    pub(crate) fn newest(&self, key: &RecordKey) -> Option<u64> {
        self.mark(key).map(|mark| mark.version)
    }

    /// A record of this version was read, by a reading that began at `mark`, or written.
    ///
    /// # Errors
    /// [`RefusedRecord::RolledBack`] where a newer one had been seen before.
    pub(crate) fn saw(
        &self,
        key: &RecordKey,
        mark: Option<Mark>,
        version: u64,
        sight: Sight,
        at: StoreTime,
    ) -> Result<(), RefusedRecord> {
        if let Some(mark) = mark.filter(|mark| version < mark.version) {
            return Err(RefusedRecord::RolledBack { seen: mark.version, found: version });
        }
        let is_tombstone = sight.withdrawal == Some(Withdrawal::Deleted);
        let new = Mark { version, seen: (at.as_nanos() & !1) | u64::from(is_tombstone) };
        let place = self.hash(key);
        let mut seen = self.lock();
        let known = seen.entry(place).or_insert(new);
        if known.version <= version {
            *known = new;
            self.note(place, sight);
        }
        Ok(())
    }

    fn note(&self, place: u128, Sight { line, withdrawal }: Sight) {
        let Some(line) = line else { return };
        let mut withdrawn = self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner);
        // What was moved may come back. What was revoked or deleted never goes on: whoever wrote it did so in a store that went back,
        // and did not know.
        let moved = Withdrawal::Ended(GrantState::Moved);
        let may_go_on = withdrawn.get(&place).is_some_and(|(of, what)| *of == line && *what == moved);
        if let Some(what) = withdrawal {
            withdrawn.insert(place, (line, what));
        } else if may_go_on {
            // Another line says nothing of the one that was withdrawn.
            withdrawn.remove(&place);
        }
    }

    /// What was withdrawn of this line of descent, as far as was seen. A consent that was given since is of another.
    pub(crate) fn withdrawn(&self, key: &RecordKey, line: LineageId) -> Option<Withdrawal> {
        let withdrawn = self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner);
        withdrawn.get(&self.hash(key)).filter(|(of, _)| *of == line).map(|(_, what)| *what)
    }

    /// There is no record, said a reading that began at `mark`.
    ///
    /// # Errors
    /// [`RefusedRecord::Vanished`] where one had been seen whose deletion would have left a tombstone that still
    /// stands.
    pub(crate) fn saw_nothing(&self, mark: Option<Mark>, at: StoreTime) -> Result<(), RefusedRecord> {
        match mark {
            Some(mark) if mark.seen & 1 == 0 && at.since(StoreTime::from_nanos(mark.seen)) < self.hold => {
                Err(RefusedRecord::Vanished { seen: mark.version })
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Mark>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version that a record begins with which is made where there is none: the store's time in milliseconds, so
    /// that it lies above that of any record that ever stood there, whoever remembers it.
    pub(crate) fn first_version(now: StoreTime) -> u64 {
        (now.as_nanos() / 1_000_000).max(1)
    }

    fn hash(&self, key: &RecordKey) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(key)));
        high << 64 | low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn place(account: &str) -> RecordKey {
        RecordKey::parse(&format!("a/grant/b/{account}")).unwrap()
    }

    #[test]
    fn an_older_version_is_refused_and_a_newer_one_not() {
        let (water, key, at) = (HighWater::new(HOUR), place("c"), StoreTime::from_nanos(1_000));
        let saw = |key: &RecordKey, version| water.saw(key, water.mark(key), version, Sight::default(), at);
        assert_eq!((saw(&key, 5), saw(&key, 5), saw(&key, 7)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(saw(&key, 6), Err(RefusedRecord::RolledBack { seen: 7, found: 6 }));
        assert_eq!(saw(&place("d"), 1), Ok(()));
    }

    #[test]
    fn a_reading_that_began_before_a_newer_one_is_no_rollback() {
        let (water, key, at) = (HighWater::new(HOUR), place("c"), StoreTime::from_nanos(1_000));
        let slow = water.mark(&key);
        water.saw(&key, water.mark(&key), 6, Sight::default(), at).unwrap();
        assert_eq!(water.saw(&key, slow, 5, Sight::default(), at), Ok(()));
        let later = water.saw(&key, water.mark(&key), 5, Sight::default(), at);
        assert_eq!(later, Err(RefusedRecord::RolledBack { seen: 6, found: 5 }), "the mark did not sink");
    }

    #[test]
    fn what_was_seen_and_is_gone_is_missed_until_its_tombstone_may_be_gone_too() {
        let (water, key, at) = (HighWater::new(HOUR), place("c"), StoreTime::from_nanos(1_000));
        assert_eq!(water.saw_nothing(water.mark(&key), at), Ok(()));
        water.saw(&key, None, 5, Sight::default(), at).unwrap();
        let gone = |at| water.saw_nothing(water.mark(&key), at);
        assert_eq!(gone(at), Err(RefusedRecord::Vanished { seen: 5 }));
        assert_eq!(gone(at.after(HOUR + HOUR)), Ok(()));
        water.saw(&key, None, 6, withdrawn(1, Withdrawal::Deleted), at).unwrap();
        assert_eq!(gone(at), Ok(()), "it was deleted");
    }

    fn line(byte: u8) -> LineageId {
        LineageId::from_bytes([byte; 16])
    }

    fn withdrawn(of: u8, what: Withdrawal) -> Sight {
        Sight { line: Some(line(of)), withdrawal: Some(what) }
    }

    #[test]
    fn what_was_withdrawn_is_remembered_of_its_line_until_that_goes_on() {
        let (water, key, at) = (HighWater::new(HOUR), place("c"), StoreTime::from_nanos(1_000));
        let content = |of| Sight { line: Some(line(of)), withdrawal: None };
        let (ended, deleted) = (Withdrawal::Ended(GrantState::Revoked), Withdrawal::Deleted);
        let moved = Withdrawal::Ended(GrantState::Moved);
        let saw = |version, sight| water.saw(&key, None, version, sight, at).unwrap();
        let of = |of| water.withdrawn(&key, line(of));
        saw(5, withdrawn(1, ended));
        saw(4, content(1));
        assert_eq!((of(1), of(2)), (Some(ended), None), "what came later counts");
        saw(6, withdrawn(1, deleted));
        saw(7, content(2));
        assert_eq!((of(1), of(2)), (Some(deleted), None), "another consent is another line");
        saw(8, content(1));
        assert_eq!(of(1), Some(deleted), "what was deleted does not come back");
        saw(9, withdrawn(1, ended));
        saw(10, content(1));
        assert_eq!(of(1), Some(ended), "nor does what was revoked");
        saw(11, withdrawn(1, moved));
        saw(12, content(1));
        assert_eq!(of(1), None, "what was moved may");
    }
}
