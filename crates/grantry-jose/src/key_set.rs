//! The keys that a server publishes (RFC 7517 section 5), and which of them a token means.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::WireKey;
use crate::{Algorithm, JoseHeader, Jwk, KeyError, VerifyError, VerifyingKey, verify_jws};

/// The largest document that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// The most entries that a set may have. No server that is known has a tenth of it.
const MOST_KEYS: usize = 256;
/// The most keys that are tried for one token.
const MOST_TRIED: usize = 8;

/// A JWK Set: the public keys that verify what one server signs.
///
/// Entries that cannot verify anything here are passed over, as RFC 7517 section 5 has it: of another kind or curve, for
/// encryption, for an unknown algorithm, or broken. So are private and symmetric keys, which no server may publish: whoever
/// reads the set could sign with them.
///
/// ```
/// use grantry_jose::{Algorithm, KeySet, SigningKey, sign_jwt};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let key = SigningKey::generate_es256()?.with_key_id("1");
/// let published = format!(r#"{{"keys":[{}]}}"#, key.public_jwk().to_json());
///
/// let token = sign_jwt(&key, None, &["claim"]).await?;
/// let set = KeySet::from_json(published)?;
/// let (header, _) = set.verify_jws(&token, &[Algorithm::Es256])?;
/// assert_eq!(header.key_id.as_deref(), Some("1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    passed_over: usize,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads a JWK Set.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where it is no JSON object with the array `keys`, is larger than 256 KiB, or has more than
    /// 256 entries.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let json = json.as_ref();
        if json.len() > LONGEST {
            return Err(KeyError::malformed("set is larger than 256 KiB"));
        }
        let document: Document<'_> = serde_json::from_slice(json)
            .map_err(|_| KeyError::malformed("set is not a JWK Set: a JSON object with the array keys"))?;
        if document.keys.len() > MOST_KEYS {
            return Err(KeyError::malformed("set has more than 256 keys"));
        }
        let mut jwks: Vec<Jwk> = Vec::new();
        let mut passed_over = 0;
        for entry in document.keys {
            match WireKey::parse(entry.get().as_bytes()).and_then(Jwk::try_from) {
                // One that is there twice is one key.
                Ok(jwk) if jwks.contains(&jwk) => {}
                Ok(jwk) => jwks.push(jwk),
                Err(_) => passed_over += 1,
            }
        }
        Ok(Self { keys: jwks.into_iter().map(VerifyingKey::from).collect(), passed_over })
    }

    /// The keys that can verify, in their order in the document.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// How many entries were passed over.
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// Verifies a token in the compact form with the key of the set that it means; gives its header and payload.
    ///
    /// The algorithm has to be among `allowed`. Where the token names a key (`kid`), it is one with that id that can do the
    /// algorithm: kind, curve and `alg` fit. Several keys may have one id; each that fits is tried, up to 8. Where it names
    /// none, there must be one key alone that fits.
    ///
    /// # Errors
    /// [`VerifyError`] says why not: [`UnknownKey`](VerifyError::UnknownKey) and
    /// [`AmbiguousKey`](VerifyError::AmbiguousKey) are those of a set.
    pub fn verify_jws(
        &self,
        token: &str,
        allowed: &[Algorithm],
    ) -> Result<(JoseHeader, Vec<u8>), VerifyError> {
        let header = JoseHeader::peek(token)?;
        if !allowed.contains(&header.algorithm) {
            return Err(VerifyError::AlgorithmNotAllowed);
        }
        let named: Vec<&VerifyingKey> = match header.key_id.as_deref() {
            Some(id) => self.keys().filter(|key| key.key_id() == Some(id)).collect(),
            None => self.keys().collect(),
        };
        let fit: Vec<&VerifyingKey> =
            named.iter().copied().filter(|key| key.can_do(header.algorithm)).collect();
        match (fit.as_slice(), &header.key_id) {
            ([], Some(_)) if !named.is_empty() => Err(VerifyError::WrongKey),
            ([], _) => Err(VerifyError::UnknownKey),
            ([_, _, ..], None) => Err(VerifyError::AmbiguousKey),
            (keys, _) if keys.len() > MOST_TRIED => Err(VerifyError::AmbiguousKey),
            (keys, _) => keys
                .iter()
                .map(|key| verify_jws(token, key, allowed))
                .find(Result::is_ok)
                .unwrap_or(Err(VerifyError::BadSignature)),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("keys", &self.keys).field("passed_over", &self.passed_over).finish()
    }
}
