//! The keys of tenants: where they are kept, how long they stay in memory, how they are exchanged.

mod cache;
mod key_set;
mod of_tenants;
mod providers;
mod root;
mod tenant_keys;

pub(crate) use cache::KeyCache;
pub(crate) use key_set::{EpochState, KeySet, Wrap};
pub(crate) use of_tenants::{Keyring, StandingSet, keys_record};
pub(crate) use providers::KeyProviders;
pub(crate) use tenant_keys::TenantKeys;
