//! Where a request ends: just enough of HTTP/1.1 to answer it no sooner.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// How much of a request is read; the rest is left to the drain at the end.
const REQUEST_MAX: usize = 1 << 20;

/// Reads until the request is whole, the client stops sending, or the most was read.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    while request.len() < REQUEST_MAX && !is_whole(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    request.truncate(REQUEST_MAX);
    Ok(request)
}

/// Whether a head and the body that it promises are there.
fn is_whole(request: &[u8]) -> bool {
    let Some(head) = position(request, b"\r\n\r\n") else { return false };
    let body = &request[head + 4..];
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let value = |name: &str| {
        let mut headers = text.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(n, _)| *n == name).map(|(_, v)| v.trim().to_owned())
    };
    if value("transfer-encoding").is_some() {
        return position(body, b"0\r\n\r\n").is_some();
    }
    let promised = value("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    body.len() >= promised
}

fn position(within: &[u8], part: &[u8]) -> Option<usize> {
    within.windows(part.len()).position(|w| w == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_when_its_promised_body_is_there() {
        assert!(!is_whole(b"GET / HTTP/1.1\r\nHost: a\r\n"));
        assert!(is_whole(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!is_whole(b"POST / HTTP/1.1\r\nContent-LENGTH: 3\r\n\r\nab"));
        assert!(is_whole(b"POST / HTTP/1.1\r\nContent-LENGTH: 3\r\n\r\nabc"));
        assert!(!is_whole(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"));
        assert!(is_whole(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"));
    }
}
