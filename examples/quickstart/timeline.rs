//! The timeline that is printed while it happens, and the account at the end.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use grantry::{Condition, Event, ManagedSource, Observer};
use grantry_testkit::{Endpoint, ProtectedResource, TestServer};

/// Prints what happens, each line with its time.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    start: Instant,
    /// Whose token it is; the source holds its observer, so this holds no source.
    source: Arc<OnceLock<Weak<ManagedSource>>>,
}

/// What the callers met, over the whole run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    /// Requests that had to wait for a token.
    pub(crate) stalls: u64,
    /// Requests that were not answered with success.
    pub(crate) errors: u64,
}

/// Something that this program claims, and whether it was so.
#[derive(Debug)]
pub(crate) struct Claim {
    text: String,
    holds: bool,
}

impl Claim {
    pub(crate) fn new(text: String, holds: bool) -> Self {
        Self { text, holds }
    }
}

impl Timeline {
    #[allow(clippy::disallowed_methods, reason = "it is people who read these times")]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), source: Arc::default() }
    }

    /// Tells of this source's token from now on.
    pub(crate) fn watch(&self, source: &Arc<ManagedSource>) {
        let _ = self.source.set(Arc::downgrade(source));
    }

    /// Whether the source has a token that can be sent.
    fn has_token(&self) -> bool {
        let source = self.source.get().and_then(Weak::upgrade);
        source.is_some_and(|source| matches!(source.health().condition, Condition::Fresh | Condition::Due))
    }

    /// A line of the story.
    pub(crate) fn say(&self, text: &str) {
        println!("{:6.2} s  {text}", self.start.elapsed().as_secs_f64());
    }

    /// A line of what the source did.
    fn tell(&self, text: &str) {
        println!("{:6.2} s      {text}", self.start.elapsed().as_secs_f64());
    }

    /// The account at the end; whether every claim holds.
    pub(crate) fn close(
        &self,
        claims: &[Claim],
        totals: Totals,
        server: &TestServer,
        api: &ProtectedResource,
        source: &ManagedSource,
    ) -> bool {
        let health = source.health();
        println!("\n  requests sent            {:>7}", api.ledger().total());
        println!("  token requests           {:>7}", server.ledger().count(Endpoint::Token));
        println!("  stalls                   {:>7}", totals.stalls);
        println!("  errors                   {:>7}", totals.errors);
        println!("  tokens handed out        {:>7}", health.hits);
        println!("  renewals that succeeded  {:>7}", health.renewals);
        println!("  attempts that failed     {:>7}\n", health.failures);
        for claim in claims {
            println!("  {}  {}", if claim.holds { "yes" } else { "NO " }, claim.text);
        }
        let all = claims.iter().all(|claim| claim.holds);
        println!("\n{}", if all { "all of it held" } else { "something did not hold" });
        all
    }
}

impl Observer for Timeline {
    fn on(&self, event: &Event) {
        match event {
            Event::Renewed { took, lifetime, .. } => {
                let life =
                    lifetime.map_or_else(String::new, |life| format!(", fit for {} s", life.as_secs()));
                self.tell(&format!("token renewed in {} ms{life}", took.as_millis()));
            }
            Event::RenewalFailed { kind, attempt, again_in, .. } => {
                let again = again_in
                    .map_or_else(|| "resting".into(), |pause| format!("again in {} ms", pause.as_millis()));
                let held =
                    if self.has_token() { "the token at hand is still valid" } else { "no token is at hand" };
                self.tell(&format!("attempt {attempt} failed ({kind}), {again}; {held}"));
            }
            Event::Rejected { .. } => self.tell("the API refused the token; it is replaced"),
            other => self.tell(other.name()),
        }
    }
}
