//! Presets of OAuth 2.0 providers, as data.
//!
//! A preset fills in an [`AuthorizationServer`](grantry_core::AuthorizationServer): where the endpoints are, how a
//! client authenticates, what the provider does with used refresh tokens. Each one is a constant with its
//! documentation and the month in which that was last read; what could not be verified is left at the safe default
//! and named in [`Preset::unverified`].
//!
//! | provider | function | data |
//! |---|---|---|
//! | Okta | [`okta`], [`okta_custom`] | [`OKTA`], [`OKTA_CUSTOM`] |
//! | Microsoft Entra ID | [`microsoft`] | [`MICROSOFT`] |
//!
//! ```
//! let server = grantry_providers::okta("acme")?;
//! assert_eq!(server.token_endpoint().as_str(), "https://acme.okta.com/oauth2/v1/token");
//!
//! // To change what the preset says:
//! let server = server.to_builder().revocation_endpoint("https://acme.okta.com/oauth2/v1/revoke").build()?;
//! assert!(server.revocation_endpoint().is_some());
//! # Ok::<(), grantry_core::Error>(())
//! ```
//!
//! # Invariants
//!
//! * Nothing is fetched: a preset is data, checked when this crate is compiled.
//! * What a caller inserts is a host, a tenant or an id, checked byte by byte against a list of what is allowed; it
//!   can never change a scheme, a path or another host.
//! * A fact that is not in the provider's documentation, or known from use, is left at its safe default and listed
//!   in [`Preset::unverified`].

mod inserts;
mod microsoft;
mod okta;
mod preset;
mod template;

pub use microsoft::{MICROSOFT, microsoft};
pub use okta::{OKTA, OKTA_CUSTOM, okta, okta_custom};
pub use preset::Preset;
pub use template::Template;

/// Every preset.
pub const ALL: &[&Preset] = &[&OKTA, &OKTA_CUSTOM, &MICROSOFT];
