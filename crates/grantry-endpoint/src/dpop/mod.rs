//! DPoP (RFC 9449): which key a request is proved with, and what is made of an answer that ignores the proof.

mod key;
mod prover;
mod servers;

use std::fmt;

use grantry_core::Error;
use grantry_jose::Algorithm;

pub use key::DpopKey;
pub use prover::DpopProvers;
pub(crate) use prover::proof_header;

/// Binds tokens to keys (RFC 9449): whoever steals one cannot use it.
///
/// Each grant gets a key of its own, which it keeps for as long as it lives: the refresh token of a public client works
/// with that key alone (RFC 9449 section 5), and two grants cannot be told to be the same client's by their keys. So keys
/// are exchanged by themselves, one consent after the other, and never under a grant that lives.
///
/// ```
/// # use std::sync::Arc;
/// # use grantry_core::{Attempt, AuthorizationServer};
/// # use grantry_endpoint::*;
/// # #[derive(Debug)]
/// # struct Pretended;
/// # #[async_trait::async_trait]
/// # impl Transport for Pretended {
/// #     async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
/// #         assert!(request.headers().contains_key("dpop"));
/// #         let body = r#"{"access_token":"abc","token_type":"DPoP","expires_in":3600}"#;
/// #         Ok(Answer::new(http::StatusCode::OK).with_body(body))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), grantry_core::Error> {
/// # let transport = Arc::new(Pretended);
/// let server = AuthorizationServer::builder("https://as.example.com/token").build()?;
/// let client = Client::new("orders", ClientAuthentication::secret_basic("a client secret"))?;
/// let endpoint = TokenEndpoint::builder(server, client, transport).dpop(Dpop::es256()).build()?;
///
/// let asked = endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await;
/// let set = asked.map_err(|failure| failure.error)?;
/// assert_eq!(set.token().header(), "DPoP abc");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dpop {
    keys: Keys,
    pub(crate) takes_bearer: bool,
}

#[derive(Clone)]
enum Keys {
    OfEachGrant(Algorithm),
    One(DpopKey),
}

impl Dpop {
    /// Keys on P-256, which every server that knows DPoP takes.
    pub fn es256() -> Self {
        Self { keys: Keys::OfEachGrant(Algorithm::Es256), takes_bearer: false }
    }

    /// Keys on Ed25519, for servers that take them.
    pub fn ed25519() -> Self {
        Self { keys: Keys::OfEachGrant(Algorithm::EdDsa), takes_bearer: false }
    }

    /// One key for everything, such as one in an HSM.
    pub fn with_key(key: DpopKey) -> Self {
        Self { keys: Keys::One(key), takes_bearer: false }
    }

    /// Takes a bearer token where the server issues no other, and tells the observer
    /// ([`NotBound`](grantry_core::Event::NotBound)). Left out, such an answer is an error: a token that was to be bound
    /// and is not is worth no less to a thief (RFC 9449 section 5).
    #[must_use]
    pub fn or_bearer(self) -> Self {
        Self { takes_bearer: true, ..self }
    }

    /// The one key for everything, where it is one that cannot be kept with what is bound to it, such as one in an HSM.
    pub fn key_elsewhere(&self) -> Option<&DpopKey> {
        match &self.keys {
            Keys::One(key) if key.private_key().is_none() => Some(key),
            _ => None,
        }
    }

    /// Whether a grant that was bound to this key goes on with it by itself.
    pub(crate) fn goes_on_with(&self, kept: &DpopKey) -> bool {
        matches!(self.keys, Keys::OfEachGrant(algorithm) if algorithm == kept.algorithm())
    }

    /// The key of a grant that begins.
    pub(crate) fn key(&self) -> Result<DpopKey, Error> {
        match &self.keys {
            Keys::OfEachGrant(algorithm) => DpopKey::generate(*algorithm),
            Keys::One(key) => Ok(key.clone()),
        }
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, thumbprint) = match &self.keys {
            Keys::OfEachGrant(algorithm) => (*algorithm, None),
            Keys::One(key) => (key.algorithm(), Some(key.thumbprint())),
        };
        f.debug_struct("Dpop")
            .field("algorithm", &algorithm)
            .field("thumbprint", &thumbprint)
            .field("takes_bearer", &self.takes_bearer)
            .finish_non_exhaustive()
    }
}
