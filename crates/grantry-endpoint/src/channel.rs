//! One client's way to one authorization server: authenticated, timed, traced.

use std::sync::Arc;

use grantry_core::{
    AssertionAudience, AuthorizationServer, Clock, Entropy, Error, ErrorKind, Instant, Observer, Stage,
};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use tracing::Instrument;
use url::Url;

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
    /// Whether the server's URLs were learned at run time.
    pub(crate) learned: bool,
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
        if self.learned {
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
    pub(crate) fn refused(&self, exchange: &Exchange) -> bool {
        let another_secret = exchange.credential.is_some_and(|nth| self.client.refused(nth));
        another_secret || (exchange.skew_changed && self.client.signs())
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

/// A URL as it may stand in a trace.
pub(crate) fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url
}
