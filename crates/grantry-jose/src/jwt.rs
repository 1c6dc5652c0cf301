//! Signed JSON Web Tokens in the compact form (RFC 7515 section 7.1, RFC 7519).

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::{Algorithm, Jwk, SignError, Signer, VerifyingKey, base64url};

/// The members of a JOSE header that the caller chooses; `alg`, `kid` and `x5t#S256` are the signer's.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
#[must_use]
pub struct HeaderMembers {
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<Jwk>,
}

impl HeaderMembers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token's type (`typ`), such as `JWT` or `dpop+jwt`.
    pub fn typ(self, typ: impl Into<String>) -> Self {
        Self { typ: Some(typ.into()), ..self }
    }

    /// The public key itself (`jwk`), as a DPoP proof carries it (RFC 9449 section 4.2).
    pub fn jwk(self, jwk: Jwk) -> Self {
        Self { jwk: Some(jwk), ..self }
    }
}

/// A header in its final form, for whoever signs much with the same one.
#[derive(Debug, Clone)]
pub struct EncodedHeader(String);

impl HeaderMembers {
    /// The header of tokens under this algorithm, without a key id.
    ///
    /// # Errors
    /// [`SignError`] where the members have no form in JSON.
    pub fn encode(&self, algorithm: Algorithm) -> Result<EncodedHeader, SignError> {
        let header = OutgoingHeader {
            alg: algorithm.as_str(),
            kid: None,
            certificate_thumbprint: None,
            members: self,
        };
        let json =
            serde_json::to_vec(&header).map_err(|_| SignError::new("the header has no form in JSON"))?;
        Ok(EncodedHeader(base64url::encode(json)))
    }
}

/// Signs claims as a JWT under a header that was encoded before; the signer's algorithm has to be the header's.
///
/// **Cancel-safety**: dropping the future leaves nothing behind.
///
/// # Errors
/// [`SignError`] where the claims have no form in JSON, or the key does not sign.
pub async fn sign_jwt_encoded<C: Serialize + Sync + ?Sized>(
    signer: &dyn Signer,
    header: &EncodedHeader,
    claims: &C,
) -> Result<String, SignError> {
    let claims = serde_json::to_vec(claims).map_err(|_| SignError::new("the claims have no form in JSON"))?;
    let EncodedHeader(header) = header;
    // With room for a signature of 64 bytes, so that one buffer does for all.
    let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 92);
    token.push_str(header);
    token.push('.');
    base64url::encode_onto(&mut token, claims);
    let signature = Zeroizing::new(signer.sign(token.as_bytes()).await?);
    token.push('.');
    base64url::encode_onto(&mut token, &*signature);
    Ok(token)
}

#[derive(Serialize)]
struct OutgoingHeader<'a> {
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "x5t#S256")]
    certificate_thumbprint: Option<String>,
    #[serde(flatten)]
    members: &'a HeaderMembers,
}

/// Signs claims as a JWT in the compact form.
///
/// **Cancel-safety**: dropping the future leaves nothing behind.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeMap;
/// use grantry_jose::{Algorithm, SigningKey, sign_jwt, verify_jwt};
///
/// let key = SigningKey::generate_ed25519()?;
/// let claims = BTreeMap::from([("sub", "client-1")]);
/// let token = sign_jwt(&key, Some("JWT"), &claims).await?;
///
/// let (_, read): (_, BTreeMap<String, String>) =
///     verify_jwt(&token, &key.verifying_key(), &[Algorithm::EdDsa])?;
/// assert_eq!(read["sub"], "client-1");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`SignError`] where the claims have no form in JSON, or the key does not sign.
pub async fn sign_jwt<C: Serialize + Sync + ?Sized>(
    signer: &dyn Signer,
    typ: Option<&str>,
    claims: &C,
) -> Result<String, SignError> {
    let members = HeaderMembers { typ: typ.map(str::to_owned), ..HeaderMembers::default() };
    sign_jwt_with(signer, &members, claims).await
}

/// Signs claims as a JWT whose header has more members than a type.
///
/// **Cancel-safety**: dropping the future leaves nothing behind.
///
/// # Errors
/// [`SignError`] where the claims have no form in JSON, or the key does not sign.
pub async fn sign_jwt_with<C: Serialize + Sync + ?Sized>(
    signer: &dyn Signer,
    members: &HeaderMembers,
    claims: &C,
) -> Result<String, SignError> {
    let header = OutgoingHeader {
        alg: signer.algorithm().as_str(),
        kid: signer.key_id(),
        certificate_thumbprint: signer.certificate_thumbprint().map(base64url::encode),
        members,
    };
    let header = serde_json::to_vec(&header).map_err(|_| SignError::new("the header has no form in JSON"))?;
    let claims = serde_json::to_vec(claims).map_err(|_| SignError::new("the claims have no form in JSON"))?;
    let message = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
    let signature = Zeroizing::new(signer.sign(message.as_bytes()).await?);
    let signature = Zeroizing::new(base64url::encode(&*signature));
    // Of the exact size: the token is a credential from here on, and growing would leave a copy of it behind.
    let mut token = String::with_capacity(message.len() + 1 + signature.len());
    token.push_str(&message);
    token.push('.');
    token.push_str(&signature);
    Ok(token)
}

/// The header of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoseHeader {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// `typ`.
    pub typ: Option<String>,
    /// `jwk`: the sender's own word for what its key is. Only a proof of possession (RFC 9449) may be verified
    /// with it.
    pub jwk: Option<Jwk>,
}

#[derive(Deserialize)]
struct IncomingHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    jwk: Option<Jwk>,
    #[serde(default, rename = "crit", deserialize_with = "present")]
    has_crit: bool,
}

/// Whatever stands there, `null` included, it stands there.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

impl JoseHeader {
    /// Reads the header of a token **without verifying anything**: to find the key by its `kid`.
    ///
    /// # Errors
    /// [`VerifyError`] as [`verify_jwt`] has it, but for the signature.
    pub fn peek(token: &str) -> Result<Self, VerifyError> {
        Parts::split(token)?.header()
    }
}

/// Why a token was not accepted. It holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Not three parts of base64url with a JSON header.
    #[error("not a signed token in the compact form (RFC 7515 section 7.1)")]
    Malformed,
    /// `alg` is `none`, unknown, or not among those allowed.
    #[error("the algorithm of the token is not among those allowed")]
    AlgorithmNotAllowed,
    /// The header has critical members (`crit`), of which none is understood here.
    #[error("the token demands extensions (crit) that are not understood")]
    CriticalExtension,
    /// The key cannot do the token's algorithm, or is limited to another one.
    #[error("the key is not for the algorithm of the token")]
    WrongKey,
    /// The signature is not that of the key.
    #[error("the signature does not verify")]
    BadSignature,
    /// The token names a key that is not in the set, or the set has none for its algorithm.
    #[error("the key of the token is not in the set")]
    UnknownKey,
    /// The token does not say which key of the set is its own, and several could be (OpenID Connect Core section 10.1).
    #[error("the token does not name its key, and several keys of the set could be it")]
    AmbiguousKey,
    /// The signature verifies, but the claims are not what was expected.
    #[error("the claims are not a JSON object of the expected form")]
    Claims,
}

/// Verifies the signature of a token in the compact form; gives its header and payload.
///
/// The algorithm has to be among `allowed` **and** one that the key can do. Keys named inside the token (`jwk`,
/// `jku`, `x5c`) are never used.
///
/// # Errors
/// [`VerifyError`] says why not.
pub fn verify_jws(
    token: &str,
    key: &VerifyingKey,
    allowed: &[Algorithm],
) -> Result<(JoseHeader, Vec<u8>), VerifyError> {
    let parts = Parts::split(token)?;
    let header = parts.header()?;
    if !allowed.contains(&header.algorithm) {
        return Err(VerifyError::AlgorithmNotAllowed);
    }
    if !key.can_do(header.algorithm) {
        return Err(VerifyError::WrongKey);
    }
    let signature = decode(parts.signature)?;
    if !key.verifies(header.algorithm, parts.signed.as_bytes(), &signature) {
        return Err(VerifyError::BadSignature);
    }
    Ok((header, decode(parts.payload)?))
}

/// Verifies the signature of a JWT; gives its header and claims.
///
/// What the claims say (`exp`, `aud`, `iss`, `jti`) is the caller's to judge: this crate has no clock.
///
/// # Errors
/// [`VerifyError`] says why not.
pub fn verify_jwt<C: DeserializeOwned>(
    token: &str,
    key: &VerifyingKey,
    allowed: &[Algorithm],
) -> Result<(JoseHeader, C), VerifyError> {
    let (header, payload) = verify_jws(token, key, allowed)?;
    let claims = serde_json::from_slice(&payload).map_err(|_| VerifyError::Claims)?;
    Ok((header, claims))
}

/// The parts of a token in the compact form.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// Header and payload with the dot between them: what was signed.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, VerifyError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
        Ok(Self { header, payload, signature, signed })
    }

    fn header(&self) -> Result<JoseHeader, VerifyError> {
        let header: IncomingHeader =
            serde_json::from_slice(&decode(self.header)?).map_err(|_| VerifyError::Malformed)?;
        let algorithm = Algorithm::from_name(&header.alg).ok_or(VerifyError::AlgorithmNotAllowed)?;
        if header.has_crit {
            return Err(VerifyError::CriticalExtension);
        }
        Ok(JoseHeader { algorithm, key_id: header.kid, typ: header.typ, jwk: header.jwk })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    base64url::decode(part).map_err(|_| VerifyError::Malformed)
}
