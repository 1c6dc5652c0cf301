//! What is made to go wrong, request by request.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use grantry_endpoint::Answer;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::Endpoint;

/// Something that goes wrong with the next request, or with several.
///
/// Faults are queued for an endpoint and used up in order; a request without one is served as usual. What
/// happens to the request itself is part of the fault's name: a status **replaces** the server, so nothing is
/// spent; a cut answer comes **after** it, so a refresh token is spent and the client does not know.
///
/// ```
/// use std::time::Duration;
/// use grantry_testkit::Fault;
///
/// let outage = Fault::status(503).retry_after("2").times(3);
/// let lost_answer = Fault::drop_after_handling();
/// let slow = Fault::delay(Duration::from_secs(2)).until_cleared();
/// let cut_in_half = Fault::truncate_at(150).delayed(Duration::from_millis(50));
/// # let _ = (outage, lost_answer, slow, cut_in_half);
/// ```
#[derive(Clone)]
pub struct Fault {
    pub(crate) delay: Duration,
    pub(crate) effect: Effect,
    pub(crate) headers: HeaderMap,
    left: Left,
}

/// What happens beside the delay.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Nothing.
    Serve,
    /// The request gets nowhere.
    Refuse,
    /// The connection closes; the server never saw the request.
    DropBefore,
    /// The connection closes; the server did what was asked.
    DropAfter,
    /// This answer in place of the server's.
    Instead(StatusCode, Bytes),
    /// The server does what was asked; its answer's body is exchanged.
    Body(Bytes),
    /// The server does what was asked; its answer suffers on the way.
    Wire(Wire),
}

/// What happens to an answer's bytes on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wire {
    /// Nothing.
    #[default]
    Whole,
    /// Only so many bytes of head and body leave, then the connection ends.
    Cut { at: usize, reset: bool },
    /// So many bytes at a time.
    Slow { bytes: usize, every: Duration },
    /// Bytes that are no HTTP.
    Garbage,
}

/// For how many requests a fault stays.
#[derive(Debug, Clone, Copy)]
enum Left {
    Times(u32),
    UntilCleared,
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self { delay: Duration::ZERO, effect, headers: HeaderMap::new(), left: Left::Times(1) }
    }

    /// None: lets a request pass, between others in a queue.
    pub fn none() -> Self {
        Self::new(Effect::Serve)
    }

    /// The request waits before the server takes it up. It is taken up even if the client gives up meanwhile.
    pub fn delay(delay: Duration) -> Self {
        Self::none().delayed(delay)
    }

    /// Provably nothing is sent: in memory, the connection is refused. Over a socket it is accepted before the
    /// request is known, so there this is [`drop_before_handling`](Self::drop_before_handling).
    pub fn refuse_connection() -> Self {
        Self::new(Effect::Refuse)
    }

    /// The connection closes without an answer, and the server never saw the request: nothing is spent.
    pub fn drop_before_handling() -> Self {
        Self::new(Effect::DropBefore)
    }

    /// The connection closes without an answer after the server did what was asked: the refresh token is
    /// spent, the answer lost.
    pub fn drop_after_handling() -> Self {
        Self::new(Effect::DropAfter)
    }

    /// This status in place of the server's answer, with an empty body: nothing is spent. Statuses that HTTP
    /// does not know (below 100, above 999) become 500; informational ones (1xx) need a
    /// [`RawServer`](crate::RawServer).
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(Effect::Instead(status, Bytes::new()))
    }

    /// The server does what was asked, and this body takes the place of its answer's.
    pub fn body(body: impl Into<Bytes>) -> Self {
        Self::new(Effect::Body(body.into()))
    }

    /// The server does what was asked; only the first `n` bytes of its answer leave, counted from the status
    /// line on, then the connection closes. `Content-Length` promises the whole.
    pub fn truncate_at(n: usize) -> Self {
        Self::new(Effect::Wire(Wire::Cut { at: n, reset: false }))
    }

    /// The same with a reset (RST) in place of an orderly end. A client may not get to see the bytes before it.
    pub fn reset_at(n: usize) -> Self {
        Self::new(Effect::Wire(Wire::Cut { at: n, reset: true }))
    }

    /// The server does what was asked; its answer leaves `bytes` (at least one) at a time, `every` so often.
    pub fn slow(bytes: usize, every: Duration) -> Self {
        Self::new(Effect::Wire(Wire::Slow { bytes: bytes.max(1), every }))
    }

    /// The server does what was asked, and bytes that are no HTTP come in place of its answer.
    pub fn garbage() -> Self {
        Self::new(Effect::Wire(Wire::Garbage))
    }

    /// Adds a delay before the server takes the request up.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Gives a [`status`](Self::status) a body. After any other fault it does nothing.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        if let Effect::Instead(_, held) = &mut self.effect {
            *held = body.into();
        }
        self
    }

    /// Sets a header of the answer, if there is one.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets `Retry-After`: seconds, a date, or nonsense. Text that cannot stand in a header is left out.
    #[must_use]
    pub fn retry_after(self, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.header(header::RETRY_AFTER, value),
            Err(_) => self,
        }
    }

    /// For the next `n` requests rather than one.
    #[must_use]
    pub fn times(self, n: u32) -> Self {
        Self { left: Left::Times(n), ..self }
    }

    /// For every request until the queue is cleared.
    #[must_use]
    pub fn until_cleared(self) -> Self {
        Self { left: Left::UntilCleared, ..self }
    }

    /// The answer with this fault's headers set.
    pub(crate) fn dress(&self, answer: Answer) -> Answer {
        if self.headers.is_empty() {
            return answer;
        }
        let mut headers = answer.headers().clone();
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        Answer::new(answer.status()).with_headers(headers).with_body(answer.expose_body())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match &self.effect {
            Effect::Instead(status, _) => format!("Instead({status})"),
            Effect::Body(body) => format!("Body([{} bytes])", body.len()),
            other => format!("{other:?}"),
        };
        f.debug_struct("Fault")
            .field("delay", &self.delay)
            .field("effect", &format_args!("{effect}"))
            .field("left", &self.left)
            .finish()
    }
}

/// The queues of faults, one an endpoint. Clones are the same queues.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<[VecDeque<Fault>; Endpoint::COUNT]>>);

impl Faults {
    pub(crate) fn push(&self, endpoint: Endpoint, fault: Fault) {
        self.with(endpoint, |queue| queue.push_back(fault));
    }

    pub(crate) fn clear(&self, endpoint: Endpoint) {
        self.with(endpoint, VecDeque::clear);
    }

    /// The fault of the request that came just now.
    pub(crate) fn take(&self, endpoint: Endpoint) -> Fault {
        self.with(endpoint, |queue| {
            loop {
                let Some(next) = queue.front_mut() else { return Fault::none() };
                match next.left {
                    Left::UntilCleared => return next.clone(),
                    Left::Times(n) if n > 1 => {
                        next.left = Left::Times(n - 1);
                        return next.clone();
                    }
                    Left::Times(n) => {
                        let Some(last) = queue.pop_front() else { return Fault::none() };
                        if n == 1 {
                            return last;
                        }
                    }
                }
            }
        })
    }

    fn with<R>(&self, endpoint: Endpoint, act: impl FnOnce(&mut VecDeque<Fault>) -> R) -> R {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut queues[endpoint.index()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(fault: &Fault) -> String {
        format!("{:?}", fault.effect).split(['(', ' ']).next().unwrap().to_owned()
    }

    #[test]
    fn faults_are_used_up_in_order_and_by_endpoint() {
        let faults = Faults::default();
        faults.push(Endpoint::Token, Fault::status(503).times(2));
        faults.push(Endpoint::Token, Fault::none().times(0));
        faults.push(Endpoint::Token, Fault::drop_after_handling());
        let taken: Vec<_> = (0..4).map(|_| name(&faults.take(Endpoint::Token))).collect();
        assert_eq!(taken, ["Instead", "Instead", "DropAfter", "Serve"]);
        assert_eq!(name(&faults.take(Endpoint::Metadata)), "Serve");
    }

    #[test]
    fn a_fault_stays_until_it_is_cleared() {
        let faults = Faults::default();
        faults.push(Endpoint::Token, Fault::drop_before_handling().until_cleared());
        for _ in 0..3 {
            assert_eq!(name(&faults.take(Endpoint::Token)), "DropBefore");
        }
        faults.clear(Endpoint::Token);
        assert_eq!(name(&faults.take(Endpoint::Token)), "Serve");
    }

    #[test]
    fn debug_shows_no_body() {
        let faults = [Fault::body("canary"), Fault::status(400).with_body("canary")];
        assert!(!format!("{faults:?}").contains("canary"));
    }
}
