//! What a worker is told about the servers and the grants.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Outcome;

/// Where the terms are kept below the store's folder, for `run` and `show`.
const FILE: &str = "terms.json";

/// What every command knows. `Debug` leaves the client's secret out.
#[derive(Clone, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "a message, written out in the crate's documentation")]
pub struct Terms {
    /// The client's identifier.
    pub client_id: String,
    /// Its secret, for `client_secret_basic`.
    pub client_secret: String,
    /// The issuer identifier.
    pub issuer: String,
    /// Where tokens are asked for.
    pub token_endpoint: String,
    /// Where they are presented.
    pub resource: String,
    /// What the server does with a used refresh token, as a provider's documentation would tell it:
    /// `strict-revoke`, `strict`, `grace-same`, `grace-reissue`, `keep-old` or `none`.
    pub rotation: String,
    /// The URL of the server that the driver started for the store, where this contestant has one.
    #[serde(default)]
    pub database: Option<String>,
    /// Where this process may write down when it has kept what; the driver reads it after the race. Only for `run`.
    #[serde(skip)]
    pub account: Option<PathBuf>,
    /// How long a used refresh token is accepted, in milliseconds; 0 without a grace period.
    pub grace_ms: u64,
    /// The names of the grants.
    pub names: Vec<String>,
    /// From when on each of them is asked for, in milliseconds of Unix time: not all of them expire at once.
    pub begins: Vec<u64>,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("client_id", &self.client_id)
            .field("token_endpoint", &self.token_endpoint)
            .field("resource", &self.resource)
            .field("rotation", &self.rotation)
            .field("grants", &self.names.len())
            .finish_non_exhaustive()
    }
}

impl Terms {
    pub(super) fn write(&self, store: &Path) -> Outcome<()> {
        Ok(std::fs::write(store.join(FILE), serde_json::to_vec(self)?)?)
    }

    pub(super) fn read(store: &Path) -> Outcome<Self> {
        Ok(serde_json::from_slice(&std::fs::read(store.join(FILE))?)?)
    }
}

/// The terms with the first refresh tokens: what `seed` reads from its standard input. `Debug` shows no token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "a message, written out in the crate's documentation")]
pub struct Seed {
    /// The terms.
    #[serde(flatten)]
    pub terms: Terms,
    /// One for each name, in the same order.
    pub grants: Vec<GrantSeed>,
}

/// A grant as a person has just consented to it. `Debug` shows no token.
#[derive(Clone, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "a message, written out in the crate's documentation")]
pub struct GrantSeed {
    /// What callers ask by.
    pub name: String,
    /// Its first refresh token. There is no access token yet.
    pub refresh_token: String,
}

impl fmt::Debug for GrantSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantSeed").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret_and_the_terms_hold_no_refresh_token() {
        let text = r#"{"client_id":"c","client_secret":"canary","issuer":"http://a","token_endpoint":"http://a/t",
            "resource":"http://b/r","rotation":"strict","grace_ms":0,"names":["g0"],"begins":[5],
            "grants":[{"name":"g0","refresh_token":"canary"}]}"#;
        let seed: Seed = serde_json::from_str(text).unwrap();
        assert!(!format!("{seed:?}").contains("canary"));
        let terms = serde_json::to_string(&seed.terms).unwrap();
        assert!(!terms.contains("refresh_token"), "{terms}");
    }
}
