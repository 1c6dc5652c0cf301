//! The vault: what an application opens.

mod aside;
mod audit_sink;
mod builder;
mod clients;
mod deployment;
mod grants;
mod guard;
mod moving;
mod open;
mod pending;
mod renewing;
mod rotation_task;
mod standings;
mod stored;
mod tenant;
mod trail;
mod vault_keys;
mod views;

pub use aside::{Aside, LateSeal};
pub use builder::SealedVaultBuilder;
pub use deployment::PrincipalVault;
pub use open::SealedVault;
pub use renewing::Renewing;
pub use rotation_task::RotationTask;
pub use standings::Listed;
pub use stored::{RecordVersion, Stored};
pub use tenant::TenantVault;
pub use vault_keys::VaultKeys;
pub use views::{AccessTokenView, ClientView, GrantView};
