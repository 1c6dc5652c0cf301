//! Members times faults, generated from a seed and held against a model of a few lines.
//!
//! `GRANTRY_SEED` repeats a run, `GRANTRY_RUNS` makes it longer.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Consumed, ErrorKind};
use grantry_testkit::{RawAnswer, SeededEntropy};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::ask::{self, Came, Way};
use crate::rows::{ACCESS, Outcome, REFRESH};

/// How many runs there are if nobody says.
const RUNS: usize = 2_000;
/// How many of them one server answers.
const BATCH: usize = 200;
/// Follows the object.
const GARBAGE: &str = "]garbage";

/// One generated answer.
#[derive(Debug, Clone)]
struct Case {
    way: Way,
    status: u16,
    access: Option<&'static str>,
    token_type: Option<&'static str>,
    expires_in: (Option<&'static str>, Option<u64>),
    refresh: bool,
    scope: (Option<&'static str>, &'static str),
    error: Option<&'static str>,
    /// Turns the order of the members.
    turned: usize,
    garbage: bool,
    framing: Framing,
    /// In how many parts of a thousand of the answer it ends.
    cut: Option<u64>,
    slowly: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    UntilEnd,
}

fn one_of<T: Clone>(entropy: &SeededEntropy, all: &[T]) -> T {
    let nth = entropy.next_u64() % u64::try_from(all.len()).unwrap();
    all[usize::try_from(nth).unwrap()].clone()
}

/// Once in `n` times.
fn once_in(entropy: &SeededEntropy, n: u64) -> bool {
    entropy.next_u64().is_multiple_of(n)
}

impl Case {
    fn draw(from: &SeededEntropy) -> Self {
        Self {
            way: one_of(from, &[Way::ClientCredentials, Way::RefreshToken]),
            status: one_of(from, &[200, 200, 200, 200, 201, 302, 400, 401, 403, 429, 500, 503]),
            access: one_of(
                from,
                &[Some("good"), Some("good"), None, Some("\"\""), Some("17"), Some("\"a b\"")],
            ),
            token_type: one_of(
                from,
                &[Some("\"Bearer\""), Some("\"bearer\""), None, Some("\"mac\""), Some("9")],
            ),
            expires_in: one_of(
                from,
                &[
                    (Some("3600"), Some(3600)),
                    (Some("\"60\""), Some(60)),
                    (Some("59.9"), Some(59)),
                    (Some("-1"), None),
                    (Some("\"x\""), None),
                    (None, None),
                ],
            ),
            refresh: !once_in(from, 4),
            scope: one_of(
                from,
                &[
                    (None, "a b"),
                    (Some("\"b a\""), "a b"),
                    (Some("\"a\""), "a"),
                    (Some("[\"a\",\"c\"]"), "a c"),
                ],
            ),
            error: one_of(
                from,
                &[None, None, None, None, Some("invalid_grant"), Some("server_error"), Some("odd")],
            ),
            turned: usize::try_from(from.next_u64() % 7).unwrap(),
            garbage: once_in(from, 8),
            framing: one_of(from, &[Framing::Length, Framing::Chunked, Framing::UntilEnd]),
            cut: once_in(from, 2).then(|| from.next_u64() % 1_000),
            slowly: once_in(from, 16),
        }
    }

    fn body(&self) -> String {
        let mut members = vec!["\"x\":[{}]".to_owned()];
        let mut add = |name: &str, value: Option<&str>| {
            members.extend(value.map(|value| format!("\"{name}\":{value}")));
        };
        let good = format!("\"{ACCESS}\"");
        add("access_token", self.access.map(|value| if value == "good" { good.as_str() } else { value }));
        add("token_type", self.token_type);
        add("expires_in", self.expires_in.0);
        add("refresh_token", self.refresh.then(|| format!("\"{REFRESH}\"")).as_deref());
        add("scope", self.scope.0);
        add("error", self.error.map(|code| format!("\"{code}\"")).as_deref());
        let turned = self.turned % members.len();
        members.rotate_left(turned);
        format!("{{{}}}{}", members.join(","), if self.garbage { GARBAGE } else { "" })
    }

    /// The answer's head, and its body as it stands on the wire, with where the JSON begins and ends in that.
    fn wire(&self) -> (String, String, usize) {
        let body = self.body();
        let head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", self.status);
        match self.framing {
            Framing::Length => (format!("{head}Content-Length: {}\r\n\r\n", body.len()), body, 0),
            Framing::UntilEnd => (format!("{head}\r\n"), body, 0),
            Framing::Chunked => {
                let size = format!("{:x}\r\n", body.len());
                let chunk = format!("{size}{body}\r\n0\r\n\r\n");
                (format!("{head}Transfer-Encoding: chunked\r\n\r\n"), chunk, size.len())
            }
        }
    }

    /// How much of the whole answer is sent.
    fn sent(&self) -> usize {
        let (head, body, _) = self.wire();
        let whole = head.len() + body.len();
        self.cut.map_or(whole, |cut| usize::try_from(cut).unwrap() * whole / 1_000)
    }

    fn answer(&self) -> RawAnswer {
        let (head, body, _) = self.wire();
        let bytes = format!("{head}{body}");
        let answer = RawAnswer::bytes(bytes[..self.sent()].to_owned());
        if self.slowly { answer.slowly(64, Duration::from_millis(1)) } else { answer }
    }

    /// What the model says.
    fn expected(&self) -> Outcome {
        let (head, on_wire, start) = self.wire();
        let (json, sent) = (self.body(), self.sent());
        let failed = |kind, consumed, salvaged: bool| Outcome::Failed {
            kind,
            consumed,
            salvaged: salvaged.then(|| REFRESH.to_owned()),
            wait: None,
        };
        if sent < head.len() {
            return failed(ErrorKind::Interrupted, Consumed::Unknown, false);
        }
        let came = &on_wire[start.min(sent - head.len())..sent - head.len()];
        let came = &came[..came.len().min(json.len())];
        // Outside of a success a refresh token counts only beside an access token.
        let is_success = matches!(self.status, 200 | 201);
        let holds_refresh = came.contains(&format!("\"refresh_token\":\"{REFRESH}\""))
            && (is_success || came.contains("\"access_token\":\"a"));
        let by_status = match self.status {
            429 | 503 => Some((ErrorKind::Unavailable, Consumed::No)),
            500 => Some((ErrorKind::Unavailable, Consumed::Unknown)),
            200 | 201 => None,
            _ => Some((ErrorKind::InvalidAnswer, Consumed::Unknown)),
        };
        if sent < head.len() + on_wire.len() && self.framing != Framing::UntilEnd {
            return match by_status {
                Some((kind, Consumed::No)) => failed(kind, Consumed::No, false),
                _ => failed(ErrorKind::Interrupted, Consumed::Unknown, holds_refresh),
            };
        }
        // A cut may take the garbage away, and nothing but that.
        let is_json = came == json.trim_end_matches(GARBAGE);
        let (kind, consumed) = match (self.error.filter(|_| is_json), by_status) {
            (Some(_), _) if self.access.is_some() => (ErrorKind::InvalidAnswer, Consumed::Unknown),
            (Some(code), _) if is_success && holds_refresh && code != "server_error" => {
                (ErrorKind::InvalidAnswer, Consumed::Unknown)
            }
            // Where the server broke, no code is a verdict.
            (Some(_), Some(by_status)) if self.status >= 500 => by_status,
            (Some("invalid_grant"), _) => (ErrorKind::InvalidGrant, Consumed::Refused),
            (Some(_), Some((ErrorKind::Unavailable, consumed))) => (ErrorKind::Unavailable, consumed),
            (Some("server_error"), _) => (ErrorKind::Unavailable, Consumed::Unknown),
            (Some(_), _) => (ErrorKind::Refused, Consumed::No),
            (None, Some(by_status)) => by_status,
            (None, None) => {
                let type_fits = matches!(self.token_type, None | Some("\"Bearer\"" | "\"bearer\""));
                if is_json && type_fits && self.access == Some("good") {
                    return Outcome::Granted {
                        access: ACCESS.to_owned(),
                        lifetime: self.expires_in.1,
                        scope: self.scope.1.to_owned(),
                        refresh: self.refresh.then(|| REFRESH.to_owned()),
                    };
                }
                (ErrorKind::InvalidAnswer, Consumed::Unknown)
            }
        };
        failed(kind, consumed, holds_refresh && consumed == Consumed::Unknown)
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(u64::from_str(&text).unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_answers_come_to_what_the_model_says() {
    let entropy = number("GRANTRY_SEED").map_or_else(SeededEntropy::from_system, SeededEntropy::new);
    let (seed, runs) =
        (entropy.seed(), number("GRANTRY_RUNS").map_or(RUNS, |runs| usize::try_from(runs).unwrap()));
    println!("GRANTRY_SEED={seed} GRANTRY_RUNS={runs}");
    let cases: Vec<Case> = (0..runs).map(|_| Case::draw(&entropy)).collect();
    let granted = cases.iter().filter(|case| matches!(case.expected(), Outcome::Granted { .. })).count();
    let (room, mut asked) = (Arc::new(Semaphore::new(8)), JoinSet::new());
    for batch in cases.chunks(BATCH) {
        let (batch, room) = (batch.to_vec(), room.clone());
        asked.spawn(async move {
            let _permit = room.acquire_owned().await.unwrap();
            let came = ask::in_turn(batch.iter().map(|case| (case.answer(), case.way)).collect()).await;
            let wrong = |(case, came): (Case, Came)| {
                let expected = case.expected();
                let fits = came.outcome == expected && came.complaints.is_empty();
                let (outcome, complaints) = (came.outcome, came.complaints);
                (!fits).then(|| {
                    format!("{case:?}\n  expected {expected:?}\n  came     {outcome:?} {complaints:?}")
                })
            };
            batch.into_iter().zip(came).filter_map(wrong).collect::<Vec<_>>()
        });
    }
    let wrong = asked.join_all().await.concat();
    assert!(wrong.is_empty(), "GRANTRY_SEED={seed}: {} wrong, such as\n{}", wrong.len(), wrong[0]);
    assert!(runs < 500 || granted > runs / 100, "only {granted} of {runs} runs were to succeed");
}
