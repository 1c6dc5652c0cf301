//! The contract between the vault and its backends: sealed bytes, kept by compare-and-swap.

mod change_hints;
mod record_key;
mod record_prefix;
mod sealed_record;
mod stored;
mod vault;
mod vault_error;

pub use change_hints::{ChangeHint, ChangeHints, Watch};
pub(crate) use record_key::NOBODY;
pub use record_key::{InvalidRecordKey, RecordKey, RecordKind};
pub use record_prefix::RecordPrefix;
pub use sealed_record::SealedRecord;
pub use stored::{Page, Precondition, Revision, StoredRecord};
pub use vault::Vault;
pub use vault_error::VaultError;
