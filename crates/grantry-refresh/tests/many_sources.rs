//! What sources share: the scheduler, the lane to an endpoint, the breaker of a client; and what goes when they go.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use grantry_core::{ErrorKind, GrantKey, GrantKeyRef, TokenSource};
use grantry_refresh::{Directory, ManagedSource, Profile, RefreshPolicy, Scheduler};
use support::{Answer, ScriptedGrant, TestClock, scene, secs};

fn keys(count: usize) -> impl Iterator<Item = GrantKey> {
    (0..count).map(|nth| GrantKey::new("acme", "crm", format!("user-{nth}")).unwrap())
}

#[tokio::test(start_paused = true)]
async fn renewals_at_one_endpoint_stay_under_the_cap() {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(&clock, Duration::from_millis(300), [Answer::Token(secs(600))]);
    let scheduler = Scheduler::builder().clock(clock.clone()).concurrent_renewals(4).build();
    let profile = Profile::builder("https://as.test/token", "test", &scheduler).build();
    let sources: Vec<_> = keys(200).map(|key| ManagedSource::new(key, grant.clone(), &profile)).collect();
    for source in &sources {
        source.warm();
    }
    tokio::time::sleep(secs(3600)).await;
    assert_eq!(grant.most_at_once.load(Ordering::SeqCst), 4);
    assert!(
        sources.iter().all(|source| source.health().fit_for > Some(secs(0))),
        "every token was renewed in time"
    );
}

#[tokio::test(start_paused = true)]
async fn one_refusal_of_the_client_spares_its_other_sources_theirs() {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(
        &clock,
        secs(0),
        [Answer::Fails(ErrorKind::InvalidClient), Answer::Token(secs(600))],
    );
    let scheduler = Scheduler::builder().clock(clock.clone()).build();
    let profile = Profile::builder("https://as.test/token", "test", &scheduler).build();
    let sources: Vec<_> = keys(10).map(|key| ManagedSource::new(key, grant.clone(), &profile)).collect();
    for source in &sources {
        assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::InvalidClient);
    }
    assert_eq!(grant.asked(), 1);
    tokio::time::sleep(secs(31)).await;
    for source in &sources {
        assert!(source.token().await.is_ok());
    }
}

/// Sources of one client, whose requests take this long.
fn of_one_client(
    count: usize,
    delay: Duration,
    script: impl IntoIterator<Item = Answer>,
) -> (Arc<ScriptedGrant>, Vec<Arc<ManagedSource>>) {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(&clock, delay, script);
    let scheduler = Scheduler::builder().clock(clock).build();
    let profile = Profile::builder("https://as.test/token", "test", &scheduler).build();
    let sources = keys(count).map(|key| ManagedSource::new(key, grant.clone(), &profile)).collect();
    (grant, sources)
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_late_in_the_rest_of_a_client_does_not_serve_all_of_it_again() {
    let script = [Answer::Fails(ErrorKind::InvalidClient), Answer::Token(secs(600))];
    let (grant, sources) = of_one_client(2, secs(0), script);
    assert!(sources[0].token().await.is_err());
    tokio::time::sleep(secs(29)).await;
    assert_eq!(sources[1].token().await.unwrap_err().kind(), ErrorKind::InvalidClient);
    assert_eq!(grant.asked(), 1);
    tokio::time::sleep(secs(2)).await;
    assert!(sources[1].token().await.is_ok(), "the client's rest is over");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_under_way_keeps_other_sources_of_the_client_for_seconds_only() {
    let script = [Answer::Fails(ErrorKind::InvalidClient), Answer::Token(secs(600))];
    let (grant, sources) = of_one_client(2, secs(1), script);
    assert!(sources[0].token().await.is_err());
    tokio::time::sleep(secs(31)).await;
    sources[0].warm();
    while grant.asked() < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(sources[1].token().await.unwrap_err().kind(), ErrorKind::InvalidClient);
    assert_eq!(grant.asked(), 2, "one probes");
    tokio::time::sleep(secs(6)).await;
    assert!(sources[1].token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_keeps_the_client_refused_no_longer() {
    let script = [Answer::Fails(ErrorKind::InvalidClient), Answer::Panics, Answer::Token(secs(600))];
    let (_grant, sources) = of_one_client(3, secs(0), script);
    assert!(sources[0].token().await.is_err());
    tokio::time::sleep(secs(31)).await;
    assert_eq!(sources[1].token().await.unwrap_err().kind(), ErrorKind::Internal);
    assert!(sources[2].token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_source_is_renewed_no_more() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Token(secs(600))]);
    s.source.token().await.unwrap();
    drop(s.source);
    tokio::time::sleep(secs(3600)).await;
    assert_eq!(s.grant.asked(), 1);
    assert_eq!(s.scheduler.booked(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_what_was_sent_and_gives_up_what_was_not() {
    let s = scene(RefreshPolicy::default(), secs(5), [Answer::Token(secs(600))]);
    let waiting = tokio::spawn({
        let source = Arc::clone(&s.source);
        async move { source.token().await }
    });
    tokio::time::sleep(secs(1)).await;
    assert_eq!(s.scheduler.renewals_in_flight(), 1);
    s.scheduler.shutdown().await;
    assert_eq!(s.scheduler.renewals_in_flight(), 0);
    assert!(waiting.await.unwrap().is_ok(), "the answer that was on its way was kept");

    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Busy(secs(3000))]);
    s.source.warm();
    tokio::time::sleep(secs(1)).await;
    s.scheduler.shutdown().await;
    assert_eq!((s.scheduler.renewals_in_flight(), s.grant.asked()), (0, 1));
}

#[test]
fn a_source_outlives_the_runtime_that_it_began_on() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let first = runtime();
    let s = first.block_on(async {
        let s = scene(RefreshPolicy::default(), secs(5), [Answer::Hangs, Answer::Token(secs(600))]);
        let _ = tokio::time::timeout(secs(1), s.source.token()).await;
        s
    });
    drop(first);
    assert_eq!(s.scheduler.renewals_in_flight(), 0, "a dropped runtime ends the flight");
    assert!(runtime().block_on(s.source.token()).is_ok());
}

#[test]
fn outside_of_a_runtime_the_error_says_what_is_missing() {
    let s = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { scene(RefreshPolicy::default(), secs(0), [Answer::Endless]) });
    let mut future = std::pin::pin!(s.source.token());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => assert!(error.to_string().contains("tokio runtime"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_that_threads_contend_for_grows_shards_and_counts_every_hit() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let s = runtime.block_on(async {
        scene(RefreshPolicy::default(), secs(0), [Answer::Token(secs(600)), Answer::Token(secs(900))])
    });
    let first = runtime.block_on(s.source.token()).unwrap();
    let ask = |source: &Arc<ManagedSource>| match source.ready() {
        Some(token) => token,
        None => runtime.block_on(source.token()).unwrap(),
    };
    let same = first.header().as_bytes().as_ptr() as usize;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5_000).for_each(|_| assert!(ask(&s.source).is_same(&first))));
        }
    });
    let elsewhere = std::thread::scope(|scope| {
        scope.spawn(|| ask(&s.source).header().as_bytes().as_ptr() as usize).join().unwrap()
    });
    assert_ne!(elsewhere, same, "another thread reads bytes of its own");
    assert_eq!(s.source.health().hits, 1 + 4 * 5_000 + 1);

    s.source.reject(&first);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(s.source.ready().is_none(), "no shard keeps a refused token"));
        }
    });
    let second = runtime.block_on(s.source.token()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(ask(&s.source).is_same(&second)));
        }
    });
    let same = second.header().as_bytes().as_ptr() as usize;
    let there = std::thread::scope(|scope| {
        scope.spawn(|| ask(&s.source).header().as_bytes().as_ptr() as usize).join().unwrap()
    });
    assert_eq!(there, same, "the shards went with their token, and four hits are no crowd");
    assert_eq!(s.source.health().hits, 1 + 4 * 5_000 + 1 + 1 + 4 + 1, "no hit of a shard is lost");
    assert!(s.source.health().last_used.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_directory_finds_each_source_by_its_own_names_only() {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(&clock, secs(0), [Answer::Token(secs(600))]);
    let scheduler = Scheduler::builder().clock(clock.clone()).build();
    let profile = Profile::builder("https://as.test/token", "test", &scheduler).build();
    let directory = Directory::new();
    for key in keys(1_000) {
        assert!(directory.insert(ManagedSource::new(key, grant.clone(), &profile)).is_none());
    }
    assert_eq!(directory.len(), 1_000);
    for key in keys(1_000) {
        let source = directory.find(key.as_key_ref()).unwrap();
        assert_eq!(source.key(), &key);
    }
    let there = GrantKeyRef { tenant: "acme", service: "crm", account: "user-7" };
    for wrong in [
        GrantKeyRef { tenant: "Acme", ..there },
        GrantKeyRef { tenant: "acme/crm", service: "user-7", account: "" },
        GrantKeyRef { account: "user-7 ", ..there },
        GrantKeyRef { account: "crm/user-7", ..there },
    ] {
        assert!(directory.find(wrong).is_none(), "{wrong:?}");
    }
    assert!(directory.ready(there).is_none());
    directory.find(there).unwrap().token().await.unwrap();
    assert!(directory.ready(there).is_some());
    assert!(directory.remove(there).is_some() && directory.find(there).is_none());
}
