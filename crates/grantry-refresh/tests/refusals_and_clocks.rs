//! Refusals by resource servers, and clocks that jump.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::time::Duration;

use grantry_core::{Clock, ErrorKind, TokenSource};
use grantry_refresh::{Condition, Fallback, RefreshPolicy};
use support::{Answer, scene, secs};

#[tokio::test(start_paused = true)]
async fn req_d03_a_refused_token_is_replaced_once_and_never_handed_out_again() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(3600))]);
    let refused = s.source.token().await.unwrap();
    s.source.reject(&refused);
    assert!(s.source.ready().is_none());
    assert_eq!(s.source.health().condition, Condition::Empty);
    let next = s.source.token().await.unwrap();
    assert!(!next.is_same(&refused));
    assert_eq!(s.grant.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_401_does_not_discard_a_newer_token() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(3600))]);
    let old = s.source.token().await.unwrap();
    s.source.reject(&old);
    let newer = s.source.token().await.unwrap();
    for _ in 0..100 {
        s.source.reject(&old);
    }
    assert!(s.source.ready().unwrap().is_same(&newer));
    assert_eq!(s.grant.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn req_e34_a_resource_server_that_refuses_everything_causes_no_storm() {
    let s = scene(RefreshPolicy::default(), Duration::from_millis(10), [Answer::Token(secs(3600))]);
    for _ in 0..600 {
        let token = s.source.token().await.unwrap();
        s.source.reject(&token);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = s.grant.asked();
    assert!((10..=14).contains(&asked), "{asked} requests in 60 s of refusals");
}

#[tokio::test(start_paused = true)]
async fn req_d04_a_machine_that_slept_past_the_expiry_hands_out_no_expired_token() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(3600))]);
    let before = s.source.token().await.unwrap();
    assert!(s.source.ready().is_some());
    s.clock.sleep_machine(secs(4000));
    assert!(s.source.ready().is_none(), "the coarse monotonic clock stood still, the wall clock did not");
    let after = s.source.token().await.unwrap();
    assert!(!after.is_same(&before) && after.is_fit(s.clock.now()));
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_forward_or_back_changes_nothing() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(3600))]);
    let token = s.source.token().await.unwrap();
    for jump in [86_400, -2 * 86_400, 10 * 365 * 86_400, -20 * 365 * 86_400] {
        s.clock.jump_wall(jump);
        for _ in 0..10 {
            let now = match s.source.ready() {
                Some(token) => token,
                None => s.source.token().await.unwrap(),
            };
            assert!(now.is_same(&token));
        }
        let none = (0..100).filter(|_| s.source.ready().is_none()).count();
        assert_eq!(none, 0, "one look was enough to see that the boot clock calls it fit");
    }
    assert_eq!(s.grant.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_machine_slept_renewal_in_the_background_goes_on_within_seconds() {
    let s = scene(RefreshPolicy::default(), secs(1), [Answer::Token(secs(3600))]);
    s.source.token().await.unwrap();
    tokio::time::sleep(secs(1)).await;
    s.clock.sleep_machine(secs(3599));
    tokio::time::sleep(secs(15)).await;
    assert!(s.source.ready().is_some());
    assert_eq!(s.grant.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_back_before_a_sleep_keeps_no_expired_token_in_use_for_longer_than_a_timer_is_late()
{
    let policies = [
        RefreshPolicy::builder(),
        RefreshPolicy::builder().fallback(Fallback::Fail),
        // Nothing is booked, so no renewal brings the source to anybody's mind.
        RefreshPolicy::builder().enabled(false),
    ];
    for policy in policies {
        for answer in [Answer::Fails(ErrorKind::Unavailable), Answer::Unreachable, Answer::Hangs] {
            let s =
                scene(policy.clone().build().unwrap(), secs(1), [Answer::Token(secs(3600)), answer.clone()]);
            s.source.token().await.unwrap();
            s.clock.jump_wall(-4 * 3600);
            s.clock.sleep_machine(secs(4000));
            assert!(s.source.ready().is_some(), "neither coarse clock tells that an hour has gone");
            tokio::time::sleep(Duration::from_millis(10_100)).await;
            assert!(s.source.ready().is_none(), "{policy:?}, {answer:?}");
            tokio::time::sleep(secs(60)).await;
            assert!(s.source.ready().is_none(), "{policy:?}, {answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_finds_a_token_expired_that_the_coarse_clocks_call_fit_closes_it_for_all() {
    let policy = RefreshPolicy::builder().enabled(false).fallback(Fallback::Fail).build().unwrap();
    let s = scene(policy, secs(0), [Answer::Token(secs(3600)), Answer::Fails(ErrorKind::Unavailable)]);
    s.source.token().await.unwrap();
    s.clock.jump_wall(-4 * 3600);
    s.clock.sleep_machine(secs(4000));
    assert_eq!(s.source.health().condition, Condition::Expired);
    assert!(s.source.ready().is_none());
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_during_an_outage_is_an_error_and_never_the_refused_token() {
    let s = scene(
        RefreshPolicy::default(),
        secs(1),
        [Answer::Token(secs(3600)), Answer::Fails(ErrorKind::Unavailable)],
    );
    let refused = s.source.token().await.unwrap();
    s.source.reject(&refused);
    assert_eq!(s.source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(s.source.ready().is_none());
}
