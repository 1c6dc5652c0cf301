//! An exhaustive search of the protocol: two replicas, one grant, every interleaving, with losses, crashes and stalls.
//!
//! What is searched is the code that runs in production, [`Redemption::step`](grantry_custody::protocol::Redemption).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod mutant;
mod picture;
mod server;
mod world;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use grantry_core::Rotation;
use grantry_custody::protocol::Terms;

use mutant::Mutant;
use server::{Policy, Server};
use world::{END, Faults, World};

/// What a search found.
#[derive(Debug, Default)]
struct Found {
    states: usize,
    ends: usize,
    lost: usize,
    lost_without_cause: usize,
    condemned_alive: usize,
    stuck: usize,
    broken: Option<&'static str>,
}

fn search(start: World) -> Found {
    let mut found = Found::default();
    let mut seen = HashSet::new();
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        if !seen.insert(world.digest()) {
            continue;
        }
        found.states += 1;
        found.broken = found.broken.or(world.broken);
        let next = world.successors();
        if next.is_empty() || world.now == END {
            found.ends += 1;
            found.lost += usize::from(world.is_lost());
            found.lost_without_cause += usize::from(world.is_lost() && !world.gone);
            found.condemned_alive += usize::from(world.is_condemned() && !world.is_lost());
            found.stuck += usize::from(world.is_stuck());
        }
        open.extend(next);
    }
    found
}

const SECOND: Duration = Duration::from_secs(1);

fn terms(rotation: Rotation) -> Terms {
    Terms {
        rotation,
        lease: 2 * SECOND,
        http_timeout: SECOND,
        margin: Duration::ZERO,
        allowance: 2 * SECOND,
        doubt_limit: 4 * SECOND,
    }
}

fn world(policy: Policy, faults: Faults, mutant: Option<Mutant>) -> World {
    // One retry fits into 5 ticks, and two into 9.
    let window = if faults.are_two() { 9 } else { 5 };
    World::new(terms(policy.rotation(window)), Server::new(policy, window), faults, mutant)
}

/// One way to a world: what stands in the record, tick by tick.
fn way_to(start: World, is_it: impl Fn(&World) -> bool) -> Option<String> {
    let mut came_from: HashMap<u64, (Option<u64>, String)> = HashMap::new();
    let mut open = vec![(None, start)];
    while let Some((from, world)) = open.pop() {
        let me = world.digest();
        if came_from.contains_key(&me) {
            continue;
        }
        came_from.insert(me, (from, world.describe()));
        if is_it(&world) {
            let mut lines = Vec::new();
            let mut at = Some(me);
            while let Some((from, line)) = at.and_then(|at| came_from.get(&at)) {
                lines.push(line.clone());
                at = *from;
            }
            lines.reverse();
            return Some(lines.join("\n"));
        }
        open.extend(world.successors().into_iter().map(|next| (Some(me), next)));
    }
    None
}

/// The faults that the protocol has to bear, each searched to the end.
fn scenarios() -> Vec<(&'static str, Faults)> {
    let none = Faults::default();
    vec![
        ("no fault", none),
        ("a stall within the lease", Faults { stalls: 1, stall_ticks: 1, ..none }),
        ("a stall beyond the lease", Faults { stalls: 1, stall_ticks: 3, ..none }),
        (BEYOND_ALLOWANCE, Faults { stalls: 1, stall_ticks: 5, ..none }),
        ("a crash", Faults { crashes: 1, ..none }),
        ("a lost message", Faults { losses: 1, ..none }),
        ("an unusable answer", Faults { mangles: 1, ..none }),
        ("an unusable answer and a crash", Faults { mangles: 1, crashes: 1, ..none }),
        (TWO_FAULTS, Faults { crashes: 1, losses: 1, ..none }),
    ]
}

const BEYOND_ALLOWANCE: &str = "a stall beyond the lease and the allowance";
const TWO_FAULTS: &str = "a crash and a lost message, in a window for two";

/// What no client can avoid.
///
/// An owner that stood still for so long, with the only successor in its hands, is taken for dead, and a server that
/// revokes the family for it is asked with the used token. And where only the newest successor is alive, that one may be
/// lost with its answer while an older one comes home.
fn is_unavoidable(scenario: &str, policy: Policy) -> bool {
    matches!((scenario, policy), (BEYOND_ALLOWANCE, Policy::StrictRevoke) | (TWO_FAULTS, Policy::GraceNewest))
}

/// What a search must not find, whatever happened.
fn mistakes(found: &Found, policy: Policy) -> Vec<String> {
    let counts = [
        ("ends with a grant that was lost though its successor was not", found.lost_without_cause),
        ("ends with a person asked for while a token is alive", found.condemned_alive),
        ("ends in doubt for ever", found.stuck),
        ("ends with a grant lost at a server that forgives", if policy.forgives() { found.lost } else { 0 }),
    ];
    let counted =
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}"));
    counted.chain(found.broken.map(str::to_owned)).collect()
}

fn is_mistaken(world: &World) -> bool {
    world.broken.is_some() || (world.now == END && (world.is_lost() && !world.gone || world.is_stuck()))
}

#[test]
fn no_interleaving_loses_a_grant_whose_successor_still_exists() {
    for (name, faults) in scenarios() {
        for_all_policies(|policy| {
            let found = search(world(policy, faults, None));
            println!("{name}, {policy:?}: {found:?}");
            let mistakes = mistakes(&found, policy);
            if is_unavoidable(name, policy) {
                assert_eq!(mistakes.len(), 1, "{mistakes:?}");
                return;
            }
            assert!(
                mistakes.is_empty(),
                "{name}, {policy:?}: {mistakes:?}\n{}",
                way_to(world(policy, faults, None), is_mistaken).unwrap_or_default()
            );
        });
    }
}

#[test]
fn every_mistake_that_the_design_could_have_is_found() {
    std::thread::scope(|scope| {
        for mutant in Mutant::ALL {
            scope.spawn(move || {
                let caught = caught(mutant);
                println!("{mutant:?}: {caught:?}");
                assert!(caught.is_some(), "{mutant:?} was not found");
            });
        }
    });
}

/// Where a mistake shows first.
fn caught(mutant: Mutant) -> Option<String> {
    scenarios().into_iter().filter(|(name, _)| *name != TWO_FAULTS).find_map(|(name, faults)| {
        Policy::ALL.into_iter().filter(|policy| !is_unavoidable(name, *policy)).find_map(|policy| {
            let mistakes = mistakes(&search(world(policy, faults, Some(mutant))), policy);
            (!mistakes.is_empty()).then(|| format!("{name}, {policy:?}: {mistakes:?}"))
        })
    })
}

fn for_all_policies(check: impl Fn(Policy) + Sync) {
    std::thread::scope(|scope| {
        for policy in Policy::ALL {
            let check = &check;
            scope.spawn(move || check(policy));
        }
    });
}
