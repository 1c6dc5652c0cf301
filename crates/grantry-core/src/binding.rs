//! How a token is bound to its sender, and the trait that makes proofs of possession.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, Method};

use crate::{AccessToken, Error, Origin, PrivateKey};

/// How an access token is bound to whoever may present it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Binding {
    /// Whoever holds it may present it (RFC 6750).
    #[default]
    Bearer,
    /// Each request carries a proof made by this prover (RFC 9449).
    Proof(Arc<dyn Prover>),
    /// Only a connection with this client certificate may present it (RFC 8705).
    Certificate(Thumbprint),
}

impl Binding {
    /// The authentication scheme of the `Authorization` header, with the space that follows it.
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Proof(_) => "DPoP ",
            Self::Bearer | Self::Certificate(_) => "Bearer ",
        }
    }
}

/// The SHA-256 thumbprint of a client certificate (RFC 8705 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "a SHA-256 digest is 32 bytes")]
pub struct Thumbprint(pub [u8; 32]);

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Thumbprint({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

/// The request that a proof is for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ProofRequest<'a> {
    /// The method: `htm`.
    pub method: &'a Method,
    /// The target without query and fragment: `htu`.
    pub target: &'a str,
    /// The origin, which the nonces are kept apart by.
    pub origin: &'a Origin,
    /// The access token that goes along: its hash becomes `ath`.
    pub access_token: Option<&'a AccessToken>,
}

impl<'a> ProofRequest<'a> {
    /// A proof for `method` on `target` at `origin`, without an access token.
    pub fn new(method: &'a Method, target: &'a str, origin: &'a Origin) -> Self {
        Self { method, target, origin, access_token: None }
    }

    /// The same with the access token that goes along.
    #[must_use]
    pub fn with_access_token(self, access_token: &'a AccessToken) -> Self {
        Self { access_token: Some(access_token), ..self }
    }
}

/// Makes a fresh proof of possession for every request (RFC 9449 section 4).
///
/// Implementations are shared by all requests of a token and must not reuse a proof. Dropping the future of
/// [`prove`](Prover::prove) leaves nothing behind.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_core::{Error, Origin, PrivateKey, ProofRequest, Prover};
/// use http::HeaderValue;
///
/// /// Says the same of every request: good for a test, refused by every real server.
/// #[derive(Debug)]
/// struct Unproven;
///
/// #[async_trait]
/// impl Prover for Unproven {
///     async fn prove(&self, _request: ProofRequest<'_>) -> Result<HeaderValue, Error> {
///         Ok(HeaderValue::from_static("a.b.c"))
///     }
///     fn saw_nonce(&self, _origin: &Origin, _nonce: &str) {}
///     fn saw_date(&self, _origin: &Origin, _date: &HeaderValue) {}
///     fn private_key(&self) -> Option<PrivateKey> {
///         None
///     }
/// }
/// ```
#[async_trait]
pub trait Prover: fmt::Debug + Send + Sync + 'static {
    /// The value of the `DPoP` header for this one request.
    ///
    /// # Errors
    /// Where the key cannot sign.
    async fn prove(&self, request: ProofRequest<'_>) -> Result<HeaderValue, Error>;

    /// A resource server named a nonce (RFC 9449 section 9); the newest of an origin goes into its next proof, and into
    /// no other's.
    fn saw_nonce(&self, origin: &Origin, nonce: &str);

    /// A resource server answered with this `Date`: by how much its clock differs from ours, the next proof for it has
    /// to be dated.
    fn saw_date(&self, origin: &Origin, date: &HeaderValue);

    /// The key as text, for whoever keeps the grant that is bound to it; `None` where it never leaves its place, such as
    /// an HSM.
    fn private_key(&self) -> Option<PrivateKey>;
}
