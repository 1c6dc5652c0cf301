//! ID tokens (OpenID Connect Core section 2), right ones and wrong ones.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use grantry_jose::{Algorithm, HmacKey, Signer, SigningKey, base64url, sign_jwt, token_hash};
use serde_json::{Map, Value};

use super::answers::Refusal;
use super::store::StoredCode;
use super::{Authority, Moment, signing_keys};

/// How ID tokens are made. The default is what OpenID Connect has, signed by RS256 and good for an hour.
///
/// ```
/// use grantry_testkit::{IdTokenSignature, IdTokenStyle};
/// let for_another = IdTokenStyle::default().claim("aud", "somebody-else");
/// let unsigned = IdTokenStyle::default().signature(IdTokenSignature::None);
/// # let _ = (for_another, unsigned);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdTokenStyle {
    algorithm: Algorithm,
    signature: IdTokenSignature,
    claims: Map<String, Value>,
    without: Vec<String>,
    typ: Option<String>,
    issued: bool,
}

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IdTokenSignature {
    /// With the server's key, by its id.
    #[default]
    Right,
    /// With the server's key, whose id the token does not name.
    WithoutKeyId,
    /// Not at all (`alg` is `none`).
    None,
    /// With another key under the id of the server's.
    AnotherKey,
    /// With a key that is not published.
    UnknownKey,
    /// By HMAC with the server's public key as the secret.
    HmacOfPublicKey,
    /// With the server's key, and changed afterwards.
    Broken,
}

impl Default for IdTokenStyle {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Rs256,
            signature: IdTokenSignature::Right,
            claims: Map::new(),
            without: Vec::new(),
            typ: Some("JWT".to_owned()),
            issued: true,
        }
    }
}

impl IdTokenStyle {
    /// The algorithm: RS256, PS256, ES256 or EdDSA.
    #[must_use]
    pub fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// How they are signed.
    #[must_use]
    pub fn signature(self, signature: IdTokenSignature) -> Self {
        Self { signature, ..self }
    }

    /// A claim, in the place of the one that would be there.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.without.push(name.to_owned());
        self
    }

    /// The type in the header; `None` leaves it out.
    #[must_use]
    pub fn typ(self, typ: Option<&str>) -> Self {
        Self { typ: typ.map(str::to_owned), ..self }
    }

    /// Issues none, as servers do that do not speak OpenID Connect.
    #[must_use]
    pub fn not_issued(self) -> Self {
        Self { issued: false, ..self }
    }
}

impl fmt::Debug for IdTokenStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenStyle")
            .field("algorithm", &self.algorithm)
            .field("signature", &self.signature)
            .field("claims", &self.claims.keys())
            .field("without", &self.without)
            .finish_non_exhaustive()
    }
}

/// How long they are good for.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The ID token that goes with an access token, where the scope asks for one.
pub(super) fn issue(
    authority: &mut Authority,
    code: &StoredCode,
    access_token: &str,
    at: Moment,
) -> Result<Option<String>, Refusal> {
    let style = authority.settings.id_token.clone();
    if !style.issued || !code.scope.contains("openid") {
        return Ok(None);
    }
    let mut claims = Map::from_iter([
        ("iss".to_owned(), Value::from(authority.issuer())),
        ("sub".to_owned(), Value::from(&*code.subject)),
        ("aud".to_owned(), Value::from(code.client.as_str())),
        ("exp".to_owned(), Value::from(at.wall.after(LIFETIME).as_unix_seconds())),
        ("iat".to_owned(), Value::from(at.wall.as_unix_seconds())),
        ("auth_time".to_owned(), Value::from(code.authenticated.as_unix_seconds())),
        ("at_hash".to_owned(), Value::from(token_hash(style.algorithm, access_token))),
    ]);
    if let Some(nonce) = &code.nonce {
        claims.insert("nonce".to_owned(), nonce.as_str().into());
    }
    claims.extend(style.claims.clone());
    claims.retain(|name, _| !style.without.contains(name));
    let key = signing_keys::of(authority, style.algorithm)?;
    sign(&key, &style, &claims).map(Some).ok_or(Refusal::new("server_error", "the ID token cannot be signed"))
}

fn sign(key: &SigningKey, style: &IdTokenStyle, claims: &Map<String, Value>) -> Option<String> {
    let typ = style.typ.as_deref();
    let signed = |signer: &dyn Signer| now(sign_jwt(signer, typ, claims))?.ok();
    let id = key.key_id().unwrap_or_default();
    match style.signature {
        IdTokenSignature::Right => signed(key),
        IdTokenSignature::WithoutKeyId => signed(&Nameless(key.clone())),
        IdTokenSignature::None => {
            let payload = serde_json::to_vec(claims).ok()?;
            let header = base64url::encode(format!(r#"{{"alg":"none","kid":"{id}"}}"#));
            Some(format!("{header}.{}.", base64url::encode(payload)))
        }
        IdTokenSignature::AnotherKey => signed(&another(style.algorithm)?.with_key_id(id)),
        IdTokenSignature::UnknownKey => signed(&another(style.algorithm)?.with_key_id("unknown")),
        IdTokenSignature::HmacOfPublicKey => signed(&HmacKey::new(key.public_jwk().to_json()).ok()?),
        IdTokenSignature::Broken => {
            let token = signed(key)?;
            let (message, signature) = token.rsplit_once('.')?;
            let mut signature = base64url::decode(signature).ok()?;
            *signature.first_mut()? ^= 1;
            Some(format!("{message}.{}", base64url::encode(signature)))
        }
    }
}

/// A key that no server here has.
fn another(algorithm: Algorithm) -> Option<SigningKey> {
    match algorithm {
        Algorithm::Es256 => SigningKey::generate_es256().ok(),
        Algorithm::EdDsa => SigningKey::generate_ed25519().ok(),
        _ => SigningKey::from_pem(include_str!("keys/rsa-3.pem")).ok()?.with_algorithm(algorithm).ok(),
    }
}

/// A key that does not name itself.
#[derive(Debug)]
struct Nameless(SigningKey);

#[async_trait::async_trait]
impl Signer for Nameless {
    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, grantry_jose::SignError> {
        self.0.sign(message).await
    }
}

/// What a future brings that waits for nothing, as signing with a key in memory does.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(brought) => Some(brought),
        Poll::Pending => None,
    }
}
