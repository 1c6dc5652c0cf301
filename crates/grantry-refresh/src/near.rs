//! The keys that are asked for most, with their tokens, close together.
//!
//! Among a million sources, a source, its place in the table, its token and the count of the token's references
//! lie in pages all over the memory, and a look-up spends most of its time on finding these. So a key that is
//! asked for again and again comes near: it gets a place beside others of its kind, with all that a hit reads. Its
//! copy of the token belongs to the source: it is replaced when a token is published and dropped when one is
//! refused, under the source's lock, so no copy outlives its token.

use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::{ArcSwapOption, Guard};
use grantry_core::{GrantKey, GrantKeyRef, Token};

use crate::ManagedSource;
use crate::clocks::Clocks;
use crate::gate::{Gate, Pass};
use crate::tally::{Tally, thread_number};

/// How many sets there are. With the places of each there is room for several thousand keys.
const SETS: usize = 2_048;
/// How many places a set has, so that keys that fall into one set seldom push each other out.
const PLACES: usize = 4;
/// How often a candidate is asked for before it comes near.
const OFTEN: u8 = 16;
/// How often others of its set are asked for before one of them becomes the candidate.
const OTHERS: u8 = 64;

/// Places for keys, found by hash.
#[derive(Debug)]
pub(crate) struct Near {
    /// Small and apart, so that a look that finds nothing reads only what the processor has at hand.
    hints: Box<[Hints]>,
    places: Box<[[ArcSwapOption<Nearby>; PLACES]]>,
    /// Held while a place is given away or taken back. Looking takes nothing.
    moving: Mutex<()>,
}

/// What is known of a set without reading its places. What it counts, it counts roughly: a count that two threads write
/// at once makes a key come near a little later.
#[derive(Debug, Default)]
#[repr(align(16))]
struct Hints {
    /// A part of the hash of each place's key.
    tags: [AtomicU16; PLACES],
    /// The tag of the key that comes near next, if it is asked for often enough.
    candidate: AtomicU16,
    asked: AtomicU8,
    others: AtomicU8,
    /// The place that is given away next where none is free.
    next: AtomicU8,
}

/// One set, while its places may change.
struct Set<'a> {
    hints: &'a Hints,
    places: &'a [ArcSwapOption<Nearby>; PLACES],
}

/// A key that came near, with a copy of the token that its source holds, in the order in which a hit reads it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Nearby {
    key: GrantKey,
    /// As the source's own; shut for good before the source opens its own for another token.
    pub(crate) gate: Gate,
    clock: Arc<Clocks>,
    tally: Arc<Tally>,
    token: Token,
    source: Arc<ManagedSource>,
    hash: u64,
    near: Weak<Near>,
}

impl Near {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            hints: (0..SETS).map(|_| Hints::default()).collect(),
            places: (0..SETS).map(|_| Default::default()).collect(),
            moving: Mutex::default(),
        })
    }

    /// The place of `key`, if it is near.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: GrantKeyRef<'_>) -> Option<Guard<Option<Arc<Nearby>>>> {
        let tag = tag(hash);
        let tags = &self.hints.get(number_of(hash))?.tags;
        let number = tags.iter().position(|there| there.load(Ordering::Relaxed) == tag)?;
        let place = self.places.get(number_of(hash))?.get(number)?.load();
        place.as_ref().is_some_and(|nearby| key.matches(&nearby.key)).then_some(place)
    }

    /// Counts that a key of this hash was looked for and is not near. Says once in a while that it should be.
    #[inline]
    pub(crate) fn count(&self, hash: u64) -> bool {
        self.hints.get(number_of(hash)).is_some_and(|hints| hints.count(tag(hash)))
    }

    /// Whether a key of this hash should come near.
    pub(crate) fn wants(&self, hash: u64) -> bool {
        self.hints.get(number_of(hash)).is_some_and(|hints| {
            hints.candidate.load(Ordering::Relaxed) == tag(hash)
                && hints.asked.load(Ordering::Relaxed) >= OFTEN
        })
    }

    /// Gives `source` a place for a copy of `token`, which is not handed out before its gate is opened. Hits are
    /// counted in `tally`. To be called under the source's lock.
    pub(crate) fn take_in(
        self: &Arc<Self>,
        hash: u64,
        source: &Arc<ManagedSource>,
        token: &Token,
        tally: &Arc<Tally>,
    ) -> Arc<Nearby> {
        let nearby = Arc::new(Nearby {
            key: source.key().clone(),
            gate: Gate::default(),
            clock: Arc::clone(&source.profile().clock),
            tally: Arc::clone(tally),
            token: token.apart(),
            source: Arc::clone(source),
            hash,
            near: Arc::downgrade(self),
        });
        let _moving = self.moving();
        if let Some(set) = self.set(hash) {
            let free = set.places.iter().position(|place| place.load().is_none());
            let number =
                free.unwrap_or_else(|| usize::from(set.hints.next.fetch_add(1, Ordering::Relaxed)) % PLACES);
            set.put(number, tag(hash), Some(Arc::clone(&nearby)));
            set.hints.candidate.store(0, Ordering::Relaxed);
        }
        nearby
    }

    /// Takes the place of `source` back, if it has one.
    pub(crate) fn turn_out(&self, hash: u64, source: &Arc<ManagedSource>) {
        let _moving = self.moving();
        if let Some(set) = self.set(hash)
            && let Some(number) = set.place_where(|nearby| Arc::ptr_eq(&nearby.source, source))
        {
            set.put(number, 0, None);
        }
    }

    fn set(&self, hash: u64) -> Option<Set<'_>> {
        let number = number_of(hash);
        Some(Set { hints: self.hints.get(number)?, places: self.places.get(number)? })
    }

    fn moving(&self) -> MutexGuard<'_, ()> {
        // It guards no data of its own: each place is whole at any time.
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hints {
    #[inline]
    fn count(&self, tag: u16) -> bool {
        let candidate = self.candidate.load(Ordering::Relaxed);
        if candidate == tag {
            let asked = self.asked.load(Ordering::Relaxed).wrapping_add(1);
            self.asked.store(asked, Ordering::Relaxed);
            return asked == OFTEN;
        }
        let others = self.others.load(Ordering::Relaxed).wrapping_add(1);
        self.others.store(others, Ordering::Relaxed);
        if candidate == 0 || others >= OTHERS {
            self.candidate.store(tag, Ordering::Relaxed);
            self.asked.store(1, Ordering::Relaxed);
            self.others.store(0, Ordering::Relaxed);
        }
        false
    }
}

impl Set<'_> {
    fn put(&self, number: usize, tag: u16, nearby: Option<Arc<Nearby>>) {
        if let (Some(place), Some(there)) = (self.places.get(number), self.hints.tags.get(number)) {
            place.store(nearby);
            there.store(tag, Ordering::Relaxed);
        }
    }

    fn place_where(&self, is: impl Fn(&Arc<Nearby>) -> bool) -> Option<usize> {
        self.places.iter().position(|place| place.load().as_ref().is_some_and(&is))
    }
}

impl Nearby {
    /// The token, counted as a hit of the source, if it may be handed out without a second look and the calling
    /// thread is the one that asks for it.
    #[inline]
    pub(crate) fn ready(&self) -> Option<&Token> {
        let reading = self.clock.coarse();
        let passes = self.gate.pass(reading) != Pass::Late;
        (passes && self.tally.count_own(thread_number(), reading.monotonic)).then_some(&self.token)
    }

    /// The source holds `token` now, or none: replaces the copy, or gives the place back. To be called under the
    /// source's lock, before its gate opens.
    pub(crate) fn follow(self: &Arc<Self>, token: Option<&Token>) -> Option<Arc<Self>> {
        self.gate.shut();
        let near = self.near.upgrade()?;
        let next = token.map(|token| {
            Arc::new(Self {
                key: self.key.clone(),
                gate: Gate::default(),
                clock: Arc::clone(&self.clock),
                tally: Arc::clone(&self.tally),
                token: token.apart(),
                source: Arc::clone(&self.source),
                hash: self.hash,
                near: Weak::clone(&self.near),
            })
        });
        let _moving = near.moving();
        let set = near.set(self.hash)?;
        // Another key may have got the place meanwhile.
        let number = set.place_where(|nearby| Arc::ptr_eq(nearby, self))?;
        set.put(number, if next.is_some() { tag(self.hash) } else { 0 }, next.clone());
        next
    }
}

/// Which set it is. By other bits than those of the tag, and than those that the parts of a directory go by.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "only eleven bits are left")]
fn number_of(hash: u64) -> usize {
    (hash >> 32) as usize % SETS
}

/// Never 0, which stands for no key.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "a part of the hash is what is wanted")]
fn tag(hash: u64) -> u16 {
    (hash >> 16) as u16 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_has_to_be_asked_for_often() {
        let hints = Hints::default();
        assert!((1..OFTEN).all(|_| !hints.count(7)));
        assert!(hints.count(7));
        // And once in a while again, in case that nobody followed.
        assert_eq!((0..10_000).filter(|_| hints.count(7)).count(), 39);
    }

    #[test]
    fn keys_that_take_turns_in_a_set_come_near_one_after_the_other() {
        let hints = Hints::default();
        let often = (0..u16::from(OFTEN)).flat_map(|_| [5, 7]).filter(|tag| hints.count(*tag));
        assert_eq!(often.collect::<Vec<_>>(), [5]);
        hints.candidate.store(0, Ordering::Relaxed);
        let often = (0..u16::from(OFTEN)).flat_map(|_| [9, 7]).filter(|tag| hints.count(*tag));
        assert_eq!(often.count(), 1);
    }

    #[test]
    fn keys_that_are_asked_for_once_do_not_come_near() {
        let hints = Hints::default();
        assert_eq!((1..30_000).filter(|nth| hints.count(nth * 2 + 1)).count(), 0);
    }
}
