//! What callers get, in the order of a token's life.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{ErrorKind, TokenSource};
use grantry_refresh::{Condition, Fallback, RefreshPolicy};
use support::{Answer, scene, secs};

fn policy(fallback: Fallback) -> RefreshPolicy {
    RefreshPolicy::builder().fallback(fallback).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_callers_on_a_cold_source_make_one_token_request() {
    for callers in [1_000, 100_000] {
        let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(3600))]);
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let source = Arc::clone(&s.source);
                tokio::spawn(async move { source.token().await.unwrap().serial() })
            })
            .collect();
        let mut serials = Vec::new();
        for task in tasks {
            serials.push(task.await.unwrap());
        }
        assert!(serials.iter().all(|serial| *serial == serials[0]));
        assert_eq!(s.grant.asked(), 1);
        assert_eq!(s.source.health().hits, callers);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_while_a_token_in_its_buffer_is_renewed() {
    let s = scene(RefreshPolicy::default(), Duration::from_millis(200), [Answer::Token(secs(3600))]);
    let first = s.source.token().await.unwrap();
    for _ in 0..40_000 {
        let before = s.clock_reading();
        let token = match s.source.ready() {
            Some(token) => token,
            None => s.source.token().await.unwrap(),
        };
        assert_eq!(s.clock_reading(), before, "a caller waited");
        assert!(!token.is_past_expiry());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!s.source.token().await.unwrap().is_same(&first));
    assert_eq!(s.grant.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn exactly_one_caller_is_sent_to_renew_where_the_scheduler_did_not() {
    // Renewal by the scheduler is kept away by taking its lane: a policy of no buffer leaves the moment to callers.
    let s = scene(RefreshPolicy::default(), Duration::from_millis(200), [Answer::Token(secs(3600))]);
    s.source.token().await.unwrap();
    s.scheduler.shutdown().await;
    tokio::time::advance(secs(3400)).await;
    let none = (0..1_000).filter(|_| s.source.ready().is_none()).count();
    assert_eq!(none, 1);
    assert!(s.source.token().await.is_ok(), "after shutdown a fit token is still handed out");
    assert_eq!(s.grant.asked(), 1);
    tokio::time::advance(secs(300)).await;
    let error = s.source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_ridden_out_while_the_token_is_valid() {
    let s = scene(
        RefreshPolicy::default(),
        Duration::from_millis(50),
        [Answer::Token(secs(3600)), Answer::Fails(ErrorKind::Unavailable)],
    );
    s.source.token().await.unwrap();
    let until = s.clock_reading() + 3_599_000;
    let mut served = 0;
    let mut before_buffer = true;
    while s.clock_reading() < until {
        let token = match s.source.ready() {
            Some(token) => token,
            None => s.source.token().await.unwrap(),
        };
        assert!(!token.is_past_expiry());
        served += 1;
        before_buffer &= s.grant.asked() == 1;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(served > 7_000 && !before_buffer);
    // 300 s and the jitter before it hold at most 16 episodes of 4 requests, 30 s of rest after each.
    assert!(s.grant.asked() <= 1 + 16 * 4, "{} requests", s.grant.asked());
    s.grant.now_answers([Answer::Token(secs(3600))]);
    tokio::time::sleep(secs(70)).await;
    assert!(s.source.token().await.is_ok(), "the source came back by itself");
}

#[tokio::test(start_paused = true)]
async fn an_episode_makes_at_most_one_request_more_than_max_retries() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Fails(ErrorKind::Unavailable)]);
    let error = s.source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(s.grant.asked(), 4);
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(s.grant.asked(), 4, "nothing is sent while the source cools down");
    s.grant.now_answers([Answer::Token(secs(60))]);
    tokio::time::sleep(secs(31)).await;
    assert!(s.source.token().await.is_ok(), "a failure is never final");
}

#[tokio::test(start_paused = true)]
async fn queue_waits_through_the_retries_and_fail_does_not() {
    let script = || {
        [
            Answer::Fails(ErrorKind::Unavailable),
            Answer::Fails(ErrorKind::Unavailable),
            Answer::Token(secs(60)),
        ]
    };
    let queue = scene(policy(Fallback::QUEUE), secs(1), script());
    assert!(queue.source.token().await.is_ok());
    assert_eq!(queue.grant.asked(), 3);

    let fail = scene(policy(Fallback::Fail), secs(1), script());
    assert_eq!(fail.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(fail.grant.asked(), 1);
    tokio::time::sleep(secs(10)).await;
    assert_eq!(fail.grant.asked(), 3, "the retries went on in the background");
    assert!(fail.source.ready().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_for_the_next_attempt_where_it_follows_at_once_with_another_credential() {
    let down = || Answer::Fails(ErrorKind::Unavailable);
    for fallback in [Fallback::QUEUE, Fallback::Fail, Fallback::USE_EXPIRED] {
        // Neither retries nor renewal ahead of need have to be allowed for it.
        let policy =
            RefreshPolicy::builder().fallback(fallback).max_retries(0).enabled(false).build().unwrap();
        let script = [Answer::OtherCredential, Answer::Token(secs(60)), Answer::OtherCredential];
        let s = scene(policy, secs(1), script);
        assert!(s.source.token().await.is_ok(), "{fallback:?}");
        assert_eq!(s.grant.asked(), 2);
        tokio::time::sleep(secs(130)).await;
        let error = s.source.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidClient, "{fallback:?}: where that one is refused, too");
        assert_eq!(s.grant.asked(), 4);
    }
    // What the next attempt ends with is the end for the caller.
    let s =
        scene(policy(Fallback::Fail), secs(1), [Answer::OtherCredential, down(), Answer::Token(secs(60))]);
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(s.grant.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn queue_gives_up_when_its_patience_is_over() {
    let patience = Fallback::Queue { patience: secs(5) };
    let s = scene(policy(patience), secs(0), [Answer::Hangs]);
    let before = s.clock_reading();
    let error = s.source.token().await.unwrap_err();
    assert_eq!((error.kind(), s.clock_reading() - before), (ErrorKind::Interrupted, 5_000));
    let slow = scene(policy(patience), secs(0), [Answer::Busy(secs(20))]);
    assert_eq!(slow.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn use_expired_hands_an_expired_token_out_for_its_grace_and_never_after_a_definite_verdict() {
    let down = Answer::Fails(ErrorKind::Unavailable);
    let s = scene(policy(Fallback::USE_EXPIRED), secs(1), [Answer::Token(secs(600)), down.clone()]);
    let first = s.source.token().await.unwrap();
    tokio::time::sleep(secs(610)).await;
    let late = s.source.token().await.unwrap();
    assert!(late.is_same(&first) && late.is_past_expiry());
    tokio::time::sleep(secs(60)).await;
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);

    let s = scene(
        policy(Fallback::USE_EXPIRED),
        secs(1),
        [Answer::Token(secs(600)), Answer::Fails(ErrorKind::InvalidGrant)],
    );
    s.source.token().await.unwrap();
    tokio::time::sleep(secs(610)).await;
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::InvalidGrant);

    let s = scene(policy(Fallback::USE_EXPIRED), secs(1), [down]);
    assert_eq!(
        s.source.token().await.unwrap_err().kind(),
        ErrorKind::Unavailable,
        "there is nothing expired to use"
    );
    assert_eq!(s.grant.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_definite_verdict_is_not_retried() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Fails(ErrorKind::InvalidGrant)]);
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::InvalidGrant);
    tokio::time::sleep(secs(3600)).await;
    assert_eq!(s.grant.asked(), 1, "nothing goes on in the background");
    let _ = s.source.token().await;
    assert_eq!(s.grant.asked(), 2, "but a new demand asks again");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_the_server_asks_for_is_waited() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Busy(secs(12)), Answer::Token(secs(60))]);
    let before = s.clock_reading();
    s.source.token().await.unwrap();
    let waited = s.clock_reading() - before;
    assert!((12_000..=14_000).contains(&waited), "{waited} ms");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_cuts_nothing_off() {
    let s = scene(RefreshPolicy::default(), secs(5), [Answer::Token(secs(3600))]);
    let given_up = tokio::time::timeout(secs(1), s.source.token()).await;
    assert!(given_up.is_err());
    tokio::time::sleep(secs(5)).await;
    assert!(s.source.ready().is_some());
    assert_eq!(s.grant.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_caller_more_than_may_wait_is_told_so() {
    let policy = RefreshPolicy::builder().max_waiting(10).build().unwrap();
    let s = scene(policy, secs(5), [Answer::Token(secs(3600))]);
    let tasks: Vec<_> = (0..11)
        .map(|_| {
            let source = Arc::clone(&s.source);
            tokio::spawn(async move { source.token().await.map(drop).map_err(|e| e.kind()) })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => {}
            Err(kind) => {
                assert_eq!(kind, ErrorKind::Overloaded);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_panics_leaves_nobody_waiting() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Panics, Answer::Token(secs(60))]);
    let error = s.source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    tokio::time::sleep(secs(31)).await;
    assert!(s.source.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lives_ten_seconds_under_a_buffer_of_300_is_neither_renewed_in_a_loop_nor_served_expired()
 {
    let s = scene(RefreshPolicy::default(), Duration::from_millis(100), [Answer::Token(secs(10))]);
    s.source.token().await.unwrap();
    for _ in 0..1_000 {
        let token = match s.source.ready() {
            Some(token) => token,
            None => s.source.token().await.unwrap(),
        };
        assert!(token.is_fit(grantry_core::Clock::now(&*s.clock)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = s.grant.asked();
    assert!((18..=23).contains(&asked), "{asked} requests in 100 s");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_comes_expired_is_a_failure_and_not_a_loop() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(0))]);
    let error = s.source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer);
    assert_eq!(s.grant.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_unknown_lifetime_is_kept_until_it_is_refused() {
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Endless]);
    let first = s.source.token().await.unwrap();
    tokio::time::sleep(secs(1 << 20)).await;
    assert!(s.source.ready().unwrap().is_same(&first));
    s.source.reject(&first);
    assert!(!s.source.token().await.unwrap().is_same(&first));
    assert_eq!(s.grant.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn with_renewal_switched_off_nothing_happens_in_the_background() {
    let policy = RefreshPolicy::builder().enabled(false).build().unwrap();
    let s = scene(policy, secs(0), [Answer::Token(secs(600))]);
    s.source.token().await.unwrap();
    tokio::time::sleep(secs(599)).await;
    assert!(s.source.ready().is_some());
    tokio::time::sleep(secs(100)).await;
    assert_eq!((s.grant.asked(), s.source.health().condition), (1, Condition::Expired));
    assert!(s.source.token().await.is_ok());
    assert_eq!(s.grant.asked(), 2);
}

impl support::Scene {
    /// Milliseconds on the boot clock.
    fn clock_reading(&self) -> u64 {
        grantry_core::Clock::now(&*self.clock).as_nanos() / 1_000_000
    }
}

#[tokio::test(start_paused = true)]
async fn health_says_how_long_ago_a_token_was_handed_out_last() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(3600))]);
    assert_eq!(s.source.health().last_used, None, "nobody has asked");
    let about = |expected: u64| {
        let last = s.source.health().last_used.expect("somebody has asked");
        assert!(last.abs_diff(secs(expected)) <= secs(1), "{last:?}, not about {expected} s");
    };
    s.source.token().await.unwrap();
    about(0);
    tokio::time::advance(secs(90)).await;
    about(90);
    // Asking for the health is no use, and a hit by the fast way is one, whichever thread has it.
    about(90);
    assert!(s.source.ready().is_some());
    about(0);
    tokio::time::advance(secs(40)).await;
    let source = Arc::clone(&s.source);
    // On a thread that has the runtime's clock.
    tokio::task::spawn_blocking(move || assert!(source.ready().is_some())).await.unwrap();
    about(0);
    tokio::time::advance(secs(7)).await;
    about(7);
}
