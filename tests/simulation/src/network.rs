//! The way to the authorization server, and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Clock, Instant};
use grantry_endpoint::{Answer, Request, Transport, TransportCause, TransportFailure};
use grantry_testkit::InMemoryTransport;

use crate::life::Life;
use crate::lifeboat::Machine;
use crate::link::Link;
use crate::process::{Place, own_key};
use crate::watchtower::form_value;

/// How long a request takes at most that says nothing of it, or that meets a window, as the terms of the grants say.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(4);

/// How long a process may take from its last look at the clock until a request leaves.
const MARGIN: Duration = Duration::from_secs(1);

/// The network of one process.
#[derive(Debug)]
pub(crate) struct Network {
    inner: InMemoryTransport,
    life: Arc<Life>,
    is_cut: Arc<AtomicBool>,
    link: Arc<Link>,
    machine: Arc<Machine>,
}

impl Network {
    /// The network of a process in a place, which may be cut off: so that nothing leaves, or so that what leaves is lost.
    pub(crate) fn of(inner: InMemoryTransport, life: &Arc<Life>, place: &Place) -> Self {
        let (life, is_cut, link) = (Arc::clone(life), Arc::clone(&place.is_cut), Arc::clone(&place.link));
        Self { inner, life, is_cut, link, machine: Arc::clone(&place.machine) }
    }

    /// Whether a message is lost that is under way at this moment.
    fn is_swallowed(&self, kind: &'static str) -> bool {
        let is_swallowed = self.link.loses_messages();
        if is_swallowed {
            self.fault(kind);
        }
        is_swallowed
    }

    /// Whether its process reckons by a clock that it can rely on, with tokens that it took for as old as they are.
    fn is_steady(&self) -> bool {
        let (fate, lifetime) = (&self.life.fate, self.life.fate.plan.token_lifetime);
        !fate.tower.has_leapt_within(lifetime) && self.life.is_steady(lifetime)
    }

    fn fault(&self, kind: &'static str) {
        self.life.fate.trace.fault(kind);
    }

    async fn silence(&self, limit: Duration) -> TransportFailure {
        tokio::time::sleep(limit).await;
        TransportFailure::unknown(TransportCause::TimedOut)
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        let fate = &self.life.fate;
        if self.life.is_over() {
            std::future::pending::<()>().await;
        }
        if self.is_cut.load(Ordering::Relaxed) {
            self.fault("network cut");
            return Err(TransportFailure::unsent(TransportCause::NotConnected));
        }
        let decided = fate.clock.now();
        if fate.plan.finer {
            self.life.pass("leaves").await;
        }
        let was_held_up = fate.clock.now() > decided.after(MARGIN);
        let latency = || Duration::from_millis(1 + fate.dice.below(80));
        let grant_type = form_value(request.expose_body(), "grant_type");
        if grant_type == "client_credentials" {
            return self.send_own(request, latency()).await;
        }
        if grant_type != "refresh_token" {
            if grant_type == "authorization_code" {
                fate.tower.code_posted(form_value(request.expose_body(), "code"));
            }
            return self.send_other(request, latency()).await;
        }
        // Where a disk has no room, nothing leaves whose seat was not taken before. Nobody waits any more for what stood still.
        if !fate.plan.no_lifeboat && !was_held_up && !self.machine.has_seat(self.life.number) {
            let full = self.machine.is_full();
            let life = self.life.number;
            fate.tower.broke(format!(
                "process {life} sends without a seat in its lifeboat; its disk is full: {full}"
            ));
        }
        if let Some(records) = fate.records.get() {
            let token = form_value(request.expose_body(), "refresh_token");
            fate.tower.look_at_announcement(self.life.number, &token, records);
        }
        let is_steady = self.is_steady();
        let sent = fate.tower.sent(self.life.number, &request, is_steady);
        if sent.overtakes {
            self.fault("lease over with a request under way");
        }
        let limit = request.time_limit().unwrap_or(TIMEOUT);
        let left_into_nothing = self.link.loses_messages();
        if was_held_up {
            fate.tower.left_late(&sent);
        }
        tokio::time::sleep(latency()).await;
        if left_into_nothing || self.link.loses_messages() {
            self.fault("request swallowed by a cut");
            fate.tower.over(&sent);
            return Err(self.silence(limit).await);
        }
        if fate.strikes(fate.plan.lost) {
            self.fault("request lost");
            fate.tower.over(&sent);
            return Err(self.silence(limit).await);
        }
        if fate.strikes(fate.plan.lost / 2) {
            self.fault("server busy");
            fate.tower.over(&sent);
            return Ok(Answer::new(http::StatusCode::SERVICE_UNAVAILABLE));
        }
        if fate.strikes(fate.plan.doubled) {
            self.fault("request doubled");
            let copy = self.inner.send(copy(&request)).await;
            fate.tower.issued(&sent, copy.as_ref().ok(), "doubled");
        }
        let answer = self.inner.send(request).await;
        let expires = fate.clock.now().after(fate.plan.token_lifetime);
        if let Some(lasts) = self.link.answers() {
            let now = fate.clock.now();
            fate.tower.outage(now, now.after(lasts));
        }
        fate.note("answered", &fate.tower.describe(&sent, answer.as_ref().ok()));
        let lost = fate.strikes(fate.plan.lost);
        fate.tower.issued(&sent, answer.as_ref().ok(), if lost { "answer lost" } else { "" });
        tokio::time::sleep(latency()).await;
        if fate.strikes(fate.plan.lost) {
            // Late, but in time.
            self.fault("answer late");
            tokio::time::sleep(Duration::from_millis(fate.dice.below(3_000))).await;
        }
        if fate.strikes(fate.plan.slow) {
            self.fault("answer slow");
            let slow = Duration::from_millis(4_000 + fate.dice.below(24_000));
            if slow > limit {
                fate.tower.over(&sent);
                fate.tower.swallowed(&sent);
                return Err(self.silence(limit).await);
            }
            tokio::time::sleep(slow).await;
        }
        fate.tower.over(&sent);
        if !lost && self.is_swallowed("answer swallowed by a cut") {
            fate.tower.swallowed(&sent);
            return Err(self.silence(limit).await);
        }
        if lost {
            self.fault("answer lost");
            return Err(match fate.dice.below(3) {
                0 => TransportFailure::unknown(TransportCause::Broken),
                1 => TransportFailure::unknown(TransportCause::Truncated),
                _ => self.silence(limit).await,
            });
        }
        if self.life.is_over() {
            std::future::pending::<()>().await;
        }
        fate.tower.received(&sent);
        self.life.pass("received").await;
        if fate.strikes(fate.plan.mangled) {
            self.fault("answer mangled");
            answer.iter().for_each(|answer| fate.tower.unusable(&sent, answer));
            return answer.map(|answer| self.mangle(&answer));
        }
        if let Ok(answer) = &answer {
            // Whoever stood still takes the token for older than it is.
            let is_steady = self.life.is_steady(fate.plan.token_lifetime);
            fate.tower.usable(&sent, answer, if is_steady { expires } else { Instant::ZERO });
        }
        answer
    }
}

impl Network {
    /// A request for a token of the client's own: it may be lost, or its answer; and that may be late, or of no use.
    async fn send_own(&self, request: Request, latency: Duration) -> Result<Answer, TransportFailure> {
        let (fate, life) = (&self.life.fate, self.life.number);
        let Some(key) = own_key(&form_value(request.expose_body(), "audience")) else {
            return self.send_other(request, latency).await;
        };
        let limit = request.time_limit().unwrap_or(TIMEOUT);
        let is_steady = self.is_steady();
        let asked = fate.tower.asked(life, &key, is_steady);
        let answer = self.send_other(request, latency).await;
        let expires = fate.clock.now().after(fate.plan.token_lifetime);
        fate.note("own answered", &format!("{life} {key}"));
        if fate.strikes(fate.plan.slow) {
            self.fault("own answer slow");
            let slow = Duration::from_millis(4_000 + fate.dice.below(24_000));
            tokio::time::sleep(slow.min(limit)).await;
            if slow > limit {
                fate.tower.answered(&asked, None);
                return Err(TransportFailure::unknown(TransportCause::TimedOut));
            }
        }
        if self.life.is_over() {
            std::future::pending::<()>().await;
        }
        if fate.strikes(fate.plan.mangled) {
            self.fault("own answer mangled");
            fate.tower.answered(&asked, None);
            return answer.map(|answer| self.mangle(&answer));
        }
        fate.tower.answered(&asked, answer.as_ref().ok().map(|answer| (answer, expires)));
        answer
    }

    /// A revocation, or a code: it may be lost, or its answer.
    async fn send_other(&self, request: Request, latency: Duration) -> Result<Answer, TransportFailure> {
        let limit = request.time_limit().unwrap_or(TIMEOUT);
        tokio::time::sleep(latency).await;
        if self.is_swallowed("other request swallowed by a cut") {
            return Err(self.silence(limit).await);
        }
        if self.life.fate.strikes(self.life.fate.plan.lost) {
            self.fault("other request lost");
            return Err(self.silence(limit).await);
        }
        let answer = self.inner.send(request).await;
        self.life.pass("other answer").await;
        if self.life.fate.strikes(self.life.fate.plan.lost) {
            self.fault("other answer lost");
            return Err(TransportFailure::unknown(TransportCause::Broken));
        }
        answer
    }

    /// An answer that cannot be used, and still holds what it held; or one that holds what only looks like a token.
    fn mangle(&self, answer: &Answer) -> Answer {
        let body = answer.expose_body();
        match self.life.fate.dice.below(3) {
            0 => Answer::new(answer.status()).with_body(body.strip_suffix(b"}").unwrap_or(body)),
            1 => Answer::new(answer.status()).with_body([body, b" trailing"].concat()),
            _ if answer.status().is_success() => {
                Answer::new(http::StatusCode::INTERNAL_SERVER_ERROR).with_body(body)
            }
            _ => {
                Answer::new(http::StatusCode::OK).with_body(&br#"{"example": {"refresh_token": "none"}}"#[..])
            }
        }
    }
}

fn copy(request: &Request) -> Request {
    let body = zeroize::Zeroizing::new(request.expose_body().to_vec());
    let copy = Request::new(request.method().clone(), request.url().clone()).with_body(body);
    request.headers().iter().fold(copy, |copy, (name, value)| copy.with_header(name.clone(), value.clone()))
}
