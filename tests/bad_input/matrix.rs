//! Members times faults, generated from a seed and held against a model of a few lines.
//!
//! `GRANTRY_SEED` repeats a run, `GRANTRY_RUNS` makes it longer, as `cargo xtask test` does.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Consumed, ErrorKind, Rotation};
use grantry_testkit::{RawAnswer, SeededEntropy};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::ask::{self, Asked, CameTwice};
use crate::rows::{ACCESS, Outcome, REFRESH, SECOND, SENT, Way};

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
    /// What the server does with a refresh token that was used.
    rotation: Rotation,
    status: u16,
    access: Option<&'static str>,
    token_type: Option<&'static str>,
    expires_in: (Option<&'static str>, Option<u64>),
    /// What the server gives for it.
    refresh: Option<&'static str>,
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

/// Every policy that a server may have.
const ROTATIONS: &[Rotation] = &[
    Rotation::None,
    Rotation::KeepOld,
    Rotation::Grace { window: Duration::from_secs(30), same: true },
    Rotation::Grace { window: Duration::from_secs(30), same: false },
    Rotation::Strict { revokes_family: true },
    Rotation::Strict { revokes_family: false },
];

impl Case {
    fn draw(from: &SeededEntropy) -> Self {
        let rotation = one_of(from, ROTATIONS);
        let given = match rotation {
            // A server that does not rotate says nothing, or the same again.
            Rotation::None => [None, Some(SENT)],
            _ => [Some(REFRESH), Some(REFRESH)],
        };
        Self {
            way: one_of(from, &[Way::ClientCredentials, Way::RefreshToken]),
            rotation,
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
            refresh: if once_in(from, 8) { None } else { one_of(from, &given) },
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
        add("refresh_token", self.refresh.map(|token| format!("\"{token}\"")).as_deref());
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

    /// The refresh token of the answer, where it is not the one that was sent.
    fn new_refresh(&self) -> Option<&'static str> {
        self.refresh.filter(|token| self.way == Way::ClientCredentials || *token != SENT)
    }

    /// What the model says of a second request by the same grant: the refresh token that it has to send, and what comes of it.
    /// `None` where there is no second: the grant knows its end, or has no refresh token.
    fn then(&self) -> Option<(&'static str, Outcome)> {
        let got = match self.expected() {
            Outcome::Failed { kind: ErrorKind::InvalidGrant, .. } => return None,
            Outcome::Granted { refresh, .. } | Outcome::Failed { salvaged: refresh, .. } => refresh.is_some(),
        };
        if self.way == Way::ClientCredentials {
            return None;
        }
        // Whoever lost the successor has the old one alone, and what that is worth is the server's affair.
        let is_lost = self.refresh == Some(REFRESH) && !got;
        let outcome = match self.rotation {
            Rotation::Strict { .. } if is_lost => Outcome::Failed {
                kind: ErrorKind::InvalidGrant,
                consumed: Consumed::Refused,
                salvaged: None,
                wait: None,
            },
            rotation => Outcome::Granted {
                access: ACCESS.to_owned(),
                lifetime: Some(60),
                scope: "a b".to_owned(),
                refresh: (rotation != Rotation::None).then(|| SECOND.to_owned()),
            },
        };
        Some((if got { REFRESH } else { SENT }, outcome))
    }

    /// The server's answer to the second request.
    fn second_answer(&self) -> Option<RawAnswer> {
        let body = match self.then()?.1 {
            Outcome::Failed { .. } => {
                let refused = r#"{"error":"invalid_grant"}"#;
                return Some(RawAnswer::with_length("400 X\r\nContent-Type: application/json", refused));
            }
            Outcome::Granted { refresh: None, .. } => "",
            Outcome::Granted { .. } => &format!(r#","refresh_token":"{SECOND}""#),
        };
        let granted = format!(
            r#"{{"access_token":"{ACCESS}","token_type":"Bearer","expires_in":60,"scope":"a b"{body}}}"#
        );
        Some(RawAnswer::json(granted))
    }

    fn asked(&self) -> Asked {
        Asked { way: self.way, rotation: self.rotation, answer: self.answer(), then: self.second_answer() }
    }

    /// What came otherwise than the model has it.
    fn complaints(&self, came: &CameTwice) -> Option<String> {
        let expected = self.expected();
        let mut found = came.first.complaints.clone();
        if came.first.outcome != expected {
            found.push(format!("expected {expected:?}, came {:?}", came.first.outcome));
        }
        if let (Some((sends, expected)), Some((then, request))) = (self.then(), &came.then) {
            found.extend(then.complaints.clone());
            if !request.contains(&format!("refresh_token={sends}")) {
                found.push(format!("{sends} had to be sent next, and not {request}"));
            }
            if then.outcome != expected {
                found.push(format!("then expected {expected:?}, came {:?}", then.outcome));
            }
        }
        (!found.is_empty()).then(|| format!("{self:?}\n  {}", found.join("\n  ")))
    }

    /// What the model says.
    fn expected(&self) -> Outcome {
        let (head, on_wire, start) = self.wire();
        let (json, sent) = (self.body(), self.sent());
        let failed = |kind, consumed, salvaged: bool| Outcome::Failed {
            kind,
            consumed,
            salvaged: self.new_refresh().filter(|_| salvaged).map(str::to_owned),
            wait: None,
        };
        if sent < head.len() {
            return failed(ErrorKind::Interrupted, Consumed::Unknown, false);
        }
        let came = &on_wire[start.min(sent - head.len())..sent - head.len()];
        let came = &came[..came.len().min(json.len())];
        // Outside of a success a refresh token counts only beside an access token.
        let is_success = matches!(self.status, 200 | 201);
        let whole = self.refresh.map(|token| format!("\"refresh_token\":\"{token}\""));
        let holds_refresh = whole.is_some_and(|whole| came.contains(&whole))
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
            // A success with a successor beside its error: it may have been spent. The token that was sent is no successor.
            (Some(code), _)
                if is_success && holds_refresh && self.new_refresh().is_some() && code != "server_error" =>
            {
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
                        refresh: self.new_refresh().map(str::to_owned),
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
            let came = ask::in_turn(batch.iter().map(Case::asked).collect()).await;
            batch.iter().zip(&came).filter_map(|(case, came)| case.complaints(came)).collect::<Vec<_>>()
        });
    }
    let wrong = asked.join_all().await.concat();
    assert!(wrong.is_empty(), "GRANTRY_SEED={seed}: {} wrong, such as\n{}", wrong.len(), wrong[0]);
    assert!(runs < 500 || granted > runs / 100, "only {granted} of {runs} runs were to succeed");
}
