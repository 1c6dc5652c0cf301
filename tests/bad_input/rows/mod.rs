//! What a broken or hostile token endpoint answers, and what has to come of it.

mod framing;
mod json;
mod members;
mod status;

use bytes::Bytes;
use grantry_core::{Consumed, ErrorKind};
use grantry_testkit::RawAnswer;

/// Stands in every secret of these answers, and in all that they hold besides: nothing of it may ever show.
pub(crate) const CANARY: &str = "c4n4ry5f0c1d9e7b";
/// The access token of every answer that has a good one.
pub(crate) const ACCESS: &str = "access.c4n4ry5f0c1d9e7b";
/// The refresh token of every answer that has a good one.
pub(crate) const REFRESH: &str = "refresh.c4n4ry5f0c1d9e7b";
/// The refresh token that a refresh-token grant begins with, and sends.
pub(crate) const SENT: &str = "first.c4n4ry5f0c1d9e7b";
/// Another refresh token, in answers with two.
pub(crate) const SECOND: &str = "second.c4n4ry5f0c1d9e7b";

/// Which grant asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ClientCredentials,
    RefreshToken,
}

/// One answer, by name, and what has to come of it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) answer: RawAnswer,
    pub(crate) expected: Outcome,
    /// Whether the client has to give up by itself, so that a transport with short timeouts asks.
    pub(crate) impatient: bool,
    /// Whether only time bounds what is read: interim answers, which hyper skips without keeping them, and of which
    /// reqwest tells nobody. Nothing grows with them, and the read timeout ends them.
    pub(crate) only_time_bounds: bool,
    /// The one grant that it concerns, where it is not all.
    pub(crate) only_of: Option<Way>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A token set.
    Granted {
        access: String,
        /// In seconds.
        lifetime: Option<u64>,
        scope: String,
        /// A refresh token that came with the answer.
        refresh: Option<String>,
    },
    /// None.
    Failed {
        kind: ErrorKind,
        consumed: Consumed,
        salvaged: Option<String>,
        /// What the server asks to wait, in seconds.
        wait: Option<u64>,
    },
}

impl Row {
    /// A token set with everything that was asked for, good for an hour.
    pub(crate) fn grants(name: impl Into<String>, answer: RawAnswer) -> Self {
        let expected = Outcome::Granted {
            access: ACCESS.to_owned(),
            lifetime: Some(3600),
            scope: "a b".to_owned(),
            refresh: Some(REFRESH.to_owned()),
        };
        Self { name: name.into(), answer, expected, impatient: false, only_time_bounds: false, only_of: None }
    }

    /// An error, with nothing salvaged.
    pub(crate) fn fails(
        name: impl Into<String>,
        answer: RawAnswer,
        kind: ErrorKind,
        consumed: Consumed,
    ) -> Self {
        let expected = Outcome::Failed { kind, consumed, salvaged: None, wait: None };
        Self { name: name.into(), answer, expected, impatient: false, only_time_bounds: false, only_of: None }
    }

    /// `InvalidAnswer`, and nobody can tell what became of the credential.
    pub(crate) fn unusable(name: impl Into<String>, answer: RawAnswer) -> Self {
        Self::fails(name, answer, ErrorKind::InvalidAnswer, Consumed::Unknown)
    }

    /// `Interrupted`, and nobody can tell what became of the credential.
    pub(crate) fn interrupted(name: impl Into<String>, answer: RawAnswer) -> Self {
        Self::fails(name, answer, ErrorKind::Interrupted, Consumed::Unknown)
    }

    pub(crate) fn with_lifetime(mut self, seconds: impl Into<Option<u64>>) -> Self {
        if let Outcome::Granted { lifetime, .. } = &mut self.expected {
            *lifetime = seconds.into();
        }
        self
    }

    pub(crate) fn with_scope(mut self, granted: &str) -> Self {
        if let Outcome::Granted { scope, .. } = &mut self.expected {
            *scope = granted.to_owned();
        }
        self
    }

    /// The refresh token that is there afterwards: the one of a token set, or one that was salvaged.
    pub(crate) fn with_refresh(mut self, token: impl Into<Option<&'static str>>) -> Self {
        let token = token.into().map(str::to_owned);
        match &mut self.expected {
            Outcome::Granted { refresh, .. } => *refresh = token,
            Outcome::Failed { salvaged, .. } => *salvaged = token,
        }
        self
    }

    pub(crate) fn with_wait(mut self, seconds: u64) -> Self {
        if let Outcome::Failed { wait, .. } = &mut self.expected {
            *wait = Some(seconds);
        }
        self
    }

    pub(crate) fn impatient(self) -> Self {
        Self { impatient: true, ..self }
    }

    /// The same, for one grant alone.
    pub(crate) fn only_of(self, way: Way) -> Self {
        Self { only_of: Some(way), ..self }
    }

    /// The same, bounded by time alone.
    pub(crate) fn only_time_bounds(self) -> Self {
        Self { only_time_bounds: true, ..self }
    }
}

/// Every row.
pub(crate) fn all() -> Vec<Row> {
    [status::rows(), framing::rows(), json::rows(), members::rows()].concat()
}

/// The good answer's body.
pub(crate) fn good() -> String {
    format!(
        r#"{{"access_token":"{ACCESS}","token_type":"Bearer","expires_in":3600,"refresh_token":"{REFRESH}"}}"#
    )
}

/// The good answer's body with one member in another form, or with one more.
pub(crate) fn with(name: &str, value: &str) -> String {
    let mut members = vec![
        ("access_token", format!("\"{ACCESS}\"")),
        ("token_type", "\"Bearer\"".to_owned()),
        ("expires_in", "3600".to_owned()),
        ("refresh_token", format!("\"{REFRESH}\"")),
    ];
    match members.iter_mut().find(|(n, _)| *n == name) {
        Some((_, old)) => value.clone_into(old),
        None => members.push((name, value.to_owned())),
    }
    let written: Vec<String> = members.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
    format!("{{{}}}", written.join(","))
}

/// The good answer's body without one member.
pub(crate) fn without(name: &str) -> String {
    let whole = with(name, "null");
    whole.replace(&format!("\"{name}\":null,"), "").replace(&format!(",\"{name}\":null"), "")
}

/// A JSON answer with this status.
fn json(status: &str, body: impl Into<Bytes>) -> RawAnswer {
    RawAnswer::with_length(&format!("{status}\r\nContent-Type: application/json"), body)
}
