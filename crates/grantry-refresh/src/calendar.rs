//! The calendar of renewals: which source is due when.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Weak;
use std::time::Duration;

use grantry_core::{Entropy, Instant};

use crate::RenewalWindow;
use crate::timing::between;

/// How fine the calendar is.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// How many ticks make a block, in which crowds are counted: 6.4 s.
const BLOCK: u64 = 32;
/// How many bookings a tick makes room for at a time: doubling would waste a third of a large calendar.
const ROOM: usize = 8;
/// With fewer bookings than this no sweep is worth its while.
const SWEEP: usize = 1_024;
/// How many blocks tell whether others are crowded.
const SAMPLE: usize = 12;
/// A block with fewer bookings than this is never crowded.
const CROWD: usize = 16;

/// Bookings by tick. An entry is one weak pointer, so a million sources cost eight megabytes.
#[derive(Debug)]
pub(crate) struct Calendar<S> {
    ticks: BTreeMap<u64, Vec<Weak<S>>>,
    /// How many bookings there are in each block of ticks.
    blocks: BTreeMap<u64, usize>,
    booked: usize,
    /// When this many are booked, those of sources that are gone are swept out.
    sweep_at: usize,
}

/// The number of the tick that `at` falls in.
pub(crate) fn tick_of(at: Instant) -> u64 {
    at.as_nanos() / tick_nanos()
}

fn tick_nanos() -> u64 {
    u64::try_from(TICK.as_nanos()).unwrap_or(u64::MAX)
}

impl<S> Default for Calendar<S> {
    fn default() -> Self {
        Self { ticks: BTreeMap::new(), blocks: BTreeMap::new(), booked: 0, sweep_at: 0 }
    }
}

impl<S> Calendar<S> {
    /// Books `source` for the tick of `at`. Returns whether it is the earliest booking now.
    pub(crate) fn book(&mut self, at: Instant, source: Weak<S>) -> bool {
        let tick = tick_of(at);
        let earliest = self.ticks.first_key_value().is_none_or(|(first, _)| tick < *first);
        let bookings = self.ticks.entry(tick).or_default();
        if bookings.len() == bookings.capacity() {
            bookings.reserve_exact(ROOM.min(bookings.len() + 1));
        }
        bookings.push(source);
        *self.blocks.entry(tick / BLOCK).or_default() += 1;
        self.booked += 1;
        if self.booked >= self.sweep_at.max(SWEEP) {
            self.sweep();
        }
        earliest
    }

    /// Drops the bookings of sources that are gone, each time that twice as many are booked as were left last time.
    fn sweep(&mut self) {
        self.blocks.clear();
        self.ticks.retain(|tick, sources| {
            sources.retain(|source| source.strong_count() > 0);
            if !sources.is_empty() {
                *self.blocks.entry(tick / BLOCK).or_default() += sources.len();
            }
            !sources.is_empty()
        });
        self.booked = self.blocks.values().sum();
        self.sweep_at = self.booked * 2;
    }

    /// A moment in the window: in its last part, unless that is crowded; then the emptier of two draws from the
    /// whole of it. So a few sources renew as late as they may, and a million that started together spread.
    pub(crate) fn choose(&self, window: RenewalWindow, entropy: &dyn Entropy) -> Instant {
        let late = between(window.preferred, window.latest, entropy);
        let load = self.load(late);
        if load < CROWD || load < self.crowd_limit(window, entropy) {
            return late;
        }
        let (one, two) = (
            between(window.earliest, window.latest, entropy),
            between(window.earliest, window.latest, entropy),
        );
        if self.load(one) <= self.load(two) { one } else { two }
    }

    /// Takes out what is due at `now`, at most `most` sources, each with the tick that it was booked for.
    pub(crate) fn take_due(&mut self, now: Instant, most: usize) -> Vec<(u64, Weak<S>)> {
        let mut due = Vec::new();
        while let Some(mut first) = self.ticks.first_entry() {
            let tick = *first.key();
            // Only when the tick is over has every moment in it come.
            if tick >= tick_of(now) || due.len() >= most {
                break;
            }
            let sources = first.get_mut();
            let take = sources.len().min(most - due.len());
            due.extend(sources.drain(sources.len() - take..).map(|source| (tick, source)));
            if sources.is_empty() {
                first.remove();
            }
            if let Entry::Occupied(mut block) = self.blocks.entry(tick / BLOCK) {
                *block.get_mut() = block.get().saturating_sub(take);
                if *block.get() == 0 {
                    block.remove();
                }
            }
        }
        self.booked -= due.len();
        due
    }

    /// When the earliest booking is due: at the end of its tick.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.ticks
            .first_key_value()
            .map(|(tick, _)| Instant::from_nanos(tick.saturating_add(1).saturating_mul(tick_nanos())))
    }

    /// How many bookings there are, stale ones included.
    pub(crate) fn booked(&self) -> usize {
        self.booked
    }

    fn load(&self, at: Instant) -> usize {
        self.blocks.get(&(tick_of(at) / BLOCK)).copied().unwrap_or_default()
    }

    /// A block with this many bookings is crowded: a fifth more than the mean over the window, which a few blocks
    /// drawn from it tell well enough. A window may span a hundred thousand.
    fn crowd_limit(&self, window: RenewalWindow, entropy: &dyn Entropy) -> usize {
        let drawn: usize =
            (0..SAMPLE).map(|_| self.load(between(window.earliest, window.latest, entropy))).sum();
        (drawn * 6 / (SAMPLE * 5)).max(CROWD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::SystemEntropy;
    use std::sync::Arc;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(seconds))
    }

    fn window() -> RenewalWindow {
        RenewalWindow { earliest: at(360), preferred: at(3135), latest: at(3300) }
    }

    #[test]
    fn a_few_sources_renew_late_and_a_crowd_spreads_over_the_whole_window() {
        let source = Arc::new(());
        let mut calendar = Calendar::default();
        for nth in 0..100_000 {
            let at = calendar.choose(window(), &SystemEntropy);
            assert!(nth >= CROWD || at >= window().preferred, "{nth}: {at:?}");
            calendar.book(at, Arc::downgrade(&source));
        }
        let mean = 100_000 / calendar.blocks.len();
        let peak = calendar.blocks.values().max().copied().unwrap_or_default();
        assert!(peak * 2 <= mean * 3, "the fullest block holds {peak}, the mean is {mean}");
    }

    #[test]
    fn bookings_of_sources_that_are_gone_are_swept_out() {
        let kept = Arc::new(());
        let mut calendar = Calendar::default();
        for nth in 0..10_000 {
            calendar.book(at(nth), Arc::downgrade(&Arc::new(())));
            if nth % 100 == 0 {
                calendar.book(at(nth), Arc::downgrade(&kept));
            }
        }
        assert!(calendar.booked() < 2_000, "{} bookings are left of 100", calendar.booked());
        assert_eq!(calendar.booked(), calendar.blocks.values().sum::<usize>());
    }

    #[test]
    fn what_is_due_comes_out_once_and_in_order() {
        let mut calendar = Calendar::<()>::default();
        assert!(calendar.book(at(20), Weak::new()));
        assert!(calendar.book(at(10), Weak::new()), "earlier than all others");
        assert!(!calendar.book(at(10), Weak::new()));
        assert_eq!(calendar.next(), Some(at(10).after(TICK)));
        assert!(calendar.take_due(at(10), 10).is_empty(), "the tick is not over");
        assert!(calendar.take_due(at(9), 10).is_empty());
        assert_eq!(calendar.take_due(at(15), 1).len(), 1, "no more than asked for");
        assert_eq!(calendar.take_due(at(15), 10).len(), 1);
        assert_eq!(calendar.booked(), 1);
        assert_eq!(calendar.take_due(Instant::MAX, 10).len(), 1);
        assert!(calendar.next().is_none() && calendar.blocks.is_empty());
    }
}
