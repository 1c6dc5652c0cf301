//! What is kept: client registrations and grants, and how they become bytes.

mod client;
mod codec;
mod content;
mod grant;

pub use client::{ClientRecord, StoredSecret};
pub(crate) use codec::{Reader, Writer};
pub(crate) use content::{Content, Kept, tombstone};
pub use grant::{GrantRecord, GrantState, StoredAccessToken};
