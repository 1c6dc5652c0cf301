//! The front without a socket: a transport that hands requests over in memory.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_endpoint::{Answer, Request, Transport, TransportCause, TransportFailure};

use crate::ReceivedRequest;
use crate::fault::Wire;
use crate::stage::{Reaction, Stage};

/// A [`Transport`] straight into a [`TestServer`](crate::TestServer), for tokio's paused time and for
/// simulations. Ledger and faults are the server's own.
///
/// Faults on the wire come out as a real transport reports them: an answer that was cut inside its body is
/// [`TransportCause::Truncated`] with what had come, a reset is [`TransportCause::Broken`]. A URL of another
/// origin is a host that does not resolve. Without latency, delay and time limit nothing here waits or needs a runtime.
///
/// **Cancel-safety**: a request that was handed over is served to its end even if the future is dropped.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use grantry_endpoint::{Request, Transport};
/// use grantry_testkit::TestServer;
/// use http::Method;
///
/// let server = TestServer::builder().build();
/// let url = format!("{}/.well-known/oauth-authorization-server", server.issuer());
/// let answer = server.transport().send(Request::new(Method::GET, url.parse()?)).await.unwrap();
/// assert_eq!(answer.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InMemoryTransport {
    stage: Arc<Stage>,
    origin: String,
    latency: Duration,
}

impl InMemoryTransport {
    pub(crate) fn new(stage: Arc<Stage>, origin: String) -> Self {
        Self { stage, origin, latency: Duration::ZERO }
    }

    /// Every answer takes this long on its way back, by tokio's timers. The request has been served by then.
    #[must_use]
    pub fn with_latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }
}

#[async_trait]
impl Transport for InMemoryTransport {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        let Some(limit) = request.time_limit() else { return self.hand_over(request).await };
        let late = |_| Err(TransportFailure::unknown(TransportCause::TimedOut));
        tokio::time::timeout(limit, self.hand_over(request)).await.unwrap_or_else(late)
    }
}

impl InMemoryTransport {
    async fn hand_over(&self, request: Request) -> Result<Answer, TransportFailure> {
        if request.url().origin().ascii_serialization() != self.origin {
            return Err(TransportFailure::unsent(TransportCause::NameNotFound));
        }
        let received = ReceivedRequest::new(
            request.method().clone(),
            request.url().clone(),
            request.headers().clone(),
            request.expose_body().to_vec(),
        );
        let reaction = self.stage.serve(received, None).await;
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        match reaction {
            Reaction::Refuse => Err(TransportFailure::unsent(TransportCause::NotConnected)),
            Reaction::Drop => Err(TransportFailure::unknown(TransportCause::Broken)),
            Reaction::Answer(answer, wire) => suffer(answer, wire).await,
        }
    }
}

/// What a transport makes of an answer after what happened to it on the way.
async fn suffer(answer: Answer, wire: Wire) -> Result<Answer, TransportFailure> {
    let head = head_length(&answer);
    let whole = head + answer.expose_body().len();
    match wire {
        Wire::Whole => Ok(answer),
        Wire::Garbage => Err(TransportFailure::unknown(TransportCause::Truncated)),
        Wire::Slow { bytes, every } => {
            let waits = whole.div_ceil(bytes.max(1)).saturating_sub(1);
            tokio::time::sleep(every.saturating_mul(u32::try_from(waits).unwrap_or(u32::MAX))).await;
            Ok(answer)
        }
        Wire::Cut { at, .. } if at >= whole => Ok(answer),
        Wire::Cut { at, .. } if at < head => Err(TransportFailure::unknown(TransportCause::Broken)),
        Wire::Cut { at, reset } => {
            let cause = if reset { TransportCause::Broken } else { TransportCause::Truncated };
            let partial = Answer::new(answer.status())
                .with_headers(answer.headers().clone())
                .with_body(&answer.expose_body()[..at - head]);
            Err(TransportFailure::unknown(cause).with_partial(partial))
        }
    }
}

/// How many bytes status line and headers would have over HTTP/1.1, with the length that is always sent.
fn head_length(answer: &Answer) -> usize {
    let reason = answer.status().canonical_reason().unwrap_or("<none>");
    let status = "HTTP/1.1 200 \r\n".len() + reason.len();
    let headers: usize = answer.headers().iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
    let length = "content-length: \r\n".len() + answer.expose_body().len().to_string().len();
    status + headers + length + 2
}

impl fmt::Debug for InMemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryTransport")
            .field("origin", &self.origin)
            .field("latency", &self.latency)
            .finish()
    }
}
