//! The search itself: every world that can come of one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use crate::hashing::Seen;
use crate::ledger::Cause;
use crate::world::{END, State, World};

/// What a search found.
#[derive(Debug, Default, Clone)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) ends: usize,
    /// Ends with a lost grant, by the rule that explains them.
    pub(crate) lost: [usize; Cause::ALL.len()],
    /// The changes of state that can happen, from and to.
    pub(crate) changes: BTreeSet<(State, State)>,
    /// What no rule explains, and how often.
    pub(crate) mistakes: HashMap<&'static str, usize>,
}

impl Found {
    fn note_change(&mut self, before: &World, after: &World) {
        // A claim whose writer stood still may be over when it is written: it was one all the same.
        let between = (!before.is_claimed() && after.is_claimed()).then_some("renewing");
        // So is an owner that writes its verdict after its lease, which nobody has taken from it.
        let between = between.or((before.is_claimed() && after.is_condemned()).then_some("renewing"));
        let way: Vec<State> =
            [Some(before.state()), between, Some(after.state())].into_iter().flatten().collect();
        self.changes.extend(way.windows(2).map(|step| (step[0], step[1])).filter(|(from, to)| from != to));
    }
}

/// A grant was lost, and nothing on the way explains it.
const UNEXPLAINED: &str = "a grant was lost, and nothing that happened explains it";

/// What is wrong with a world.
pub(crate) fn mistake(world: &World, is_end: bool) -> Option<&'static str> {
    if world.broken.is_some() || !is_end {
        return world.broken;
    }
    let is_lost = world.is_lost();
    match () {
        () if is_lost && world.why_lost().is_none() => Some(UNEXPLAINED),
        () if world.is_condemned() && !is_lost && !world.withdrawal.is_begun() => {
            Some("a person was asked for while a token is alive")
        }
        () if world.is_stuck() => Some("a doubt stands for ever"),
        () if world.is_half_withdrawn() => Some("a withdrawal does not come to its end"),
        () if world.outliving() != 0 => Some("a token outlives the withdrawal of its grant"),
        () => None,
    }
}

/// Searches all of it.
pub(crate) fn search(start: World) -> Found {
    let mut found = Found::default();
    let (mut seen, mut next) = (Seen::default(), Vec::new());
    seen.insert(start.digest());
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        found.states += 1;
        world.successors(&mut next);
        let is_end = next.is_empty() || world.now == END;
        if is_end {
            found.ends += 1;
            if world.is_lost()
                && let Some(cause) = world.why_lost()
            {
                found.lost[cause as usize] += 1;
            }
        }
        if let Some(mistake) = mistake(&world, is_end) {
            *found.mistakes.entry(mistake).or_default() += 1;
        }
        let state = world.state();
        let changed =
            next.iter().filter(|next| next.state() != state || !world.is_claimed() && next.is_claimed());
        changed.for_each(|next| found.note_change(&world, next));
        open.extend(next.drain(..).filter(|next| seen.insert(next.digest())));
    }
    found
}

/// Searches until the first mistake: what it is.
pub(crate) fn first_mistake(start: World) -> Option<&'static str> {
    let (mut seen, mut next) = (Seen::default(), Vec::new());
    seen.insert(start.digest());
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        world.successors(&mut next);
        let mistake = mistake(&world, next.is_empty() || world.now == END);
        if mistake.is_some() {
            return mistake;
        }
        open.extend(next.drain(..).filter(|next| seen.insert(next.digest())));
    }
    None
}

/// The shortest way to a world: what stands in the record, step by step.
pub(crate) fn way_to(start: World, is_it: impl Fn(&World, bool) -> bool) -> Option<String> {
    let mut came_from: HashMap<u64, (Option<u64>, String)> = HashMap::new();
    came_from.insert(start.digest(), (None, start.describe()));
    let (mut open, mut next) = (std::collections::VecDeque::from([start]), Vec::new());
    while let Some(world) = open.pop_front() {
        let me = world.digest();
        world.successors(&mut next);
        if is_it(&world, next.is_empty() || world.now == END) {
            let mut lines = Vec::new();
            let mut at = Some(me);
            while let Some((from, line)) = at.and_then(|at| came_from.get(&at)) {
                lines.push(line.clone());
                at = *from;
            }
            lines.reverse();
            return Some(lines.join("\n"));
        }
        for next in next.drain(..) {
            let digest = next.digest();
            if let std::collections::hash_map::Entry::Vacant(free) = came_from.entry(digest) {
                free.insert((Some(me), next.describe()));
                open.push_back(next);
            }
        }
    }
    None
}

/// Does something with each, on all processors; what comes of it, in their order.
pub(crate) fn on_all_processors<T: Sync, U: Send>(of: &[T], what: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let next = Mutex::new(0..of.len());
    let done = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(at) = next.lock().unwrap().next() else { return };
            let result = what(&of[at]);
            done.lock().unwrap().push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
