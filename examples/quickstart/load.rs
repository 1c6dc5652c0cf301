//! Callers that never pause for long, and what they saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grantry::AuthorizedClient;
use tokio::task::JoinHandle;

/// How many callers there are.
pub(crate) const CALLERS: usize = 32;

/// What the callers saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
    slowest_micros: AtomicU64,
}

impl Seen {
    pub(crate) fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest_micros.load(Ordering::Relaxed))
    }
}

/// Load that goes on until it is stopped.
#[derive(Debug)]
pub(crate) struct Load {
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(client: &AuthorizedClient, url: &str) -> Self {
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let callers = (0..CALLERS)
            .map(|_| tokio::spawn(call(client.clone(), url.to_owned(), Arc::clone(&seen), Arc::clone(&stop))))
            .collect();
        Self { seen, stop, callers }
    }

    pub(crate) async fn stop(self) -> Arc<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        for caller in self.callers {
            if caller.await.is_err() {
                self.seen.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.seen
    }
}

async fn call(client: AuthorizedClient, url: String, seen: Arc<Seen>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let start = now();
        let good = client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success());
        let took = start.elapsed();
        let counter = if good { &seen.answered } else { &seen.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        seen.slowest_micros.fetch_max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[allow(clippy::disallowed_methods, reason = "it is the load that is timed, not a token")]
fn now() -> Instant {
    Instant::now()
}
