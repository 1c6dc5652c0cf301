//! Runs promises: one of them on a runtime of its own, or all of them in turn.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::checking::Checked;
use super::{Broken, Outcome, PROMISES, Report, Subject};

/// A promise that has not ended by then never will: some call hangs.
const LONGEST: Duration = Duration::from_secs(300);

/// How long the runtime waits for what a vault left behind on its threads.
const LONGEST_SHUTDOWN: Duration = Duration::from_secs(10);

type Verdict<'a> = Pin<Box<dyn Future<Output = Result<(), Broken>> + 'a>>;

/// One promise of a backend: its name, and the function that asks it.
pub struct Promise {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) needs: &'static [Need],
    pub(super) check: for<'a> fn(&'a Subject) -> Verdict<'a>,
}

/// What a subject has to have for the promise to mean anything.
pub(super) enum Need {
    /// A way to open the store again.
    Reopens,
    /// [`Vault::watch`](crate::Vault::watch) returns something.
    Watches,
}

impl Promise {
    /// The name of its function.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What is promised, in a sentence.
    pub fn about(&self) -> &'static str {
        self.about.trim()
    }

    /// Asks it of a fresh subject, on a runtime of tokio with its timers enabled.
    pub async fn ask(&self, subject: &Subject) -> Outcome {
        for need in self.needs {
            match need {
                Need::Reopens if !subject.reopens() => {
                    return Outcome::NotAsked("the store is never reopened");
                }
                Need::Watches if !subject.watches() => return Outcome::NotAsked("the vault gives no hints"),
                Need::Reopens | Need::Watches => {}
            }
        }
        match (self.check)(subject).await {
            Ok(()) => Outcome::Kept,
            Err(broken) => Outcome::Broken(broken),
        }
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Promise({})", self.name)
    }
}

/// Asks every promise in turn, each of a fresh subject.
///
/// It runs on the caller's runtime, which has to be one of tokio with its timers enabled, and should have several
/// threads: races between threads show nowhere else. A future that is dropped leaves the store of its subject as
/// it is.
pub async fn all(fresh: impl AsyncFn() -> Subject) -> Report {
    let mut outcomes = Vec::with_capacity(PROMISES.len());
    for promise in PROMISES {
        let subject = fresh().await;
        outcomes.push((promise, promise.ask(&subject).await));
    }
    Report(outcomes)
}

/// Asks one promise by name, on a runtime of its own with several threads. What is not asked for want of something
/// counts as kept.
///
/// The macro [`conformance!`](crate::conformance!) makes a test of it for each promise. It blocks its thread, so
/// it must not be called from async code.
///
/// # Errors
/// [`Broken`] says what the vault did instead, that no promise has this name, or that no runtime can be had.
pub fn prove(promise: &'static str, fresh: impl AsyncFnOnce() -> Subject) -> Result<(), Broken> {
    let asked = PROMISES.iter().find(|known| known.name == promise);
    let asked = asked.ok_or_else(|| Broken::new(promise, "there is no such promise"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = runtime.map_err(|error| Broken::new(promise, format!("there is no runtime: {error}")))?;
    let outcome = runtime.block_on(async {
        let subject = fresh().await;
        asked.ask(&subject).await
    });
    runtime.shutdown_timeout(LONGEST_SHUTDOWN);
    match outcome {
        Outcome::Broken(broken) => Err(broken),
        Outcome::Kept | Outcome::NotAsked(_) => Ok(()),
    }
}

/// Gives a check the name of its promise and an end.
pub(super) async fn judged(
    promise: &'static str,
    check: impl Future<Output = Checked>,
) -> Result<(), Broken> {
    match tokio::time::timeout(LONGEST, check).await {
        Ok(checked) => checked.map_err(|what| Broken::new(promise, what.into_text())),
        Err(_) => Err(Broken::new(promise, format!("it has not ended within {LONGEST:?}: some call hangs"))),
    }
}
