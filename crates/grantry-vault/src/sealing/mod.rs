//! Sealed records: how bytes become something that a backend may keep.
//!
//! [`SealedVault`](crate::SealedVault) does this for its users. What is here is for programs that read or write records
//! without one: a tool that moves a store, a check of a backup. The layout is written down in
//! `docs/sealed-record.md`, with test vectors.
//!
//! ```
//! use grantry_core::SystemEntropy;
//! use grantry_vault::sealing::{LineageId, Place, Stamp, open, seal};
//! use grantry_vault::{Deployment, RecordKey, TenantKey};
//!
//! let deployment = Deployment::new("prod")?;
//! let key = RecordKey::parse("acme/grant/crm/user-17")?;
//! let place = Place::new(&deployment, &key);
//! let stamp = Stamp { epoch: 1, lineage: LineageId::generate(&SystemEntropy), generation: 0, version: 1 };
//! let tenant_key = TenantKey::generate(&SystemEntropy);
//!
//! let sealed = seal(&tenant_key, place, stamp, b"content", &SystemEntropy)?;
//! let opened = open(&tenant_key, place, &sealed)?;
//! assert_eq!((opened.stamp, opened.content.as_slice()), (stamp, &b"content"[..]));
//!
//! let elsewhere = RecordKey::parse("globex/grant/crm/user-17")?;
//! assert!(open(&tenant_key, Place::new(&deployment, &elsewhere), &sealed).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub(crate) use high_water::{HighWater, Sight, Withdrawal};
pub use open::{Opened, open};
pub use place::{LineageId, Place, Stamp};
pub use refused::RefusedRecord;
pub use seal::{NotSealed, seal};
