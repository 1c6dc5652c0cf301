//! The transport over reqwest.

mod builder;
mod classify;
#[cfg(test)]
#[cfg(feature = "rustls")]
mod rebinding_tests;
mod resolve;
mod tls;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use url::{Host, Url};
use zeroize::Zeroizing;

pub use builder::HttpTransportBuilder;

use crate::address_guard::AddressClass;
use crate::zeroized::append;
use crate::{Answer, Request, Transport, TransportCause, TransportFailure};

/// The most that is read of an answer, in bytes.
const CAP: usize = 256 * 1024;

/// Sends requests over HTTP/1.1 and HTTP/2 with reqwest.
///
/// It is bounded in every direction: total, connect and read timeouts, 256 KiB of an answer's body, no
/// redirects, no retries, no decompression. The URL has to be https, or http to loopback; `localhost` is always
/// resolved to loopback addresses. Certificates and host names are always verified; a private certificate
/// authority is added with [`HttpTransportBuilder::add_root_certificate`]. No proxy is taken from the environment: one is used
/// only where [`HttpTransportBuilder::proxy`] names it. The roots are the platform's; where they are files, as on
/// Linux, `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
///
/// Cloning shares the connections. It has to be used inside a tokio runtime.
///
/// ```
/// use std::time::Duration;
/// use grantry_endpoint::HttpTransport;
/// let transport = HttpTransport::builder().total_timeout(Duration::from_secs(10)).build()?;
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpTransport {
    /// For URLs that a person configured.
    configured: reqwest::Client,
    /// For URLs learned at run time: its resolver refuses addresses that are not allowed.
    guarded: reqwest::Client,
    allow_private: bool,
    has_proxy: bool,
    total_timeout: Duration,
    certificate: Option<grantry_core::Thumbprint>,
}

impl HttpTransport {
    /// A transport with the default limits.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where TLS cannot be set up.
    pub fn new() -> Result<Self, grantry_core::Error> {
        Self::builder().build()
    }

    /// Starts from the default limits: 15 s in total, 5 s to connect, 10 s of silence.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder::default()
    }

    /// Refuses what may not be sent at all.
    fn check(&self, request: &Request) -> Result<(), TransportFailure> {
        let refused = Err(TransportFailure::unsent(TransportCause::AddressNotAllowed));
        if grantry_core::check_endpoint("endpoint", request.url()).is_err() {
            return refused;
        }
        if !request.is_learned() {
            return Ok(());
        }
        // The resolver sees names only, and none of those that go to a proxy.
        let address = match request.url().host() {
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
            Some(Host::Domain(name)) if self.has_proxy && resolve::is_localhost(name) => {
                IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)
            }
            _ => return Ok(()),
        };
        if allowed(AddressClass::of(address), self.allow_private) { Ok(()) } else { refused }
    }
}

/// Whether an address of this class may be connected to for a learned URL.
fn allowed(class: AddressClass, allow_private: bool) -> bool {
    match class {
        AddressClass::Public => true,
        AddressClass::Private => allow_private,
        AddressClass::Forbidden => false,
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.check(&request)?;
        let client = if request.is_learned() { &self.guarded } else { &self.configured };
        let url: Url = request.url().clone();
        let via_proxy = self.has_proxy && !builder::is_loopback(&url);
        let limit = request.time_limit().map_or(self.total_timeout, |limit| limit.min(self.total_timeout));
        let sending = client
            .request(request.method().clone(), url)
            .headers(request.headers().clone())
            .timeout(limit)
            .body(Bytes::from_owner(Body(request)))
            .send();
        let mut response = sending.await.map_err(|e| classify::before_the_head(&e, via_proxy))?;

        let mut answer = Answer::new(response.status()).with_headers(std::mem::take(response.headers_mut()));
        let mut body = Zeroizing::new(Vec::with_capacity(8 * 1024));
        let failure = loop {
            match response.chunk().await {
                Ok(None) => break None,
                Ok(Some(chunk)) => {
                    let room = CAP - body.len();
                    append(&mut body, chunk.get(..room).unwrap_or(&chunk));
                    if chunk.len() > room {
                        break Some(TransportFailure::unknown(TransportCause::TooLarge));
                    }
                }
                Err(e) => break Some(classify::inside_the_body(&e)),
            }
        };
        answer = answer.with_body(std::mem::take(&mut *body));
        match failure {
            None => Ok(answer),
            Some(failure) => Err(failure.with_partial(answer)),
        }
    }

    fn certificate(&self) -> Option<grantry_core::Thumbprint> {
        self.certificate
    }
}

/// Lends a request's body to reqwest; it is zeroized when the last reader drops it.
struct Body(Request);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_body()
    }
}
