//! The introspection endpoint (RFC 7662).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AccessToken, Error, ErrorKind, Instant, Scope, Stage, Timestamp};
use serde::Deserialize;
use url::Url;

use crate::channel::{Channel, Exchange};
use crate::form::Form;
use crate::{Answer, TokenEndpoint, answer, failure};

/// Asks the authorization server whether a token is active: what a resource server does with opaque tokens.
#[derive(Debug, Clone)]
pub struct IntrospectionEndpoint {
    channel: Arc<Channel>,
    url: Url,
}

/// What the server says of an active token. Members that are not listed here are passed over.
#[derive(Clone)]
pub struct ActiveToken {
    scope: Scope,
    client_id: Option<String>,
    subject: Option<String>,
    audience: Vec<String>,
    issuer: Option<String>,
    expires: Option<Timestamp>,
    fresh_until: Option<Instant>,
}

impl ActiveToken {
    /// The scope that the token carries; empty where the server does not say.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The client that the token was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// The subject: the resource owner, as a rule.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Whom the token is meant for.
    pub fn audience(&self) -> &[String] {
        &self.audience
    }

    /// Who issued the token.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// When the token expires, by the server's clock.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Until when this answer may be used at most, on the boot clock: the token's expiry.
    pub fn fresh_until(&self) -> Option<Instant> {
        self.fresh_until
    }
}

impl fmt::Debug for ActiveToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who the subject is is nobody's business in a log.
        f.debug_struct("ActiveToken")
            .field("scope", &self.scope)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Wire {
    active: bool,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    aud: Option<OneOrMany>,
    #[serde(default)]
    iss: Option<String>,
    #[serde(default)]
    exp: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl IntrospectionEndpoint {
    /// The introspection endpoint of the same server, for the same client.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the server is not known to have one, or the client is
    /// public: introspection has to be authenticated (RFC 7662 section 2.1).
    pub fn of(endpoint: &TokenEndpoint) -> Result<Self, Error> {
        let url = endpoint.server().introspection_endpoint().cloned().ok_or_else(|| {
            Error::configuration("the authorization server has no introspection endpoint: name its URL")
        })?;
        if !endpoint.client().is_confidential() {
            return Err(Error::configuration(
                "introspection needs a client that authenticates: give it a secret or a key",
            ));
        }
        Ok(Self { channel: Arc::clone(endpoint.channel()), url })
    }

    /// What the server says of the token; `None` if it is not active, for whatever reason.
    ///
    /// # Errors
    /// Where the server does not answer the question; the token is then neither active nor inactive.
    pub async fn introspect(&self, token: &AccessToken) -> Result<Option<ActiveToken>, Error> {
        let mut form = Form::default();
        form.add("token", token.expose());
        form.add("token_type_hint", "access_token");
        let exchange = self.channel.post(Stage::Introspect, &self.url, form, None).await?;
        match &exchange.result {
            Ok(answer) if answer.status().is_success() => self.read(answer, &exchange),
            Ok(answer) => {
                let refusal = answer::refusal(answer, &self.channel.server);
                Err(self.channel.refusal(&refusal, answer, &exchange, Stage::Introspect))
            }
            Err(failed) => {
                Err(self.channel.with_wait(failure::error(failed, Stage::Introspect), failed.partial()))
            }
        }
    }

    fn read(&self, answer: &Answer, exchange: &Exchange) -> Result<Option<ActiveToken>, Error> {
        let wire: Wire = serde_json::from_slice(answer.expose_body()).map_err(|_| {
            let fact = "the answer is not an introspection response";
            Error::new(ErrorKind::InvalidAnswer, Stage::Introspect, fact)
                .with_status(answer.status().as_u16())
        })?;
        self.channel.accepted(exchange);
        if !wire.active {
            return Ok(None);
        }
        let expires = wire.exp.and_then(timestamp);
        let now = self.channel.server_clock.now(self.channel.clock.wall());
        Ok(Some(ActiveToken {
            scope: wire.scope.and_then(|scope| Scope::parse(&scope).ok()).unwrap_or_default(),
            client_id: wire.client_id,
            subject: wire.sub,
            audience: match wire.aud {
                Some(OneOrMany::One(one)) => vec![one],
                Some(OneOrMany::Many(many)) => many,
                None => Vec::new(),
            },
            issuer: wire.iss,
            fresh_until: expires.map(|at| exchange.sent.after(at.since(now))),
            expires,
        }))
    }
}

/// Seconds since 1970 as a moment; `None` for what is none.
fn timestamp(seconds: f64) -> Option<Timestamp> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Timestamp::from_unix_seconds(0).after(since))
}
