//! Sealed records: how bytes become something that a backend may keep.
//!
//! The layout is written down in `docs/sealed-record.md`, with test vectors.

mod canonical;
mod header;
mod high_water;
mod open;
mod padding;
mod place;
mod refused;
mod seal;
#[cfg(test)]
mod vectors;

pub(crate) use canonical::Canonical;
pub(crate) use header::Header;
pub(crate) use high_water::HighWater;
pub(crate) use open::open;
pub use place::LineageId;
pub(crate) use place::{Place, Stamp};
pub use refused::RefusedRecord;
pub(crate) use seal::seal;
