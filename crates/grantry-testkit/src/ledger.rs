//! What was asked, when, and what became of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::Instant;
use http::StatusCode;
use tokio::sync::watch;

use crate::{Endpoint, ReceivedRequest};

/// How many entries are kept; the counts go on beyond it.
const KEPT: usize = 65_536;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The answer has not left yet.
    Pending,
    /// A whole answer left.
    #[non_exhaustive]
    Answered {
        /// Its status.
        status: StatusCode,
        /// Whether the server took the request up; `false` where a fault answered in its place.
        handled: bool,
    },
    /// No whole answer left: the connection was cut, reset, or said something else.
    #[non_exhaustive]
    Cut {
        /// Whether the server had taken the request up, so that what it spends is spent.
        handled: bool,
    },
}

/// One request in the [`Ledger`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Its number among all requests, from 0.
    pub number: u64,
    /// When it had arrived whole, on the server's clock.
    pub at: Instant,
    /// Where it went.
    pub endpoint: Endpoint,
    /// The request itself.
    pub request: Arc<ReceivedRequest>,
    /// What has become of it.
    pub outcome: Outcome,
}

/// What was waited for did not happen in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("after {patience:?}, {seen} requests had come and what was waited for had not")]
#[non_exhaustive]
pub struct NotInTime {
    /// How long was waited.
    pub patience: Duration,
    /// How many requests had come.
    pub seen: u64,
}

/// Every request that a server received, in the order in which they came. Clones are the same ledger.
///
/// The newest 65,536 entries are kept; [`count`](Ledger::count) counts all.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use grantry_testkit::{Endpoint, TestServer};
/// let server = TestServer::builder().start().await?;
/// assert_eq!(server.ledger().count(Endpoint::Token), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Ledger(Arc<Shared>);

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Book {
    entries: VecDeque<Entry>,
    opened: u64,
    counts: [u64; Endpoint::COUNT],
    over: [u64; Endpoint::COUNT],
}

impl Ledger {
    /// How many requests came to an endpoint.
    pub fn count(&self, endpoint: Endpoint) -> u64 {
        self.book().counts[endpoint.index()]
    }

    /// How many requests came to any endpoint.
    pub fn total(&self) -> u64 {
        self.book().opened
    }

    /// A copy of the entries as they stand now, the oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.book().entries.iter().cloned().collect()
    }

    /// A copy of one endpoint's entries as they stand now, the oldest first.
    pub fn of(&self, endpoint: Endpoint) -> Vec<Entry> {
        self.book().entries.iter().filter(|e| e.endpoint == endpoint).cloned().collect()
    }

    /// The newest entry of an endpoint.
    pub fn last(&self, endpoint: Endpoint) -> Option<Entry> {
        self.book().entries.iter().rev().find(|e| e.endpoint == endpoint).cloned()
    }

    /// Waits until `n` requests have come to an endpoint, whether answered yet or not.
    ///
    /// Dropping the future leaves nothing behind. `patience` is measured by tokio's timers.
    ///
    /// # Errors
    /// [`NotInTime`] if fewer come.
    pub async fn wait_for(&self, endpoint: Endpoint, n: u64, patience: Duration) -> Result<(), NotInTime> {
        self.wait_until(patience, |ledger| ledger.count(endpoint) >= n).await
    }

    /// Waits until `n` requests to an endpoint are over, answered or cut.
    ///
    /// # Errors
    /// [`NotInTime`] if fewer are.
    pub async fn wait_for_outcomes(
        &self,
        endpoint: Endpoint,
        n: u64,
        patience: Duration,
    ) -> Result<(), NotInTime> {
        self.wait_until(patience, |ledger| ledger.book().over[endpoint.index()] >= n).await
    }

    /// Waits until `met` says so. It is asked at once and after every change of the ledger.
    ///
    /// # Errors
    /// [`NotInTime`] if it never does.
    pub async fn wait_until(&self, patience: Duration, met: impl Fn(&Self) -> bool) -> Result<(), NotInTime> {
        let mut changes = self.0.changed.subscribe();
        let wait = async {
            while !met(self) {
                // The sender lives in `self`, so it cannot be gone.
                let _ = changes.changed().await;
            }
        };
        let waited = tokio::time::timeout(patience, wait).await;
        waited.map_err(|_| NotInTime { patience, seen: self.total() })
    }

    /// Enters a request that has arrived whole.
    pub(crate) fn open(&self, at: Instant, endpoint: Endpoint, request: Arc<ReceivedRequest>) -> u64 {
        let number = {
            let mut book = self.book();
            let number = book.opened;
            book.opened += 1;
            book.counts[endpoint.index()] += 1;
            if book.entries.len() == KEPT {
                book.entries.pop_front();
            }
            book.entries.push_back(Entry { number, at, endpoint, request, outcome: Outcome::Pending });
            number
        };
        self.0.changed.send_replace(());
        number
    }

    /// Says what became of a request that went to this endpoint.
    pub(crate) fn close(&self, number: u64, endpoint: Endpoint, outcome: Outcome) {
        {
            let mut book = self.book();
            book.over[endpoint.index()] += 1;
            let first = book.entries.front().map_or(0, |e| e.number);
            let place = number.checked_sub(first).and_then(|n| usize::try_from(n).ok());
            if let Some(entry) = place.and_then(|n| book.entries.get_mut(n)) {
                entry.outcome = outcome;
            }
        }
        self.0.changed.send_replace(());
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use url::Url;

    use super::*;

    fn request() -> Arc<ReceivedRequest> {
        let url = Url::parse("https://as.test/token").unwrap();
        Arc::new(ReceivedRequest::new(Method::POST, url, HeaderMap::new(), ""))
    }

    fn cut() -> Outcome {
        Outcome::Cut { handled: true }
    }

    #[test]
    fn old_entries_go_and_the_counts_stay() {
        let (ledger, request) = (Ledger::default(), request());
        for _ in 0..KEPT + 2 {
            ledger.open(Instant::ZERO, Endpoint::Token, request.clone());
        }
        ledger.close(0, Endpoint::Token, cut());
        ledger.close(2, Endpoint::Token, cut());
        let entries = ledger.of(Endpoint::Token);
        assert_eq!((entries.len(), entries[0].number, entries[0].outcome), (KEPT, 2, cut()));
        assert_eq!(ledger.count(Endpoint::Token), KEPT as u64 + 2);
        assert_eq!(ledger.total(), KEPT as u64 + 2);
        assert_eq!(ledger.last(Endpoint::Token).unwrap().outcome, Outcome::Pending);
    }

    #[tokio::test]
    async fn waiting_ends_with_the_request_or_with_patience() {
        let ledger = Ledger::default();
        let short = Duration::from_millis(1);
        let error = ledger.wait_for(Endpoint::Token, 1, short).await.unwrap_err();
        assert_eq!(error.seen, 0);
        let other = ledger.clone();
        let opened = tokio::spawn(async move {
            let number = other.open(Instant::ZERO, Endpoint::Token, request());
            other.close(number, Endpoint::Token, cut());
        });
        let long = Duration::from_secs(60);
        ledger.wait_for(Endpoint::Token, 1, long).await.unwrap();
        ledger.wait_for_outcomes(Endpoint::Token, 1, long).await.unwrap();
        opened.await.unwrap();
    }
}
