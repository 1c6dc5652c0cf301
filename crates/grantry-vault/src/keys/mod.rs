//! Keys: those of tenants, which encrypt records, and those above them, which never leave where they are.

mod context;
mod error;
mod local;
mod provider;
mod secret_32;
mod single_use;
mod tenant_key;
mod wrapped;

pub use context::{Deployment, KeyContext};
pub use error::KeyError;
pub use local::{LocalKey, LocalKeySet};
pub use provider::{KeyProvider, KeyRotation, KeyVersion, KeyVersionState};
pub(crate) use secret_32::Secret32;
pub(crate) use single_use::SingleUseKey;
pub use tenant_key::TenantKey;
pub use wrapped::{KeyId, WrappedKey};
