//! One client's way to one authorization server: authenticated, timed, traced.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grantry_core::presenting::proof_nonce;
use grantry_core::{
    AssertionAudience, Attempt, AuthorizationServer, Clock, ContainedObserver, Diagnosis, Entropy, Error,
    ErrorKind, Event, Failure, Instant, Observer, Origin, Party, ProofRequest, Retry, Stage, Thumbprint,
    shown_url,
};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use crate::answer::{Refusal, may_be_told, names_error, retry_after};
use crate::assertion::Assertion;
use crate::dpop::proof_header;
use crate::form::Form;
use crate::server_clock::{Changed, ServerClock};
use crate::{
    Answer, Client, Dpop, DpopKey, DpopProvers, Request, ServerKeys, Transport, TransportFailure, traced,
};

/// What token, revocation and introspection requests have in common.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) server: AuthorizationServer,
    pub(crate) client: Client,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) observer: ContainedObserver,
    pub(crate) server_clock: Arc<ServerClock>,
    /// What access tokens are bound to, if they are bound to a certificate.
    pub(crate) certificate: Option<Thumbprint>,
    pub(crate) dpop: Option<Dpop>,
    /// The key of requests that have none of their own.
    pub(crate) dpop_key: Option<DpopKey>,
    pub(crate) provers: DpopProvers,
    /// The server's keys, once somebody needs them: one set for all.
    pub(crate) server_keys: OnceLock<ServerKeys>,
}

/// When a request has to leave, and how long it may take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    send_before: Option<Instant>,
    time_limit: Option<Duration>,
}

impl Bounds {
    pub(crate) fn of(attempt: Attempt<'_>) -> Self {
        Self { send_before: attempt.deadline(), time_limit: attempt.time_limit() }
    }
}

/// A request that left, and what came of it.
pub(crate) struct Exchange {
    pub(crate) sent: Instant,
    pub(crate) result: Result<Answer, TransportFailure>,
    /// Whether it carried a proof of possession.
    proved: bool,
    /// The number of the credential that went along.
    credential: Option<usize>,
    /// What the server's clock showed, if that is new.
    skew: Option<Changed>,
    /// Whether one left before it, which the server answered by asking for a nonce.
    pub(crate) is_second: bool,
}

/// A request that did not leave.
pub(crate) struct NotPosted {
    error: Error,
    /// Whether one left before it, which the server answered by asking for a nonce.
    is_second: bool,
}

impl From<NotPosted> for Failure {
    fn from(not_posted: NotPosted) -> Self {
        match not_posted.is_second {
            true => Self::not_consumed(not_posted.error),
            false => Self::unsent(not_posted.error),
        }
    }
}

impl Channel {
    /// Authenticates the client and posts the form, once.
    ///
    /// # Errors
    /// Where nothing was sent, since the client's key did not sign: `Unreachable`, the kind of what was not sent and may be
    /// tried again, with a diagnosis of its own.
    pub(crate) async fn post(&self, stage: Stage, url: &Url, form: Form) -> Result<Exchange, Error> {
        self.post_once(stage, url, form, Bounds::default(), None).await
    }

    /// The same with a proof of possession, if there is a key to prove. Where the server answers that it wants a nonce in
    /// it, which says that it did nothing else (RFC 9449 section 8), the form is posted once more, with the nonce.
    ///
    /// # Errors
    /// As [`post`](Self::post), and where it is too late to send. What the server refused for want of a nonce left, and spent
    /// nothing.
    pub(crate) async fn post_proving(
        &self,
        stage: Stage,
        url: &Url,
        form: Form,
        bounds: Bounds,
        key: Option<&DpopKey>,
    ) -> Result<Exchange, NotPosted> {
        let not_posted = |is_second| move |error| NotPosted { error, is_second };
        let first = self.post_once(stage, url, form.clone(), bounds, key).await.map_err(not_posted(false))?;
        if key.is_none() || !first.result.as_ref().is_ok_and(wants_nonce) {
            return Ok(first);
        }
        let second = self.post_once(stage, url, form, bounds, key).await.map_err(not_posted(true))?;
        Ok(Exchange { skew: second.skew.or(first.skew), is_second: true, ..second })
    }

    async fn post_once(
        &self,
        stage: Stage,
        url: &Url,
        mut form: Form,
        bounds: Bounds,
        key: Option<&DpopKey>,
    ) -> Result<Exchange, Error> {
        let origin = key.map(|_| Origin::of(url)).transpose()?;
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
        if let (Some(key), Some(origin)) = (key, &origin) {
            let target = format!("{origin}{}", url.path());
            let asked = ProofRequest::new(&Method::POST, &target, origin);
            let proof = self.provers.of(key.clone()).prove_to_issuer(asked, stage).await?;
            request = request.with_header(proof_header(), proof);
        }
        request = request.with_body(form.into_body());
        if self.server.is_learned(url) {
            request = request.learned();
        }
        if let Some(limit) = bounds.time_limit {
            request = request.within(limit);
        }
        let sent = self.clock.now();
        if bounds.send_before.is_some_and(|deadline| sent >= deadline) {
            let error = Error::new(ErrorKind::Unreachable, stage, "it was too late to send the request");
            return Err(error.with_diagnosis(too_late()));
        }
        let result = traced::send(&*self.transport, request).await;
        let head = match &result {
            Ok(answer) => Some(answer),
            Err(failure) => failure.partial(),
        };
        if let (Some(origin), Some(head)) = (&origin, head) {
            self.provers.saw_answer(origin, head.headers());
        }
        let skew = head.and_then(|head| self.server_clock.measure(head.headers(), self.clock.wall()));
        Ok(Exchange { sent, result, proved: key.is_some(), credential: used, skew, is_second: false })
    }

    /// What an exchange taught that somebody may want to know: told when nothing can be lost any more.
    pub(crate) fn news(exchange: &Exchange, url: &Url) -> Option<Event> {
        exchange.skew?.event(url.host_str().unwrap_or_default())
    }

    /// Tells the observer.
    pub(crate) fn tell(&self, news: impl IntoIterator<Item = Event>) {
        for event in news {
            self.observer.on(&event);
        }
    }

    /// The server accepted the client.
    pub(crate) fn accepted(&self, exchange: &Exchange) {
        self.server_clock.accepted();
        if let Some(nth) = exchange.credential {
            self.client.accepted(nth);
        }
    }

    /// The server answered `invalid_client`. Gives whether the next request differs from this one so that it
    /// may succeed: another secret, or an assertion by the server's clock.
    fn refused(&self, exchange: &Exchange) -> bool {
        let another_secret = exchange.credential.is_some_and(|nth| self.secret_refused(nth));
        another_secret || (exchange.skew.is_some() && self.client.signs() && self.server_clock.excuses())
    }

    /// Moves on to the next secret, and says so where there are several: one may have been exchanged at the server.
    fn secret_refused(&self, nth: usize) -> bool {
        let next = self.client.refused(nth);
        if self.client.secrets().count() > 1 {
            let registration =
                format!("{} at {}", self.client.id().as_str(), shown_url(self.server.token_endpoint()));
            self.tell([Event::secret_refused(registration, nth + 1, next)]);
        }
        next
    }

    /// The error that a refusal is to callers, with its codes and the time that the server asks to wait. A code
    /// that holds one of the request's secrets is left out.
    pub(crate) fn refusal(
        &self,
        refusal: &Refusal,
        answer: &Answer,
        exchange: &Exchange,
        stage: Stage,
        secrets: &[&str],
    ) -> Error {
        let secrets: Vec<&str> = self.client.secrets().chain(secrets.iter().copied()).collect();
        let told = |code: &&Zeroizing<String>| may_be_told(code, &self.server, &secrets);
        let wants_another_nonce = exchange.proved && refusal.names("use_dpop_nonce");
        let (kind, fact) = match wants_another_nonce {
            // The next attempt may be luckier.
            true => {
                (ErrorKind::InvalidAnswer, "the server asks for another nonce than the one that it named")
            }
            false => (refusal.kind, refusal.fact.as_str()),
        };
        let mut error = Error::new(kind, stage, fact).with_status(answer.status().as_u16());
        if let Some(skew) = self.server_clock.skew() {
            error = error.with_clock_skew(skew);
        }
        if let Some(code) = refusal.oauth_code.as_ref().filter(told) {
            error = error.with_oauth_code(code);
        }
        if let Some(code) = refusal.provider_code.as_ref().filter(told) {
            error = error.with_provider_code(code);
        }
        match refusal.kind {
            ErrorKind::InvalidClient if self.refused(exchange) => {
                error = error.with_diagnosis(next_may_succeed());
            }
            _ if wants_another_nonce => error = error.with_diagnosis(nonce_loop()),
            _ if refusal.names("use_dpop_nonce")
                || (refusal.names("invalid_dpop_proof") && !exchange.proved) =>
            {
                error = error.with_diagnosis(proof_wanted());
            }
            _ if refusal.names("invalid_dpop_proof") => {
                let may_succeed = exchange.skew.is_some() && self.server_clock.excuses();
                error = error.with_diagnosis(if may_succeed { next_may_succeed() } else { unproven() });
            }
            ErrorKind::InvalidAnswer if answer.status() == StatusCode::UNAUTHORIZED => {
                error = error.with_diagnosis(unauthorized_by_whom());
            }
            // The server looked at what was asked, so it had accepted the client.
            ErrorKind::InvalidGrant | ErrorKind::InvalidScope => self.accepted(exchange),
            _ => {}
        }
        self.with_wait(self.server.explain(error), Some(answer))
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
            // `TokenEndpointBuilder::build` saw to it that there is one.
            _ => self.server.issuer().unwrap_or(token_endpoint),
        };
        Assertion { audience, now: self.server_clock.now(self.clock.wall()), entropy: &*self.entropy }
    }
}

/// Whether the server did nothing but ask for a nonce, and names one.
fn wants_nonce(answer: &Answer) -> bool {
    matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED)
        && proof_nonce(answer.headers()).is_some()
        && names_error(answer, "use_dpop_nonce")
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

/// The diagnosis of a server that asks for a nonce when it has got one.
fn nonce_loop() -> Diagnosis {
    Diagnosis::new(
        Party::AuthorizationServer,
        "have the server accept the nonce that it named last (RFC 9449 section 8)",
        Retry::After(Duration::from_secs(60)),
    )
    .cause("its replicas do not share their nonces")
    .cause("it asks for a nonce and names none")
}

/// The diagnosis of a server that wants proofs of a client that makes none.
fn proof_wanted() -> Diagnosis {
    Diagnosis::new(
        Party::Application,
        "bind the tokens to a key (RFC 9449): build the endpoint with `dpop`",
        Retry::Never,
    )
    .cause("the client is registered for bound tokens (`dpop_bound_access_tokens`), or the server binds all")
}

/// The diagnosis of a proof that was refused.
fn unproven() -> Diagnosis {
    Diagnosis::new(
        Party::Application,
        "see that the server is reached by the very URL that it knows itself by, and takes the key's algorithm",
        Retry::Never,
    )
    .cause("a proxy in front of the server changes the URL, and the proof names the one that was asked")
    .cause("the server does not take the algorithm: try another (`dpop_signing_alg_values_supported`)")
    .cause("the grant is bound to another key")
}

/// The diagnosis of a 401 that is no OAuth answer.
fn unauthorized_by_whom() -> Diagnosis {
    Diagnosis::new(
        Party::AuthorizationServer,
        "see who answers at this URL; if it is the server itself, check the client's credential",
        Retry::After(Duration::from_secs(1)),
    )
    .cause("a proxy, gateway or login page answers in the server's place")
    .cause("the server does not accept the client, and does not say invalid_client")
}

/// The diagnosis of a request that was given up before it was sent.
fn too_late() -> Diagnosis {
    Diagnosis::new(
        Party::Application,
        "nothing to do: the source tries again by itself",
        Retry::After(Duration::from_secs(1)),
    )
    .cause("too many renewals wait for one another, or the client's key takes long to sign")
}
