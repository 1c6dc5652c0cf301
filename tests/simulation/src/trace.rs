//! What happened in a world, counted, and in one number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The faults that happened, by kind, and a hash over everything that happened with its time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    hash: u64,
    steps: u64,
    faults: BTreeMap<&'static str, u64>,
    crashes: BTreeMap<&'static str, u64>,
    story: Option<Vec<String>>,
}

impl Trace {
    /// Keeps every step from now on, to be told.
    pub(crate) fn keep_story(&self) {
        self.lock().story = Some(Vec::new());
    }

    /// Every step, if they were kept.
    pub(crate) fn story(&self) -> Vec<String> {
        self.lock().story.take().unwrap_or_default()
    }

    /// Something happened at a moment.
    pub(crate) fn step(&self, at: u64, what: &str, whom: &str) {
        let mut told = self.lock();
        told.steps += 1;
        if let Some(story) = &mut told.story {
            story.push(line(at, &format!("{what} {whom}")));
        }
        let mut hash = told.hash ^ at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in what.bytes().chain(whom.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        told.hash = hash.rotate_left(7);
    }

    /// Something was said. It is part of the story alone.
    pub(crate) fn tell(&self, at: u64, what: &str) {
        if let Some(story) = &mut self.lock().story {
            story.push(line(at, what));
        }
    }

    /// A fault happened.
    pub(crate) fn fault(&self, kind: &'static str) {
        *self.lock().faults.entry(kind).or_default() += 1;
    }

    /// A process dies at this point.
    pub(crate) fn crash(&self, point: &'static str) {
        self.fault("crash");
        *self.lock().crashes.entry(point).or_default() += 1;
    }

    /// The crashes by the point at which a process died.
    pub(crate) fn crashes(&self) -> BTreeMap<&'static str, u64> {
        self.lock().crashes.clone()
    }

    /// Everything in one number: the same seed gives the same.
    pub(crate) fn hash(&self) -> u64 {
        self.lock().hash
    }

    /// How many things happened.
    pub(crate) fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// The faults by kind.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.lock().faults.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(at: u64, what: &str) -> String {
    format!("{:>12.6} {what}", at as f64 / 1e9)
}
