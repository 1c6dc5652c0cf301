//! A hash table of sources that reads one cache line where others read two.
//!
//! Among a million sources nearly every place that a look-up touches has to come from memory. So marks of the hashes
//! and the sources that they stand for share a line, and a source whose line is full goes to the next one, which the
//! processor has fetched with it. Each line counts who went past it, so that a search ends where nobody did.

use std::sync::Arc;

use crate::ManagedSource;

/// How many sources a line holds: with their marks they fill 64 bytes.
const PLACES: usize = 7;
/// How full the lines are on the average before there are twice as many.
const FULL: usize = 5;
/// What a mark of each place looks like where all are the same.
const EACH: u64 = 0x0001_0101_0101_0101;

/// Sources, found by their hash and by what they are asked.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// A power of two, or none.
    lines: Box<[Line]>,
    len: usize,
}

#[derive(Debug, Default)]
#[repr(C, align(64))]
struct Line {
    /// A part of each source's hash; 0 where nobody is.
    marks: [u8; PLACES],
    /// How many sources would lie here or before and lie behind it. At the highest it stays there.
    passed: u8,
    sources: [Option<Arc<ManagedSource>>; PLACES],
}

/// Where a source lies: how many lines behind its own, and at which place there.
#[derive(Clone, Copy)]
struct At {
    behind: usize,
    place: usize,
}

impl Table {
    /// The source of this hash that `is` recognises.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(&ManagedSource) -> bool) -> Option<&Arc<ManagedSource>> {
        let at = self.search(hash, is)?;
        self.line(hash, at.behind)?.sources.get(at.place)?.as_ref()
    }

    /// The same, to put another of the same hash in its place.
    pub(crate) fn find_mut(
        &mut self,
        hash: u64,
        is: impl Fn(&ManagedSource) -> bool,
    ) -> Option<&mut Arc<ManagedSource>> {
        let at = self.search(hash, is)?;
        self.line_mut(hash, at.behind)?.sources.get_mut(at.place)?.as_mut()
    }

    /// Puts in a source that is not there yet. `hash_of` finds the hash of one that is.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        source: Arc<ManagedSource>,
        hash_of: impl Fn(&ManagedSource) -> u64,
    ) {
        if self.len >= self.lines.len() * FULL {
            let lines = (0..(self.lines.len() * 2).max(1)).map(|_| Line::default()).collect();
            let before = std::mem::replace(self, Self { lines, len: 0 });
            for source in before.lines.into_iter().flat_map(|line| line.sources).flatten() {
                self.put(hash_of(&source), source);
            }
        }
        self.put(hash, source);
    }

    /// Takes a source out.
    pub(crate) fn remove(
        &mut self,
        hash: u64,
        is: impl Fn(&ManagedSource) -> bool,
    ) -> Option<Arc<ManagedSource>> {
        let at = self.search(hash, is)?;
        for behind in 0..at.behind {
            let line = self.line_mut(hash, behind)?;
            if line.passed < u8::MAX {
                line.passed -= 1;
            }
        }
        let line = self.line_mut(hash, at.behind)?;
        *line.marks.get_mut(at.place)? = 0;
        let source = line.sources.get_mut(at.place)?.take();
        self.len -= usize::from(source.is_some());
        source
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ManagedSource>> {
        self.lines.iter().flat_map(|line| &line.sources).flatten()
    }

    /// There is room: on the average two places of a line are free.
    fn put(&mut self, hash: u64, source: Arc<ManagedSource>) {
        for behind in 0..self.lines.len() {
            let Some(line) = self.line_mut(hash, behind) else { return };
            let free = line.marks.iter_mut().zip(&mut line.sources).find(|(mark, _)| **mark == 0);
            if let Some((mark, place)) = free {
                *mark = mark_of(hash);
                *place = Some(source);
                self.len += 1;
                return;
            }
            line.passed = line.passed.saturating_add(1);
        }
    }

    #[inline]
    fn search(&self, hash: u64, is: impl Fn(&ManagedSource) -> bool) -> Option<At> {
        for behind in 0..self.lines.len() {
            let line = self.line(hash, behind)?;
            let mut alike = line.alike(mark_of(hash));
            while alike != 0 {
                let place = alike.trailing_zeros() as usize / 8;
                if line.sources.get(place)?.as_deref().is_some_and(&is) {
                    return Some(At { behind, place });
                }
                alike &= alike - 1;
            }
            if line.passed == 0 {
                return None;
            }
        }
        None
    }

    #[inline]
    fn line(&self, hash: u64, behind: usize) -> Option<&Line> {
        self.lines.get(self.number(hash, behind))
    }

    fn line_mut(&mut self, hash: u64, behind: usize) -> Option<&mut Line> {
        self.lines.get_mut(self.number(hash, behind))
    }

    #[inline]
    fn number(&self, hash: u64, behind: usize) -> usize {
        #[allow(clippy::cast_possible_truncation, reason = "the lower bits are those that count")]
        let first = hash as usize;
        first.wrapping_add(behind) & self.lines.len().wrapping_sub(1)
    }
}

impl Line {
    /// A bit in the byte of each place whose mark is this one, and seldom of one behind it.
    #[inline]
    fn alike(&self, mark: u8) -> u64 {
        let [a, b, c, d, e, f, g] = self.marks;
        let differ = u64::from_le_bytes([a, b, c, d, e, f, g, 0]) ^ (EACH * u64::from(mark));
        differ.wrapping_sub(EACH) & !differ & (EACH << 7)
    }
}

/// From bits that neither the choice of the line nor that of the directory's part uses.
#[inline]
fn mark_of(hash: u64) -> u8 {
    #[allow(clippy::cast_possible_truncation, reason = "eight bits are left")]
    let mark = (hash >> 56) as u8;
    mark.max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use async_trait::async_trait;
    use grantry_core::{Attempt, Error, Failure, Grant, GrantKey, TokenSet};

    use super::*;
    use crate::{Profile, Scheduler};

    #[derive(Debug)]
    struct Never;

    #[async_trait]
    impl Grant for Never {
        async fn obtain(&self, _: Attempt<'_>) -> Result<TokenSet, Failure> {
            Err(Failure::unsent(Error::configuration("nothing is obtained here")))
        }
    }

    fn sources(count: usize) -> Vec<Arc<ManagedSource>> {
        let profile = Profile::builder("https://as.test/token", "table", &Scheduler::new()).build();
        let key = |nth: usize| GrantKey::new("acme", "crm", nth.to_string()).unwrap();
        (0..count).map(|nth| ManagedSource::new(key(nth), Arc::new(Never), &profile)).collect()
    }

    fn number(source: &ManagedSource) -> usize {
        source.key().account().parse().unwrap()
    }

    /// Puts sources in and takes them out in an order without a pattern, and looks at all of them now and then.
    fn agrees_with_a_map(count: usize, hash_of: impl Fn(usize) -> u64) {
        let sources = sources(count);
        let (mut table, mut map) = (Table::default(), HashMap::new());
        let mut dice = 1_u64;
        for turn in 0..6 * count {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let nth = (dice >> 33) as usize % count;
            let (hash, is) = (hash_of(nth), |source: &ManagedSource| number(source) == nth);
            // First more come than go, then more go.
            if (dice >> 20) % 8 < if turn < 3 * count { 6 } else { 2 } {
                if map.insert(nth, ()).is_none() {
                    table.insert(hash, Arc::clone(&sources[nth]), |source| hash_of(number(source)));
                }
            } else {
                assert_eq!(table.remove(hash, is).is_some(), map.remove(&nth).is_some());
            }
            assert_eq!((table.len(), table.iter().count() == map.len()), (map.len(), true));
            if turn % 97 == 0 {
                for nth in 0..count {
                    let found = table.find(hash_of(nth), |source| number(source) == nth);
                    assert_eq!(found.map(|source| number(source)), map.contains_key(&nth).then_some(nth));
                }
            }
        }
        for nth in map.into_keys() {
            assert!(table.remove(hash_of(nth), |source| number(source) == nth).is_some());
        }
        assert_eq!(table.len(), 0);
        // A count that had been at the highest is no count any more.
        let passed = table.lines.iter().filter(|line| !matches!(line.passed, 0 | u8::MAX));
        assert_eq!(passed.count(), 0, "searches end again where they did before");
    }

    #[test]
    fn a_table_finds_what_was_put_in_and_nothing_that_was_taken_out() {
        agrees_with_a_map(500, |nth| (nth as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }

    #[test]
    fn sources_whose_hashes_are_alike_are_told_apart() {
        agrees_with_a_map(150, |nth| nth as u64 % 3);
        agrees_with_a_map(150, |nth| (nth as u64) << 56);
        agrees_with_a_map(400, |_| u64::MAX);
    }

    #[test]
    fn a_line_is_what_the_processor_fetches_at_once() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }
}
