//! Worlds in every test run.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use crate::plan::Plan;
use crate::world::run;
use crate::{run_all, summary};

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in [0, 3, 17, 33] {
        let (one, other) = (run(Plan::of(seed), false).unwrap(), run(Plan::of(seed), false).unwrap());
        assert_eq!((one.hash, one.steps), (other.hash, other.steps), "seed {seed}");
    }
}

#[test]
fn two_thousand_worlds_break_no_promise() {
    let outcomes = run_all(0, 2_000);
    summary(&outcomes);
    let broken: Vec<_> = outcomes.iter().filter(|outcome| !outcome.broken.is_empty()).collect();
    assert!(broken.is_empty(), "{:?}", broken.iter().map(|o| (o.seed, &o.broken)).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|outcome| outcome.requests > 0), "nobody asked for a token");
    let calm = outcomes.iter().filter(|outcome| Plan::of(outcome.seed).is_calm());
    assert!(calm.count() >= 200, "worlds without any fault");
}

/// An owner that died with its request under way: the others held a token that was fit, and nobody looked before the
/// server's window was over.
#[test]
fn what_a_dead_owner_left_is_finished_inside_of_the_window() {
    for seed in [182, 342] {
        assert!(run(Plan::as_found(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// An owner could not write for as long as the store was gone; another process took the last chance as soon as it was back.
#[test]
fn no_last_chance_is_taken_just_after_a_store_came_back() {
    assert!(run(Plan::as_found(1210), false).unwrap().broken.is_empty());
}

/// Two faults in one window, of which the tower counted one: a full disk, or a death before the server had handled the
/// request.
#[test]
fn a_loss_for_which_there_are_two_reasons_is_explained() {
    for seed in [337, 1015, 49_789] {
        assert!(run(Plan::as_found(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
    // A process died with the successor in its lifeboat, and those after it had no keys to open the vault.
    assert!(run(Plan::of(14_729), false).unwrap().broken.is_empty());
    // An owner slept with the successor in its hands, and the other was cut off until the window was over.
    assert!(run(Plan::with_grants_alone(64_525), false).unwrap().broken.is_empty());
}

/// A machine slept for longer than lease and allowance. Two attempts woke on it: one had the successor in its hands, the other
/// found the lease over, and took the last chance.
#[test]
fn no_last_chance_is_taken_just_after_a_machine_woke() {
    assert!(run(Plan::with_grants_alone(64_114), false).unwrap().broken.is_empty());
}

/// The current was cut, and an entry that had been home for two generations stood in its lifeboat again.
#[test]
fn what_a_crash_brings_back_into_a_lifeboat_takes_no_place_of_its_own() {
    for seed in [66_767, 71_857] {
        assert!(run(Plan::with_grants_alone(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}
