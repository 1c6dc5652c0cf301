//! Reads HTTP/1.1 messages whole, as the relay and the resource need them.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The largest message that is taken; nothing in a race comes near it.
const LARGEST: usize = 1 << 20;

/// A whole request or answer. It may hold secrets, so it has no `Debug`.
pub(crate) struct Message {
    bytes: Vec<u8>,
    head: usize,
}

impl Message {
    /// Reads one message with a body of known length; `None` if the other side has closed before its first byte.
    ///
    /// Bytes behind the message would be lost: neither side pipelines here.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Self>> {
        let mut bytes = Vec::with_capacity(1024);
        let head = loop {
            if let Some(at) = find_end_of_head(&bytes) {
                break at;
            }
            if read_more(from, &mut bytes).await? == 0 {
                return if bytes.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        };
        let mut message = Self { bytes, head };
        if message.header("transfer-encoding").is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "a body of unknown length"));
        }
        let length: usize = match message.header("content-length") {
            Some(text) => text.parse().map_err(|_| Error::from(ErrorKind::InvalidData))?,
            None => 0,
        };
        while message.bytes.len() < head.saturating_add(length) {
            if read_more(from, &mut message.bytes).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(message))
    }

    /// As it came.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands behind the head.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.lines().next()?.split(' ').nth(1)?.parse().ok()
    }

    /// A header's value, the first of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        self.lines().skip(1).find(named)?.split_once(':').map(|(_, value)| value.trim())
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        let head = self.bytes.get(..self.head).unwrap_or_default();
        // A head that is no text has no lines, and so no status and no headers.
        std::str::from_utf8(head).unwrap_or_default().split("\r\n")
    }
}

async fn read_more(from: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<usize> {
    if bytes.len() >= LARGEST {
        return Err(Error::new(ErrorKind::InvalidData, "a message larger than any in a race"));
    }
    from.read_buf(bytes).await
}

fn find_end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_read_with_its_body_however_it_is_cut() {
        let text = "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nX: a:b\r\n\r\nhello";
        let (mut far, mut near) = tokio::io::duplex(3);
        let sent = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut far, text.as_bytes()).await.unwrap();
        });
        let message = Message::read(&mut near).await.unwrap().unwrap();
        assert_eq!((message.status(), message.body()), (Some(400), &b"hello"[..]));
        assert_eq!(message.header("x"), Some("a:b"));
        assert_eq!(message.bytes().len(), text.len());
        sent.await.unwrap();
        assert!(Message::read(&mut near).await.unwrap().is_none(), "the other side has closed");
    }

    #[tokio::test]
    async fn half_a_message_is_an_error() {
        for text in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf"] {
            assert!(Message::read(&mut text.as_bytes()).await.is_err(), "{text}");
        }
    }
}
