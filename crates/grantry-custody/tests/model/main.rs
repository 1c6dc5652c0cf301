//! An exhaustive search of the protocol: two replicas, one grant, every interleaving, with losses, crashes, stalls and a person who
//! withdraws it.
//!
//! What is searched is the code that runs in production, [`Redemption::step`](grantry_custody::protocol::Redemption).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

mod cells;
mod faults;
mod hashing;
mod ledger;
mod mutant;
mod picture;
mod replica;
mod search;
mod server;
mod store;
mod withdrawal;
mod world;

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Instant;

use cells::Cell;
use ledger::Cause;
use mutant::Mutant;
use search::{Found, first_mistake, mistake, on_all_processors, search, way_to};

/// How many states, ends and lost grants there are in each cell, and by which rules.
const TABLE: &str = include_str!("table.txt");

fn row(cell: &Cell, found: &Found) -> String {
    let mut row = format!(
        "{:48} {:13} {:7} states {:5} ends",
        cell.name,
        format!("{:?}", cell.policy),
        found.states,
        found.ends
    );
    for (cause, count) in Cause::ALL.iter().zip(found.lost).filter(|(_, count)| *count > 0) {
        write!(row, ", {count} lost: {}", cause.name()).unwrap();
    }
    row
}

/// Everything is searched once, for all tests.
fn searched() -> &'static [(Cell, Found)] {
    static SEARCHED: OnceLock<Vec<(Cell, Found)>> = OnceLock::new();
    SEARCHED.get_or_init(|| {
        let cells = cells::all();
        let found = on_all_processors(&cells, |cell| search(cell.world(None)));
        cells.into_iter().zip(found).collect()
    })
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long the search takes is told, not tested")]
fn every_loss_in_every_interleaving_is_explained_by_what_happened_on_its_way() {
    let began = Instant::now();
    let searched = searched();
    let states: usize = searched.iter().map(|(_, found)| found.states).sum();
    let table: String = searched.iter().map(|(cell, found)| row(cell, found) + "\n").collect();
    println!("{table}{states} states in {:.1} s", began.elapsed().as_secs_f32());
    for (cell, found) in searched.iter().filter(|(_, found)| !found.mistakes.is_empty()) {
        let way = way_to(cell.world(None), |world, is_end| mistake(world, is_end).is_some());
        println!("{}, {:?}: {:?}\n{}", cell.name, cell.policy, found.mistakes, way.unwrap_or_default());
    }
    assert!(searched.iter().all(|(_, found)| found.mistakes.is_empty()), "see above");
    let differs = table.lines().zip(TABLE.lines()).find(|(found, held)| found != held);
    assert_eq!(differs, None, "the design has changed, or the model: the table above is the new one");
    assert_eq!(table.lines().count(), TABLE.lines().count());
}

#[test]
fn every_mistake_that_the_design_could_have_is_found() {
    let found = on_all_processors(&Mutant::ALL, |mutant| {
        let (name, policy) = mutant.cell();
        first_mistake(Cell::find(name, policy).world(Some(*mutant)))
    });
    for (mutant, found) in Mutant::ALL.iter().zip(&found) {
        println!("{mutant:?} in {:?}: {found:?}", mutant.cell());
    }
    assert!(found.iter().all(Option::is_some), "see above");
}
