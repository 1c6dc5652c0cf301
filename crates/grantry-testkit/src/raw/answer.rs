//! What a raw server sends.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// The bytes that answer a connection, with pauses between them and an end.
///
/// Nothing is added: what is not in the bytes is not sent. Without anything else said the request is read
/// first, and the connection is closed in order after the last byte.
///
/// ```
/// use std::time::Duration;
/// use grantry_testkit::RawAnswer;
///
/// let silence = RawAnswer::default().hold();
/// let half = RawAnswer::bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"acc").reset();
/// let late = RawAnswer::bytes("HTTP/1.1 200 OK\r\n").pause(Duration::from_secs(2)).then("\r\n{}");
/// let many = RawAnswer::default().repeat("HTTP/1.1 100 Continue\r\n\r\n", 1_000);
/// # let _ = (silence, half, late, many);
/// ```
#[derive(Clone, Default)]
pub struct RawAnswer {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
    pub(super) at_once: bool,
}

#[derive(Clone)]
pub(super) enum Step {
    Bytes { bytes: Bytes, times: u64 },
    Slowly { bytes: Bytes, step: usize, every: Duration },
    Pause(Duration),
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) enum End {
    #[default]
    Close,
    Reset,
    Hold,
}

impl RawAnswer {
    /// These bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::default().then(bytes)
    }

    /// A well-formed HTTP/1.1 answer with a body as hostile as you like: `head` is status, reason and any
    /// headers, joined by CRLF (`"200 OK\r\nContent-Type: text/html"`); the right `Content-Length` and
    /// `Connection: close` are added.
    pub fn with_length(head: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        Self::bytes(head).then(body)
    }

    /// The same with status 200 and `Content-Type: application/json`.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::with_length("200 OK\r\nContent-Type: application/json", body)
    }

    /// More bytes.
    #[must_use]
    pub fn then(self, bytes: impl Into<Bytes>) -> Self {
        self.repeat(bytes, 1)
    }

    /// The same bytes so many times. They are held once.
    #[must_use]
    pub fn repeat(self, bytes: impl Into<Bytes>, times: u64) -> Self {
        self.step(Step::Bytes { bytes: bytes.into(), times })
    }

    /// Nothing for a while.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        self.step(Step::Pause(pause))
    }

    /// All bytes so far leave `step` (at least one) at a time, `every` so often. Pauses stay where they are.
    #[must_use]
    pub fn slowly(mut self, step: usize, every: Duration) -> Self {
        let step = step.max(1);
        for old in &mut self.steps {
            if let Step::Bytes { bytes, times: 1 } = old {
                *old = Step::Slowly { bytes: std::mem::take(bytes), step, every };
            }
        }
        self
    }

    /// Ends with a reset (RST) in place of an orderly end. A client may not get to see the bytes before it.
    #[must_use]
    pub fn reset(self) -> Self {
        Self { end: End::Reset, ..self }
    }

    /// Does not end: the connection stays open until the client goes or the server is dropped.
    #[must_use]
    pub fn hold(self) -> Self {
        Self { end: End::Hold, ..self }
    }

    /// Answers as soon as the connection is there, without waiting for a request.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Debug for RawAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.steps.iter().map(|step| match step {
            Step::Bytes { bytes, times } => format!("{} bytes {times} times", bytes.len()),
            Step::Slowly { bytes, step, every } => {
                format!("{} bytes, {step} every {every:?}", bytes.len())
            }
            Step::Pause(pause) => format!("pause of {pause:?}"),
        });
        f.debug_struct("RawAnswer")
            .field("steps", &shown.collect::<Vec<_>>())
            .field("end", &self.end)
            .field("at_once", &self.at_once)
            .finish()
    }
}
