//! Builds the transport: limits, proxy, certificates.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Error, Thumbprint};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::resolve::{Names, Resolver, Rule, System};
use super::{HttpTransport, resolve, tls};

/// Builds an [`HttpTransport`].
#[derive(Clone)]
#[must_use]
pub struct HttpTransportBuilder {
    total_timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    proxy: Option<String>,
    roots: Vec<Vec<u8>>,
    identity: Option<Arc<Zeroizing<Vec<u8>>>>,
    allow_private: bool,
    single_use: bool,
    names: Arc<dyn Names>,
}

impl Default for HttpTransportBuilder {
    fn default() -> Self {
        Self {
            total_timeout: None,
            connect_timeout: None,
            read_timeout: None,
            proxy: None,
            roots: Vec::new(),
            identity: None,
            allow_private: false,
            single_use: false,
            names: Arc::new(System),
        }
    }
}

impl HttpTransportBuilder {
    /// The longest a request may take, from the first look-up to the last byte; if left out 15 s, or 30 s for
    /// [single-use credentials](Self::for_single_use_credentials).
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.total_timeout = Some(limit);
        self
    }

    /// The longest that name look-up, connection and TLS handshake may take together; if left out 5 s, 2.5 s for
    /// [single-use credentials](Self::for_single_use_credentials), or half the read timeout where that is less. What takes
    /// longer is provably unsent, unless the process itself stands still until the read timeout is over, too.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = Some(limit);
        self
    }

    /// The longest silence of the server; if left out 10 s, or the total where that is less and for single-use credentials. It
    /// runs while connecting as well, so it has to be longer than the connect timeout.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.read_timeout = Some(limit);
        self
    }

    /// Sends everything but loopback requests through this proxy, such as `http://user:password@proxy:3128`.
    ///
    /// Names are then resolved by the proxy, so that it is the proxy that has to keep learned URLs away from
    /// private addresses; addresses written as such are still checked here.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// Trusts this certificate (DER, or PEM with one or more) besides those of the platform.
    pub fn add_root_certificate(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.roots.push(certificate.into());
        self
    }

    /// Presents this certificate on every TLS connection (RFC 8705): a PEM text with the certificate, those between it and
    /// its root, and its private key in PKCS#8. One that is exchanged needs a transport built anew.
    pub fn identity(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.identity = Some(Arc::new(Zeroizing::new(pem.as_ref().to_vec())));
        self
    }

    /// Lets URLs that were learned at run time lead to loopback, private and unique local addresses as well.
    /// Link-local addresses, and with them the metadata services of clouds, stay forbidden.
    pub fn allow_private_addresses(mut self) -> Self {
        self.allow_private = true;
        self
    }

    /// For credentials that can be spent only once: HTTP/1.1 and a new connection for every request, so that
    /// no request ever waits in a shared connection or meets one that the server is just closing. The connection has to be
    /// there in 2.5 s, while the request is provably unsent: where a server accepts a used token for a while, custody has 4 s for
    /// the whole of it. Where it does not, a slow answer is waited for: it is the only one.
    pub fn for_single_use_credentials(mut self) -> Self {
        self.single_use = true;
        self
    }

    /// Takes the addresses of names from elsewhere than the machine.
    #[cfg(test)]
    #[cfg(feature = "rustls")]
    pub(super) fn names(mut self, names: Arc<dyn Names>) -> Self {
        self.names = names;
        self
    }

    /// Checks everything and reads the platform's root certificates.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) says what to change: a zero or contradictory
    /// timeout, a proxy URL or certificate that cannot be used.
    pub fn build(self) -> Result<HttpTransport, Error> {
        let timeouts = self.timeouts()?;
        let proxy = self.proxy.as_deref().map(parse_proxy).transpose()?;
        let identity = self.identity.as_ref().map(|pem| pem.as_slice());
        let certificate = identity.map(thumbprint).transpose()?;
        let proxy_host = proxy.as_ref().and_then(Url::host_str).map(str::to_owned);
        let client = |rule: Rule| -> Result<reqwest::Client, Error> {
            let resolver = Resolver { names: Arc::clone(&self.names), rule };
            let mut builder = reqwest::Client::builder()
                .timeout(timeouts.total)
                .connect_timeout(timeouts.connect)
                .read_timeout(timeouts.read)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .dns_resolver(Arc::new(resolver));
            if let Some(proxy) = &proxy {
                builder = builder.proxy(to_reqwest(proxy));
            }
            if self.single_use {
                builder = builder.http1_only().pool_max_idle_per_host(0);
            }
            tls::configure(builder, &self.roots, identity, self.single_use)?
                .build()
                .map_err(|_| Error::configuration("TLS cannot be set up with these root certificates"))
        };
        Ok(HttpTransport {
            configured: client(Rule::Plain)?,
            guarded: client(Rule::Guarded { allow_private: self.allow_private, proxy_host })?,
            allow_private: self.allow_private,
            has_proxy: proxy.is_some(),
            total_timeout: timeouts.total,
            certificate,
        })
    }

    fn timeouts(&self) -> Result<Timeouts, Error> {
        let total = self.total_timeout.unwrap_or(Duration::from_secs(if self.single_use { 30 } else { 15 }));
        let usual = if self.single_use { total } else { Duration::from_secs(10) };
        let read = self.read_timeout.unwrap_or(usual.min(total));
        let usual = Duration::from_millis(if self.single_use { 2_500 } else { 5_000 });
        let connect = self.connect_timeout.unwrap_or(usual.min(read / 2));
        let refuse = |fact: &str| Err(Error::configuration(fact));
        if total.is_zero() || read.is_zero() || connect.is_zero() {
            return refuse("a timeout of zero would fail every request: set it above zero");
        }
        if total > Duration::from_secs(3600) {
            return refuse("set the total timeout to at most an hour");
        }
        if read > total {
            return refuse("the read timeout is longer than the total timeout: lower it, or raise the total");
        }
        if connect >= read {
            return refuse("the connect timeout has to be shorter than the read timeout (10 s if left out)");
        }
        Ok(Timeouts { total, read, connect })
    }
}

struct Timeouts {
    total: Duration,
    read: Duration,
    connect: Duration,
}

impl fmt::Debug for HttpTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The proxy's URL may hold a password.
        f.debug_struct("HttpTransportBuilder")
            .field("total_timeout", &self.total_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("has_proxy", &self.proxy.is_some())
            .field("root_certificates", &self.roots.len())
            .field("has_identity", &self.identity.is_some())
            .field("allow_private", &self.allow_private)
            .field("single_use", &self.single_use)
            .finish()
    }
}

fn thumbprint(pem: &[u8]) -> Result<Thumbprint, Error> {
    let unusable = "the client certificate and its key are not PEM of both: -----BEGIN CERTIFICATE----- and -----BEGIN \
                    PRIVATE KEY-----";
    grantry_jose::certificate_thumbprint(pem)
        .map(Thumbprint)
        .map_err(|e| Error::configuration(unusable).with_source(e))
}

/// Whether the URL's host is loopback, by address or name.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => resolve::is_localhost(name),
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        None => false,
    }
}

fn parse_proxy(url: &str) -> Result<Url, Error> {
    let refuse = || Error::configuration("the proxy has to be a URL such as http://proxy.example.com:3128");
    let url = Url::parse(url).map_err(|_| refuse())?;
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() { Ok(url) } else { Err(refuse()) }
}

fn to_reqwest(proxy: &Url) -> reqwest::Proxy {
    let target = proxy.clone();
    // A request to this machine never leaves it: `localhost` would be the proxy's own.
    reqwest::Proxy::custom(move |url| (!is_loopback(url)).then(|| target.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictory_limits_say_what_to_change() {
        let refused = |b: HttpTransportBuilder| b.build().unwrap_err().to_string();
        let start = HttpTransport::builder;
        assert!(refused(start().total_timeout(Duration::ZERO)).contains("above zero"));
        assert!(refused(start().connect_timeout(Duration::from_secs(60))).contains("connect timeout"));
        assert!(refused(start().read_timeout(Duration::from_secs(60))).contains("read timeout"));
        assert!(start().total_timeout(Duration::from_secs(1)).build().is_ok());
        assert!(refused(start().total_timeout(Duration::from_secs(7200))).contains("an hour"));
        assert!(refused(start().proxy("proxy:3128")).contains("http://proxy"));
        assert!(refused(start().add_root_certificate("not a certificate")).contains("certificate"));
        assert!(refused(start().add_root_certificate("-----BEGIN X-----")).contains("certificate"));
    }

    #[test]
    fn a_proxy_password_does_not_show() {
        let builder = HttpTransport::builder().proxy("http://user:canary@127.0.0.1:1");
        let shown = format!("{builder:?} {:?}", builder.clone().build().unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
