//! A token endpoint on a loopback port, on a thread of its own, that answers any POST as its script says.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

/// Bytes of an access token, about those of a signed JWT with a few claims.
pub(crate) const TOKEN_BYTES: usize = 1000;

/// What is answered to the requests that arrive from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// A new token that lives for so many seconds, sent after a delay.
    Token { expires_in: u64, delay: Duration },
    /// 503 with an OAuth error in JSON, at once.
    Unavailable,
}

/// The running endpoint; dropping it ends its thread.
pub(crate) struct TokenEndpoint {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Ledger {
    script: Mutex<Script>,
    arrivals: Mutex<Vec<Instant>>,
}

impl TokenEndpoint {
    /// Starts the endpoint on a free port of 127.0.0.1.
    pub(crate) fn start(script: Script) -> io::Result<Self> {
        let ledger = Arc::new(Ledger { script: Mutex::new(script), arrivals: Mutex::new(Vec::new()) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            // Peers that do not share a request open a connection for each of a thousand callers at once.
            socket.listen(4096)?
        };
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&ledger);
        let thread = thread::Builder::new().name("token-endpoint".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, ledger, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// Changes the answers to requests that arrive from now on.
    pub(crate) fn answer_with(&self, script: Script) {
        *lock(&self.ledger.script) = script;
    }

    /// How many requests have arrived.
    pub(crate) fn requests(&self) -> usize {
        lock(&self.ledger.arrivals).len()
    }

    /// When the request with this number, counted from 0, arrived.
    pub(crate) fn arrival(&self, number: usize) -> Option<Instant> {
        lock(&self.ledger.arrivals).get(number).copied()
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Ledger {
    fn enter(&self) -> (usize, Script) {
        let mut arrivals = lock(&self.arrivals);
        arrivals.push(Instant::now());
        (arrivals.len(), *lock(&self.script))
    }
}

async fn accept(listener: TcpListener, ledger: Arc<Ledger>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let ledger = Arc::clone(&ledger);
                tokio::spawn(async move {
                    // A peer that hangs up ends its connection; the ledger has what it sent.
                    let _ = serve(stream, &ledger).await;
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

async fn serve(mut stream: TcpStream, ledger: &Ledger) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(2048);
    loop {
        let Some(length) = request_length(&received) else {
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
            continue;
        };
        received.drain(..length);
        let (number, script) = ledger.enter();
        let answer = match script {
            Script::Token { expires_in, delay } => {
                tokio::time::sleep(delay).await;
                token_answer(number, expires_in)
            }
            Script::Unavailable => {
                http_answer("503 Service Unavailable", r#"{"error":"temporarily_unavailable"}"#)
            }
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The length of the first request in the buffer, once all of it is there.
fn request_length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).ok()?;
    let body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    (received.len() >= head + body).then_some(head + body)
}

fn token_answer(number: usize, expires_in: u64) -> String {
    let token = format!("{number:0>TOKEN_BYTES$}");
    http_answer(
        "200 OK",
        &format!(
            r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{expires_in},"ext_expires_in":{expires_in},"scope":"bench"}}"#
        ),
    )
}

fn http_answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::request_length;

    #[test]
    fn a_request_counts_only_when_all_of_its_body_is_there() {
        let request = b"POST /token HTTP/1.1\r\nhost: a\r\nCONTENT-LENGTH: 3\r\n\r\nabcPOST";
        let end = request.len() - "POST".len();
        assert_eq!(request_length(&request[..10]), None);
        assert_eq!(request_length(&request[..end - 1]), None);
        assert_eq!(request_length(&request[..end]), Some(end));
        assert_eq!(request_length(request), Some(end));
    }
}
