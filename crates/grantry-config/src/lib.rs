//! The JSON configuration of grantry.

mod config;
mod desk;
mod excerpt;
mod fields;
mod finding;
mod flow;
mod interpolate;
mod jsonc;
mod layers;
mod load;
mod nearest;
mod place;
mod presets;
mod read;
mod registration;
mod resolve;
mod sections;
mod service;
mod source;
mod surroundings;
mod system;
mod table;

pub use config::{Completeness, Config, Loaded, TenantConfig};
pub use fields::Provenance;
pub use finding::{ConfigErrors, Finding, FindingKind, Severity};
pub use flow::{ChosenFlow, Flow};
pub use place::Place;
pub use registration::{Located, Registration, SecretText};
pub use sections::{AuditSection, KeyProviderSection, KeysSection, StoreSection, TokenSection, VaultSection};
pub use service::{Missing, Parameters, ServerConfig, ServiceConfig};
pub use source::Source;
pub use surroundings::{FileContent, FixedSurroundings, Surroundings, Unreadable};
pub use system::SystemSurroundings;
