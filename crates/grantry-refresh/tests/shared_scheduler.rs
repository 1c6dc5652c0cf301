//! One scheduler for whoever hands in none.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Clock, Failure, Grant, GrantKey, SystemClock, TokenSet, TokenSource,
};
use grantry_refresh::{ManagedSource, Profile, Scheduler};

/// Tokens that live for an hour.
#[derive(Debug)]
struct Hourly(SystemClock);

#[async_trait]
impl Grant for Hourly {
    async fn obtain(&self, _: Attempt<'_>) -> Result<TokenSet, Failure> {
        let now = self.0.now();
        let expires = now.after(Duration::from_secs(3600));
        Ok(TokenSet::builder(AccessToken::new("abc"), now).expires(expires).build().unwrap())
    }
}

/// A source with a token, booked at the runtime's scheduler.
async fn booked() -> Arc<ManagedSource> {
    let profile = Profile::builder("https://as.test/token", "test", &Scheduler::of_this_runtime()).build();
    let key = GrantKey::new("acme", "crm", "default").unwrap();
    let source = ManagedSource::new(key, Arc::new(Hourly(SystemClock::new())), &profile);
    source.token().await.unwrap();
    source
}

fn scheduler(source: &Arc<ManagedSource>) -> &Scheduler {
    source.profile().scheduler()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn sources_of_one_runtime_share_a_scheduler_and_those_of_another_have_another() {
    let (first, second) = (runtime(), runtime());
    let (a, b) = first.block_on(async { (booked().await, booked().await) });
    let c = second.block_on(booked());
    assert_eq!([&a, &b, &c].map(|source| scheduler(source).booked()), [2, 2, 1]);
    first.block_on(async {
        scheduler(&a).shutdown().await;
        assert!(scheduler(&b).is_closed() && !scheduler(&c).is_closed());
        // A closed one is handed to nobody any more.
        assert!(!scheduler(&booked().await).is_closed());
    });
    second.block_on(scheduler(&c).shutdown());
}

#[test]
fn outside_of_a_runtime_there_is_nothing_to_share() {
    let (one, other) = (Scheduler::of_this_runtime(), Scheduler::of_this_runtime());
    runtime().block_on(one.shutdown());
    assert!(one.is_closed() && !other.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_shared_scheduler_that_was_left_alone_and_taken_up_again_runs() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    // Its task ends once it finds itself alone, whenever it looks.
    for rest in [0, 1, 9, 10, 11, 20] {
        drop(booked().await);
        tokio::time::sleep(Duration::from_secs(rest)).await;
        let source = booked().await;
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(tasks(), 1, "after {rest} s");
        drop(source);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(tasks(), 0, "nobody holds it");
    }
}
