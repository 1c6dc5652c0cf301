//! The key that proofs are made with.

use std::fmt;
use std::sync::Arc;

use grantry_core::{Error, PrivateKey};
use grantry_jose::{Algorithm, EncodedHeader, HeaderMembers, Jwk, KeyError, ProofKey, Signer};

/// A key that tokens are bound to. Clones are the same key; `Debug` shows its algorithm and the thumbprint of its public
/// half.
///
/// ```
/// use grantry_endpoint::DpopKey;
/// use grantry_jose::Algorithm;
/// let key = DpopKey::generate(Algorithm::Es256)?;
/// // To be kept with the grant that is bound to it, as a secret is kept:
/// let kept = key.private_key().expect("it was made here");
/// assert_eq!(DpopKey::from_private_key(kept)?.thumbprint(), key.thumbprint());
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Clone)]
pub struct DpopKey(Arc<Inner>);

struct Inner {
    signer: Arc<dyn Signer>,
    /// The same for every proof, so it is encoded once.
    header: EncodedHeader,
    thumbprint: String,
    private: Option<PrivateKey>,
}

impl DpopKey {
    /// A new key for ES256 or EdDSA.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) for another algorithm, and where the operating system gives
    /// no random bytes.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        Self::from_proof_key(ProofKey::generate(algorithm).map_err(unusable)?)
    }

    /// The key that was kept.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where it is no private JWK on P-256 or Ed25519.
    pub fn from_private_key(key: &PrivateKey) -> Result<Self, Error> {
        Self::from_proof_key(ProofKey::from_jwk(key.expose()).map_err(unusable)?)
    }

    /// A key that never leaves its place, such as an HSM, and its public half. A proof waits at most 10 s for a signature.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where the signer's algorithm is not one of a key pair
    /// (RFC 9449 section 4.2), or not one that the public half can verify.
    pub fn of_signer(signer: impl Signer, public: &Jwk) -> Result<Self, Error> {
        Self::new(Arc::new(signer), public, None)
    }

    fn from_proof_key(key: ProofKey) -> Result<Self, Error> {
        let (public, private) = (key.public_jwk(), PrivateKey::new(key.expose_jwk()));
        Self::new(Arc::new(key), &public, Some(private))
    }

    fn new(signer: Arc<dyn Signer>, public: &Jwk, private: Option<PrivateKey>) -> Result<Self, Error> {
        let algorithm = signer.algorithm();
        let verifying = grantry_jose::VerifyingKey::from(public.bare());
        if algorithm == Algorithm::Hs256 || !verifying.can_do(algorithm) {
            return Err(Error::configuration(
                "the key of the proofs has to sign with the algorithm of a key pair, whose public half is given with it",
            ));
        }
        let header = HeaderMembers::new().typ("dpop+jwt").jwk(public.bare()).encode(algorithm);
        let header = header.map_err(|_| Error::internal("a public key has a form in JSON"))?;
        Ok(Self(Arc::new(Inner { signer, header, thumbprint: public.thumbprint(), private })))
    }

    /// The algorithm of its proofs.
    pub fn algorithm(&self) -> Algorithm {
        self.0.signer.algorithm()
    }

    /// The thumbprint of its public half (RFC 7638): `dpop_jkt` of an authorization request, `jkt` of a token.
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    /// The key as text; `None` for one that was given as a signer.
    pub fn private_key(&self) -> Option<&PrivateKey> {
        self.0.private.as_ref()
    }

    pub(super) fn signer(&self) -> &dyn Signer {
        &*self.0.signer
    }

    pub(super) fn header(&self) -> &EncodedHeader {
        &self.0.header
    }
}

fn unusable(cause: KeyError) -> Error {
    Error::configuration("the key of the proofs cannot be used").with_source(cause)
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopKey")
            .field("algorithm", &self.algorithm())
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}
