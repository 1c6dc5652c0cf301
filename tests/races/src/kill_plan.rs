//! When which worker is killed.

use std::time::Duration;

use grantry_testkit::SeededEntropy;

/// One kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "a plan, to be read")]
pub struct Kill {
    /// How long after the start of the race.
    pub after: Duration,
    /// Which worker, from 0.
    pub victim: usize,
}

/// The kills of a race in their order, spread over its time at random: always the same for a seed.
pub fn kill_plan(seed: u64, kills: usize, processes: usize, lasts: Duration) -> Vec<Kill> {
    let random = SeededEntropy::new(seed);
    let processes = u64::try_from(processes.max(1)).unwrap_or(1);
    let nanos = u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX).max(1);
    let mut plan: Vec<Kill> = (0..kills)
        .map(|_| Kill {
            after: Duration::from_nanos(random.next_u64() % nanos),
            victim: usize::try_from(random.next_u64() % processes).unwrap_or(0),
        })
        .collect();
    plan.sort_by_key(|kill| kill.after);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_kills_in_order_within_the_race() {
        let lasts = Duration::from_secs(10);
        let plan = kill_plan(7, 100, 4, lasts);
        assert_eq!(plan, kill_plan(7, 100, 4, lasts));
        assert_ne!(plan, kill_plan(8, 100, 4, lasts));
        assert!(plan.is_sorted_by_key(|kill| kill.after));
        assert!(plan.iter().all(|kill| kill.after < lasts && kill.victim < 4));
        assert!((0..4).all(|victim| plan.iter().any(|kill| kill.victim == victim)), "each has its turn");
    }

    #[test]
    fn no_kills_are_no_plan() {
        assert_eq!(kill_plan(7, 0, 4, Duration::from_secs(10)), []);
        assert_eq!(kill_plan(7, 1, 0, Duration::ZERO).len(), 1, "whatever is asked, nothing divides by zero");
    }
}
