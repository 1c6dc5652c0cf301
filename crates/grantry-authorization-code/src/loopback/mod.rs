//! The redirect URI of a program on the person's own machine (RFC 8252 section 7.3).

mod answer;
#[cfg(feature = "browser")]
mod browser;
mod head;
mod waiting;

use std::fmt;
use std::future::pending as never;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use grantry_core::{Error, ErrorKind};
use tokio::net::TcpListener;
use url::Url;

use crate::{AuthorizationCode, Granted, Page, STAGE, Unfinished};

#[cfg(feature = "browser")]
pub use browser::open_browser;

/// A listener on this machine's loopback interface for one login: the redirect URI of a command line or desktop program.
///
/// Listen first, for the port is part of the redirect URI; then build the flow, and have the person log in:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
/// # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
/// # let registered = grantry_testkit::RegisteredClient::public("desktop").redirect_uri("http://127.0.0.1/callback");
/// # let test = Arc::new(grantry_testkit::TestServer::builder().client(registered).build());
/// # let client = Client::new("desktop", ClientAuthentication::none())?;
/// # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
/// # let open_browser = |url: &str| {
/// #     let (person, url) = (Arc::clone(&test), url.to_owned());
/// #     tokio::spawn(async move {
/// #         let back = person.visit(&url).await.unwrap();
/// #         let (host, target) = back.strip_prefix("http://").unwrap().split_once('/').unwrap();
/// #         let mut browser = tokio::net::TcpStream::connect(host).await.unwrap();
/// #         let request = format!("GET /{target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
/// #         browser.write_all(request.as_bytes()).await.unwrap();
/// #         browser.read_to_end(&mut Vec::new()).await.unwrap();
/// #     })
/// # };
/// use grantry_authorization_code::{AuthorizationCode, Loopback};
///
/// let loopback = Loopback::listen().await?;
/// let flow = AuthorizationCode::builder(endpoint, loopback.redirect_uri()).scope("calendar.read").build()?;
/// let granted = loopback
///     .login(&flow, |url| {
///         println!("To log in, open\n\n  {url}\n");
///         let _ = open_browser(url); // Of the feature `browser`. Where it fails, the person opens it.
///     })
///     .await?;
/// assert_eq!(granted.scope().as_str(), "calendar.read");
/// # Ok(())
/// # }
/// ```
///
/// The server has to let a client use any port of the loopback address (RFC 8252 section 7.3), as most do for clients
/// that are registered as native; where it compares ports as well, fix one with [`LoopbackBuilder::port`].
///
/// Whoever is on the machine, and every page in the browser, can send requests here. Only one with the state of this login
/// is its response: anything else is answered and ignored, and reaches the token endpoint never. What is fetched in
/// advance is asked to come again. The response is accepted once; who brings it again while the tokens are on their way
/// sees the same page.
pub struct Loopback {
    listeners: Vec<TcpListener>,
    redirect_uri: String,
    /// The only `Host` that the browser can say (DNS rebinding).
    host: String,
    path: String,
    finished: Page,
}

impl Loopback {
    /// Listens on a free port of 127.0.0.1, or of `[::1]` where that is not to be had.
    ///
    /// # Errors
    /// [`Unreachable`](ErrorKind::Unreachable) where no port can be had.
    pub async fn listen() -> Result<Self, Error> {
        Self::builder().listen().await
    }

    /// To fix the port, the path or the address.
    pub fn builder() -> LoopbackBuilder {
        LoopbackBuilder {
            port: 0,
            path: "/callback".to_owned(),
            address: Address::Either,
            finished: Page::finished(),
        }
    }

    /// What is fixed by a redirect URI that is registered at the server: the address, the path, and the port where it names
    /// one, such as `http://127.0.0.1/callback`.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) for one that does not lead to this machine.
    pub fn builder_for(redirect_uri: &str) -> Result<LoopbackBuilder, Error> {
        crate::redirect_uri::check(redirect_uri)?;
        let elsewhere = || {
            Error::configuration(
                "the redirect URI does not lead to this machine: a login here needs one such as \
                 http://127.0.0.1/callback, registered at the server",
            )
        };
        let url = Url::parse(redirect_uri).map_err(|_| elsewhere())?;
        let builder = Self::builder().path(url.path()).port(url.port().unwrap_or(0));
        let builder = match url.host_str() {
            _ if url.scheme() != "http" || url.query().is_some() => return Err(elsewhere()),
            Some("127.0.0.1") => builder.ipv4(),
            Some("[::1]") => builder.ipv6(),
            Some("localhost") => builder.localhost(),
            _ => return Err(elsewhere()),
        };
        Ok(builder)
    }

    /// The redirect URI that leads here, for [`AuthorizationCode::builder`].
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Has the person log in: begins, gives the URL to `invite`, and waits until the browser comes back or the flow's
    /// [`lifetime`](crate::AuthorizationCodeBuilder::lifetime) is over. The port is closed when this returns.
    ///
    /// `invite` gets the URL that the person's browser has to open. Print it in any case: a browser that seems to open
    /// may be on another machine. It should not block.
    ///
    /// The code is redeemed before the browser sees its page, so the page says what came of it. A token request that was
    /// provably never sent is tried again twice.
    ///
    /// **Cancel-safety**: dropping the future closes the port and every connection at once; a code that the server has
    /// seen is lost then, with the tokens for it.
    ///
    /// # Errors
    /// As [`finish`](crate::PendingAuthorization::finish), and when nobody comes back in time. There is never an
    /// [`again`](Unfinished::again): listen and begin anew. [`Configuration`](ErrorKind::Configuration) where the flow has
    /// another redirect URI, or its response comes as a form post.
    pub async fn login(
        self,
        flow: &AuthorizationCode,
        invite: impl FnOnce(&str) + Send,
    ) -> Result<Granted, Unfinished> {
        self.login_unless(flow, invite, never()).await
    }

    /// The same, until `given_up` is ready: the end that costs nothing. A code that has come by then is redeemed
    /// nevertheless, so that no tokens are lost, and its outcome returned.
    ///
    /// # Errors
    /// As [`login`](Self::login); [`Closed`](ErrorKind::Closed) where it was given up in time.
    pub async fn login_unless(
        self,
        flow: &AuthorizationCode,
        invite: impl FnOnce(&str) + Send,
        given_up: impl Future<Output = ()> + Send,
    ) -> Result<Granted, Unfinished> {
        if flow.redirect_uri() != self.redirect_uri {
            return Err(Unfinished::over(Error::configuration(
                "the flow has another redirect URI than the listener: build it with Loopback::redirect_uri",
            )));
        }
        if flow.is_form_post() {
            return Err(Unfinished::over(Error::configuration(
                "a response to a program comes in the query: leave form_post() out",
            )));
        }
        let user_agent = flow.user_agent();
        let (redirect, pending) = flow.begin(&user_agent).await.map_err(Unfinished::over)?;
        let location = redirect.into_location().map_err(Unfinished::over)?;
        // From here on it may come back at any time; it waits in the system's queue until it is accepted.
        invite(&location);
        drop(location);
        waiting::wait(self, flow, user_agent, pending, given_up).await
    }
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

/// Where a [`Loopback`] listens.
#[derive(Debug, Clone)]
#[must_use]
pub struct LoopbackBuilder {
    port: u16,
    path: String,
    address: Address,
    finished: Page,
}

#[derive(Debug, Clone, Copy)]
enum Address {
    Either,
    Ipv4,
    Ipv6,
    Localhost,
}

impl LoopbackBuilder {
    /// A fixed port, for servers that compare it. Another program may have it already; left out, any free one is taken.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The path of the redirect URI; `/callback` if left out.
    pub fn path(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Only 127.0.0.1.
    pub fn ipv4(self) -> Self {
        Self { address: Address::Ipv4, ..self }
    }

    /// Only `[::1]`.
    pub fn ipv6(self) -> Self {
        Self { address: Address::Ipv6, ..self }
    }

    /// Calls itself `localhost`, for servers that accept no address. It listens on both loopback addresses then, since
    /// the browser chooses one, and fails where another program has the port of either. RFC 8252 section 8.3 advises
    /// against it: the name may be made to mean something else.
    pub fn localhost(self) -> Self {
        Self { address: Address::Localhost, ..self }
    }

    /// The page that the person sees in the end where everything went well; [`Page::finished`] if left out.
    pub fn finished_page(self, page: Page) -> Self {
        Self { finished: page, ..self }
    }

    /// Listens. Nothing is accepted before [`login`](Loopback::login).
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) for a path that is none; [`Unreachable`](ErrorKind::Unreachable) where
    /// the port is another program's, or none is to be had.
    pub async fn listen(self) -> Result<Loopback, Error> {
        let is_path = self.path.starts_with('/')
            && !self.path.starts_with("//")
            && self.path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b))
            && !self.path.split('/').any(|part| part == "." || part == "..");
        if !is_path {
            return Err(Error::configuration(
                "the path of the redirect URI is not usable: expected one such as /callback, of letters, digits and \
                 -._~/",
            ));
        }
        let (listeners, host) = self.bind().await.map_err(|error| {
            let fact = "no port of the loopback interface can be listened on";
            Error::new(ErrorKind::Unreachable, STAGE, fact).with_source(error)
        })?;
        let redirect_uri = format!("http://{host}{}", self.path);
        // A browser leaves the port of the scheme out.
        let host = host.strip_suffix(":80").unwrap_or(&host).to_owned();
        Ok(Loopback { listeners, redirect_uri, host, path: self.path, finished: self.finished })
    }

    async fn bind(&self) -> io::Result<(Vec<TcpListener>, String)> {
        let v4 = || bind(Ipv4Addr::LOCALHOST.into(), self.port);
        let v6 = || bind(Ipv6Addr::LOCALHOST.into(), self.port);
        let listener = match self.address {
            Address::Ipv4 => v4().await?,
            Address::Ipv6 => v6().await?,
            Address::Either => match v4().await {
                Ok(listener) => listener,
                Err(_) => v6().await?,
            },
            Address::Localhost => return self.bind_both().await,
        };
        let host = listener.local_addr()?.to_string();
        Ok((vec![listener], host))
    }

    async fn bind_both(&self) -> io::Result<(Vec<TcpListener>, String)> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        // The port that one address gives may be taken at the other: a few draws find one that both have.
        for _ in 0..16 {
            let first = match bind(Ipv4Addr::LOCALHOST.into(), self.port).await {
                Ok(first) => first,
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                    let second = bind(Ipv6Addr::LOCALHOST.into(), self.port).await?;
                    let port = second.local_addr()?.port();
                    return Ok((vec![second], format!("localhost:{port}")));
                }
                Err(error) => return Err(error),
            };
            let port = first.local_addr()?.port();
            let host = format!("localhost:{port}");
            match bind(Ipv6Addr::LOCALHOST.into(), port).await {
                Ok(second) => return Ok((vec![first, second], host)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                // A machine without IPv6: nobody else can have the port there.
                Err(_) => return Ok((vec![first], host)),
            }
            if self.port != 0 {
                break;
            }
        }
        Err(last)
    }
}

async fn bind(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::new(address, port)).await
}
