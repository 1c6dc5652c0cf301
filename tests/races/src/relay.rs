//! What stands between the workers and the token endpoint: it reads along, takes its time, and drops answers.
//!
//! One relay for every server, so that the same things are counted and go wrong everywhere.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, SystemClock};
use grantry_testkit::{Form, SeededEntropy};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::book::Book;
use crate::exchange::{Answered, Fate, NOBODY};
use crate::message::Message;

/// What happens to requests on their way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Road {
    /// There and back again together.
    pub(crate) latency: Duration,
    /// Of a thousand answers, how many are dropped after the server has done what was asked.
    pub(crate) dropped_per_mille: u32,
    /// What the choice of those comes of.
    pub(crate) seed: u64,
}

impl Road {
    /// Whether the answer to this request is dropped: always the same for a seed and a number. It is one of every so many
    /// in a row, whichever the seed says, so that no race goes without.
    fn drops(self, number: usize) -> bool {
        let (number, per_mille) = (u64::try_from(number).unwrap_or(0), u64::from(self.dropped_per_mille));
        if per_mille == 0 {
            return false;
        }
        let row = number.saturating_mul(per_mille) / 1_000;
        let first = |row: u64| row.saturating_mul(1_000).div_ceil(per_mille);
        let many = (first(row + 1) - first(row)).max(1);
        let draw = SeededEntropy::new(self.seed ^ row.wrapping_mul(0x2545_f491_4f6c_dd1d)).next_u64();
        number - first(row) == draw % many
    }
}

/// A relay, with a loopback port for each worker. Dropping it closes the ports and every connection.
pub(crate) struct Relay {
    way: Arc<Way>,
    /// Where a worker comes that was told of none of its own.
    port: u16,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.tasks().iter().for_each(JoinHandle::abort);
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("port", &self.port)
            .field("book", &self.way.book)
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// Relays to a token endpoint's address, and keeps the book.
    pub(crate) async fn start(upstream: SocketAddr, road: Road, book: Arc<Book>) -> io::Result<Self> {
        let way = Arc::new(Way { upstream, road, book, clock: SystemClock::new() });
        let mut relay = Self { way, port: 0, tasks: Mutex::default() };
        relay.port = relay.open(NOBODY).await?;
        Ok(relay)
    }

    /// Opens a port for a worker.
    pub(crate) async fn open(&self, worker: usize) -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let way = Arc::clone(&self.way);
        self.tasks().push(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            let way = Arc::clone(&way);
                            // Whatever ends a connection stands in the book already.
                            connections.spawn(async move {
                                way.connection(stream, worker).await.ok()
                            });
                        }
                        // Out of descriptors: some will be free again.
                        Err(_) => sleep(Duration::from_millis(10)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        }));
        Ok(port)
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn book(&self) -> &Book {
        &self.way.book
    }
}

struct Way {
    upstream: SocketAddr,
    road: Road,
    book: Arc<Book>,
    clock: SystemClock,
}

impl Way {
    async fn connection(&self, mut client: TcpStream, worker: usize) -> io::Result<()> {
        client.set_nodelay(true)?;
        while let Some(request) = Message::read(&mut client).await? {
            let presented = Form::parse(request.body()).expose("refresh_token").map(str::to_owned);
            let number = self.book.open(self.clock.now(), worker, presented);
            sleep(self.road.latency / 2).await;
            // The server gets what was sent, whether or not the client is still there.
            let Ok(Some(answer)) = self.ask(&request).await else {
                self.book.close(number, self.clock.now(), Fate::Gone);
                return Ok(());
            };
            self.book.answered(number, read(&answer));
            if self.road.drops(number) {
                self.book.close(number, self.clock.now(), Fate::Dropped);
                return client.set_zero_linger();
            }
            sleep(self.road.latency / 2).await;
            // The worker may have it before this task is given a core again.
            let leaves = self.clock.now();
            let written = client.write_all(answer.bytes()).await;
            self.book.close(number, leaves, if written.is_ok() { Fate::Sent } else { Fate::Gone });
            written?;
        }
        Ok(())
    }

    async fn ask(&self, request: &Message) -> io::Result<Option<Message>> {
        let mut server = TcpStream::connect(self.upstream).await?;
        server.set_nodelay(true)?;
        server.write_all(request.bytes()).await?;
        let answer = Message::read(&mut server).await?;
        // A race makes thousands of these connections: none may linger and hold its port.
        server.set_zero_linger()?;
        Ok(answer)
    }
}

/// What the book keeps of an answer.
fn read(answer: &Message) -> Answered {
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let issued = body.get("refresh_token").and_then(|token| token.as_str()).map(str::to_owned);
    let lifetime = body.get("expires_in").and_then(serde_json::Value::as_u64).map(Duration::from_secs);
    Answered { status: answer.status(), issued, lifetime }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn road(dropped_per_mille: u32, seed: u64) -> Road {
        Road { latency: Duration::ZERO, dropped_per_mille, seed }
    }

    #[test]
    fn the_same_answers_are_dropped_for_a_seed_and_as_many_as_asked() {
        let dropped = |road: Road| (0..10_000).filter(|number| road.drops(*number)).collect::<Vec<_>>();
        assert_eq!(dropped(road(50, 7)), dropped(road(50, 7)));
        assert_ne!(dropped(road(50, 7)), dropped(road(50, 8)));
        for per_mille in [1, 10, 20, 30, 50, 70, 999] {
            let many = usize::try_from(per_mille).unwrap();
            assert_eq!(dropped(road(per_mille, 7)).len(), 10 * many, "{per_mille}");
        }
        assert!(dropped(road(0, 7)).is_empty());
        assert_eq!(dropped(road(1000, 7)).len(), 10_000);
    }

    #[test]
    fn no_race_goes_without_the_drops_of_its_plan_whatever_the_seed() {
        for seed in 0..100 {
            for requests in [100, 220, 250] {
                let dropped = (0..requests).filter(|number| road(10, seed).drops(*number)).count();
                assert!(dropped >= requests / 100, "{dropped} of {requests}, seed {seed}");
            }
        }
    }
}
