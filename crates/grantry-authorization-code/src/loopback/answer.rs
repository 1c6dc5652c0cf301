//! One answer, and the end of the connection.

use std::fmt::Write;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Page;

/// How long an answer may take to be read.
const PATIENCE: Duration = Duration::from_secs(3);
/// How much more of a request is read, unlooked at, so that the answer arrives before the connection ends.
const LEFTOVER: usize = 4 << 20;

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) page: Page,
    /// Its method was none of those that are served.
    pub(super) only_get: bool,
    pub(super) without_body: bool,
}

impl Answer {
    pub(super) fn new(page: Page) -> Self {
        Self { page, only_get: false, without_body: false }
    }

    fn to_http(&self) -> String {
        let body = self.page.to_html();
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.page.status(), reason(self.page.status()));
        for (name, value) in Page::HEADERS {
            // Writing to a string does not fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if self.only_get {
            text.push_str("allow: GET\r\n");
        }
        let _ = write!(text, "content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        if !self.without_body {
            text.push_str(&body);
        }
        text
    }
}

/// Sends it and closes the connection. Whoever reads too slowly reads nothing more.
pub(super) async fn send(mut stream: TcpStream, answer: Answer) {
    let send = async {
        stream.write_all(answer.to_http().as_bytes()).await?;
        stream.shutdown().await?;
        // To close with bytes unread would reset the connection, and the answer with it.
        let mut unread = [0; 4 * 1024];
        let mut left = LEFTOVER;
        while left > 0 {
            match stream.read(&mut unread).await? {
                0 => break,
                some => left = left.saturating_sub(some),
            }
        }
        std::io::Result::Ok(())
    };
    // Whoever went away needs no answer.
    let _ = timeout(PATIENCE, send).await;
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Answer",
    }
}
