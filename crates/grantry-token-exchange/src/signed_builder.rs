//! Builds what signs assertions, and refuses what could not work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AssertionAudience, Entropy, Error};
use grantry_endpoint::TokenEndpoint;
use grantry_jose::Signer;
use serde_json::{Map, Value};

use crate::SignedAssertions;

/// How long an assertion is good for, if nothing else is said.
const LIFETIME: Duration = Duration::from_secs(60);
/// The longest that can be said.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3_600);
/// Claims that have another place, and where that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("iss", "the builder takes it"),
    ("sub", "the builder takes it"),
    ("aud", "use audience()"),
    ("exp", "use lifetime()"),
    ("iat", "it is made for each assertion"),
    ("nbf", "it is made for each assertion"),
    ("jti", "it is made for each assertion"),
];

/// Builds [`SignedAssertions`].
#[derive(Clone)]
#[must_use]
pub struct SignedAssertionsBuilder {
    signer: Arc<dyn Signer>,
    entropy: Arc<dyn Entropy>,
    issuer: String,
    subject: String,
    audience: Option<String>,
    lifetime: Duration,
    claims: Vec<(String, String)>,
}

impl SignedAssertionsBuilder {
    pub(crate) fn new(
        endpoint: &TokenEndpoint,
        signer: Arc<dyn Signer>,
        issuer: String,
        subject: String,
    ) -> Self {
        let server = endpoint.server();
        let audience = match server.assertion_audience() {
            AssertionAudience::TokenEndpoint => Some(server.token_endpoint().as_str()),
            _ => server.issuer(),
        };
        Self {
            signer,
            entropy: Arc::clone(endpoint.entropy()),
            issuer,
            subject,
            audience: audience.map(str::to_owned),
            lifetime: LIFETIME,
            claims: Vec::new(),
        }
    }

    /// Whom they are addressed to (`aud`). If left out: the server's issuer, or its token endpoint where the server's
    /// facts have that for its [`assertion_audience`](grantry_core::AuthorizationServer::assertion_audience).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long each is good for, from 1 s to 1 h; 60 s if left out.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Adds a claim of the server's own, such as the `scope` that some servers read in the assertion.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.push((name.into(), value.into()));
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change: an empty issuer, subject or
    /// audience; no audience, where nothing says whom they are for; a lifetime out of range; a claim that is set
    /// elsewhere, empty or there twice.
    pub fn build(self) -> Result<SignedAssertions, Error> {
        let audience = self.audience.ok_or_else(|| {
            Error::configuration(
                "nothing says whom the assertions are for: name the server's issuer, or use audience()",
            )
        })?;
        let mut claims = Map::new();
        for (name, value) in [("iss", &self.issuer), ("sub", &self.subject), ("aud", &audience)] {
            if value.is_empty() {
                return Err(Error::configuration(format!(
                    "the claim {name} is empty, and an assertion has to have it (RFC 7523 section 3)"
                )));
            }
            claims.insert(name.to_owned(), Value::from(value.as_str()));
        }
        if self.lifetime < Duration::from_secs(1) || self.lifetime > LONGEST_LIFETIME {
            return Err(Error::configuration(
                "the lifetime of the assertions is not between 1 s and 1 h: 60 s are enough for most",
            ));
        }
        for (name, value) in self.claims {
            if let Some((name, place)) = ELSEWHERE.iter().find(|(other, _)| *other == name) {
                return Err(Error::configuration(format!(
                    "the claim {name} cannot be set as an extra one: {place}"
                )));
            }
            if name.is_empty() || value.is_empty() || claims.contains_key(&name) {
                return Err(Error::configuration(format!(
                    "the claim {} is empty, has no name, or is set twice",
                    name.escape_debug()
                )));
            }
            claims.insert(name, Value::from(value));
        }
        Ok(SignedAssertions {
            signer: self.signer,
            entropy: self.entropy,
            audience,
            lifetime: self.lifetime,
            claims,
        })
    }
}

impl fmt::Debug for SignedAssertionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.claims.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("SignedAssertionsBuilder")
            .field("signer", &self.signer)
            .field("lifetime", &self.lifetime)
            .field("claims", &names)
            .finish_non_exhaustive()
    }
}
