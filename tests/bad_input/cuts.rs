//! A good answer that is cut at every byte.

use std::time::Duration;

use grantry_core::{Consumed, ErrorKind};
use grantry_testkit::{RawAnswer, RawServer};
use tokio::task::JoinSet;

use crate::ask::{self, Asked, CameTwice};
use crate::rows::{self, Outcome, REFRESH, Way};

/// How many servers are asked at once in each way.
const LANES: usize = 4;

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

/// What has to come of the first `at` bytes.
fn expected(answer: &str, at: usize) -> Outcome {
    if at == answer.len() {
        return Outcome::Granted {
            access: rows::ACCESS.to_owned(),
            lifetime: Some(3600),
            scope: "a b".to_owned(),
            refresh: Some(REFRESH.to_owned()),
        };
    }
    let held = answer[..at].contains(&format!("\"refresh_token\":\"{REFRESH}\""));
    Outcome::Failed {
        kind: ErrorKind::Interrupted,
        consumed: Consumed::Unknown,
        salvaged: held.then(|| REFRESH.to_owned()),
        wait: None,
    }
}

/// Sends so many bytes of `answer` each time, and holds what comes of it against what has to.
async fn cut_all(answer: &str, offsets: Vec<usize>, end: fn(RawAnswer) -> RawAnswer) {
    let mut asked = JoinSet::new();
    for way in [Way::ClientCredentials, Way::RefreshToken] {
        for part in offsets.chunks(offsets.len().div_ceil(LANES)) {
            let (answer, part) = (answer.to_owned(), part.to_vec());
            asked.spawn(async move {
                let cut = |at: &usize| end(RawAnswer::bytes(answer[..*at].to_owned()));
                let sent = part.iter().map(|at| Asked::once(cut(at), way));
                let came = ask::in_turn(sent.collect()).await;
                let wrong = |(at, CameTwice { first: came, .. }): (usize, CameTwice)| {
                    let fits = came.outcome == expected(&answer, at) && came.complaints.is_empty();
                    (!fits).then(|| format!("{way:?} cut at {at}: {:?} {:?}", came.outcome, came.complaints))
                };
                part.into_iter().zip(came).filter_map(wrong).collect::<Vec<_>>()
            });
        }
    }
    let wrong = asked.join_all().await.concat();
    assert!(wrong.is_empty(), "of {} bytes:\n{}", answer.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_d16_an_answer_that_ends_at_any_byte_loses_no_refresh_token() {
    for answer in [by_length(), by_chunks()] {
        cut_all(&answer, (0..=answer.len()).collect(), |answer| answer).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_d16_an_answer_that_is_reset_at_any_byte_loses_no_refresh_token_that_had_come() {
    for answer in [by_length(), by_chunks()] {
        // With a pause, so that what was sent has been read: a reset throws away what was not.
        let offsets = (0..answer.len()).step_by(16).collect();
        cut_all(&answer, offsets, |answer| answer.pause(Duration::from_millis(150)).reset()).await;
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
