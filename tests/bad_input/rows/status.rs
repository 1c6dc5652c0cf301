//! Statuses and headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::Consumed::{No, Refused, Unknown};
use grantry_core::ErrorKind;
use grantry_testkit::RawAnswer;

use super::{CANARY, REFRESH, Row, good, json};

const HTML: &str = "<!DOCTYPE html><html><body>c4n4ry5f0c1d9e7b</body></html>";
/// 256 KiB of zeros, by gzip: 1 to 900. Members of gzip may be joined.
const ZEROS: &str = "H4sIAAAAAAAC/+3BMQEAAADCoPVP7W0HoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3gAi6g7iAAAEAA==";
/// 64 MiB of zeros, by Brotli: 1 to 1,200,000.
const BROTLI_BOMB: &str = "z///f/gnAOKxQCD3/p/////wTwDEYQGA7v/0////4Z8AiMMiAN37//z//8c/ARCHBQC69/8=";

/// 64 MiB of zeros, by Zstandard (RFC 8878): blocks of one byte each that comes 128 Ki times.
fn zstd_bomb() -> Vec<u8> {
    const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
    // No size and no checksum of the whole, and a window of 2 MiB.
    const HEADER: [u8; 2] = [0, 11 << 3];
    const REPEATED: u32 = 1 << 1;
    let (blocks, size) = (512, 128 << 10);
    let block = |nth: u32| {
        let is_last = u32::from(nth + 1 == blocks);
        let [low, middle, high, _] = ((size << 3) | REPEATED | is_last).to_le_bytes();
        [low, middle, high, 0]
    };
    MAGIC.into_iter().chain(HEADER).chain((0..blocks).flat_map(block)).collect()
}

pub(super) fn rows() -> Vec<Row> {
    [bodies_and_statuses(), refusals_by_status(), waits(), headers()].concat()
}

fn bodies_and_statuses() -> Vec<Row> {
    let error = |code: &str| format!(r#"{{"error":"{code}","error_description":"{CANARY}"}}"#);
    vec![
        Row::unusable("200 with an empty body", json("200 OK", "")),
        Row::unusable("200 with blanks", json("200 OK", " \r\n\t ")),
        Row::unusable("200 null", json("200 OK", "null")),
        Row::unusable("200 []", json("200 OK", "[]")),
        Row::unusable("200 with a string", json("200 OK", format!("\"{CANARY}\""))),
        Row::unusable("200 with a number", json("200 OK", "1")),
        Row::unusable("200 {}", json("200 OK", "{}")),
        Row::unusable("200 HTML", RawAnswer::with_length("200 OK\r\nContent-Type: text/html", HTML)),
        Row::fails(
            "200 with an error object",
            json("200 OK", error("invalid_grant")),
            ErrorKind::InvalidGrant,
            Refused,
        ),
        Row::fails(
            "200 invalid_client",
            json("200 OK", error("invalid_client")),
            ErrorKind::InvalidClient,
            No,
        ),
        Row::unusable("400 with a token set", json("400 Bad Request", good())).with_refresh(REFRESH),
        Row::grants("201 with a token set", json("201 Created", good())),
        Row::unusable("201 with an empty body", json("201 Created", "")),
        Row::unusable("204", RawAnswer::bytes("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")),
        Row::unusable("205", json("205 Reset Content", "")),
        Row::grants("206 with a token set", json("206 Partial Content", good())),
        Row::fails(
            "400 invalid_grant",
            json("400 Bad Request", error("invalid_grant")),
            ErrorKind::InvalidGrant,
            Refused,
        ),
        Row::fails(
            "401 invalid_client with a challenge",
            json("401 X\r\nWWW-Authenticate: Basic realm=\"c4n4ry5f0c1d9e7b\"", error("invalid_client")),
            ErrorKind::InvalidClient,
            No,
        ),
        Row::fails(
            "503 server_error keeps its word",
            json("503 X", error("temporarily_unavailable")),
            ErrorKind::Unavailable,
            No,
        ),
        Row::fails("500 server_error", json("500 X", error("server_error")), ErrorKind::Unavailable, Unknown),
    ]
}

/// Statuses with pages that are no OAuth answers.
fn refusals_by_status() -> Vec<Row> {
    let page = |head: &str| RawAnswer::with_length(&format!("{head}\r\nContent-Type: text/html"), HTML);
    let mut rows = Vec::new();
    for (head, kind, consumed) in [
        ("301 Moved Permanently\r\nLocation: /elsewhere", ErrorKind::InvalidAnswer, Unknown),
        ("302 Found\r\nLocation: /elsewhere", ErrorKind::InvalidAnswer, Unknown),
        ("303 See Other\r\nLocation: /elsewhere", ErrorKind::InvalidAnswer, Unknown),
        ("307 X\r\nLocation: https://c4n4ry5f0c1d9e7b.test/", ErrorKind::InvalidAnswer, Unknown),
        ("308 X\r\nLocation: http://c4n4ry5f0c1d9e7b.test/", ErrorKind::InvalidAnswer, Unknown),
        ("304 Not Modified", ErrorKind::InvalidAnswer, Unknown),
        ("401 X\r\nWWW-Authenticate: Basic realm=\"x\"", ErrorKind::InvalidAnswer, Unknown),
        ("401 Unauthorized", ErrorKind::InvalidAnswer, Unknown),
        ("403 Forbidden", ErrorKind::InvalidAnswer, Unknown),
        ("404 Not Found", ErrorKind::InvalidAnswer, Unknown),
        ("405 Method Not Allowed", ErrorKind::InvalidAnswer, Unknown),
        ("407 X\r\nProxy-Authenticate: Basic", ErrorKind::InvalidAnswer, Unknown),
        ("408 Request Timeout", ErrorKind::Unavailable, Unknown),
        ("413 Content Too Large", ErrorKind::InvalidAnswer, Unknown),
        ("421 Misdirected Request", ErrorKind::InvalidAnswer, Unknown),
        ("425 Too Early", ErrorKind::Unavailable, Unknown),
        ("429 Too Many Requests", ErrorKind::Unavailable, No),
        ("500 Internal Server Error", ErrorKind::Unavailable, Unknown),
        ("502 Bad Gateway", ErrorKind::Unavailable, Unknown),
        ("503 Service Unavailable", ErrorKind::Unavailable, No),
        ("504 Gateway Timeout", ErrorKind::Unavailable, Unknown),
        ("599 X", ErrorKind::Unavailable, Unknown),
        ("600 X", ErrorKind::InvalidAnswer, Unknown),
        ("999 X", ErrorKind::InvalidAnswer, Unknown),
    ] {
        let name = format!("{} with a page", head.lines().next().unwrap_or_default());
        rows.push(Row::fails(name, page(head), kind, consumed));
    }
    for head in ["000 X", "099 X", "1000 X", "-200 X", "2OO X", "+20 X"] {
        rows.push(Row::interrupted(format!("status {head}"), json(head, good())));
    }
    rows
}

fn waits() -> Vec<Row> {
    let mut rows = Vec::new();
    // The clock of these tests stands at 2026-01-01T00:00:00Z.
    for (written, meant) in [
        ("0", Some(0)),
        ("7", Some(7)),
        ("99999999999999999999", Some(86_400)),
        ("Thu, 01 Jan 2026 00:01:00 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
        ("-1", None),
        ("1.5", None),
        ("soon c4n4ry5f0c1d9e7b", None),
        ("", None),
    ] {
        for status in ["429 X", "503 X"] {
            let name = format!("{status} Retry-After {written:?}");
            let head = format!("{status}\r\nRetry-After: {written}\r\nContent-Type: text/plain");
            let answer = RawAnswer::with_length(&head, CANARY);
            let row = Row::fails(name, answer, ErrorKind::Unavailable, No);
            rows.push(match meant {
                Some(seconds) => row.with_wait(seconds),
                None => row,
            });
        }
    }
    let dated = "429 X\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:57 GMT";
    let dated = RawAnswer::with_length(dated, "");
    rows.push(
        Row::fails("a date counts from the server's own", dated, ErrorKind::Unavailable, No).with_wait(20),
    );
    rows
}

fn headers() -> Vec<Row> {
    let typed = |kind: &str| RawAnswer::with_length(&format!("200 OK\r\nContent-Type: {kind}"), good());
    let encoded = |coding: &str, body: Vec<u8>| {
        RawAnswer::with_length(&format!("200 OK\r\nContent-Encoding: {coding}"), body)
    };
    let bomb = STANDARD.decode(ZEROS).unwrap().repeat(4 * 256);
    let form = format!(
        "access_token={ACCESS}&expires_in=3600&refresh_token={REFRESH}&token_type=bearer",
        ACCESS = super::ACCESS
    );
    let many: String = (0..1_000).map(|n| format!("X-{n}: {CANARY}\r\n")).collect();
    vec![
        Row::grants("two content types", typed("text/html\r\nContent-Type: application/json")),
        Row::grants("JSON as text/plain", typed("text/plain")),
        Row::grants("JSON as text/html", typed("text/html; charset=utf-8")),
        Row::grants("JSON without a content type", RawAnswer::with_length("200 OK", good())),
        Row::grants("JSON as ISO-8859-1", typed("application/json; charset=iso-8859-1")),
        Row::grants("JSON as nonsense", typed("\u{ff};;c4n4ry5f0c1d9e7b")),
        Row::interrupted("a control character in the content type", typed("application/json\u{1}")),
        Row::grants(
            "a form",
            RawAnswer::with_length("200 OK\r\nContent-Type: application/x-www-form-urlencoded", form.clone()),
        ),
        Row::grants("a form as JSON", json("200 OK", form)),
        Row::unusable(
            "a form with a repeated token",
            json("200 OK", format!("access_token=x&access_token=y&refresh_token={REFRESH}")),
        )
        .with_refresh(REFRESH),
        Row::grants(
            "a header of 64 KiB",
            typed(&format!("application/json\r\nX-Long: {}", "a".repeat(65_536))),
        ),
        Row::interrupted("1,000 headers", typed(&format!("application/json\r\n{}", many.trim_end()))),
        Row::unusable("a gzip bomb", encoded("gzip", bomb)),
        Row::unusable("a Brotli bomb", encoded("br", STANDARD.decode(BROTLI_BOMB).unwrap())),
        Row::unusable("a Zstandard bomb", encoded("zstd", zstd_bomb())),
        Row::unusable("an unknown coding", encoded("x-c4n4ry5f0c1d9e7b", b"\x01\x02\x03".to_vec())),
        Row::grants("the coding identity", encoded("identity", good().into())),
        Row::unusable("plain JSON that claims a coding", encoded("utf-8", good().into()))
            .with_refresh(REFRESH),
        Row::grants("cookies", typed("application/json\r\nSet-Cookie: s=c4n4ry5f0c1d9e7b; HttpOnly")),
        Row::grants("an upgrade", typed("application/json\r\nUpgrade: h2c\r\nAlt-Svc: h2=\":1\"")),
    ]
}
