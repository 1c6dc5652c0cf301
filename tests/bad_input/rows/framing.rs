//! How an answer's bytes are put on the wire, and how they stop.

use std::time::Duration;

use grantry_core::Consumed::Unknown;
use grantry_core::ErrorKind;
use grantry_testkit::RawAnswer;

use super::{CANARY, REFRESH, Row, good, json};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";

pub(super) fn rows() -> Vec<Row> {
    [ends(), lengths(), chunks(), floods(), not_http()].concat()
}

/// The refresh token first, then a lot.
fn front() -> String {
    format!(r#"{{"refresh_token":"{REFRESH}","access_token":"{ACCESS}","x":""#, ACCESS = super::ACCESS)
}

fn ends() -> Vec<Row> {
    let whole = json("200 OK", good());
    let half = format!("{OK}Content-Length: 1000\r\n\r\n{}", front());
    let shortly = Duration::from_millis(300);
    vec![
        Row::interrupted("closed without a byte", RawAnswer::default()),
        Row::interrupted("reset without a byte", RawAnswer::default().reset()),
        Row::interrupted("closed before the request was read", RawAnswer::default().at_once()),
        Row::interrupted("silence", RawAnswer::default().hold()).impatient(),
        Row::interrupted("closed inside the status line", RawAnswer::bytes("HTTP/1.1 20")),
        Row::interrupted("closed inside the headers", RawAnswer::bytes("HTTP/1.1 200 OK\r\nContent-")),
        Row::interrupted("silence inside the headers", RawAnswer::bytes("HTTP/1.1 200 OK\r\n").hold())
            .impatient(),
        Row::interrupted(
            "closed after the headers",
            RawAnswer::bytes(format!("{OK}Content-Length: 9\r\n\r\n")),
        ),
        Row::interrupted("closed inside the body", RawAnswer::bytes(half.clone())).with_refresh(REFRESH),
        Row::interrupted("reset inside the body", RawAnswer::bytes(half.clone()).pause(shortly).reset())
            .with_refresh(REFRESH),
        Row::interrupted("silence inside the body", RawAnswer::bytes(half).hold())
            .with_refresh(REFRESH)
            .impatient(),
        Row::interrupted("one byte a second", whole.clone().slowly(1, Duration::from_secs(1))).impatient(),
        Row::grants("one byte at a time", whole.clone().slowly(1, Duration::from_millis(1))),
        Row::grants("held open after the whole answer", whole.hold()),
    ]
}

fn lengths() -> Vec<Row> {
    let body = good();
    let n = body.len();
    let sent = |lengths: &str| RawAnswer::bytes(format!("{OK}{lengths}\r\n{body}"));
    vec![
        Row::unusable("a length one too short", sent(&format!("Content-Length: {}\r\n", n - 1)))
            .with_refresh(REFRESH),
        Row::unusable("a length of zero", sent("Content-Length: 0\r\n")),
        Row::interrupted("a length one too long", sent(&format!("Content-Length: {}\r\n", n + 1)))
            .with_refresh(REFRESH),
        Row::grants("no length, until the end", sent("")),
        Row::grants(
            "the same length twice",
            sent(&format!("Content-Length: {n}\r\nContent-Length: {n}\r\n")),
        ),
        Row::interrupted("two lengths", sent(&format!("Content-Length: {n}\r\nContent-Length: 7\r\n"))),
        Row::interrupted("a negative length", sent("Content-Length: -1\r\n")),
        Row::interrupted("a length that is a word", sent("Content-Length: c4n4ry5f0c1d9e7b\r\n")),
        Row::interrupted("a length beyond 64 bits", sent("Content-Length: 99999999999999999999999\r\n")),
        Row::grants("more bytes after the answer", sent(&format!("Content-Length: {n}\r\n")).then(CANARY)),
    ]
}

fn chunks() -> Vec<Row> {
    let body = good();
    let head = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
    let one = format!("{:x}\r\n{body}\r\n", body.len());
    let extension = format!("{:x};{}\r\n{body}\r\n0\r\n\r\n", body.len(), "e".repeat(8_192));
    let endless = RawAnswer::bytes(format!("{head}{:x};", body.len())).repeat("e".repeat(65_536), 16_384);
    let bytewise: String = body.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
    vec![
        Row::grants("one chunk", RawAnswer::bytes(format!("{head}{one}0\r\n\r\n"))),
        Row::grants("a chunk for each byte", RawAnswer::bytes(format!("{head}{bytewise}0\r\n\r\n"))),
        Row::grants("trailers", RawAnswer::bytes(format!("{head}{one}0\r\nX: {CANARY}\r\n\r\n"))),
        Row::interrupted("no last chunk", RawAnswer::bytes(format!("{head}{one}"))).with_refresh(REFRESH),
        Row::interrupted("a cut last chunk", RawAnswer::bytes(format!("{head}{one}0\r\n")))
            .with_refresh(REFRESH),
        Row::interrupted("a chunk size that is none", RawAnswer::bytes(format!("{head}{one}c4n4ry\r\n")))
            .with_refresh(REFRESH),
        Row::interrupted(
            "a chunk size beyond 64 bits",
            RawAnswer::bytes(format!("{head}fffffffffffffffff\r\n")),
        ),
        Row::grants("a chunk extension of 8 KiB", RawAnswer::bytes(format!("{head}{extension}"))),
        Row::interrupted("an endless chunk extension", endless),
        Row::interrupted(
            "an endless trailer",
            RawAnswer::bytes(format!("{head}{one}0\r\nX: ")).repeat("t".repeat(65_536), 16_384),
        )
        .with_refresh(REFRESH),
        // Read until the end then (RFC 9112 section 6.3): the chunks' sizes stand in the body.
        Row::unusable(
            "a coding after chunked",
            RawAnswer::bytes(format!("{OK}Transfer-Encoding: chunked, gzip\r\n\r\n{one}0\r\n\r\n")),
        )
        .with_refresh(REFRESH),
    ]
}

/// More than anybody should read. The cap of the body is 256 KiB.
fn floods() -> Vec<Row> {
    let gib =
        |head: &str| RawAnswer::bytes(format!("{head}\r\n{}", front())).repeat("A".repeat(65_536), 16_384);
    let continues = |times| RawAnswer::default().repeat("HTTP/1.1 100 Continue\r\n\r\n".repeat(50), times);
    let whole = format!("{OK}Content-Length: {}\r\n\r\n{}", good().len(), good());
    let too_large = |name: &str, answer| Row::unusable(name, answer).with_refresh(REFRESH);
    vec![
        too_large("a body of 1 GiB until the end", gib(OK)),
        too_large("a body of 1 GiB by its length", gib(&format!("{OK}Content-Length: 1073741900\r\n"))),
        Row::unusable(
            "a body of 1 GiB before the token",
            RawAnswer::bytes(format!("{OK}\r\n{{\"x\":\"")).repeat("A".repeat(65_536), 16_384).then(good()),
        ),
        Row::grants("1,000 times 100 Continue", continues(20).then(whole.clone())),
        Row::grants("103 Early Hints", RawAnswer::bytes("HTTP/1.1 103 X\r\nLink: <x>\r\n\r\n").then(whole)),
        Row::interrupted("100 Continue without end", continues(20_000_000)).impatient().only_time_bounds(),
        Row::interrupted(
            "a header without end",
            RawAnswer::bytes("HTTP/1.1 200 OK\r\nX: ").repeat("h".repeat(65_536), 16_384),
        ),
        Row::interrupted(
            "headers without end",
            RawAnswer::bytes("HTTP/1.1 200 OK\r\n").repeat("X-Y: z\r\n".repeat(8_192), 16_384),
        ),
        Row::interrupted(
            "a status line without end",
            RawAnswer::bytes("HTTP/1.1 200 ").repeat("r".repeat(65_536), 16_384),
        ),
    ]
}

fn not_http() -> Vec<Row> {
    let body = format!("\r\nContent-Length: {}\r\n\r\n{}", good().len(), good());
    let said = |start: &str| RawAnswer::bytes(format!("{start}{body}"));
    vec![
        Row::interrupted("a TLS alert", RawAnswer::bytes(&b"\x15\x03\x01\x00\x02\x02\x46"[..])),
        Row::interrupted("an HTTP/2 preface", RawAnswer::bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        Row::interrupted(
            "a request in the place of an answer",
            RawAnswer::bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ),
        Row::interrupted("a body and nothing else", RawAnswer::bytes(good())),
        Row::interrupted("HTTP/3.7", said("HTTP/3.7 200 OK")),
        Row::grants("HTTP/1.0", said("HTTP/1.0 200 OK")),
        Row::grants("no reason", said("HTTP/1.1 200")),
        Row::interrupted("a header name with a space", said("HTTP/1.1 200 OK\r\nBad Name: x")),
        Row::interrupted("a NUL in a header", said("HTTP/1.1 200 OK\r\nX: a\0b")),
        Row::fails(
            "101 Switching Protocols",
            RawAnswer::bytes("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: c4n4ry5f0c1d9e7b\r\n\r\n"),
            ErrorKind::InvalidAnswer,
            Unknown,
        ),
    ]
}
