//! The resource of a race on the testkit's server. It counts without keeping: a race presents more tokens than a
//! ledger holds.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::AccessToken;
use grantry_testkit::TestServer;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::message::Message;

const FIT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const UNFIT: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm=\"race\", \
    error=\"invalid_token\"\r\ncontent-length: 0\r\n\r\n";

/// A resource on a loopback port. Dropping it closes the port and every connection.
#[derive(Debug)]
pub(crate) struct Gate {
    port: u16,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    fit: AtomicU64,
    unfit: AtomicU64,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    /// A gate that lets live tokens of the server pass.
    pub(crate) async fn start(server: Arc<TestServer>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::new(Counts::default());
        let counting = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            connections.spawn(watch(stream, Arc::clone(&server), Arc::clone(&counting)));
                        }
                        // Out of descriptors: some will be free again.
                        Err(_) => sleep(Duration::from_millis(10)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { port, counts, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/resource", self.port)
    }

    /// How many presentations brought 200, and how many 401.
    pub(crate) fn presentations(&self) -> (u64, u64) {
        (self.counts.fit.load(Ordering::Relaxed), self.counts.unfit.load(Ordering::Relaxed))
    }
}

async fn watch(mut stream: TcpStream, server: Arc<TestServer>, counts: Arc<Counts>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(request) = Message::read(&mut stream).await? {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let token = AccessToken::new(token.unwrap_or_default());
        let fit = server.with_authority(|authority, at| authority.check(&token, at).is_some());
        let (counter, answer) = if fit { (&counts.fit, FIT) } else { (&counts.unfit, UNFIT) };
        counter.fetch_add(1, Ordering::Relaxed);
        stream.write_all(answer).await?;
    }
    Ok(())
}
