//! One request to an authorization server, and what became of it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::Thumbprint;
use http::{HeaderMap, Method, StatusCode};
use url::Url;
use zeroize::Zeroizing;

/// Sends single requests to an authorization server.
///
/// The protocol code above it is the same over reqwest (`HttpTransport`) and in memory
/// (the testkit). A transport sends a request **at most once**: no redirects, no retries, no replay of a body. It gives up
/// after [`Request::time_limit`], with what had come of the answer: whoever spends a refresh token reckons with it that no
/// request is on its way any more after that.
///
/// **Cancel-safety**: dropping the future may leave a request that the server has received; who must know
/// runs it to the end. **Concurrency**: calls are independent.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_endpoint::{Answer, Request, Transport, TransportFailure};
/// use http::StatusCode;
///
/// /// Answers every request alike.
/// #[derive(Debug)]
/// struct Always(StatusCode, &'static str);
///
/// #[async_trait]
/// impl Transport for Always {
///     async fn send(&self, _request: Request) -> Result<Answer, TransportFailure> {
///         Ok(Answer::new(self.0).with_body(self.1))
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends the request once and reads the whole answer, up to the cap.
    ///
    /// # Errors
    /// [`TransportFailure`] says whether the request may have reached the server.
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure>;

    /// The client certificate that every TLS connection of it presents (RFC 8705), by its thumbprint.
    fn certificate(&self) -> Option<Thumbprint> {
        None
    }
}

/// A request, complete but for what HTTP itself adds.
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    learned: bool,
    time_limit: Option<Duration>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, url: Url) -> Self {
        let (headers, body) = (HeaderMap::new(), Zeroizing::default());
        Self { method, url, headers, body, learned: false, time_limit: None }
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(self, body: Zeroizing<Vec<u8>>) -> Self {
        Self { body, ..self }
    }

    /// Sets a header; a secret one has to be marked sensitive.
    #[must_use]
    pub fn with_header(mut self, name: http::HeaderName, value: http::HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Says that the URL was learned at run time, so that the address it leads to must not be a private,
    /// loopback or link-local one unless the transport was told to allow it.
    #[must_use]
    pub fn learned(self) -> Self {
        Self { learned: true, ..self }
    }

    /// Says how long it may take at most, from the first byte to the last of the answer. A transport that has a shorter
    /// limit of its own keeps to that.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { time_limit: Some(limit), ..self }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where it goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its headers; secret ones are marked sensitive.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, which may hold secrets.
    pub fn expose_body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the URL was learned at run time.
    pub fn is_learned(&self) -> bool {
        self.learned
    }

    /// How long it may take at most, where whoever sends it says so.
    pub fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("body", &format_args!("[{} bytes redacted]", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// An answer, read to its end.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// An answer without headers or body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Zeroizing::default() }
    }

    /// Sets the headers.
    #[must_use]
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Zeroizing::new(body.into()), ..self }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, which may hold secrets.
    pub fn expose_body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body", &format_args!("[{} bytes redacted]", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportCause {
    /// The host name does not resolve.
    NameNotFound,
    /// No connection: refused, unreachable, or not in time.
    NotConnected,
    /// TLS failed: the certificate or host name does not verify, or no version in common.
    TlsFailed,
    /// The proxy refused.
    ProxyRefused,
    /// A URL that was learned at run time leads to an address that is not allowed.
    AddressNotAllowed,
    /// No answer in time.
    TimedOut,
    /// The connection broke after the request had begun to leave.
    Broken,
    /// The answer ended before it was whole, or its framing is broken.
    Truncated,
    /// The answer is larger than the cap.
    TooLarge,
}

impl fmt::Display for TransportCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameNotFound => "the host name does not resolve",
            Self::NotConnected => "no connection",
            Self::TlsFailed => "TLS failed",
            Self::ProxyRefused => "the proxy refused",
            Self::AddressNotAllowed => "the address is not allowed",
            Self::TimedOut => "no answer in time",
            Self::Broken => "the connection broke",
            Self::Truncated => "the answer is cut off or its framing is broken",
            Self::TooLarge => "the answer is larger than the cap",
        })
    }
}

/// A request without a whole answer.
#[derive(Debug, thiserror::Error)]
#[error("{cause}, {}", if *.unsent { "and nothing was sent" } else { "and the request may have arrived" })]
pub struct TransportFailure {
    cause: TransportCause,
    unsent: bool,
    partial: Option<Box<Answer>>,
}

impl TransportFailure {
    /// Provably, no byte of the request left: a name that does not resolve, a connection or TLS handshake that
    /// failed, a proxy that refused.
    pub fn unsent(cause: TransportCause) -> Self {
        Self { cause, unsent: true, partial: None }
    }

    /// The request may have reached the server.
    pub fn unknown(cause: TransportCause) -> Self {
        Self { cause, unsent: false, partial: None }
    }

    /// Adds what had come of the answer, so that a refresh token in it can be salvaged.
    #[must_use]
    pub fn with_partial(self, partial: Answer) -> Self {
        Self { partial: Some(Box::new(partial)), ..self }
    }

    /// What happened.
    pub fn cause(&self) -> TransportCause {
        self.cause
    }

    /// Whether, provably, no byte of the request left.
    pub fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// What had come of the answer.
    pub fn partial(&self) -> Option<&Answer> {
        self.partial.as_deref()
    }
}
