//! The cells that are searched: what may go wrong, at which server.

use std::time::Duration;

use grantry_core::Rotation;
use grantry_custody::protocol::Terms;

use crate::faults::Faults;
use crate::mutant::Mutant;
use crate::server::{Policy, Server};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn terms(rotation: Rotation) -> Terms {
    Terms {
        rotation,
        lease: 2 * SECOND,
        http_timeout: SECOND,
        margin: Duration::ZERO,
        allowance: 2 * SECOND,
        doubt_limit: 4 * SECOND,
        rate: None,
    }
}

/// What goes wrong, at one server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) faults: Faults,
    pub(crate) policy: Policy,
}

impl Cell {
    /// The world in which it begins.
    pub(crate) fn world(&self, mutant: Option<Mutant>) -> World {
        // One retry fits into 5 ticks, and two into 9.
        let window = if self.faults.are_two() { 9 } else { 5 };
        let server = Server::new(self.policy, window);
        World::new(terms(self.policy.rotation(window)), server, self.faults, mutant)
    }

    pub(crate) fn find(name: &str, policy: Policy) -> Self {
        let found = all().into_iter().find(|cell| cell.name == name && cell.policy == policy);
        found.unwrap_or_else(|| panic!("no cell is called {name}"))
    }
}

const NONE: Faults =
    Faults { crashes: 0, losses: 0, mangles: 0, stalls: 0, stall_ticks: 3, pauses: 0, withdrawals: 0 };

pub(crate) const NO_FAULT: &str = "no fault";
pub(crate) const WITHIN_LEASE: &str = "a stall within the lease";
pub(crate) const BEYOND_LEASE: &str = "a stall beyond the lease";
pub(crate) const BEYOND_ALLOWANCE: &str = "a stall beyond the lease and the allowance";
pub(crate) const LOST: &str = "a lost message";
pub(crate) const MANGLED: &str = "an unusable answer";
pub(crate) const MANGLED_AND_CRASH: &str = "an unusable answer and a crash";
pub(crate) const WITHDRAWN: &str = "a withdrawal";
pub(crate) const WITHDRAWN_AND_CRASH: &str = "a withdrawal and a crash";

/// The faults that the protocol has to bear.
pub(crate) const SCENARIOS: [(&str, Faults); 22] = [
    (NO_FAULT, NONE),
    (WITHIN_LEASE, Faults { stalls: 1, stall_ticks: 1, ..NONE }),
    (BEYOND_LEASE, Faults { stalls: 1, ..NONE }),
    (BEYOND_ALLOWANCE, Faults { stalls: 1, stall_ticks: 5, ..NONE }),
    ("two stalls beyond the lease", Faults { stalls: 2, ..NONE }),
    ("two stalls beyond the lease and the allowance", Faults { stalls: 2, stall_ticks: 5, ..NONE }),
    ("a pause between guard and sending", Faults { pauses: 1, ..NONE }),
    ("a long pause between guard and sending", Faults { pauses: 1, stall_ticks: 5, ..NONE }),
    ("a crash", Faults { crashes: 1, ..NONE }),
    (LOST, Faults { losses: 1, ..NONE }),
    ("a stall beyond the lease and a lost message", Faults { stalls: 1, losses: 1, ..NONE }),
    (
        "a stall beyond the allowance and a lost message",
        Faults { stalls: 1, stall_ticks: 5, losses: 1, ..NONE },
    ),
    ("a stall beyond the lease and a crash", Faults { stalls: 1, crashes: 1, ..NONE }),
    ("a stall beyond the allowance and a crash", Faults { stalls: 1, stall_ticks: 5, crashes: 1, ..NONE }),
    (MANGLED, Faults { mangles: 1, ..NONE }),
    (MANGLED_AND_CRASH, Faults { mangles: 1, crashes: 1, ..NONE }),
    ("a crash and a lost message", Faults { crashes: 1, losses: 1, ..NONE }),
    (WITHDRAWN, Faults { withdrawals: 1, ..NONE }),
    (WITHDRAWN_AND_CRASH, Faults { withdrawals: 1, crashes: 1, ..NONE }),
    ("a withdrawal and a lost message", Faults { withdrawals: 1, losses: 1, ..NONE }),
    ("a withdrawal and an unusable answer", Faults { withdrawals: 1, mangles: 1, ..NONE }),
    ("a withdrawal and a stall beyond the lease", Faults { withdrawals: 1, stalls: 1, ..NONE }),
];

/// Each of them at each server.
pub(crate) fn all() -> Vec<Cell> {
    let cells = SCENARIOS
        .into_iter()
        .flat_map(|(name, faults)| Policy::ALL.into_iter().map(move |policy| Cell { name, faults, policy }));
    cells.collect()
}
