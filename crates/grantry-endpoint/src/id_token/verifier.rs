//! One client's judgement of the ID tokens of one server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AccessToken, Error};
use grantry_jose::Algorithm;

use super::rules::Rules;
use crate::{IdToken, IdTokenClaims, OriginalLogin, ServerKeys, TokenEndpoint};

/// How far the clocks may be apart, beyond what the server's answers tell of its own.
const LEEWAY: Duration = Duration::from_secs(60);
/// The most that can be said.
const MOST_LEEWAY: Duration = Duration::from_secs(600);

/// Checks the ID tokens that a server issues to a client (OpenID Connect Core section 3.1.3.7): the signature by the keys
/// that the server publishes, then each claim.
///
/// The algorithm is the one by which the server signs for this client: RS256 unless something else is said, as the
/// registration has it (`id_token_signed_response_alg`). HMAC by the client secret is not supported: whoever verifies such a
/// token could have made it. Encrypted tokens are not supported.
///
/// The times are judged by the server's clock, as far as the `Date` of its answers tells how far it is from ours, with a
/// leeway of 60 s. Clones share the keys.
#[derive(Clone)]
pub struct IdTokenVerifier {
    endpoint: TokenEndpoint,
    keys: ServerKeys,
    issuer: Arc<str>,
    algorithms: Arc<[Algorithm]>,
    trusted: Arc<[String]>,
    leeway: Duration,
}

/// What a token has to say beside what every one has to.
#[derive(Default)]
#[must_use]
pub struct ExpectedIdToken<'a> {
    nonce: Option<&'a str>,
    original: Option<&'a OriginalLogin>,
    access_token: Option<AccessToken>,
    max_age: Option<Duration>,
}

impl<'a> ExpectedIdToken<'a> {
    /// Nothing yet. A token with a nonce is refused then: it belongs to another request.
    pub fn new() -> Self {
        Self::default()
    }

    /// The nonce that was sent.
    pub fn nonce(self, nonce: &'a str) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    /// The login that the grant began with, for a token that came with a renewal: it has to be of the same person, for the same
    /// client, of the same moment, and without a nonce or with the same (OpenID Connect Core section 12.2).
    pub fn renewing(self, original: &'a OriginalLogin) -> Self {
        Self { original: Some(original), ..self }
    }

    /// The access token that came along, whose hash (`at_hash`) has to be right where there is one.
    pub fn access_token(self, token: AccessToken) -> Self {
        Self { access_token: Some(token), ..self }
    }

    /// How long ago the person may have logged in (`max_age`).
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..self }
    }
}

impl IdTokenVerifier {
    /// For the tokens that come of this endpoint. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where the server's facts have no issuer or no JWKS URI.
    pub fn of(endpoint: &TokenEndpoint) -> Result<Self, Error> {
        let issuer = endpoint.server().issuer().ok_or_else(|| {
            Error::configuration(
                "nothing says who the authorization server is, to compare ID tokens with: name its issuer, or start from \
                 its metadata",
            )
        })?;
        Ok(Self {
            issuer: issuer.into(),
            keys: ServerKeys::of(endpoint)?,
            endpoint: endpoint.clone(),
            algorithms: [Algorithm::Rs256].into(),
            trusted: Arc::new([]),
            leeway: LEEWAY,
        })
    }

    /// The algorithms of the signatures, in the place of RS256 alone.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where there is none, or HS256 among them.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, Error> {
        let algorithms: Arc<[Algorithm]> = algorithms.into_iter().collect();
        if algorithms.is_empty() || algorithms.contains(&Algorithm::Hs256) {
            return Err(Error::configuration(
                "ID tokens are verified with public keys: name RS256, PS256, ES256, ES384 or EdDSA, as the client is \
                 registered",
            ));
        }
        Ok(Self { algorithms, ..self })
    }

    /// Who else the tokens may be for, beside this client.
    #[must_use]
    pub fn trusted_audiences<S: Into<String>>(self, others: impl IntoIterator<Item = S>) -> Self {
        Self { trusted: others.into_iter().map(Into::into).collect(), ..self }
    }

    /// How far the clocks may be apart, up to 10 minutes; 60 s if left out.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) for more.
    pub fn leeway(self, leeway: Duration) -> Result<Self, Error> {
        if leeway > MOST_LEEWAY {
            return Err(Error::configuration(
                "the leeway of ID tokens is longer than 10 minutes: set the clocks right",
            ));
        }
        Ok(Self { leeway, ..self })
    }

    /// The server's keys.
    pub fn keys(&self) -> &ServerKeys {
        &self.keys
    }

    /// Checks a token whole; nothing of it says anything before.
    ///
    /// **Cancel-safety**: dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`InvalidAnswer`](grantry_core::ErrorKind::InvalidAnswer) with a [`VerifyError`](grantry_jose::VerifyError) or an
    /// [`IdTokenFlaw`](crate::IdTokenFlaw) as its source; as [`ServerKeys::ready`] where there are no keys.
    pub async fn verify(
        &self,
        token: &IdToken,
        expected: &ExpectedIdToken<'_>,
    ) -> Result<IdTokenClaims, Error> {
        let (header, payload) = self.keys.verify_jws(token.expose(), &self.algorithms).await?;
        let rules = Rules {
            issuer: &self.issuer,
            client: self.endpoint.client().id().as_str(),
            trusted: &self.trusted,
            now: self.endpoint.server_time(),
            leeway: self.leeway,
            nonce: expected.nonce,
            original: expected.original,
            access_token: expected.access_token.as_ref().map(AccessToken::expose),
            max_age: expected.max_age,
        };
        rules.judge(&header, &payload).map_err(super::IdTokenFlaw::into_error)
    }
}

impl fmt::Debug for ExpectedIdToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpectedIdToken")
            .field("nonce", &self.nonce.is_some())
            .field("original", &self.original)
            .field("access_token", &self.access_token.is_some())
            .field("max_age", &self.max_age)
            .finish()
    }
}

impl fmt::Debug for IdTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenVerifier")
            .field("issuer", &self.issuer)
            .field("algorithms", &self.algorithms)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}
