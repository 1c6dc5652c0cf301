//! Keys in DER: PKCS#8 (RFC 5958), SEC 1 (RFC 5915), PKCS#1 (RFC 8017) and public keys (RFC 5280).

use zeroize::Zeroizing;

use crate::KeyError;
use crate::der::{
    BadDer, CONTEXT_0, CONTEXT_1, CONTEXT_1_PRIMITIVE, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader,
    whole_bytes,
};
use crate::parts::{PrivateParts, PublicParts, RsaParts, array, number, scalar};

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ED25519: &[u8] = &[0x2b, 101, 112];

impl From<BadDer> for KeyError {
    fn from(_: BadDer) -> Self {
        Self::malformed("DER encoding is broken")
    }
}

/// What algorithm identifiers name (RFC 3279, RFC 5480, RFC 8410).
enum Kind {
    Rsa,
    P256,
    Ed25519,
}

/// Reads an `AlgorithmIdentifier`; `refuse` makes the error out of what another kind is called.
fn kind(mut identifier: Reader<'_>, refuse: fn(&'static str) -> KeyError) -> Result<Kind, KeyError> {
    match identifier.value(OBJECT_IDENTIFIER)? {
        RSA_ENCRYPTION => Ok(Kind::Rsa),
        EC_PUBLIC_KEY => named_curve(&mut identifier, refuse).map(|()| Kind::P256),
        ED25519 => Ok(Kind::Ed25519),
        RSA_PSS => Err(refuse("an RSA key that is limited to PSS (id-RSASSA-PSS)")),
        [0x2b, 101, 110] => Err(refuse("an X25519 key, which cannot sign")),
        [0x2b, 101, 111] => Err(refuse("an X448 key, which cannot sign")),
        [0x2b, 101, 113] => Err(refuse("an Ed448 key")),
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1] => Err(refuse("a DSA key")),
        _ => Err(refuse("a key of an unknown kind")),
    }
}

/// The curve has to be P-256, by name.
fn named_curve(parameters: &mut Reader<'_>, refuse: fn(&'static str) -> KeyError) -> Result<(), KeyError> {
    match parameters.optional(OBJECT_IDENTIFIER)? {
        Some(P_256) => Ok(()),
        Some([0x2b, 0x81, 4, 0, 34]) => Err(refuse("an EC key on P-384")),
        Some([0x2b, 0x81, 4, 0, 35]) => Err(refuse("an EC key on P-521")),
        Some([0x2b, 0x81, 4, 0, 10]) => Err(refuse("an EC key on secp256k1")),
        Some(_) => Err(refuse("an EC key on another curve than P-256")),
        None => Err(KeyError::malformed("curve is not given by name")),
    }
}

/// A `PrivateKeyInfo` or `OneAsymmetricKey`.
pub(crate) fn pkcs8(der: &[u8]) -> Result<PrivateParts, KeyError> {
    let mut outer = Reader::new(der);
    let mut info = outer.sequence()?;
    outer.end()?;
    if !matches!(info.unsigned()?, [] | [1]) {
        return Err(KeyError::malformed("PKCS#8 version is not known"));
    }
    let kind = kind(info.sequence()?, KeyError::not_a_signing_key)?;
    let key = info.value(OCTET_STRING)?;
    info.optional(CONTEXT_0)?;
    let public = info.optional(CONTEXT_1_PRIMITIVE)?.map(whole_bytes).transpose()?;
    match kind {
        Kind::Rsa => pkcs1(key),
        Kind::P256 => ec(key, true, public),
        Kind::Ed25519 => {
            let mut inner = Reader::new(key);
            let seed = inner.value(OCTET_STRING)?;
            inner.end()?;
            // Not `scalar`: a seed is no number, so a shorter one is another key and not the same with zeros.
            let seed = Zeroizing::new(array(seed, "Ed25519 seed is not 32 bytes")?);
            let public = public.map(|p| array(p, "Ed25519 public key is not 32 bytes")).transpose()?;
            Ok(PrivateParts::Ed25519 { seed, public })
        }
    }
}

/// An `ECPrivateKey` that stands alone.
pub(crate) fn sec1(der: &[u8]) -> Result<PrivateParts, KeyError> {
    ec(der, false, None)
}

/// An `ECPrivateKey`. Whoever holds it may have named the curve and given the public point already.
fn ec(der: &[u8], curve_is_named: bool, public: Option<&[u8]>) -> Result<PrivateParts, KeyError> {
    let mut outer = Reader::new(der);
    let mut key = outer.sequence()?;
    outer.end()?;
    if key.unsigned()? != [1] {
        return Err(KeyError::malformed("EC version is not known"));
    }
    let secret = key.value(OCTET_STRING)?;
    match key.optional(CONTEXT_0)? {
        Some(parameters) => named_curve(&mut Reader::new(parameters), KeyError::not_a_signing_key)?,
        None if curve_is_named => {}
        None => return Err(KeyError::malformed("curve is not given by name")),
    }
    let inside = key.optional(CONTEXT_1)?.map(|bits| Reader::new(bits).bit_string()).transpose()?;
    let point = inside.or(public).ok_or(KeyError::NoPublicPart)?;
    let (x, y) = coordinates(point)?;
    Ok(PrivateParts::P256 { secret: scalar(secret, "EC secret is longer than 32 bytes")?, x, y })
}

/// The coordinates of an uncompressed point (SEC 1 section 2.3.3).
fn coordinates(point: &[u8]) -> Result<([u8; 32], [u8; 32]), KeyError> {
    match point {
        [4, both @ ..] => {
            let (x, y) = both.split_at_checked(32).ok_or(BadDer)?;
            let what = "public point is not 65 bytes";
            Ok((array(x, what)?, array(y, what)?))
        }
        [2 | 3, ..] => Err(KeyError::malformed(
            "public point is compressed (openssl ec -conv_form uncompressed changes that)",
        )),
        _ => Err(KeyError::malformed("public point is not 65 bytes")),
    }
}

/// An `RSAPrivateKey`.
pub(crate) fn pkcs1(der: &[u8]) -> Result<PrivateParts, KeyError> {
    let mut outer = Reader::new(der);
    let mut key = outer.sequence()?;
    outer.end()?;
    match key.unsigned()? {
        [] => {}
        [1] => return Err(KeyError::not_a_signing_key("an RSA key with more than two primes")),
        _ => return Err(KeyError::malformed("PKCS#1 version is not known")),
    }
    let (n, e) = (key.unsigned()?.to_vec(), key.unsigned()?.to_vec());
    let mut next = || key.unsigned().map(number);
    let parts = RsaParts { n, e, d: next()?, p: next()?, q: next()?, dp: next()?, dq: next()?, qi: next()? };
    Ok(PrivateParts::Rsa(Box::new(parts)))
}

/// A `SubjectPublicKeyInfo`.
pub(crate) fn spki(der: &[u8]) -> Result<PublicParts, KeyError> {
    let mut outer = Reader::new(der);
    let mut info = outer.sequence()?;
    outer.end()?;
    subject_public_key(&mut info)
}

/// The public key in an X.509 certificate (RFC 5280 section 4.1). Nothing else of it is looked at.
pub(crate) fn certificate(der: &[u8]) -> Result<PublicParts, KeyError> {
    let mut signed = Reader::new(der).sequence()?.sequence()?;
    signed.optional(CONTEXT_0)?;
    signed.value(INTEGER)?;
    // The signature's algorithm, the issuer, the validity, the subject.
    for _ in 0..4 {
        signed.sequence()?;
    }
    subject_public_key(&mut signed.sequence()?)
}

/// The inside of a `SubjectPublicKeyInfo`.
fn subject_public_key(info: &mut Reader<'_>) -> Result<PublicParts, KeyError> {
    let kind = kind(info.sequence()?, KeyError::not_a_public_key)?;
    let key = info.bit_string()?;
    match kind {
        Kind::Rsa => pkcs1_public(key),
        Kind::P256 => coordinates(key).map(|(x, y)| PublicParts::P256 { x, y }),
        Kind::Ed25519 => Ok(PublicParts::Ed25519 { x: array(key, "Ed25519 public key is not 32 bytes")? }),
    }
}

/// An `RSAPublicKey`.
pub(crate) fn pkcs1_public(der: &[u8]) -> Result<PublicParts, KeyError> {
    let mut outer = Reader::new(der);
    let mut key = outer.sequence()?;
    outer.end()?;
    Ok(PublicParts::Rsa { n: key.unsigned()?.to_vec(), e: key.unsigned()?.to_vec() })
}
