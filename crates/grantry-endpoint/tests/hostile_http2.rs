//! A server that misuses HTTP/2: every answer ends, in time, and nobody reads without a bound.
#![cfg(feature = "rustls")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantry_core::{Clock, SystemClock};
use grantry_endpoint::{Answer, HttpTransport, Request, Transport, TransportCause, TransportFailure};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring::default_provider};
use zeroize::Zeroizing;

/// The total timeout where the request ends by itself, and where nothing else ends it.
const PATIENT: Duration = Duration::from_secs(60);
const IMPATIENT: Duration = Duration::from_secs(2);
/// The most that a flood gets rid of before the request ends: what is read ahead, and the buffers on the way.
const FLOOD: usize = 64 * 1024 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;
/// `:status: 200` in the static table of HPACK (RFC 7541).
const STATUS_200: u8 = 0x88;

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that is not indexed; names and values shorter than 127 bytes.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// What the server writes on stream 1: something once, then something without end.
struct Attack {
    once: Vec<u8>,
    without_end: Vec<u8>,
}

fn once(bytes: Vec<u8>) -> Attack {
    Attack { once: bytes, without_end: Vec::new() }
}

fn again(once: Vec<u8>, frame: &[u8]) -> Attack {
    Attack { once, without_end: frame.repeat(1 + 16 * 1024 / frame.len()) }
}

/// What came of the request, how long that took, and how many bytes the server got rid of.
async fn attacked_by(attack: Attack, total: Duration) -> (Result<Answer, TransportFailure>, Duration, usize) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());

    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    let server = tokio::spawn(async move {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        writer.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"grant_type=x") {
            if reader.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        // What the client says is heard, so that it is never what it waits for.
        tokio::spawn(async move { while reader.read(&mut [0; 65_536]).await.is_ok_and(|n| n > 0) {} });
        let _ = writer.write_all(&attack.once).await;
        let _ = writer.flush().await;
        while !attack.without_end.is_empty() && writer.write_all(&attack.without_end).await.is_ok() {
            counted.fetch_add(attack.without_end.len(), Ordering::Relaxed);
        }
        std::future::pending::<()>().await;
    });
    let transport = HttpTransport::builder()
        .total_timeout(total)
        .connect_timeout(total / 2)
        .read_timeout(total)
        .add_root_certificate(made.pem())
        .build()
        .unwrap();
    let request =
        Request::new(Method::POST, url.parse().unwrap()).with_body(Zeroizing::new(b"grant_type=x".to_vec()));
    let clock = SystemClock::new();
    let started = clock.now();
    let came = transport.send(request).await;
    let (took, written) = (clock.now().since(started), written.load(Ordering::Relaxed));
    drop(transport);
    server.abort();
    (came, took, written)
}

/// The answer's headers, whole, and without their end.
fn headers() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, &[STATUS_200])
}

fn open_headers() -> Vec<u8> {
    frame(HEADERS, 0, 1, &[STATUS_200])
}

/// The request failed after it had left, in a time and with a read that are both bounded.
async fn ends(name: &str, attack: Attack, causes: &[TransportCause]) {
    let is_late = causes.contains(&TransportCause::TimedOut);
    let total = if is_late { IMPATIENT } else { PATIENT };
    let (came, took, written) = attacked_by(attack, total).await;
    let failed = came.unwrap_err();
    assert!(causes.contains(&failed.cause()), "{name}: {failed:?}");
    assert!(!failed.is_unsent(), "{name}: nobody can tell what the server did");
    assert!(took < total + PATIENT / 2, "{name}: {took:?}");
    let timed_out = failed.cause() == TransportCause::TimedOut;
    assert!(timed_out || written < FLOOD, "{name}: {written} bytes");
}

#[tokio::test]
async fn a_server_that_keeps_to_http_2_is_understood() {
    let (came, ..) = attacked_by(once([headers(), frame(DATA, 1, 1, b"{}")].concat()), PATIENT).await;
    assert_eq!(came.unwrap().expose_body(), b"{}");
}

#[tokio::test]
async fn floods_of_resets_headers_and_pushes_end_the_request_at_once() {
    let broken = &[TransportCause::Broken];
    let reset = |stream| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    let x = field("x-a", &"a".repeat(100));
    ends("resets", again(Vec::new(), &reset(1)), broken).await;
    ends("resets of streams that nobody opened", again(Vec::new(), &reset(3)), broken).await;
    ends("one reset", once(reset(1)), broken).await;
    ends("a refused stream", once(frame(RST_STREAM, 0, 1, &7_u32.to_be_bytes())), broken).await;
    ends("going away", once(frame(GOAWAY, 0, 0, &[0; 8])), broken).await;
    ends("continuations", again(open_headers(), &frame(CONTINUATION, 0, 1, &x)), broken).await;
    ends("empty continuations", again(open_headers(), &frame(CONTINUATION, 0, 1, &[])), broken).await;
    ends("large continuations", again(open_headers(), &frame(CONTINUATION, 0, 1, &x.repeat(150))), broken)
        .await;
    let list = [
        open_headers(),
        frame(CONTINUATION, 0, 1, &x.repeat(150)).repeat(20),
        frame(CONTINUATION, 4, 1, &[]),
    ];
    ends("a header list of 300 KB", once(list.concat()), broken).await;
    // One field of 4 KB in the table of HPACK, then one byte for each time that it is meant.
    let stored = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'a'; 4_000]].concat();
    let bomb = [&[STATUS_200][..], &stored, &[0xbe; 10_000]].concat();
    ends("a bomb of references", once(frame(HEADERS, END_HEADERS, 1, &bomb)), broken).await;
    ends("no HPACK", once(frame(HEADERS, END_HEADERS, 1, &[0xff; 5])), broken).await;
    ends("pushes", again(Vec::new(), &frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])), broken)
        .await;
    let huge = [&[0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1][..], &[0; 100_000]].concat();
    ends("a frame of 16 MiB", once(huge), broken).await;
    ends("HTTP/1.1", once(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), broken).await;
}

#[tokio::test]
async fn floods_of_data_end_the_request_at_once() {
    let ended = &[TransportCause::Truncated, TransportCause::TooLarge, TransportCause::Broken];
    ends("headers again and again", again(headers(), &headers()), ended).await;
    ends("data", again(headers(), &frame(DATA, 0, 1, &[b'A'; 16_384])), ended).await;
    ends("data byte by byte", again(headers(), &frame(DATA, 0, 1, b"A")), ended).await;
    ends("empty data", again(headers(), &frame(DATA, 0, 1, &[])), ended).await;
    ends("padding", again(headers(), &frame(DATA, 8, 1, &[255; 256])), ended).await;
}

#[tokio::test]
async fn what_only_keeps_a_connection_busy_ends_with_the_total_timeout() {
    let late = &[TransportCause::TimedOut];
    let interim = [0x08, 3, b'1', b'0', b'3'];
    let floods = [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("pings", frame(PING, 0, 0, &[0; 8])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("windows of the stream", frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())),
        ("frames of a kind that nobody knows", frame(0x77, 0, 0, &[0; 1_000])),
        ("interim answers", frame(HEADERS, END_HEADERS, 1, &interim)),
    ];
    for (name, flood) in floods {
        // The window overflows after 2^31, which a fast machine may reach.
        ends(name, again(Vec::new(), &flood), &[TransportCause::TimedOut, TransportCause::Broken]).await;
    }
    ends("silence", once(Vec::new()), late).await;
}
