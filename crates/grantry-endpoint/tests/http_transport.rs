//! The transport over real sockets on loopback: what is provably unsent, what nobody can tell, what is bounded.
#![cfg(any(feature = "rustls", feature = "native-tls"))]
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantry_endpoint::{
    Answer, HttpTransport, HttpTransportBuilder, Request, Transport, TransportCause, TransportFailure,
};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

/// A server that reads a whole request, answers with these bytes, and closes.
struct Raw {
    port: u16,
    requests: Arc<AtomicUsize>,
    last: Arc<Mutex<Vec<u8>>>,
}

impl Raw {
    async fn new(answer: impl Into<Vec<u8>>) -> Self {
        Self::with(answer.into(), After::Close).await
    }

    async fn with(answer: Vec<u8>, after: After) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let last: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (counted, written) = (Arc::clone(&requests), Arc::clone(&last));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (answer, counted, written) = (answer.clone(), Arc::clone(&counted), Arc::clone(&written));
                tokio::spawn(async move {
                    if let Some(request) = read_request(&mut socket).await {
                        *written.lock().unwrap() = request;
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    let _ = socket.write_all(&answer).await;
                    let _ = socket.flush().await;
                    match after {
                        After::Close => drop(socket.shutdown().await),
                        After::Reset => {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            #[allow(deprecated, reason = "a linger of zero is what sends the reset")]
                            let _ = socket.set_linger(Some(Duration::ZERO));
                        }
                        After::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
                    }
                });
            }
        });
        Self { port, requests, last }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[derive(Clone, Copy)]
enum After {
    Close,
    Reset,
    Hang,
}

async fn read_request(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let n = socket.read(&mut buffer).await.ok()?;
        if n == 0 {
            return None;
        }
        read.extend_from_slice(&buffer[..n]);
        if read.ends_with(b"grant_type=x") || read.starts_with(b"CONNECT") && read.ends_with(b"\r\n\r\n") {
            return Some(read);
        }
    }
}

fn post(url: &str) -> Request {
    Request::new(Method::POST, url.parse().unwrap()).with_body(Zeroizing::new(b"grant_type=x".to_vec()))
}

/// Longer than anything takes on a busy machine.
fn patient() -> HttpTransportBuilder {
    let longest = Duration::from_secs(120);
    HttpTransport::builder().total_timeout(longest).connect_timeout(longest / 2).read_timeout(longest)
}

async fn send(url: &str) -> Result<Answer, TransportFailure> {
    patient().build().unwrap().send(post(url)).await
}

async fn failure(url: &str) -> TransportFailure {
    send(url).await.unwrap_err()
}

#[tokio::test]
async fn a_whole_answer_arrives_with_status_headers_and_body() {
    let server = Raw::new("HTTP/1.1 401 X\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}").await;
    let answer = send(&server.url()).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["retry-after"], "3");
    assert_eq!(answer.expose_body(), b"{}");
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_are_provably_unsent() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let refused = failure(&format!("http://127.0.0.1:{closed}/")).await;
    assert_eq!((refused.cause(), refused.is_unsent()), (TransportCause::NotConnected, true));
    // A label of 70 bytes is refused before anybody is asked.
    let unknown = failure(&format!("https://{}.invalid/", "a".repeat(70))).await;
    assert_eq!((unknown.cause(), unknown.is_unsent()), (TransportCause::NameNotFound, true));
}

#[tokio::test]
async fn what_breaks_after_the_request_left_is_unknown() {
    let cases: [(&str, After, TransportCause); 9] = [
        ("", After::Close, TransportCause::Broken),
        ("", After::Reset, TransportCause::Broken),
        ("", After::Hang, TransportCause::TimedOut),
        ("HTTP/1.1 2", After::Close, TransportCause::Broken),
        ("SSH-2.0-x\r\n\r\n", After::Close, TransportCause::Truncated),
        ("HTTP/1.1 000 X\r\n\r\n", After::Close, TransportCause::Truncated),
        ("HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\npart", After::Close, TransportCause::Truncated),
        (
            "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
            After::Close,
            TransportCause::Truncated,
        ),
        ("HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\npart", After::Hang, TransportCause::TimedOut),
    ];
    for (bytes, after, cause) in cases {
        let server = Raw::with(bytes.into(), after).await;
        let transport = match after {
            After::Hang => {
                patient().connect_timeout(Duration::from_secs(1)).read_timeout(Duration::from_secs(2))
            }
            _ => patient(),
        };
        let failed = transport.build().unwrap().send(post(&server.url())).await.unwrap_err();
        assert_eq!((failed.cause(), failed.is_unsent()), (cause, false), "{bytes:?}");
        assert_eq!(server.requests(), 1, "{bytes:?} was sent again");
        if bytes.contains("part") {
            assert_eq!(failed.partial().unwrap().expose_body(), b"part", "{bytes:?}");
        }
    }
}

#[tokio::test]
async fn a_reset_inside_the_body_keeps_what_had_come() {
    let server = Raw::with(b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\npart".to_vec(), After::Reset).await;
    let failed = failure(&server.url()).await;
    assert!(!failed.is_unsent());
    assert!(matches!(failed.cause(), TransportCause::Broken | TransportCause::Truncated));
    assert_eq!(failed.partial().unwrap().expose_body(), b"part");
}

#[tokio::test]
async fn req_a10_reading_stops_at_the_cap_and_keeps_what_was_read() {
    let mut bytes = b"HTTP/1.1 200 X\r\nContent-Length: 1073741824\r\n\r\n{\"refresh_token\":\"".to_vec();
    bytes.resize(bytes.len() + 600 * 1024, b'x');
    let server = Raw::with(bytes, After::Hang).await;
    let failed = failure(&server.url()).await;
    assert_eq!((failed.cause(), failed.is_unsent()), (TransportCause::TooLarge, false));
    assert_eq!(failed.partial().unwrap().expose_body().len(), 256 * 1024);

    let mut bytes = b"HTTP/1.1 200 X\r\nContent-Length: 262144\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + 256 * 1024, b'x');
    let server = Raw::new(bytes).await;
    assert_eq!(send(&server.url()).await.unwrap().expose_body().len(), 256 * 1024);
}

#[tokio::test]
async fn req_a07_no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let other = Raw::new("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
        let server = Raw::new(format!(
            "HTTP/1.1 {status} X\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
            other.url()
        ))
        .await;
        assert_eq!(send(&server.url()).await.unwrap().status(), status);
        assert_eq!(other.requests(), 0);
    }
}

#[tokio::test]
async fn floods_of_interim_answers_and_headers_end() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let server = Raw::new(format!("{interim}HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")).await;
    assert_eq!(send(&server.url()).await.unwrap().status(), 200);
    let headers: String = (0..1000).map(|n| format!("X-{n}: y\r\n")).collect();
    let server = Raw::new(format!("HTTP/1.1 200 X\r\n{headers}\r\n")).await;
    assert!(!failure(&server.url()).await.is_unsent());
    let server = Raw::new(format!("HTTP/1.1 200 X\r\nX: {}\r\n\r\n", "y".repeat(1 << 20))).await;
    assert!(!failure(&server.url()).await.is_unsent());
}

/// The URL of a server whose answer never ends, and never rests for long.
async fn dripping() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        let _ = socket.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 9999\r\n\r\n").await;
        while socket.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    url
}

#[tokio::test]
async fn one_byte_at_a_time_ends_at_the_total_timeout_or_at_the_limit_of_the_request() {
    let (short, long) = (Duration::from_secs(2), Duration::from_secs(3600));
    for (total, of_the_request) in [(short, None), (short, Some(long)), (long, Some(short))] {
        let url = dripping().await;
        let transport = HttpTransport::builder().total_timeout(total).build().unwrap();
        let request = match of_the_request {
            Some(limit) => post(&url).within(limit),
            None => post(&url),
        };
        let failed = transport.send(request).await.unwrap_err();
        assert_eq!((failed.cause(), failed.is_unsent()), (TransportCause::TimedOut, false));
        assert!(!failed.partial().unwrap().expose_body().is_empty());
    }
}

#[tokio::test]
async fn req_a01_what_is_not_https_or_loopback_is_never_sent() {
    for url in ["http://example.com/", "http://10.0.0.1/", "ftp://127.0.0.1/", "https://u:p@127.0.0.1/"] {
        let failed = failure(url).await;
        assert_eq!((failed.cause(), failed.is_unsent()), (TransportCause::AddressNotAllowed, true), "{url}");
    }
    let server = Raw::new("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
    assert!(send(&server.url().replace("127.0.0.1", "localhost")).await.is_ok());
}

#[tokio::test]
async fn req_e20_a_learned_url_reaches_a_private_address_only_where_that_is_allowed() {
    let server = Raw::new("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
    let strict = patient().build().unwrap();
    let lenient = patient().allow_private_addresses().build().unwrap();
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let url = server.url().replace("127.0.0.1", host);
        let url = if host.starts_with('[') { url.replace("http:", "https:") } else { url };
        let failed = strict.send(post(&url).learned()).await.unwrap_err();
        assert_eq!((failed.cause(), failed.is_unsent()), (TransportCause::AddressNotAllowed, true), "{host}");
    }
    assert_eq!(server.requests(), 0);
    assert!(lenient.send(post(&server.url()).learned()).await.is_ok());
    for url in ["https://169.254.169.254/", "https://[fd00:ec2::254]/", "https://0.0.0.0/"] {
        let failed = lenient.send(post(url).learned()).await.unwrap_err();
        assert_eq!(failed.cause(), TransportCause::AddressNotAllowed, "{url}");
    }
}

#[tokio::test]
async fn single_use_requests_never_share_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                while read_request(&mut socket).await.is_some() {
                    let _ = socket.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
                }
            });
        }
    });
    let single = patient().for_single_use_credentials().build().unwrap();
    for _ in 0..3 {
        single.send(post(&url)).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_proxy_that_refuses_leaves_the_request_unsent_and_loopback_goes_past_it() {
    let proxy = Raw::new("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").await;
    let transport = patient().proxy(format!("http://user:pw@127.0.0.1:{}", proxy.port)).build().unwrap();
    let failed = transport.send(post("https://as.example.com/token")).await.unwrap_err();
    assert_eq!((failed.cause(), failed.is_unsent()), (TransportCause::ProxyRefused, true));
    assert_eq!(proxy.requests(), 1);
    let connect = String::from_utf8(proxy.last.lock().unwrap().clone()).unwrap().to_lowercase();
    assert!(connect.starts_with("connect as.example.com:443 "), "{connect}");
    assert!(connect.contains("proxy-authorization: basic dxnlcjpwdw==\r\n"), "{connect}");
    assert!(!connect.contains("grant_type"), "{connect}");

    let server = Raw::new("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
    assert!(transport.send(post(&server.url())).await.is_ok());
    assert!(transport.send(post(&server.url().replace("127.0.0.1", "localhost"))).await.is_ok());
    assert_eq!((proxy.requests(), server.requests()), (1, 2));
    for host in ["127.0.0.1", "localhost", "10.0.0.1"] {
        let failed = transport.send(post(&format!("https://{host}/")).learned()).await.unwrap_err();
        assert_eq!(failed.cause(), TransportCause::AddressNotAllowed, "{host}");
    }
}

/// A certificate for `names`, and what accepts connections with it.
fn tls_acceptor(names: &[&str]) -> (tokio_rustls::TlsAcceptor, String) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    acceptor_with(rcgen::CertificateParams::new(names).unwrap())
}

fn acceptor_with(certificate: rcgen::CertificateParams) -> (tokio_rustls::TlsAcceptor, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = certificate.self_signed(&key).unwrap();
    let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), made.pem())
}

/// A TLS server for `names` that answers 200; counts the bytes that it could decrypt.
async fn tls_server(names: &[&str]) -> (u16, String, Arc<AtomicUsize>) {
    tls_server_of(tls_acceptor(names)).await
}

async fn tls_server_of(
    (acceptor, pem): (tokio_rustls::TlsAcceptor, String),
) -> (u16, String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let mut buffer = [0; 4096];
            if let Ok(n) = stream.read(&mut buffer).await {
                counted.fetch_add(n, Ordering::SeqCst);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    (port, pem, seen)
}

#[tokio::test]
async fn req_a02_an_untrusted_certificate_or_another_host_gets_no_byte() {
    let (port, pem, seen) = tls_server(&["localhost"]).await;
    let url = format!("https://localhost:{port}/");
    let untrusted = failure(&url).await;
    assert_eq!((untrusted.cause(), untrusted.is_unsent()), (TransportCause::TlsFailed, true));

    let trusting = patient().add_root_certificate(pem).for_single_use_credentials().build().unwrap();
    let other_host = trusting.send(post(&format!("https://127.0.0.1:{port}/"))).await.unwrap_err();
    assert_eq!((other_host.cause(), other_host.is_unsent()), (TransportCause::TlsFailed, true));
    assert_eq!(seen.load(Ordering::SeqCst), 0);

    assert_eq!(trusting.send(post(&url)).await.unwrap().status(), 200);
    assert!(seen.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn req_a02_a_certificate_that_expired_or_is_of_an_unknown_authority_gets_no_byte() {
    let lasting_until = |year| {
        let mut certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        certificate.not_after = rcgen::date_time_ymd(year, 1, 1);
        acceptor_with(certificate)
    };
    // Each is a root to whoever is asked to trust it, so that nothing but its time is wrong with the second.
    for (year, trusted) in [(2100, true), (2020, false)] {
        let (port, pem, seen) = tls_server_of(lasting_until(year)).await;
        let trusting = patient().add_root_certificate(pem).for_single_use_credentials().build().unwrap();
        let answer = trusting.send(post(&format!("https://localhost:{port}/"))).await;
        assert_eq!((answer.is_ok(), seen.load(Ordering::SeqCst) > 0), (trusted, trusted), "{year}");
        if let Err(expired) = answer {
            assert_eq!((expired.cause(), expired.is_unsent()), (TransportCause::TlsFailed, true));
        }
    }

    let (port, _, seen) = tls_server(&["localhost"]).await;
    let (_, of_another) = tls_acceptor(&["localhost"]);
    let trusting = patient().add_root_certificate(of_another).for_single_use_credentials().build().unwrap();
    let unknown = trusting.send(post(&format!("https://localhost:{port}/"))).await.unwrap_err();
    assert_eq!((unknown.cause(), unknown.is_unsent()), (TransportCause::TlsFailed, true));
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn http_2_is_offered_except_for_single_use_credentials() {
    for (single_use, first) in [(false, &b"PRI * HTTP/2.0"[..]), (true, b"POST / HTTP/1.1")] {
        let (acceptor, pem) = tls_acceptor(&["localhost"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let builder = patient().add_root_certificate(pem);
        let builder = if single_use { builder.for_single_use_credentials() } else { builder };
        let transport = builder.build().unwrap();
        let sending = tokio::spawn(async move { transport.send(post(&url)).await });
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut read = vec![0; first.len()];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(read, first);
        drop(stream);
        assert!(!sending.await.unwrap().unwrap_err().is_unsent());
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_gets_no_byte() {
    let server = Raw::new("HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
    // The server waits for a request that it understands.
    let transport = patient().connect_timeout(Duration::from_millis(500)).build().unwrap();
    let failed = transport.send(post(&server.url().replace("http:", "https:"))).await.unwrap_err();
    assert!(failed.is_unsent(), "{failed:?}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_tls_handshake_that_hangs_or_breaks_leaves_the_request_unsent() {
    for hang in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            if hang {
                let _ = socket.read_to_end(&mut seen).await;
            }
            seen
        });
        let transport = patient().connect_timeout(Duration::from_millis(500)).build().unwrap();
        let failed = transport.send(post(&url)).await.unwrap_err();
        assert!(failed.is_unsent(), "{failed:?}");
        let seen = server.await.unwrap();
        assert!(!seen.windows(10).any(|w| w == b"grant_type"), "the form was sent in clear");
    }
}

#[tokio::test]
async fn a_connection_that_went_stale_never_makes_a_request_be_sent_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            if read_request(&mut socket).await.is_some() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            // Promises to keep the connection, and does not.
            let _ = socket.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let transport = patient().build().unwrap();
    for _ in 0..20 {
        let before = requests.load(Ordering::SeqCst);
        let result = transport.send(post(&url)).await;
        let after = requests.load(Ordering::SeqCst);
        assert!(after - before <= 1, "sent twice");
        assert!(result.is_ok() || after == before, "{result:?}");
    }
}

/// The TLS versions of a ClientHello: its `supported_versions` (RFC 8446 section 4.2.1).
#[cfg(feature = "rustls")]
fn offered_versions(record: &[u8]) -> Vec<u16> {
    let be = |bytes: &[u8]| bytes.iter().fold(0_usize, |n, byte| n << 8 | usize::from(*byte));
    assert_eq!((record[0], record[5]), (0x16, 1), "a handshake record with a ClientHello");
    // Record 5, handshake 4, version 2, random 32; then session id, cipher suites, compression methods.
    let mut at = 5 + 4 + 2 + 32;
    at += 1 + usize::from(record[at]);
    at += 2 + be(&record[at..at + 2]);
    at += 1 + usize::from(record[at]);
    at += 2;
    while at + 4 <= record.len() {
        let (kind, length) = (be(&record[at..at + 2]), be(&record[at + 2..at + 4]));
        let body = &record[at + 4..at + 4 + length];
        if kind == 43 {
            return body[1..].chunks(2).map(|v| u16::from_be_bytes([v[0], v[1]])).collect();
        }
        at += 4 + length;
    }
    Vec::new()
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn req_a03_only_tls_1_2_and_1_3_are_offered_and_an_older_server_gets_no_byte() {
    // A ServerHello of TLS 1.1 with a cipher suite of its time, an alert, and garbage.
    let mut hello = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    for answer in [hello, vec![0x15, 3, 2, 0, 2, 2, 70], b"garbage, and no end of it".to_vec()] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 5];
            socket.read_exact(&mut head).await.unwrap();
            let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            socket.read_exact(&mut body).await.unwrap();
            socket.write_all(&answer).await.unwrap();
            let mut after = Vec::new();
            let _ = socket.read_to_end(&mut after).await;
            ([&head[..], &body].concat(), after)
        });
        let failed = failure(&url).await;
        assert_eq!((failed.cause(), failed.is_unsent()), (TransportCause::TlsFailed, true));
        let (client_hello, after) = server.await.unwrap();
        let mut versions = offered_versions(&client_hello);
        versions.sort_unstable();
        assert_eq!(versions, [0x0303, 0x0304]);
        assert!(after.is_empty() || after[0] == 0x15, "an alert and nothing else: {after:02x?}");
        assert!(after.len() <= 7, "an alert and nothing else: {after:02x?}");
    }
}

#[tokio::test]
async fn a_failure_of_the_transport_is_an_error_that_says_what_became_of_the_request() {
    let unsent = failure("ftp://127.0.0.1/").await;
    let error: &dyn std::error::Error = &unsent;
    assert_eq!(error.to_string(), "the address is not allowed, and nothing was sent");
    let unknown = TransportFailure::unknown(TransportCause::TimedOut);
    assert_eq!(unknown.to_string(), "no answer in time, and the request may have arrived");
}
