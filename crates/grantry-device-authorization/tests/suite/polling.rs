//! The times of the polls, to the second.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::Clock;
use grantry_device_authorization::*;
use grantry_endpoint::*;
use grantry_testkit::*;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn req_c16_polls_are_one_interval_apart_until_the_person_approves() {
    let case = Case::new();
    let granted = case.run(17).await.unwrap();
    assert_eq!(case.polls(), [5, 10, 15, 20]);
    assert_eq!(granted.scope().as_str(), "read write");
}

#[tokio::test(start_paused = true)]
async fn req_c16_the_interval_is_the_servers_or_five_seconds() {
    for (named, expected) in [(None, [5, 10]), (Some(7), [7, 14]), (Some(6), [6, 12])] {
        let case = Case::new();
        case.set(|s| s.device_interval = named.map(Duration::from_secs));
        case.run(8).await.unwrap();
        assert_eq!(case.polls(), expected, "{named:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn req_c16_slow_down_adds_five_seconds_for_good() {
    let case = Case::new();
    case.next_poll_says(400, "authorization_pending");
    case.next_poll_says(400, "slow_down");
    case.next_poll_says(400, "authorization_pending");
    case.next_poll_says(429, "slow_down");
    case.run(60).await.unwrap();
    assert_eq!(case.polls(), [5, 10, 20, 30, 45, 60, 75]);
}

#[tokio::test(start_paused = true)]
async fn req_c16_polling_stops_at_expiry_by_our_own_clock() {
    let case = Case::new();
    case.set(|s| s.device_code_lifetime = Duration::from_secs(18));
    let begun = case.clock.now();
    let unfinished = case.run(1_000).await.unwrap_err();
    assert_eq!(case.polls(), [5, 10, 15]);
    assert_eq!(case.clock.now().since(begun).as_secs(), 18);
    assert!(unfinished.ending == DeviceEnding::Expired && unfinished.again.is_none());
}

#[tokio::test(start_paused = true)]
async fn req_c16_no_poll_leaves_where_the_interval_is_longer_than_the_lifetime() {
    let case = Case::new();
    case.set(|s| {
        s.device_code_lifetime = Duration::from_secs(4);
        s.device_interval = Some(Duration::from_secs(3_600));
    });
    let begun = case.clock.now();
    let unfinished = case.run(1).await.unwrap_err();
    assert_eq!((unfinished.ending, case.polls()), (DeviceEnding::Expired, vec![]));
    assert_eq!(case.clock.now().since(begun).as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn req_c17_a_server_that_cannot_be_reached_is_asked_half_as_often_each_time_and_not_for_ever() {
    for fault in
        [Fault::refuse_connection, Fault::drop_before_handling, || Fault::status(503), || Fault::status(500)]
    {
        let case = Case::new();
        case.polls_fail(fault().times(3));
        case.run(60).await.unwrap();
        assert_eq!(case.polls(), [5, 15, 35, 75]);

        let case = Case::new();
        case.polls_fail(fault().until_cleared());
        let unfinished = case.run(1).await.unwrap_err();
        assert_eq!(case.polls(), [5, 15, 35, 75, 135, 195, 255, 315, 375, 435, 495, 555]);
        assert_eq!(unfinished.ending, DeviceEnding::Expired);
    }
}

#[tokio::test(start_paused = true)]
async fn req_c17_after_an_answer_the_interval_is_as_before() {
    let case = Case::new();
    case.polls_fail(Fault::drop_before_handling().times(2));
    case.next_poll_says(400, "authorization_pending");
    case.run(36).await.unwrap();
    assert_eq!(case.polls(), [5, 15, 35, 40]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_kept_to() {
    let case = Case::new();
    case.polls_fail(Fault::status(429).retry_after("42"));
    case.run(1).await.unwrap();
    assert_eq!(case.polls(), [5, 47]);
}

/// Answers take a while.
#[tokio::test(start_paused = true)]
async fn the_interval_counts_from_the_answer_so_that_no_two_polls_are_ever_closer() {
    let case = Case::over(|transport| transport.with_latency(Duration::from_secs(3)));
    case.run(14).await.unwrap();
    // The codes came 3 s after they were asked for, and so did each answer.
    assert_eq!(case.polls(), [8, 16, 24]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_past_the_expiry_polls_no_more() {
    let case = Case::new();
    let pending = case.flow.begin().await.unwrap();
    let clock = case.clock.clone();
    let asleep = async move {
        tokio::time::sleep(Duration::from_secs(12)).await;
        clock.suspend(Duration::from_secs(3_600));
    };
    let (finished, ()) = tokio::join!(pending.finish(), asleep);
    assert_eq!(finished.unwrap_err().ending, DeviceEnding::Expired);
    assert_eq!(case.polls(), [5, 10]);
}

#[tokio::test(start_paused = true)]
async fn setting_the_wall_clock_changes_nothing() {
    let case = Case::new();
    let pending = case.flow.begin().await.unwrap();
    case.clock.set_wall(grantry_core::Timestamp::from_unix_seconds(0));
    let user_code = pending.user_code().to_owned();
    assert!(case.server.approve(&user_code) && !case.server.approve("no such code"));
    pending.finish().await.unwrap();
    assert_eq!(case.polls(), [5]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_ends_the_polling() {
    let case = Case::new();
    let pending = case.flow.begin().await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(12), pending.finish()).await;
    assert!(waited.is_err());
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(case.polls(), [5, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_program_is_told_what_it_waits_for() {
    let case = Case::new();
    case.next_poll_says(400, "authorization_pending");
    case.next_poll_says(400, "slow_down");
    case.polls_fail(Fault::status(503));
    case.set(|s| s.device_decision = DeviceDecision::Approve);
    let mut told = Vec::new();
    let pending = case.flow.begin().await.unwrap();
    pending
        .finish_telling(|waiting| told.push((waiting.polls, waiting.waiting_for, waiting.next.as_secs())))
        .await
        .unwrap();
    use WaitingFor::*;
    assert_eq!(told, [(0, Person, 5), (1, Person, 5), (2, PersonLessOften, 10), (3, Server, 20)]);
}

/// Gives the answer to the first poll after so long that the codes have expired meanwhile.
#[derive(Debug)]
struct Late(InMemoryTransport, Mutex<bool>);

#[async_trait]
impl Transport for Late {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        let is_poll = request.url().path() == "/token";
        let answer = self.0.send(request).await;
        if is_poll && !std::mem::replace(&mut *self.1.lock().unwrap(), true) {
            tokio::time::sleep(Duration::from_secs(700)).await;
        }
        answer
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_come_after_the_expiry_are_tokens() {
    let case = Case::over(|transport| Late(transport, Mutex::new(false)));
    assert!(case.run(1).await.is_ok());
    let case = Case::over(|transport| Late(transport, Mutex::new(false)));
    case.set(|s| s.device_decision = DeviceDecision::Wait);
    assert_eq!(case.run(800).await.unwrap_err().ending, DeviceEnding::Expired);
    assert_eq!(case.polls(), [5]);
}

#[tokio::test(start_paused = true)]
async fn it_may_wait_in_a_task_of_its_own() {
    let case = Case::new();
    let pending = case.flow.begin().await.unwrap();
    assert!(case.server.approve(pending.user_code()));
    let mut told = 0;
    let task = tokio::spawn(async move { pending.finish_telling(|_| told += 1).await.map(|_| told) });
    assert_eq!(task.await.unwrap().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn several_devices_wait_apart_from_each_other() {
    let case = Arc::new(Case::new());
    let (one, two) = (case.flow.begin().await.unwrap(), case.flow.begin().await.unwrap());
    assert_ne!(one.user_code(), two.user_code());
    assert!(case.server.approve(two.user_code()) && case.server.deny(one.user_code()));
    let (one, two) = tokio::join!(one.finish(), two.finish());
    assert_eq!(one.unwrap_err().ending, DeviceEnding::Denied);
    assert!(two.is_ok());
}
