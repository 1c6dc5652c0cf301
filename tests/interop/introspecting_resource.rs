//! A resource server that asks the authorization server about each token (RFC 7662).

use std::io;
use std::sync::Arc;

use grantry::{AccessToken, IntrospectionEndpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The longest head of a request that it reads.
const LONGEST: usize = 16 * 1024;

/// Listens on a loopback port of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct IntrospectingResource {
    origin: String,
    task: JoinHandle<()>,
}

impl IntrospectingResource {
    /// Starts it; the endpoint's client is the resource server.
    pub(crate) async fn start(introspection: IntrospectionEndpoint) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let introspection = Arc::new(introspection);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let introspection = Arc::clone(&introspection);
                tokio::spawn(async move { answer(socket, &introspection).await });
            }
        });
        Ok(Self { origin, task })
    }

    /// Its scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for IntrospectingResource {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request with the client that the token was issued to, and closes.
async fn answer(mut socket: TcpStream, introspection: &IntrospectionEndpoint) -> io::Result<()> {
    let head = read_head(&mut socket).await?;
    let token = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .and_then(|(_, value)| value.strip_prefix("Bearer "));
    let (status, challenge, body) = match token {
        None => ("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", String::new()),
        Some(token) => match introspection.introspect(&AccessToken::new(token)).await {
            Ok(Some(active)) => ("200 OK", "", active.client_id().unwrap_or_default().to_owned()),
            Ok(None) => {
                ("401 Unauthorized", "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n", String::new())
            }
            Err(_) => ("503 Service Unavailable", "", String::new()),
        },
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\n{challenge}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    socket.write_all(answer.as_bytes()).await?;
    socket.shutdown().await
}

async fn read_head(socket: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST {
        let n = socket.read(&mut chunk).await?;
        if n == 0 {
            break;
        }
        head.extend_from_slice(&chunk[..n]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
