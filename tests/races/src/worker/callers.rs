//! Callers that ask for a fit token again and again, and what they saw.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use tokio::sync::watch;

use super::{Contestant, Presenter, Terms};

/// Between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(50);

/// After a call that brought no token: nobody asks at full speed for what he does not get.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(250);

/// What the callers of this process saw.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calls: AtomicU64,
    presented: AtomicU64,
    refused: AtomicU64,
    errors: AtomicU64,
}

impl Tally {
    /// The line at the end of a run.
    pub(super) fn say_end(&self) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        say(&json!({
            "event": "end",
            "calls": read(&self.calls),
            "presented": read(&self.presented),
            "refused": read(&self.refused),
            "errors": read(&self.errors),
        }));
    }

    fn error(&self, grant: &str, error: &dyn std::fmt::Display) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        say(&json!({"event": "error", "grant": grant, "error": error.to_string()}));
    }
}

/// One line on standard output. If nobody reads it any more, the end of standard input tells so as well.
pub(super) fn say(line: &serde_json::Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// One caller of a grant, from the moment (in milliseconds of Unix time) at which it begins until the race is over.
pub(super) async fn call<C: Contestant>(
    contestant: Arc<C>,
    terms: Arc<Terms>,
    (grant, begins): (String, u64),
    tally: Arc<Tally>,
    mut over: watch::Receiver<bool>,
) {
    let mut resource = match Presenter::new(&terms.resource) {
        Ok(resource) => resource,
        Err(error) => return tally.error(&grant, &error),
    };
    // The sender lives until all callers have ended, so a change is the end of the race.
    let wait = Duration::from_millis(begins).saturating_sub(UNIX_EPOCH.elapsed().unwrap_or_default());
    let _ = tokio::time::timeout(wait, over.changed()).await;
    while !*over.borrow() {
        tally.calls.fetch_add(1, Ordering::Relaxed);
        let pause = match contestant.token(&grant).await {
            Err(error) => {
                tally.error(&grant, &error);
                PAUSE_AFTER_ERROR
            }
            Ok(token) => {
                match resource.present(&token).await {
                    Ok(401) => {
                        tally.refused.fetch_add(1, Ordering::Relaxed);
                        contestant.refused(&grant, &token).await;
                    }
                    Ok(_) => {
                        tally.presented.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => tally.error(&grant, &error),
                }
                PAUSE
            }
        };
        let _ = tokio::time::timeout(pause, over.changed()).await;
    }
}
