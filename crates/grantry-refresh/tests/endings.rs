//! How renewals end: by a runtime that goes, a machine that sleeps, a shutdown, a panic, a source that nobody holds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::{Clock, ErrorKind, Event, GrantKey, Observer, TokenSource};
use grantry_refresh::{Condition, Fallback, ManagedSource, Profile, RefreshPolicy, Scheduler};
use support::{Answer, ScriptedGrant, TestClock, scene, secs};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Sources that share a lane of this width.
fn crowd(
    width: usize,
    count: usize,
    delay: Duration,
    answer: Answer,
) -> (Arc<ScriptedGrant>, Scheduler, Vec<Arc<ManagedSource>>) {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(&clock, delay, [answer]);
    let scheduler = Scheduler::builder().clock(clock).concurrent_renewals(width).build();
    let profile = Profile::builder("https://as.test/token", "test", &scheduler).build();
    let key = |nth| GrantKey::new("acme", "crm", format!("user-{nth}")).unwrap();
    let sources = (0..count).map(|nth| ManagedSource::new(key(nth), grant.clone(), &profile)).collect();
    (grant, scheduler, sources)
}

#[test]
fn a_runtime_that_goes_while_sources_stand_in_line_takes_nothing_with_it() {
    let first = runtime();
    let (grant, scheduler, sources) = first.block_on(async {
        let (grant, scheduler, sources) = crowd(1, 10, secs(5), Answer::Hangs);
        sources.iter().for_each(|source| source.warm());
        tokio::time::sleep(secs(1)).await;
        (grant, scheduler, sources)
    });
    drop(first);
    assert_eq!((grant.asked(), scheduler.renewals_in_flight()), (1, 0));
    grant.now_answers([Answer::Token(secs(600))]);
    let second = runtime();
    for source in &sources {
        assert!(second.block_on(source.token()).is_ok());
    }
}

#[test]
fn a_renewal_that_is_started_on_a_dead_runtime_ends_at_once() {
    let dead = runtime();
    let handle = dead.handle().clone();
    let s = dead.block_on(async { scene(RefreshPolicy::default(), secs(0), [Answer::Token(secs(600))]) });
    drop(dead);
    let _inside = handle.enter();
    s.source.warm();
    let mut future = std::pin::pin!(s.source.token());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = future.as_mut().poll(&mut context);
    assert_eq!(s.scheduler.renewals_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_with_thousands_in_line_sends_none_of_them() {
    let (grant, scheduler, sources) = crowd(1, 2_000, secs(5), Answer::Token(secs(600)));
    sources.iter().for_each(|source| source.warm());
    tokio::time::sleep(secs(1)).await;
    // Callers stand in line too, before the background.
    let waiting: Vec<_> = sources
        .iter()
        .take(20)
        .cloned()
        .map(|s| tokio::spawn(async move { s.token().await.is_ok() }))
        .collect();
    tokio::task::yield_now().await;
    scheduler.shutdown().await;
    assert_eq!(grant.asked(), 1, "only what had been sent was waited for");
    for caller in waiting {
        let _ = caller.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_given_back_goes_to_the_next_who_still_needs_it() {
    let (grant, _scheduler, mut sources) = crowd(1, 4, secs(1), Answer::Token(secs(600)));
    sources.iter().for_each(|source| source.warm());
    tokio::time::sleep(Duration::from_millis(500)).await;
    // One of those in line goes away.
    drop(sources.remove(1));
    tokio::time::sleep(secs(10)).await;
    assert_eq!(grant.asked(), 3);
    assert!(sources.iter().all(|source| source.health().condition == Condition::Fresh));
}

#[tokio::test(start_paused = true)]
async fn a_caller_comes_before_thousands_that_are_warmed() {
    let (_grant, _scheduler, sources) =
        crowd(4, 2_000, Duration::from_millis(300), Answer::Token(secs(600_000)));
    sources.iter().for_each(|source| source.warm());
    tokio::time::sleep(secs(1)).await;
    let last = sources.last().unwrap();
    let token = tokio::time::timeout(secs(2), last.token()).await;
    assert!(token.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_through_a_pause_tries_again_when_it_wakes() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Busy(secs(3000)), Answer::Token(secs(600))]);
    s.source.warm();
    tokio::time::sleep(secs(1)).await;
    s.clock.sleep_machine(secs(4000));
    assert!(s.source.token().await.is_ok(), "a demand after the time ends the pause");

    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Busy(secs(3000)), Answer::Token(secs(600))]);
    s.source.warm();
    tokio::time::sleep(secs(1)).await;
    s.clock.sleep_machine(secs(4000));
    tokio::time::sleep(secs(11)).await;
    assert_eq!(s.grant.asked(), 2, "and without one it is noticed soon");
}

#[tokio::test(start_paused = true)]
async fn a_caller_during_an_attempt_does_not_end_the_pause_after_it() {
    let policy = RefreshPolicy::builder().fallback(Fallback::Queue { patience: secs(600) }).build().unwrap();
    let script = [Answer::Fails(ErrorKind::Unavailable), Answer::Busy(secs(60)), Answer::Token(secs(600))];
    let s = scene(policy, secs(5), script);
    s.source.warm();
    while s.grant.asked() < 2 {
        tokio::time::sleep(secs(1)).await;
    }
    // The time of the second attempt has come, and the attempt is on its way.
    let second = s.clock.now();
    let source = Arc::clone(&s.source);
    let caller = tokio::spawn(async move { source.token().await });
    tokio::time::sleep(secs(60)).await;
    assert_eq!(s.grant.asked(), 2, "the server asked for 60 s");
    assert!(caller.await.unwrap().is_ok());
    assert!(s.clock.now().since(second) >= secs(64), "{:?}", s.clock.now().since(second));
}

#[test]
fn a_dropped_runtime_does_not_forget_what_the_server_asked_for() {
    let first = runtime();
    let s = first.block_on(async {
        let s = scene(RefreshPolicy::default(), secs(0), [Answer::Busy(secs(3600))]);
        let _ = s.source.token().await;
        s
    });
    drop(first);
    for _ in 0..5 {
        assert!(runtime().block_on(s.source.token()).is_err());
    }
    assert_eq!(s.grant.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_cannot_come_in_time() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Busy(secs(3000))]);
    s.source.warm();
    tokio::time::sleep(secs(1)).await;
    let before = s.clock.now();
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(s.clock.now(), before);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_nobody_holds_sends_nothing_more_after_a_pause() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Busy(secs(60))]);
    s.source.warm();
    tokio::time::sleep(secs(1)).await;
    drop(s.source);
    tokio::time::sleep(secs(600)).await;
    assert_eq!((s.grant.asked(), s.scheduler.renewals_in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_attempt_gets_the_expired_token_out_within_its_grace() {
    let policy =
        RefreshPolicy::builder().fallback(Fallback::UseExpired { grace: secs(3600) }).build().unwrap();
    let s = scene(
        policy,
        secs(0),
        [Answer::Token(secs(600)), Answer::Fails(ErrorKind::Unavailable), Answer::Hangs],
    );
    s.source.token().await.unwrap();
    tokio::time::sleep(secs(700)).await;
    assert!(s.source.token().await.unwrap().is_past_expiry());
    tokio::time::sleep(secs(10)).await;
    assert!(s.source.token().await.unwrap().is_past_expiry());
}

#[tokio::test(start_paused = true)]
async fn a_grace_shorter_than_a_hanging_attempt_still_gets_the_expired_token_out() {
    for (grace, late) in [(secs(10), secs(0)), (secs(10), secs(9)), (Duration::from_millis(40), secs(0))] {
        let builder = RefreshPolicy::builder().fallback(Fallback::UseExpired { grace });
        for policy in [builder.clone(), builder.enabled(false)] {
            let s = scene(policy.build().unwrap(), secs(0), [Answer::Token(secs(600)), Answer::Hangs]);
            let first = s.source.token().await.unwrap();
            let expires = first.expires().unwrap();
            tokio::time::sleep(expires.since(s.clock.now()) + late).await;
            let late = s.source.token().await.unwrap();
            assert!(late.is_same(&first) && late.is_past_expiry());
            assert!(s.clock.now() < expires.after(grace), "{grace:?}");
            tokio::time::sleep(grace).await;
            let error = s.source.token().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted, "the grace is over");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_its_patience_where_no_grace_can_help() {
    let policy =
        || RefreshPolicy::builder().fallback(Fallback::UseExpired { grace: secs(40) }).enabled(false);
    // After a definite verdict the expired token is not given out, so nothing is gained by giving up sooner.
    let script = [Answer::Token(secs(600)), Answer::Fails(ErrorKind::InvalidGrant), Answer::Hangs];
    let s = scene(policy().cool_down(secs(1)).build().unwrap(), secs(0), script);
    s.source.token().await.unwrap();
    tokio::time::sleep(secs(601)).await;
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::InvalidGrant);
    tokio::time::sleep(secs(2)).await;
    let before = s.clock.now();
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::InvalidGrant);
    assert_eq!(s.clock.now().since(before), secs(60));
    // An attempt that ends in time is waited for.
    let s = scene(policy().build().unwrap(), secs(15), [Answer::Token(secs(600))]);
    let first = s.source.token().await.unwrap();
    tokio::time::sleep(first.expires().unwrap().since(s.clock.now())).await;
    assert!(!s.source.token().await.unwrap().is_same(&first));
}

/// It came so late that the grace was over when it was to be given the expired token.
#[tokio::test(start_paused = true)]
async fn a_caller_whom_the_grace_helps_no_more_waits_as_long_as_one_without_a_token() {
    let policy = RefreshPolicy::builder().fallback(Fallback::UseExpired { grace: secs(40) }).enabled(false);
    for rest in [Duration::from_micros(500), Duration::from_millis(1), Duration::from_millis(2)] {
        let s = scene(policy.clone().build().unwrap(), secs(15), [Answer::Token(secs(600))]);
        let first = s.source.token().await.unwrap();
        let late = first.expires().unwrap().after(secs(40) - rest);
        tokio::time::sleep(late.since(s.clock.now())).await;
        let second = s.source.token().await.unwrap();
        assert!(second.is_same(&first) || !second.is_past_expiry(), "{rest:?}: {second:?}");
    }
}

/// Panics at everything.
#[derive(Debug)]
struct Panicking;
impl Observer for Panicking {
    fn on(&self, _event: &Event) {
        panic!("an observer of the user's own");
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_ends_no_renewal() {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(
        &clock,
        secs(0),
        [Answer::Fails(ErrorKind::Unavailable), Answer::Token(secs(600))],
    );
    let scheduler = Scheduler::builder().clock(clock).build();
    let profile =
        Profile::builder("https://as.test/token", "test", &scheduler).observer(Arc::new(Panicking)).build();
    let source = ManagedSource::new(support::key(), grant.clone(), &profile);
    assert!(source.token().await.is_ok());
    assert_eq!(grant.asked(), 2);
}

#[derive(Debug, Default)]
struct Failures(AtomicU64);
impl Observer for Failures {
    fn on(&self, event: &Event) {
        if let Event::RenewalFailed { .. } = event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_panics_is_a_failure_that_is_told() {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(&clock, secs(0), [Answer::Panics]);
    let scheduler = Scheduler::builder().clock(clock).build();
    let failures = Arc::new(Failures::default());
    let profile =
        Profile::builder("https://as.test/token", "test", &scheduler).observer(failures.clone()).build();
    let source = ManagedSource::new(support::key(), grant, &profile);
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!((failures.0.load(Ordering::Relaxed), source.health().failures), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_reached_nobody_keeps_the_client_refused_no_longer() {
    let (grant, _scheduler, sources) = crowd(4, 3, secs(0), Answer::Fails(ErrorKind::InvalidClient));
    assert!(sources[0].token().await.is_err());
    tokio::time::sleep(secs(31)).await;
    grant.now_answers([Answer::Unreachable, Answer::Token(secs(600))]);
    assert!(sources[1].token().await.is_ok(), "the source tried again by itself");
    assert!(sources[2].token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_too_soon_after_another_is_replaced_a_little_later() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Token(secs(3600))]);
    let first = s.source.token().await.unwrap();
    s.source.reject(&first);
    let second = s.source.token().await.unwrap();
    tokio::time::sleep(secs(1)).await;
    s.source.reject(&second);
    assert!(s.source.ready().is_some(), "kept for now");
    tokio::time::sleep(secs(6)).await;
    assert!(!s.source.token().await.unwrap().is_same(&second));
    assert_eq!(s.grant.asked(), 3);
}
