//! A small HTTP/1.1 server: one request a connection, in clear or over TLS as the client begins.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) over_tls: bool,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: &'static str,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: "" }
    }

    pub(crate) fn ok() -> Self {
        Self::new(200)
    }

    /// 401 `invalid_token`.
    pub(crate) fn refused() -> Self {
        Self::new(401).header("WWW-Authenticate", "Bearer error=\"invalid_token\"")
    }

    pub(crate) fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::new(status).header("Location", location)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    fn written(&self) -> String {
        let head: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!(
            "HTTP/1.1 {} Because\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n{}",
            self.status,
            self.body.len(),
            self.body
        )
    }
}

/// A server that answers each request as it is told to, and keeps it.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// The certificate of its TLS side, for `localhost` and 127.0.0.1.
    pub(crate) certificate: rustls::pki_types::CertificateDer<'static>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tls, certificate) = tls_side();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (tls, kept, answer) = (tls.clone(), Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let reply = |request: Seen| {
                        let reply = answer(&request);
                        kept.lock().unwrap().push(request);
                        reply
                    };
                    if begins_with_tls(&connection).await {
                        if let Ok(connection) = tls.accept(connection).await {
                            serve(connection, true, reply).await;
                        }
                    } else {
                        serve(connection, false, reply).await;
                    }
                });
            }
        });
        Self { port, seen, certificate }
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The `Authorization` headers of all requests, `-` where there was none.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.header("authorization").unwrap_or("-").to_owned()).collect()
    }
}

fn tls_side() -> (TlsAcceptor, rustls::pki_types::CertificateDer<'static>) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// Whether the first byte is that of a TLS handshake record.
async fn begins_with_tls(connection: &TcpStream) -> bool {
    let mut first = [0u8; 1];
    matches!(connection.peek(&mut first).await, Ok(1)) && first[0] == 0x16
}

async fn serve(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    over_tls: bool,
    reply: impl Fn(Seen) -> Reply,
) {
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 4096];
    let seen = loop {
        match connection.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
        if let Some(seen) = whole(&bytes, over_tls) {
            break seen;
        }
    };
    let answer = reply(seen).written();
    let _ = connection.write_all(answer.as_bytes()).await;
    let _ = connection.shutdown().await;
}

/// The request, once it is all there.
fn whole(bytes: &[u8], over_tls: bool) -> Option<Seen> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut start = lines.next()?.split(' ');
    let (method, path) = (start.next()?.to_owned(), start.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = bytes[end..].to_vec();
    let seen = Seen { over_tls, method, path, headers, body };
    let is_whole = match (seen.header("content-length"), seen.header("transfer-encoding")) {
        (Some(length), _) => seen.body.len() >= length.parse().ok()?,
        (None, Some(_)) => seen.body.ends_with(b"0\r\n\r\n"),
        (None, None) => true,
    };
    is_whole.then_some(seen)
}
