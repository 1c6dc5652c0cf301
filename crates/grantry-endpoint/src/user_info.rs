//! The UserInfo endpoint (OpenID Connect Core section 5.3).

use std::fmt;
use std::sync::Arc;

use grantry_core::presenting::{check_binding, proof_nonce, prove, remember_answer};
use grantry_core::{Diagnosis, Error, ErrorKind, Origin, Party, Retry, Stage, Token};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

use crate::channel::Channel;
use crate::dpop::proof_header;
use crate::id_token::{is_verified, text};
use crate::{Answer, IdTokenClaims, Request, TokenEndpoint, answer, failure, traced};

/// Asks the authorization server for more about the person who logged in, with their access token.
#[derive(Debug, Clone)]
pub struct UserInfoEndpoint {
    channel: Arc<Channel>,
    url: Url,
    origin: Origin,
}

/// What the server says of the person whose ID token was checked before: both name the same subject.
///
/// `Debug` shows none of it.
#[derive(Clone, PartialEq)]
pub struct UserInfo(Map<String, Value>);

/// The one member that decides.
#[derive(Deserialize)]
struct Subject {
    sub: String,
}

impl UserInfoEndpoint {
    /// The UserInfo endpoint of the same server.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the server is not known to have one.
    pub fn of(endpoint: &TokenEndpoint) -> Result<Self, Error> {
        let url = endpoint.server().userinfo_endpoint().cloned().ok_or_else(|| {
            Error::configuration("the authorization server has no UserInfo endpoint: name its URL")
        })?;
        Ok(Self { channel: Arc::clone(endpoint.channel()), origin: Origin::of(&url)?, url })
    }

    /// Asks for what is known of the person, with the access token that came with their ID token.
    ///
    /// One request, and one more where the server asks for a nonce in the token's proof (RFC 9449 section 9). Signed and
    /// encrypted answers are not read. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`InvalidAnswer`](ErrorKind::InvalidAnswer) where the answer is of another subject (section 5.3.2), or of none: it may
    /// be about somebody else, and nothing of it is used. [`TokenRejected`](ErrorKind::TokenRejected) and
    /// [`InsufficientScope`](ErrorKind::InsufficientScope) where the server does not take the token.
    /// [`Configuration`](ErrorKind::Configuration) where the claims are of another issuer, and nothing was sent.
    pub async fn ask(&self, token: &Token, of: &IdTokenClaims) -> Result<UserInfo, Error> {
        if self.channel.server.issuer() != Some(of.issuer()) {
            return Err(Error::configuration(
                "the claims are of another issuer than the UserInfo endpoint's: ask the server where the person logged in",
            ));
        }
        check_binding(token, self.channel.transport.certificate())?;
        let mut answer = self.send(token).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && proof_nonce(answer.headers()).is_some() {
            answer = self.send(token).await?;
        }
        self.read(&answer, of)
    }

    async fn send(&self, token: &Token) -> Result<Answer, Error> {
        let mut request = Request::new(Method::GET, self.url.clone())
            .with_header(ACCEPT, HeaderValue::from_static("application/json"))
            .with_header(AUTHORIZATION, token.header().clone());
        if let Some(proof) = prove(token, &Method::GET, &self.origin, self.url.path()).await? {
            request = request.with_header(proof_header(), proof);
        }
        if self.channel.server.is_learned(&self.url) {
            request = request.learned();
        }
        let sent = traced::send(&*self.channel.transport, request).await;
        let answer = sent.map_err(|failed| failure::error(&failed, Stage::UserInfo))?;
        remember_answer(token, &self.origin, answer.headers());
        Ok(answer)
    }

    fn read(&self, answer: &Answer, of: &IdTokenClaims) -> Result<UserInfo, Error> {
        let status = answer.status();
        let error = |kind, fact: &str| Error::new(kind, Stage::UserInfo, fact).with_status(status.as_u16());
        if status == StatusCode::UNAUTHORIZED {
            return Err(error(ErrorKind::TokenRejected, "the server does not take the access token"));
        }
        if status == StatusCode::FORBIDDEN {
            return Err(error(ErrorKind::InsufficientScope, "the access token's scope is not enough"));
        }
        if !status.is_success() {
            let refusal = answer::by_status(status, "");
            return Err(self.channel.with_wait(error(refusal.kind, &refusal.fact), Some(answer)));
        }
        let body = answer.expose_body();
        let (Ok(Subject { sub }), Ok(all)) = (serde_json::from_slice(body), serde_json::from_slice(body))
        else {
            return Err(error(ErrorKind::InvalidAnswer, "the answer is no JSON object with a subject"));
        };
        if sub != of.subject() {
            let diagnosis = Diagnosis::new(
                Party::AuthorizationServer,
                "use nothing of the answer: see that the access token is the one that came with the ID token",
                Retry::Never,
            )
            .cause("the access token is somebody else's, and was injected")
            .cause("the server names people differently in its ID tokens and here");
            let fact = "the answer is about somebody else than the person who logged in";
            return Err(error(ErrorKind::InvalidAnswer, fact).with_diagnosis(diagnosis));
        }
        Ok(UserInfo(all))
    }
}

impl UserInfo {
    /// The person's id at the issuer (`sub`), the same as in the ID token.
    pub fn subject(&self) -> &str {
        text(&self.0, "sub").unwrap_or_default()
    }

    /// The person's e-mail address, where it is told. Whether it is theirs is what
    /// [`is_email_verified`](Self::is_email_verified) says.
    pub fn email(&self) -> Option<&str> {
        text(&self.0, "email")
    }

    /// Whether the server says that the e-mail address is the person's own (`email_verified`).
    pub fn is_email_verified(&self) -> bool {
        is_verified(&self.0)
    }

    /// The person's whole name, where it is told.
    pub fn name(&self) -> Option<&str> {
        text(&self.0, "name")
    }

    /// A claim by its name; `None` where it is not there or of another type.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.0.get(name)?.clone()).ok()
    }

    /// All of it as JSON.
    pub fn to_json(&self) -> String {
        // It was JSON before.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo").field("claims", &self.0.len()).finish_non_exhaustive()
    }
}
