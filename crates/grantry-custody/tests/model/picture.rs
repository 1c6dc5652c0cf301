//! The manual's picture of the protocol shows what the search finds.

use std::collections::{BTreeSet, HashSet};

use crate::server::Policy;
use crate::world::World;
use crate::{scenarios, world};

const PICTURE: &str = include_str!("../../../grantry/src/manual/refresh_protocol.svg");

/// From one state to another.
type Change = (String, String);

/// The arrows of the picture, but for revocations, which the search leaves out: they are somebody's wish.
fn shown() -> BTreeSet<Change> {
    let value = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let arrows =
        PICTURE.lines().filter_map(|line| Some((value(line, "data-from")?, value(line, "data-to")?)));
    arrows.filter(|(_, to)| !to.starts_with("revok")).collect()
}

/// The changes of state in every interleaving.
fn found(start: World) -> BTreeSet<Change> {
    let (mut seen, mut open, mut changes) = (HashSet::new(), vec![start], BTreeSet::new());
    while let Some(world) = open.pop() {
        if !seen.insert(world.digest()) {
            continue;
        }
        for next in world.successors() {
            // A claim whose writer stood still may be over when it is written: it was one all the same.
            let between = (!world.is_claimed() && next.is_claimed()).then_some("renewing");
            let way: Vec<&str> =
                [Some(world.state()), between, Some(next.state())].into_iter().flatten().collect();
            let steps = way.windows(2).filter(|step| step[0] != step[1]);
            changes.extend(steps.map(|step| (step[0].to_owned(), step[1].to_owned())));
            open.push(next);
        }
    }
    changes
}

#[test]
fn the_picture_of_the_manual_has_an_arrow_for_each_change_that_can_happen_and_no_other() {
    let mut all = BTreeSet::new();
    for (name, faults) in scenarios() {
        if name == crate::TWO_FAULTS || faults.stalls > 0 && faults.stall_ticks < 3 {
            continue;
        }
        for policy in [Policy::StrictRevoke, Policy::GraceNewest] {
            all.extend(found(world(policy, faults, None)));
        }
    }
    assert_eq!(all, shown());
}
