//! Keys are exchanged before they are old: those of the provider, and those of each tenant.
//!
//! Two layers are rotated, each in small steps that can be cut off anywhere and repeated:
//!
//! | layer | what happens | when a key goes |
//! |---|---|---|
//! | the provider's key | a new version is created and promoted; every tenant's keys are wrapped anew, a few for each tenant | when no wrap has named it for the hold time |
//! | a tenant's key | the tenant gets a new epoch; records are sealed under it when they are written next, and a sweep does the rest | when no record names it and it has not sealed for the hold time |
//!
//! One process does it for all: it holds a lease, judged by the store's clock, and notes how far it got. Nothing
//! depends on that lease for correctness: each write is a compare-and-swap, so that two processes at once only do work
//! twice.

mod ages;
mod lease;
mod policy;
mod provider_keys;
mod report;
mod retire;
mod rotator;
mod sweep;
mod tenant_epochs;

pub use ages::{KeyAge, KeyAgeState};
pub use policy::RotationPolicy;
pub use report::{RotationPhase, RotationProgress, RotationReport};
pub(crate) use rotator::Rotator;
