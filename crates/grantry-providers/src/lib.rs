//! Presets of OAuth 2.0 providers, as data.
//!
//! A preset fills in an [`AuthorizationServer`](grantry_core::AuthorizationServer): where the endpoints are, how a
//! client authenticates, what an authorization request has to say, how answers are read, what the provider does with
//! used refresh tokens and how long they live. Each one is a constant with its documentation and the date on which
//! that was last read; what could not be verified is named in [`Preset::unverified`].
//!
//! Each has a function of its own, such as [`okta`] or [`google`]; [`find`] takes a name from a configuration, and
//! [`catalogue`] lists them all.
//!
//! ```
//! let server = grantry_providers::okta("acme")?;
//! assert_eq!(server.token_endpoint().as_str(), "https://acme.okta.com/oauth2/v1/token");
//!
//! // The same by name, as configurations have it:
//! let preset = grantry_providers::find("okta").unwrap();
//! assert_eq!(preset.server(&[("domain", "acme")])?, server);
//!
//! // To change what the preset says:
//! let server = server.to_builder().revocation_endpoint("https://acme.okta.com/oauth2/v1/revoke").build()?;
//! assert!(server.revocation_endpoint().is_some());
//! # Ok::<(), grantry_core::Error>(())
//! ```
//!
//! Not covered, since no flow of this library speaks as they want it: Notion, whose token endpoint takes JSON; Figma
//! and TikTok, which refresh at another URL; Facebook and Instagram, which have no refresh tokens; Zoom's
//! server-to-server applications.
//!
//! # Invariants
//!
//! * Nothing is fetched: a preset is data, checked when this crate is compiled.
//! * No code knows a provider: what is special is a field, and whoever reads the field does not ask whose it is.
//! * What a caller inserts is a host, a tenant or an id, checked byte by byte against a list of what is allowed; it
//!   can never change a scheme, a path or another host.
//! * A fact that is not in the provider's documentation, or known from use, is left at its safe default and listed
//!   in [`Preset::unverified`].

mod flow;
mod inserts;
mod parameter;
mod preset;
mod presets;
mod template;

pub use flow::{ChosenFlow, DefaultFlow, Flow};
pub use parameter::{Form, Parameter};
pub use preset::Preset;
pub use presets::{
    AIRTABLE, ALL, ASANA, ATLASSIAN, AUTH0, BITBUCKET, BOX, DISCORD, DOCUSIGN, DOCUSIGN_DEMO, DROPBOX,
    EXACT_ONLINE, GITHUB, GITHUB_OAUTH_APP, GITLAB, GOOGLE, GOOGLE_TESTING, HUBSPOT, LINEAR, LINKEDIN,
    MAILCHIMP, MICROSOFT, MIRO, OKTA, OKTA_CUSTOM, PIPEDRIVE, QUICKBOOKS, SALESFORCE, SALESFORCE_SANDBOX,
    SERVICENOW, SHOPIFY, SLACK, SPOTIFY, STRIPE, TWITCH, TWITTER, XERO, ZENDESK, ZOHO, ZOOM, airtable, asana,
    atlassian, auth0, bitbucket, box_com, discord, docusign, docusign_demo, dropbox, exact_online, github,
    github_oauth_app, gitlab, gitlab_at, google, google_testing, hubspot, linear, linkedin, mailchimp,
    microsoft, miro, okta, okta_custom, pipedrive, quickbooks, salesforce, salesforce_my_domain,
    salesforce_sandbox, servicenow, shopify, slack, spotify, stripe, twitch, twitter, xero, zendesk, zoho,
    zoom,
};
pub use template::Template;

/// The preset of this name, or of this alias; case does not count.
///
/// ```
/// assert_eq!(grantry_providers::find("Google").unwrap().title, "Google");
/// assert_eq!(grantry_providers::find("entra").unwrap().name, "microsoft");
/// assert!(grantry_providers::find("gogle").is_none());
/// ```
pub fn find(name: &str) -> Option<&'static Preset> {
    let is = |other: &&str| other.eq_ignore_ascii_case(name);
    catalogue().find(|preset| is(&preset.name) || preset.aliases.iter().any(is))
}

/// Every preset, by file and name.
pub fn catalogue() -> impl Iterator<Item = &'static Preset> {
    ALL.iter().copied()
}
