//! What a worker writes down of each answer, line by line as it happens, where the driver reads it after the race: when it
//! asked, when it had the whole of it, when its lifeboat had been given it, and when that was on the disk.
//!
//! A line that was written outlives the process, as what it speaks of does.

use std::fs::File;
use std::future::poll_fn;
use std::io::Write;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use grantry_core::{Clock, SystemClock};
use grantry_custody::{AdoptedId, Adoption, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Seat};
use grantry_endpoint::{Answer, HttpTransport, Request, Transport, TransportFailure};

use crate::accounts::Step;
use crate::worker::Outcome;

/// Where this process writes; nowhere if nobody wants to know.
#[derive(Debug, Clone)]
pub(super) struct Account(Option<Arc<File>>);

impl Account {
    pub(super) fn open(path: Option<&Path>) -> Outcome<Self> {
        let file = path.map(|path| File::options().create(true).append(true).open(path)).transpose()?;
        Ok(Self(file.map(Arc::new)))
    }

    /// One write of one line: whoever is killed has written all of it or nothing.
    fn note(&self, step: Step, grant: &str) {
        if let Some(mut file) = self.0.as_deref() {
            let line = step.line(grant, SystemClock::new().now());
            // Without the line the driver takes the step for one that was not made, which excuses nothing.
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// The transport of one grant.
#[derive(Debug)]
pub(super) struct Noting {
    pub(super) inner: Arc<HttpTransport>,
    pub(super) account: Account,
    pub(super) grant: String,
}

#[async_trait]
impl Transport for Noting {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.account.note(Step::Asked, &self.grant);
        let answer = self.inner.send(request).await;
        if answer.is_ok() {
            self.account.note(Step::Had, &self.grant);
        }
        answer
    }
}

/// The lifeboat of the process.
#[derive(Debug)]
pub(super) struct NotingLifeboat {
    pub(super) inner: FolderLifeboat,
    pub(super) account: Account,
}

#[async_trait]
impl Lifeboat for NotingLifeboat {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        self.inner.reserve().await
    }

    /// What is brought is written when the future is first polled, and synced when it ends.
    async fn board(&self, seat: &Seat, cargo: &Cargo) -> Result<(), LifeboatError> {
        let grant = cargo.record.as_str().rsplit('/').next().unwrap_or_default();
        let mut boarding = pin!(self.inner.board(seat, cargo));
        let first = poll_fn(|context| Poll::Ready(boarding.as_mut().poll(context))).await;
        if !matches!(first, Poll::Ready(Err(_))) {
            self.account.note(Step::Written, grant);
        }
        let boarded = match first {
            Poll::Ready(boarded) => boarded,
            Poll::Pending => boarding.await,
        };
        if boarded.is_ok() {
            self.account.note(Step::Synced, grant);
        }
        boarded
    }

    fn leave(&self, seat: Seat) {
        self.inner.leave(seat);
    }

    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        self.inner.adopt().await
    }

    async fn bring_home(&self, id: &AdoptedId) -> Result<(), LifeboatError> {
        self.inner.bring_home(id).await
    }

    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }
}
