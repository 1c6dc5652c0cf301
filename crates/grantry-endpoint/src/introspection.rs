//! The introspection endpoint (RFC 7662).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AccessToken, Error, ErrorKind, Instant, Scope, Stage, Timestamp, is_echo, shown_url};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::channel::{Channel, Exchange};
use crate::form::Form;
use crate::{Answer, TokenEndpoint, answer, failure};

/// Asks the authorization server whether a token is active: what a resource server does with opaque tokens.
#[derive(Clone)]
pub struct IntrospectionEndpoint {
    channel: Arc<Channel>,
    url: Url,
}

impl fmt::Debug for IntrospectionEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionEndpoint")
            .field("url", &shown_url(&self.url).as_str())
            .finish_non_exhaustive()
    }
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

    /// Until when this answer may be used at most, on the boot clock: the token's expiry. Where the server names one
    /// that cannot be read, that is the moment of asking; `None` where it names none.
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

/// The one member that has to be there. The others may be whatever they are.
#[derive(Deserialize)]
struct Verdict {
    active: bool,
}

/// The members that are looked at where the token is active, each read by itself: one that is not as RFC 7662 has
/// it is as if it were not there.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    client_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sub: Option<&'a RawValue>,
    #[serde(borrow, default)]
    aud: Option<&'a RawValue>,
    #[serde(borrow, default)]
    iss: Option<&'a RawValue>,
    #[serde(borrow, default)]
    exp: Option<&'a RawValue>,
}

/// A member in the type that it should have.
fn as_meant<'a, T: Deserialize<'a>>(member: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(member?.get()).ok()
}

/// One string or several, as `aud` may be; several, as `scope` should not but may be.
fn texts(member: Option<&RawValue>) -> Vec<String> {
    let several = || as_meant::<Vec<String>>(member).unwrap_or_default();
    as_meant::<String>(member).map_or_else(several, |one| vec![one])
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

    /// What the server says of the token (RFC 7662 section 2.2); `None` if it is not active, for whatever reason.
    /// Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// Where the server does not answer the question; the token is then neither active nor inactive.
    pub async fn introspect(&self, token: &AccessToken) -> Result<Option<ActiveToken>, Error> {
        let mut form = Form::default();
        form.add("token", token.expose());
        form.add("token_type_hint", "access_token");
        let exchange = self.channel.post(Stage::Introspect, &self.url, form).await?;
        self.channel.tell(Channel::news(&exchange, &self.url));
        match &exchange.result {
            Ok(answer) if answer.status().is_success() => self.read(answer, &exchange, token),
            Ok(answer) => {
                let refusal = answer::refusal(answer, &self.channel.server);
                let secrets = [token.expose()];
                Err(self.channel.refusal(&refusal, answer, &exchange, Stage::Introspect, &secrets))
            }
            Err(failed) => {
                Err(self.channel.with_wait(failure::error(failed, Stage::Introspect), failed.partial()))
            }
        }
    }

    fn read(
        &self,
        answer: &Answer,
        exchange: &Exchange,
        token: &AccessToken,
    ) -> Result<Option<ActiveToken>, Error> {
        let unusable = |_| {
            let fact = "the answer is not an introspection response";
            Error::new(ErrorKind::InvalidAnswer, Stage::Introspect, fact)
                .with_status(answer.status().as_u16())
        };
        let verdict: Verdict = serde_json::from_slice(answer.expose_body()).map_err(unusable)?;
        self.channel.accepted(exchange);
        if !verdict.active {
            return Ok(None);
        }
        let wire: Wire<'_> = serde_json::from_slice(answer.expose_body()).map_err(unusable)?;
        let expires = as_meant(wire.exp).and_then(timestamp);
        let now = self.channel.server_clock.now(self.channel.clock.wall());
        let fresh_until = match expires {
            Some(at) => Some(exchange.sent.after(at.since(now))),
            // It expires, and nobody can tell when: what was said is good for the moment alone.
            None => wire.exp.map(|_| exchange.sent),
        };
        let scope = texts(wire.scope).into_iter().filter(|part| !is_echo(part, token.expose()));
        let scope: Vec<String> = scope.collect();
        Ok(Some(ActiveToken {
            scope: Scope::from_tokens(scope.iter().map(String::as_str)).unwrap_or_default(),
            client_id: as_meant(wire.client_id),
            subject: as_meant(wire.sub),
            audience: texts(wire.aud),
            issuer: as_meant(wire.iss),
            expires,
            fresh_until,
        }))
    }
}

/// Seconds since 1970 as a moment; `None` for what is none.
fn timestamp(seconds: f64) -> Option<Timestamp> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Timestamp::from_unix_seconds(0).after(since))
}
