//! What the tests of grantry stand on: the real servers that they start.
//!
//! Nothing here knows grantry; the tests themselves use the facade as a user would.

mod apache;
mod authlib;
mod certificates;
mod child;
pub mod chromium;
mod jose;
pub mod moto;
mod oidc_provider;
pub mod postgres;
pub mod redis;
pub mod secret_service;
mod server;
pub mod softhsm;

pub use apache::{Apache, Introspection};
pub use authlib::Authlib;
pub use certificates::Certificates;
pub use jose::{Jose, Verdict};
pub use oidc_provider::{ClientKey, Fault, OidcProvider, Settings};

/// What a harness returns: whatever kept the server from doing what it should.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
