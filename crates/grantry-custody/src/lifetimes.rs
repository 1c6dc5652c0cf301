//! How long a provider lets refresh tokens live.

use std::time::Duration;

use grantry_core::AuthorizationServer;

/// How long refresh tokens live, where the provider limits that: facts for forecasts and diagnoses, and nothing is
/// refused because of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(clippy::exhaustive_structs, reason = "two facts of a provider, written as a literal")]
pub struct Lifetimes {
    /// Without being used.
    pub idle: Option<Duration>,
    /// After the consent, however often they are used.
    pub absolute: Option<Duration>,
}

impl Lifetimes {
    /// Those of a server, as its preset knows them.
    pub fn of(server: &AuthorizationServer) -> Self {
        Self { idle: server.refresh_token_idle_limit(), absolute: server.refresh_token_absolute_limit() }
    }
}
