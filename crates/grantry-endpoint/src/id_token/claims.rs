//! What a checked ID token says.

use std::fmt;

use grantry_core::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Who logged in: the claims of an ID token that was checked whole (OpenID Connect Core sections 2 and 3.1.3.7).
///
/// A person is the pair of [`issuer`](Self::issuer) and [`subject`](Self::subject), and nothing else: an e-mail address may
/// be changed, given to somebody else, or never have been theirs. The nonce is gone: it was compared.
///
/// `Debug` shows neither the subject nor another claim: who the person is is nobody's business in a log.
#[derive(Clone, PartialEq)]
pub struct IdTokenClaims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audience: Vec<String>,
    pub(super) authorized_party: Option<String>,
    pub(super) issued: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) authenticated: Option<Timestamp>,
    /// For the tokens of renewals, and for nobody else.
    pub(super) nonce: Option<Zeroizing<String>>,
    pub(super) all: Map<String, Value>,
}

impl IdTokenClaims {
    /// Who says so (`iss`): the authorization server that was asked.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The person's id at that issuer (`sub`), which is never given to another: at most 255 bytes.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whom it is for (`aud`): this client, and none but those that were said to be trusted.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.audience.iter().map(String::as_str)
    }

    /// To whom it was issued (`azp`), where it says so: this client.
    pub fn authorized_party(&self) -> Option<&str> {
        self.authorized_party.as_deref()
    }

    /// When it was issued (`iat`), by the server's clock.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// When it expires (`exp`), by the server's clock. It says nothing of the session at the application.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// When the person proved to the server who they are (`auth_time`), where it says so.
    pub fn authenticated(&self) -> Option<Timestamp> {
        self.authenticated
    }

    /// The person's e-mail address, where it says so. Whether it is theirs is what
    /// [`is_email_verified`](Self::is_email_verified) says.
    pub fn email(&self) -> Option<&str> {
        text(&self.all, "email")
    }

    /// Whether the server says that the e-mail address is the person's own (`email_verified`); `false` where it does not say.
    pub fn is_email_verified(&self) -> bool {
        is_verified(&self.all)
    }

    /// The person's whole name, where it says so.
    pub fn name(&self) -> Option<&str> {
        text(&self.all, "name")
    }

    /// What the person is to be called (`preferred_username`), where it says so. Others may be called the same.
    pub fn preferred_username(&self) -> Option<&str> {
        text(&self.all, "preferred_username")
    }

    /// A claim by its name; `None` where it is not there or of another type.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::{SystemTime, UNIX_EPOCH};
    /// # use grantry_core::AuthorizationServer;
    /// # use grantry_endpoint::*;
    /// # use grantry_jose::{Algorithm, SigningKey, sign_jwt};
    /// # #[derive(Debug)]
    /// # struct Keys(SigningKey);
    /// # #[async_trait::async_trait]
    /// # impl Transport for Keys {
    /// #     async fn send(&self, _: Request) -> Result<Answer, TransportFailure> {
    /// #         let body = format!(r#"{{"keys":[{}]}}"#, self.0.public_jwk().to_json());
    /// #         Ok(Answer::new(http::StatusCode::OK).with_body(body))
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::from_ed25519_seed(&[7; 32])?.with_key_id("1");
    /// # let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    /// # let said = serde_json::json!({
    /// #     "iss": "https://as.example.com", "aud": "crm", "sub": "ada", "nonce": "n", "iat": now, "exp": now + 300,
    /// #     "groups": ["staff"],
    /// # });
    /// # let id_token = IdToken::new(sign_jwt(&key, None, &said).await?);
    /// # let server = AuthorizationServer::builder("https://as.example.com/token")
    /// #     .issuer("https://as.example.com")
    /// #     .jwks_uri("https://as.example.com/keys")
    /// #     .build()?;
    /// # let client = Client::new("crm", ClientAuthentication::none())?;
    /// # let endpoint = TokenEndpoint::new(server, client, Arc::new(Keys(key)))?;
    /// # let verifier = IdTokenVerifier::of(&endpoint)?.algorithms([Algorithm::EdDsa])?;
    /// let claims = verifier.verify(&id_token, &ExpectedIdToken::new().nonce("n")).await?;
    /// let groups: Vec<String> = claims.claim("groups").unwrap_or_default();
    /// assert_eq!(groups, ["staff"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.all.get(name)?.clone()).ok()
    }

    /// All claims as JSON, but for the nonce.
    pub fn to_json(&self) -> String {
        // It was JSON before.
        serde_json::to_string(&self.all).unwrap_or_default()
    }
}

/// A claim that is a text.
pub(crate) fn text<'a>(all: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    all.get(name)?.as_str()
}

/// `email_verified`, also as the text that Amazon Cognito makes of it.
pub(crate) fn is_verified(all: &Map<String, Value>) -> bool {
    match all.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

impl fmt::Debug for IdTokenClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenClaims")
            .field("issuer", &self.issuer)
            .field("expires", &self.expires)
            .field("claims", &self.all.len())
            .finish_non_exhaustive()
    }
}
