//! A good answer that is cut at every byte.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Consumed, ErrorKind};
use grantry_testkit::{RawAnswer, RawServer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::ask::{self, Way};
use crate::rows::{self, Outcome, REFRESH};

fn by_length() -> String {
    let body = rows::good();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn by_chunks() -> String {
    let body = rows::good();
    let (a, b) = body.split_at(body.len() / 3);
    let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}{}0\r\n\r\n", chunk(a), chunk(b))
}

/// Sends the first `at` bytes of `answer`, and checks what comes of them.
async fn cut(answer: &str, at: usize, end: fn(RawAnswer) -> RawAnswer, way: Way) -> Option<String> {
    let sent = &answer[..at];
    let came = ask::once(end(RawAnswer::bytes(sent.to_owned())), way, false).await;
    let held = sent.contains(&format!("\"refresh_token\":\"{REFRESH}\""));
    let expected = if at == answer.len() {
        Outcome::Granted {
            access: rows::ACCESS.to_owned(),
            lifetime: Some(3600),
            scope: "a b".to_owned(),
            refresh: Some(REFRESH.to_owned()),
        }
    } else {
        Outcome::Failed {
            kind: ErrorKind::Interrupted,
            consumed: Consumed::Unknown,
            salvaged: held.then(|| REFRESH.to_owned()),
            wait: None,
        }
    };
    let wrong = came.outcome != expected || !came.complaints.is_empty();
    wrong
        .then(|| format!("{way:?} cut at {at} of {}: {:?} {:?}", answer.len(), came.outcome, came.complaints))
}

async fn cut_all(offsets: impl Iterator<Item = (String, usize)>, end: fn(RawAnswer) -> RawAnswer) {
    let (room, mut asked) = (Arc::new(Semaphore::new(8)), JoinSet::new());
    for (answer, at) in offsets {
        for way in [Way::ClientCredentials, Way::RefreshToken] {
            let (answer, room) = (answer.clone(), room.clone());
            asked.spawn(async move {
                let _permit = room.acquire_owned().await.unwrap();
                cut(&answer, at, end, way).await
            });
        }
    }
    let wrong: Vec<String> = asked.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_d16_an_answer_that_ends_at_any_byte_loses_no_refresh_token() {
    for answer in [by_length(), by_chunks()] {
        let offsets = (0..=answer.len()).map(|at| (answer.clone(), at));
        cut_all(offsets, |answer| answer).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_d16_an_answer_that_is_reset_at_any_byte_loses_no_refresh_token_that_had_come() {
    for answer in [by_length(), by_chunks()] {
        // With a pause, so that what was sent has been read: a reset throws away what was not.
        let offsets = (0..answer.len()).step_by(16).map(|at| (answer.clone(), at));
        cut_all(offsets, |answer| answer.pause(Duration::from_millis(150)).reset()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_at_once_is_an_interruption_and_saves_the_whole_token_or_none() {
    for answer in [by_length(), by_chunks()] {
        for at in (0..answer.len()).step_by(16) {
            let server = RawServer::start(RawAnswer::bytes(answer[..at].to_owned()).reset()).await.unwrap();
            let came = ask::ask(&server, Way::RefreshToken, ask::transport(false)).await;
            assert!(came.complaints.is_empty(), "{:?}", came.complaints);
            match came.outcome {
                Outcome::Failed { kind, consumed, salvaged, wait: None } => {
                    assert_eq!((kind, consumed), (ErrorKind::Interrupted, Consumed::Unknown), "at {at}");
                    assert!(salvaged.is_none_or(|token| token == REFRESH), "at {at}");
                }
                other => panic!("at {at}: {other:?}"),
            }
        }
    }
}
