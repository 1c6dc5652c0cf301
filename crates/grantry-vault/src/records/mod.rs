//! What is kept: client registrations and grants, and how they become bytes.

mod client;
mod codec;
mod content;
mod fingerprint;
mod grant;
mod pending;

pub use client::{ClientRecord, StoredSecret};
pub use codec::{FieldReader, FieldWriter};
pub(crate) use codec::{FieldReader as Reader, FieldWriter as Writer};
pub(crate) use content::{Content, Kept, aside, fields, read_aside, tombstone};
pub use fingerprint::Fingerprint;
pub(crate) use grant::grant_state;
pub use grant::{GrantRecord, GrantState, StoredAccessToken, StoredBinding};
pub(crate) use pending::PendingRecord;
