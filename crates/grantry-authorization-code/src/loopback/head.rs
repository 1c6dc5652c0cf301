//! The head of one HTTP/1.1 request, read strictly and within bounds.
//!
//! By hand, for a login needs no more of HTTP than this: one head, no body, one answer, and the end of the connection.
//! What a server for everything can do besides, this one cannot be made to do.

use std::fmt;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The longest request line that is read, in bytes: a [`Callback`](crate::Callback) of 32 KiB and its path fit.
const LONGEST_LINE: usize = 33 * 1024;
/// The longest head. Browsers send the cookies of every port of this host along.
const LONGEST: usize = 64 * 1024;
/// How long a head may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a request asks for.
#[derive(PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: Method,
    /// Path and query as they came.
    pub(super) target: Zeroizing<String>,
    pub(super) host: String,
    /// A browser that fetches in advance what the person may never open.
    pub(super) is_in_advance: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Other,
}

impl Head {
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("is_in_advance", &self.is_in_advance)
            .finish_non_exhaustive()
    }
}

/// Why a head is none, as the status of the answer; `None` where there is nobody to answer.
pub(super) type Unusable = Option<u16>;

/// Reads the head of the first request of a connection.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Head, Unusable> {
    timeout(PATIENCE, fill(stream)).await.unwrap_or(Err(Some(408)))
}

async fn fill(stream: &mut TcpStream) -> Result<Head, Unusable> {
    let mut read = Zeroizing::new(Vec::with_capacity(4 * 1024));
    loop {
        if read.len() == read.capacity() {
            // By hand, so that no copy of a code stays behind.
            let mut larger = Zeroizing::new(Vec::with_capacity((read.capacity() * 4).min(LONGEST + 1)));
            larger.extend_from_slice(&read);
            read = larger;
        }
        let before = read.len();
        let room = read.capacity() - before;
        let came = (&mut *stream).take(room as u64).read_buf(&mut *read).await.map_err(|_| None)?;
        if came == 0 {
            return Err(None);
        }
        if let Some(head) = end(&read, before)? {
            return parse(&read[..head]).map_err(Some);
        }
    }
}

/// Where the head ends, if it does; or why no more of it is wanted. `before` is where the last read began.
fn end(read: &[u8], before: usize) -> Result<Option<usize>, Unusable> {
    // A TLS hello and whatever else is no text is known by its first byte.
    if !read.first().is_some_and(u8::is_ascii_uppercase) {
        return Err(Some(400));
    }
    let from = before.saturating_sub(3);
    if let Some(at) = read[from..].windows(4).position(|four| four == b"\r\n\r\n") {
        return Ok(Some(from + at + 2));
    }
    let has_line = |bytes: &[u8]| bytes.windows(2).any(|two| two == b"\r\n");
    if read.len() > LONGEST_LINE && !has_line(&read[..LONGEST_LINE]) {
        return Err(Some(414));
    }
    if read.len() > LONGEST { Err(Some(431)) } else { Ok(None) }
}

/// Reads a whole head (RFC 9112 sections 3 and 5), each line with its end.
fn parse(head: &[u8]) -> Result<Head, u16> {
    let text = std::str::from_utf8(head).map_err(|_| 400_u16)?;
    if text.bytes().any(|b| b != b'\r' && b != b'\n' && b != b'\t' && b.is_ascii_control()) {
        return Err(400);
    }
    let mut lines = text.strip_suffix("\r\n").unwrap_or(text).split("\r\n");
    let line = lines.next().unwrap_or_default();
    if line.len() > LONGEST_LINE {
        return Err(414);
    }
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(400);
    };
    match version {
        "HTTP/1.1" | "HTTP/1.0" => {}
        other if other.starts_with("HTTP/") => return Err(505),
        _ => return Err(400),
    }
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ if is_token(method) => Method::Other,
        _ => return Err(400),
    };
    let is_path = target.starts_with('/') && target.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    // `OPTIONS *` is asked by people who look around, and answered as what it is not.
    if !(is_path || (method == Method::Other && is_printable(target))) {
        return Err(400);
    }
    let target = Zeroizing::new(target.to_owned());
    let (mut host, mut is_in_advance) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(400_u16)?;
        if !is_token(name) || value.contains(['\r', '\n']) {
            return Err(400);
        }
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            "host" if host.is_some() => return Err(400),
            "host" => host = Some(value.to_ascii_lowercase()),
            "sec-purpose" | "purpose" | "x-purpose" | "x-moz" => {
                let value = value.to_ascii_lowercase();
                is_in_advance |= ["prefetch", "prerender", "preview"].iter().any(|word| value.contains(word));
            }
            _ => {}
        }
    }
    Ok(Head { method, target, host: host.ok_or(400_u16)?, is_in_advance })
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Result<Option<Head>, Unusable> {
        match end(text, 0)? {
            Some(at) => parse(&text[..at]).map(Some).map_err(Some),
            None => Ok(None),
        }
    }

    #[test]
    fn a_request_of_a_browser_is_read() {
        let text = b"GET /callback?code=a&state=b HTTP/1.1\r\nHost: 127.0.0.1:7\r\nCookie: a=b\r\n\r\n";
        let head = read(text).unwrap().unwrap();
        assert_eq!((head.method, head.path(), head.host.as_str()), (Method::Get, "/callback", "127.0.0.1:7"));
        assert!(!head.is_in_advance);
        for cut in 1..text.len() - 1 {
            assert_eq!(read(&text[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn what_is_fetched_in_advance_says_so() {
        for line in
            ["Sec-Purpose: prefetch;prerender", "Purpose: prefetch", "X-Moz: prefetch", "x-purpose:preview"]
        {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
            assert!(read(text.as_bytes()).unwrap().unwrap().is_in_advance, "{line}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_a_status() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(LONGEST_LINE));
        let endless = format!("GET /{}", "a".repeat(LONGEST_LINE));
        let many = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(11_000));
        for (text, status) in [
            ("PRI * HTTP/2.0\r\n\r\n", 505),
            ("GET / HTTP/3\r\nHost: a\r\n\r\n", 505),
            ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}\x03\x03", 400),
            ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / \r\nHost: a\r\n\r\n", 400),
            ("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
            (long.as_str(), 414),
            (endless.as_str(), 414),
            (many.as_str(), 431),
        ] {
            let shown: String = text.chars().take(60).collect();
            assert_eq!(read(text.as_bytes()).unwrap_err(), Some(status), "{shown}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_are_too_odd(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in "(GET|HEAD|A B)?[ /?*]{0,3}[ -~]{0,20}( HTTP/1.1)?(\r\n(Host|X)?:?[ -~\r\n]{0,12}){0,4}(\r\n\r\n)?",
        ) {
            for input in [bytes.as_slice(), text.as_bytes()] {
                if let Ok(Some(head)) = read(input) {
                    prop_assert!(!head.target.contains(['\r', '\n', ' ']));
                    prop_assert!(!head.host.contains(['\r', '\n']));
                }
            }
        }
    }
}
