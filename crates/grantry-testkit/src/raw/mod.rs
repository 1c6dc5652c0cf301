//! A server that says exactly what a test tells it to, HTTP or not.

mod answer;
mod request;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

pub use answer::RawAnswer;
use answer::{End, Step};

/// Connections that are remembered; later ones are served, but not entered.
const KEPT: usize = 65_536;
/// What is sent on one connection at most.
const WRITTEN_MAX: u64 = 4 << 30;
/// How long a connection lives at most.
const LIFE_MAX: Duration = Duration::from_secs(3600);
/// How long a closed connection waits for its client to go, so that the last bytes are not cut off.
const FAREWELL: Duration = Duration::from_secs(5);
/// What the kernel holds for a client that does not read, so that the count of bytes says something.
const SEND_BUFFER: u32 = 64 << 10;

/// One connection to a [`RawServer`].
#[derive(Clone)]
#[non_exhaustive]
pub struct RawExchange {
    request: Vec<u8>,
    /// Bytes that the kernel has taken for the client. It holds at most some hundred KiB that were not read.
    pub written: u64,
    /// Whether the connection is over.
    pub over: bool,
}

impl RawExchange {
    /// The bytes that the client sent, the first MiB of them. They may hold secrets.
    pub fn expose_request(&self) -> &[u8] {
        &self.request
    }
}

impl fmt::Debug for RawExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawExchange")
            .field("request", &format_args!("[{} bytes redacted]", self.request.len()))
            .field("written", &self.written)
            .field("over", &self.over)
            .finish()
    }
}

/// A loopback server that answers every connection with exactly the bytes of a [`RawAnswer`]: hostile answers,
/// broken framing, endless bodies, silence.
///
/// It reads one request, answers it, and closes. It sends at most 4 GiB on a connection, which lives for at
/// most an hour. Dropping it closes everything.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::time::Duration;
/// use grantry_testkit::{RawAnswer, RawServer};
///
/// let endless = RawAnswer::bytes("HTTP/1.1 200 OK\r\n\r\n{\"x\":\"").repeat("A".repeat(65_536), 16_384);
/// let drip = RawAnswer::with_length("200 OK", "{}").slowly(1, Duration::from_secs(1));
/// let server = RawServer::start_sequence([endless, drip]).await?;
/// // ... let the client under test ask server.url("/token"), then see how much it took:
/// assert!(server.exchanges().iter().all(|exchange| exchange.written < 1 << 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RawServer {
    address: SocketAddr,
    book: Arc<Book>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Book {
    exchanges: Mutex<Vec<RawExchange>>,
    changed: watch::Sender<()>,
}

impl RawServer {
    /// Answers every connection alike.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn start(answer: RawAnswer) -> io::Result<Self> {
        Self::start_sequence([answer]).await
    }

    /// Answers the first connection with the first answer and so on; the last answer is repeated. Without any,
    /// connections are closed as soon as a request has come.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn start_sequence(answers: impl IntoIterator<Item = RawAnswer>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(1024)?;
        let address = listener.local_addr()?;
        let book = Arc::new(Book::default());
        let answers = answers.into_iter().map(Arc::new).collect();
        let task = tokio::spawn(accept(listener, answers, book.clone()));
        Ok(Self { address, book, task })
    }

    /// Its origin: `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A URL at it; `path` begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came and how much left, a connection each, as it stands now.
    pub fn exchanges(&self) -> Vec<RawExchange> {
        self.book.exchanges().clone()
    }

    /// Waits until `n` connections are over; `false` if fewer are after `patience`.
    pub async fn wait_for(&self, n: usize, patience: Duration) -> bool {
        let mut changes = self.book.changed.subscribe();
        let wait = async {
            while self.book.exchanges().iter().filter(|e| e.over).count() < n {
                // The sender lives in `self`, so it cannot be gone.
                let _ = changes.changed().await;
            }
        };
        timeout(patience, wait).await.is_ok()
    }

    /// Closes the socket and every connection, and waits until they are.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // It was cancelled: there is nothing else to be told.
        let _ = (&mut self.task).await;
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for RawServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawServer")
            .field("address", &self.address)
            .field("exchanges", &self.book.exchanges().len())
            .finish()
    }
}

impl Book {
    fn exchanges(&self) -> MutexGuard<'_, Vec<RawExchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut RawExchange)) {
        if let Some(exchange) = self.exchanges().get_mut(number) {
            change(exchange);
        }
        self.changed.send_replace(());
    }
}

async fn accept(listener: TcpListener, answers: Vec<Arc<RawAnswer>>, book: Arc<Book>) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let answer = answers.get(number).or(answers.last()).cloned().unwrap_or_default();
                if number < KEPT {
                    book.exchanges().push(RawExchange { request: Vec::new(), written: 0, over: false });
                }
                connections.spawn(connection(stream, answer, book.clone(), number));
                number += 1;
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut stream: TcpStream, answer: Arc<RawAnswer>, book: Arc<Book>, number: usize) {
    // A client that goes away early is what many tests are about: no error here is worth telling.
    let _ = timeout(LIFE_MAX, converse(&mut stream, &answer, &book, number)).await;
    book.change(number, |exchange| exchange.over = true);
}

async fn converse(stream: &mut TcpStream, answer: &RawAnswer, book: &Book, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if !answer.at_once {
        let request = request::read(stream).await?;
        book.change(number, |exchange| exchange.request = request);
    }
    let mut left = WRITTEN_MAX;
    for step in &answer.steps {
        match step {
            Step::Pause(pause) => sleep(*pause).await,
            Step::Bytes { bytes, times } => {
                for _ in 0..*times {
                    write(stream, bytes, &mut left, book, number).await?;
                }
            }
            Step::Slowly { bytes, step, every } => {
                for (i, chunk) in bytes.chunks(*step).enumerate() {
                    if i > 0 {
                        sleep(*every).await;
                    }
                    write(stream, chunk, &mut left, book, number).await?;
                }
            }
        }
    }
    match answer.end {
        End::Close => {
            stream.shutdown().await?;
            // Closing with bytes unread would be a reset.
            let _ = timeout(FAREWELL, until_gone(stream)).await;
            Ok(())
        }
        End::Reset => stream.set_zero_linger(),
        End::Hold => until_gone(stream).await,
    }
}

/// Writes all bytes and enters how many left as they leave.
async fn write(
    stream: &mut TcpStream,
    mut bytes: &[u8],
    left: &mut u64,
    book: &Book,
    number: usize,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = stream.write(bytes).await?;
        bytes = &bytes[n..];
        book.change(number, |exchange| exchange.written += n as u64);
        *left = left.checked_sub(n as u64).ok_or(io::ErrorKind::FileTooLarge)?;
    }
    Ok(())
}

async fn until_gone(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
