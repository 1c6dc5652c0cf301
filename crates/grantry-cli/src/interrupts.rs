//! Whoever wants the program to end.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failed::{Failed, INTERRUPTED};
use crate::system::Terminal;

/// So long is waited for what was interrupted.
const GRACE: Duration = Duration::from_millis(300);

/// The signals that ask for the end. What comes while nobody waits is kept.
#[derive(Debug)]
pub(crate) struct Interrupts {
    terminate: Signal,
    interrupt: Signal,
}

impl Interrupts {
    /// From here on such a signal ends nothing by itself.
    ///
    /// # Errors
    /// Where signals cannot be waited for.
    pub(crate) fn new() -> Result<Self, Failed> {
        let of = |kind| {
            signal(kind).map_err(|error| Failed::new(1, format!("signals cannot be waited for: {error}")))
        };
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Does what may wait for a person or a pipe, unless a signal comes first. It is not waited for then, and what it did to the
    /// terminal is undone.
    ///
    /// # Errors
    /// Its own, and [`Failed::interrupted`].
    pub(crate) async fn unless<T: Send + 'static>(
        &mut self,
        what: impl FnOnce() -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Failed> {
        let terminal = Terminal::remembered();
        let mut done = tokio::task::spawn_blocking(what);
        let ended = tokio::select! {
            biased;
            () = self.next() => {
                // Whoever was asked and ended it has ended the question, which puts the terminal back by itself.
                let _ = tokio::time::timeout(GRACE, &mut done).await;
                Err(Failed::interrupted())
            }
            done = &mut done => done.unwrap_or_else(|_| Err(Failed::new(1, "what was begun did not end"))),
        };
        if let (Err(failed), Some(terminal)) = (&ended, terminal)
            && failed.code == INTERRUPTED
        {
            terminal.restore();
        }
        ended
    }
}
