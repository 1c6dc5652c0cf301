//! One client's way to one authorization server: authenticated, timed, traced.

use std::sync::Arc;

use grantry_core::{
    AssertionAudience, AuthorizationServer, Clock, Diagnosis, Entropy, Error, ErrorKind, Instant, Observer,
    Party, Retry, Stage,
};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use tracing::Instrument;
use url::Url;

use crate::answer::{Refusal, retry_after};
use crate::assertion::Assertion;
use crate::form::Form;
use crate::server_clock::ServerClock;
use crate::{Answer, Client, Request, Transport, TransportFailure};

/// What token, revocation and introspection requests have in common.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) server: AuthorizationServer,
    pub(crate) client: Client,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) server_clock: ServerClock,
    pub(crate) learned: Learned,
}

/// Which of the server's URLs were learned at run time.
#[derive(Debug, Clone)]
pub(crate) enum Learned {
    /// None: a person configured them.
    None,
    /// All.
    All,
    /// All but those at the origin of this issuer, which a person configured.
    Beyond(Url),
}

impl Learned {
    pub(crate) fn covers(&self, url: &Url) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Beyond(issuer) => issuer.origin() != url.origin(),
        }
    }
}

/// A request that left, and what came of it.
pub(crate) struct Exchange {
    pub(crate) sent: Instant,
    pub(crate) result: Result<Answer, TransportFailure>,
    /// The number of the credential that went along.
    credential: Option<usize>,
    skew_changed: bool,
}

impl Channel {
    /// Authenticates the client and posts the form, once.
    ///
    /// # Errors
    /// Where nothing was sent: the client's key did not sign, or it is past `deadline`.
    pub(crate) async fn post(
        &self,
        stage: Stage,
        url: &Url,
        mut form: Form,
        deadline: Option<Instant>,
    ) -> Result<Exchange, Error> {
        let mut request = Request::new(Method::POST, url.clone())
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .with_header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut used = None;
        match self.client.credential() {
            Some((nth, credential)) => {
                used = Some(nth);
                let header = credential.apply(self.client.id(), &mut form, self.assertion(), stage).await?;
                if let Some(header) = header {
                    request = request.with_header(AUTHORIZATION, header);
                }
            }
            None => form.add("client_id", self.client.id().as_str()),
        }
        request = request.with_body(form.into_body());
        if self.learned.covers(url) {
            request = request.learned();
        }
        let sent = self.clock.now();
        if deadline.is_some_and(|deadline| sent >= deadline) {
            return Err(Error::new(ErrorKind::Unreachable, stage, "it was too late to send the request"));
        }
        let span = tracing::debug_span!(
            "oauth.request",
            otel.kind = "client",
            http.request.method = "POST",
            server.address = url.host_str(),
            server.port = url.port_or_known_default(),
            url.full = without_query(url).as_str(),
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        let result = self.transport.send(request).instrument(span.clone()).await;
        let mut skew_changed = false;
        let head = match &result {
            Ok(answer) => Some(answer),
            Err(failure) => {
                span.record("error.type", tracing::field::debug(failure.cause()));
                failure.partial()
            }
        };
        if let Some(head) = head {
            span.record("http.response.status_code", head.status().as_u16());
            let host = url.host_str().unwrap_or_default();
            let ours = self.clock.wall();
            skew_changed = self.server_clock.measure(head.headers(), ours, host, &*self.observer);
        }
        Ok(Exchange { sent, result, credential: used, skew_changed })
    }

    /// The server accepted the client.
    pub(crate) fn accepted(&self, exchange: &Exchange) {
        if let Some(nth) = exchange.credential {
            self.client.accepted(nth);
        }
    }

    /// The server answered `invalid_client`. Gives whether the next request differs from this one so that it
    /// may succeed: another secret, or an assertion by the server's clock.
    fn refused(&self, exchange: &Exchange) -> bool {
        let another_secret = exchange.credential.is_some_and(|nth| self.client.refused(nth));
        another_secret || (exchange.skew_changed && self.client.signs())
    }

    /// The error that a refusal is to callers, with its codes and the time that the server asks to wait.
    pub(crate) fn refusal(
        &self,
        refusal: &Refusal,
        answer: &Answer,
        exchange: &Exchange,
        stage: Stage,
    ) -> Error {
        let mut error =
            Error::new(refusal.kind, stage, refusal.fact.as_str()).with_status(answer.status().as_u16());
        if let Some(code) = &refusal.oauth_code {
            error = error.with_oauth_code(code);
        }
        if let Some(code) = &refusal.provider_code {
            error = error.with_provider_code(code);
        }
        match refusal.kind {
            ErrorKind::InvalidClient if self.refused(exchange) => {
                error = error.with_diagnosis(next_may_succeed());
            }
            // The server looked at what was asked, so it had accepted the client.
            ErrorKind::InvalidGrant | ErrorKind::InvalidScope => self.accepted(exchange),
            _ => {}
        }
        self.with_wait(error, Some(answer))
    }

    /// Adds the server's `Retry-After`, where trying again can help at all.
    pub(crate) fn with_wait(&self, error: Error, head: Option<&Answer>) -> Error {
        let wait = head.and_then(|head| retry_after(head.headers(), self.clock.wall()));
        match wait.filter(|_| !error.is_definite()) {
            Some(wait) => error.with_retry_at(self.clock.now().after(wait)),
            None => error,
        }
    }

    fn assertion(&self) -> Assertion<'_> {
        let token_endpoint = self.server.token_endpoint().as_str();
        let audience = match self.server.assertion_audience() {
            AssertionAudience::TokenEndpoint => token_endpoint,
            _ => self.server.issuer().unwrap_or(token_endpoint),
        };
        Assertion { audience, now: self.server_clock.now(self.clock.wall()), entropy: &*self.entropy }
    }
}

/// The diagnosis of `invalid_client` while the client has something else to try.
fn next_may_succeed() -> Diagnosis {
    Diagnosis::new(
        Party::Application,
        "nothing to do yet: the next request uses the next client secret, or an assertion by the server's clock",
        Retry::Now,
    )
    .cause("the client secret was exchanged at the server")
    .cause("this machine's clock differs from the server's")
}

/// A URL as it may stand in a trace.
pub(crate) fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url
}
