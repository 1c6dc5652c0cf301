//! JSON Web Keys as they stand in JSON (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::parts::{PrivateParts, PublicParts, RsaParts, array, scalar};
use crate::{Algorithm, KeyError, base64url};

/// A member that is secret: zeroized when dropped.
pub(crate) struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Zeroizing::new(text)))
    }
}

/// What is read. Members that are not named here are passed over; one that comes twice is an error.
#[derive(Deserialize)]
pub(crate) struct WireKey {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<Secret>,
    p: Option<Secret>,
    q: Option<Secret>,
    dp: Option<Secret>,
    dq: Option<Secret>,
    qi: Option<Secret>,
    oth: Option<serde::de::IgnoredAny>,
    k: Option<Secret>,
    pub(crate) kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    key_use: Option<String>,
}

/// What is written: public members alone, by type. The order is that of RFC 7638, so that one form serves both.
#[derive(Serialize)]
pub(crate) struct PublicWireKey<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) e: Option<String>,
    pub(crate) kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alg: Option<&'static str>,
}

impl<'a> PublicWireKey<'a> {
    pub(crate) fn new(parts: &PublicParts, kid: Option<&'a str>, alg: Option<Algorithm>) -> Self {
        let mut wire = Self {
            crv: None,
            e: None,
            kty: "EC",
            n: None,
            x: None,
            y: None,
            kid,
            alg: alg.map(Algorithm::as_str),
        };
        match parts {
            PublicParts::P256 { x, y } => {
                wire.crv = Some("P-256");
                wire.x = Some(base64url::encode(x));
                wire.y = Some(base64url::encode(y));
            }
            PublicParts::P384 { x, y } => {
                wire.crv = Some("P-384");
                wire.x = Some(base64url::encode(x));
                wire.y = Some(base64url::encode(y));
            }
            PublicParts::Rsa { n, e } => {
                wire.kty = "RSA";
                wire.n = Some(base64url::encode(n));
                wire.e = Some(base64url::encode(e));
            }
            PublicParts::Ed25519 { x } => {
                wire.kty = "OKP";
                wire.crv = Some("Ed25519");
                wire.x = Some(base64url::encode(x));
            }
        }
        wire
    }
}

impl WireKey {
    /// Reads JSON. The cause is not kept: it could quote the text.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, KeyError> {
        if json.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(KeyError::malformed("text is PEM, not a JWK: use from_pem"));
        }
        serde_json::from_slice(json)
            .map_err(|_| KeyError::malformed("text is not a JWK: a JSON object with kty, each member once"))
    }

    /// The algorithm it is limited to, if it is.
    pub(crate) fn algorithm(&self) -> Result<Option<Algorithm>, KeyError> {
        let Some(name) = self.alg.as_deref() else { return Ok(None) };
        Algorithm::from_name(name)
            .map(Some)
            .ok_or(KeyError::malformed("alg is not one of ES256, ES384, RS256, PS256, EdDSA"))
    }

    /// Whether it may be used with signatures.
    pub(crate) fn check_use(&self) -> Result<(), KeyError> {
        match self.key_use.as_deref() {
            None | Some("sig") => Ok(()),
            Some(_) => Err(KeyError::malformed("use is not sig")),
        }
    }

    /// Whether any secret member is there.
    pub(crate) fn is_private(&self) -> bool {
        let secrets = [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.k];
        self.oth.is_some() || secrets.iter().any(|s| s.is_some())
    }

    /// The public numbers; `refuse` makes the error out of what another kind is called.
    pub(crate) fn public(&self, refuse: fn(&'static str) -> KeyError) -> Result<PublicParts, KeyError> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => Ok(PublicParts::P256 {
                x: array(&decode(self.x.as_deref(), "x")?, "x is not 32 bytes")?,
                y: array(&decode(self.y.as_deref(), "y")?, "y is not 32 bytes")?,
            }),
            ("OKP", Some("Ed25519")) => {
                Ok(PublicParts::Ed25519 { x: array(&decode(self.x.as_deref(), "x")?, "x is not 32 bytes")? })
            }
            ("RSA", _) => Ok(PublicParts::Rsa {
                n: unsigned(decode(self.n.as_deref(), "n")?.to_vec())?,
                e: unsigned(decode(self.e.as_deref(), "e")?.to_vec())?,
            }),
            ("EC", Some("P-384")) => Ok(PublicParts::P384 {
                x: array(&decode(self.x.as_deref(), "x")?, "x is not 48 bytes")?,
                y: array(&decode(self.y.as_deref(), "y")?, "y is not 48 bytes")?,
            }),
            ("EC", Some("P-521")) => Err(refuse("an EC key on P-521")),
            ("EC", Some("secp256k1")) => Err(refuse("an EC key on secp256k1")),
            ("EC", Some(_)) => Err(refuse("an EC key on another curve than P-256 and P-384")),
            ("OKP", Some("Ed448")) => Err(refuse("an Ed448 key")),
            ("OKP", Some("X25519" | "X448")) => Err(refuse("an X25519 or X448 key, which cannot sign")),
            ("EC" | "OKP", None) => Err(KeyError::malformed("crv is missing")),
            ("oct", _) => Err(refuse("a symmetric key (kty oct)")),
            _ => Err(refuse("a key of an unknown kind (kty)")),
        }
    }

    /// The private numbers.
    pub(crate) fn private(&self) -> Result<PrivateParts, KeyError> {
        if (self.kty.as_str(), self.crv.as_deref()) == ("EC", Some("P-384")) {
            return Err(KeyError::not_a_signing_key("an EC key on P-384"));
        }
        let public = self.public(KeyError::not_a_signing_key)?;
        if !self.is_private() {
            return Err(KeyError::not_a_signing_key("a public key (a JWK without d)"));
        }
        if self.oth.is_some() {
            return Err(KeyError::not_a_signing_key("an RSA key with more than two primes"));
        }
        let d = secret(self.d.as_ref(), "d")?;
        match public {
            PublicParts::P256 { x, y } if d.len() == 32 => {
                Ok(PrivateParts::P256 { secret: scalar(&d, "d is not 32 bytes")?, x, y })
            }
            PublicParts::Ed25519 { x } if d.len() == 32 => {
                Ok(PrivateParts::Ed25519 { seed: scalar(&d, "d is not 32 bytes")?, public: Some(x) })
            }
            PublicParts::P256 { .. } | PublicParts::P384 { .. } | PublicParts::Ed25519 { .. } => {
                Err(KeyError::malformed("d is not 32 bytes"))
            }
            PublicParts::Rsa { n, e } => Ok(PrivateParts::Rsa(Box::new(RsaParts {
                n,
                e,
                d,
                p: secret(self.p.as_ref(), "p")?,
                q: secret(self.q.as_ref(), "q")?,
                dp: secret(self.dp.as_ref(), "dp")?,
                dq: secret(self.dq.as_ref(), "dq")?,
                qi: secret(self.qi.as_ref(), "qi")?,
            }))),
        }
    }
}

fn secret(member: Option<&Secret>, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    decode(member.map(|s| s.0.as_str()), name)
}

/// The bytes of a member that has to be there.
fn decode(member: Option<&str>, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let wrong = |missing: bool| {
        KeyError::malformed(match (name, missing) {
            ("x", true) => "x is missing",
            ("y", true) => "y is missing",
            ("n", true) => "n is missing",
            ("e", true) => "e is missing",
            (_, true) => "private members are not all there (RSA: d, p, q, dp, dq, qi; others: d)",
            ("x" | "y" | "n" | "e", false) => "public members are not base64url without padding",
            (_, false) => "private members are not base64url without padding",
        })
    };
    let text = member.ok_or_else(|| wrong(true))?;
    base64url::decode(text).map(Zeroizing::new).map_err(|_| wrong(false))
}

/// A number in its shortest form (RFC 7518 section 2), so that equal keys have equal thumbprints.
fn unsigned(bytes: Vec<u8>) -> Result<Vec<u8>, KeyError> {
    match bytes.first() {
        None | Some(0) => Err(KeyError::malformed("n or e is empty or begins with a zero byte")),
        Some(_) => Ok(bytes),
    }
}
