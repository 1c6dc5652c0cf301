//! The suite is right: the vault in memory keeps every promise, and each promise has vaults that break it.
#![cfg(feature = "conformance")]

use std::collections::BTreeSet;

use grantry_vault::MemoryVault;
use grantry_vault::conformance::{self, Broken, Outcome, PROMISES, Subject};

use crate::flawed::in_paused_time;

#[cfg(test)]
mod flawed;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod running;
#[cfg(test)]
mod writing;

grantry_vault::conformance!(mod in_memory, in_memory_subject());

async fn in_memory_subject() -> Subject {
    let vault = MemoryVault::new();
    let again = vault.clone();
    // It lasts as long as one of its clones, which is enough to ask what reopening asks.
    Subject::new(vault.clone()).with_second_handle(vault).reopened_by(async move || again.clone())
}

/// A vault with one flaw, and the promise that it breaks by it.
struct Case {
    promise: &'static str,
    flaw: &'static str,
    subject: fn() -> Subject,
}

fn cases() -> Vec<Case> {
    let all = [writing::cases(), keeping::cases(), listing::cases(), running::cases()];
    all.into_iter().flatten().map(|(promise, flaw, subject)| Case { promise, flaw, subject }).collect()
}

#[test]
fn each_flaw_breaks_its_promise() {
    let mut missed = Vec::new();
    for Case { promise, flaw, subject } in cases() {
        let asked = PROMISES.iter().find(|known| known.name() == promise).unwrap();
        match in_paused_time(async || asked.ask(&subject()).await) {
            Outcome::Broken(Broken { promise: named, what, .. }) => {
                assert_eq!(named, promise);
                assert!(!what.is_empty());
                println!("{flaw}: {what}");
            }
            outcome => missed.push(format!("{flaw} leaves {promise} {outcome:?}")),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn each_promise_has_a_flaw_that_breaks_it() {
    let broken: BTreeSet<_> = cases().iter().map(|case| case.promise).collect();
    let promised: BTreeSet<_> = PROMISES.iter().map(conformance::Promise::name).collect();
    assert_eq!(broken, promised);
}

#[test]
fn the_vault_without_a_flaw_keeps_every_promise_in_paused_time_too() {
    let report = in_paused_time(async || conformance::all(async || flawed::subject(|_| flawed::None)).await);
    assert!(report.is_kept(), "{report}");
    assert!(report.outcomes().all(|(_, outcome)| *outcome == Outcome::Kept), "{report}");
}

/// The names of the tests that the macro makes.
macro_rules! collect_names {
    ($promise:ident $names:ident) => {
        $names.extend([stringify!($promise)]);
    };
}

#[test]
fn the_macro_and_the_list_have_the_same_promises() {
    // What the macro `conformance!` itself goes through, with something else to make of each name.
    let mut names = Vec::new();
    grantry_vault::__each_promise!([collect_names] names);
    assert_eq!(names, PROMISES.iter().map(conformance::Promise::name).collect::<Vec<_>>());
    let distinct: BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
}

#[test]
fn what_a_store_has_not_is_not_asked() {
    let report = in_paused_time(async || conformance::all(async || Subject::new(MemoryVault::new())).await);
    let not_asked = |(_, outcome): &(_, &Outcome)| matches!(outcome, Outcome::NotAsked(_));
    assert_eq!(report.outcomes().filter(not_asked).count(), 3);
    assert!(report.to_string().contains("not asked  what_was_written_outlives_its_handles"));
    // Paused time and the machine's clock do not go together, and that is all that is broken here.
    let broken: Vec<_> = report.broken().map(|broken| broken.promise).collect();
    assert_eq!(broken, ["the_clock_counts_nanoseconds"]);
    assert!(!report.is_kept());
    assert!(report.to_string().contains("BROKEN     the_clock_counts_nanoseconds: the clock moved on by"));
}

#[test]
fn a_vault_that_panics_or_hangs_is_broken_and_says_so() {
    let ask = |promise: &str, subject: fn() -> Subject| {
        let asked = PROMISES.iter().find(|known| known.name() == promise).unwrap();
        match in_paused_time(async || asked.ask(&subject()).await) {
            Outcome::Broken(broken) => broken.to_string(),
            outcome => panic!("{outcome:?}"),
        }
    };
    let panics = ask("many_callers_at_once_are_all_served", running::panics);
    assert!(
        panics.contains("many_callers_at_once_are_all_served is broken: a call of the vault panicked"),
        "{panics}"
    );
    let hangs = ask("an_absent_record_loads_as_none", running::hangs);
    assert!(hangs.ends_with("it has not ended within 300s: some call hangs"), "{hangs}");
}

#[test]
fn a_promise_that_does_not_exist_is_broken() {
    let broken = conformance::prove("one_loser", async || Subject::new(MemoryVault::new())).unwrap_err();
    assert_eq!(broken.to_string(), "the promise one_loser is broken: there is no such promise");
}
