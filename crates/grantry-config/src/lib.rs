//! The configuration of grantry: JSON with comments, variables and layers, and errors that show where and what to change.
//!
//! ```
//! use grantry_config::{Config, FixedSurroundings, Flow, Source};
//!
//! let file = r#"{
//!   "defaults": { "refreshToken": { "bufferTime": 120 } },   // for every service
//!   "services": {
//!     "graph": {
//!       "type": "oauth2",
//!       "provider": "microsoft",
//!       "tenantId": "contoso.onmicrosoft.com",
//!       "clientId": "billing",
//!       "clientSecret": "${GRAPH_SECRET}",
//!       "scopes": ["https://graph.microsoft.com/.default"],
//!     },
//!   },
//!   "vault": { "type": "sqlite", "path": "grantry.db" },
//!   "keys": { "type": "file", "path": "grantry.key" },
//! }"#;
//! let surroundings = FixedSurroundings::new().with_variable("GRAPH_SECRET", "s3cret");
//! let loaded = Config::load([Source::text("grantry.json", file)], &surroundings)?;
//!
//! let graph = loaded.config.service("graph").unwrap();
//! let flow = graph.flow().unwrap();
//! assert_eq!((flow.flow(), flow.is_configured()), (Flow::ClientCredentials, false));
//! assert!(graph.is_complete(true));
//!
//! let mistaken = Source::text("grantry.json", r#"{"auth": {"tokenURL": "https://as.example.com/token"}}"#);
//! let errors = Config::load([mistaken], &surroundings).unwrap_err();
//! assert_eq!(
//!     errors.errors()[0].to_string(),
//!     "grantry.json:1:11: there is no key \"tokenURL\" in auth; did you mean \"tokenUrl\"?"
//! );
//! # Ok::<(), grantry_config::ConfigErrors>(())
//! ```
//!
//! | to | read |
//! |---|---|
//! | load a file, or several as layers | [`Config::from_file`], [`Config::load`], [`Source`] |
//! | ask for services that are whole | [`Config::load_complete`], [`Completeness`] |
//! | see how tokens for a service are obtained | [`ServiceConfig`], [`Registration`], [`ServerConfig`] |
//! | open the vault that is configured | [`VaultSection`], [`KeysSection`], [`AuditSection`], [`Config::access`] |
//! | tell people what is wrong | [`ConfigErrors`], [`Finding`] |
//! | take a newer configuration over | [`Config::changes`] |
//! | hand in variables and files | [`Surroundings`], [`FixedSurroundings`], [`SystemSurroundings`] |
//! | check a file in an editor | [`json_schema`], `schema.json` in the folder of this crate |
//!
//! # What a file holds
//!
//! One service under `auth` (named by `service`, or `default`), or several under `services` by their names, each an `auth`
//! block by itself or under a key `auth`. What `defaults` says holds for every service that does not say otherwise; what a
//! tenant under `tenants` says of a service lies over that. `vault`, `keys`, `access` and `audit` are about the deployment.
//! Unknown keys, keys that are there twice, and values that say different things are errors.
//!
//! Comments (`//`, `/* */`), commas behind the last member and a byte order mark are accepted; nothing else is that JSON does
//! not have.
//!
//! # Layers
//!
//! Several sources are laid over each other in their order: objects key by key, everything else is replaced. A layer may hold
//! a part of a service only. What is still missing for use is a note, unless [`Completeness`] asks for more. A secret from a
//! file takes the place of one that stands in an earlier layer, and the other way round; an `auth` block without a name is
//! about the service that an earlier one named.
//!
//! # Variables
//!
//! Within any text `${NAME}` is an environment variable, `${NAME:-value}` one with what to take where it is not set or
//! empty, `${file:path}` what a file holds, without the line break at its end; `$${` is `${` itself. What is put in is not
//! looked into once more. A number or a flag may be a text that holds a variable. Paths are relative to the file that names
//! them. A variable that is not set, and a file that cannot be read, are errors at the place where they are named.
//!
//! `{tenantId}`, `{instanceUrl}`, `{domain}` and the names in `providerParams` stand for their values in URLs.
//!
//! # Files
//!
//! Symbolic links are followed. What is no ordinary file (a folder, a pipe, a device) is refused and never waited for; no
//! more is read than 48 MiB of a configuration and 64 KiB of a value. A file that everybody on the machine may write is
//! refused; a secret that everybody may read, or that stands in the configuration itself, draws a warning.
//!
//! # Invariants
//!
//! * All environment variables and files are read through [`Surroundings`]; nothing else is read, and nothing is written.
//! * Every mistake of every source is told at once, at its line and column, with what was expected; each is told once, and
//!   nothing that only follows from it.
//! * No error, warning, note, excerpt or `Debug` holds the value of a secret, of a key that is not known, of a comment, or of
//!   anything that was not understood.
//! * Secrets go into types that are zeroized, and so are the texts that they came in.
//! * The reader and the schema are made of one table of keys.
//! * No input makes it panic, overflow the stack, or read without a bound.
//! * It opens nothing and sends nothing: what it gives is data.

mod changes;
mod config;
mod desk;
mod excerpt;
mod facts;
mod fields;
mod finding;
mod flow;
mod interpolate;
mod jsonc;
mod layers;
mod load;
mod nearest;
mod partial;
mod place;
mod presets;
mod read;
mod registration;
mod resolve;
mod schema;
mod sections;
mod service;
mod source;
mod surroundings;
mod system;
mod table;

pub use changes::{ConfigChanges, ServiceChange, ServiceId};
pub use config::{Completeness, Config, Loaded, TenantConfig};
pub use facts::ServerFacts;
pub use fields::Provenance;
pub use finding::{ConfigErrors, Finding, FindingKind, Severity};
pub use flow::{ChosenFlow, Flow};
pub use partial::PartialServer;
pub use place::Place;
pub use registration::{Located, MutualTls, Registration, SecretText};
pub use resolve::{InvalidUrl, check_url};
pub use schema::json_schema;
pub use sections::{
    AuditSection, KeyProviderSection, KeysSection, ReaperSection, StoreSection, TokenSection, VaultSection,
};
pub use service::{Missing, Parameters, ServerConfig, ServiceConfig};
pub use source::Source;
pub use surroundings::{FileContent, FixedSurroundings, Surroundings, Unreadable};
pub use system::SystemSurroundings;
