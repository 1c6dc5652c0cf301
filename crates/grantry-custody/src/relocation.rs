//! A grant on its way from one vault to another.

use grantry_core::{Error, StoreTime};
use grantry_vault::{GrantRecord, GrantState, Stored, StoredAccessToken};

use crate::protocol::{Candidate, Doubt, Standing, Verdict};
use crate::stored_grant::{chronicle, standing_wherever, with_standing_and};

/// Why a grant cannot be moved now.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NotMovable {
    /// Somebody is renewing it, or was and has not said how it ended.
    #[error("it is being renewed")]
    Renewing,
    /// An answer was lost: which of its refresh tokens lives is not known yet.
    #[error("it is not known how its last renewal ended")]
    InDoubt,
    /// It is being revoked.
    #[error("it is being revoked")]
    Revoking,
    /// The state of its renewal is of a newer version of this library, or cannot be read.
    #[error("the state of its renewal cannot be read")]
    Unreadable(#[source] Error),
}

/// The record of a grant for a store whose clock shows `there`: everything in it that is a time of the store that it was read
/// from becomes a time of the other one. What was asked of the other clock before the grant was read makes tokens expire no
/// later than they do.
///
/// A grant that is being renewed or revoked, or in doubt, stays where it is: only there it is known what is under way.
///
/// # Errors
/// [`NotMovable`] says why it cannot be moved now.
pub fn relocated(stored: &Stored<GrantRecord>, there: StoreTime) -> Result<GrantRecord, NotMovable> {
    let standing = standing_wherever(stored).map_err(NotMovable::Unreadable)?;
    may_leave(stored, &standing)?;
    let here = stored.version.read_at();
    let time = |time: StoreTime| match time >= here {
        true => there.after(time.since(here)),
        false => there.before(here.since(time)),
    };
    let mut record = stored.value.clone().without_access_tokens();
    for kept in stored.access_tokens() {
        let mut moved = StoredAccessToken::new(kept.target.clone(), kept.token.clone(), time(kept.obtained))
            .granted(kept.granted.clone())
            .bound(kept.binding);
        if let Some(expires) = kept.expires {
            moved = moved.expiring(time(expires));
        }
        record = record.with_access_token(moved);
    }
    if stored.renewal().is_empty() {
        return Ok(record.with_state(GrantState::Active));
    }
    let candidate = |candidate: Candidate| Candidate {
        doubt: candidate.doubt.map(|doubt| Doubt {
            first_sent: time(doubt.first_sent),
            settled: time(doubt.settled),
            ..doubt
        }),
        ..candidate
    };
    let verdict = standing.verdict.map(|verdict| match verdict {
        Verdict::NeedsPerson { since, after_doubt } => {
            Verdict::NeedsPerson { since: time(since), after_doubt }
        }
        other => other,
    });
    let standing = Standing {
        verdict,
        current: standing.current.map(candidate),
        outstanding: None,
        made_up: standing.made_up.map(time),
        others: standing.others.iter().copied().map(candidate).collect(),
        ..standing
    };
    Ok(with_standing_and(record, &standing, &chronicle(stored.renewal())))
}

fn may_leave(stored: &Stored<GrantRecord>, standing: &Standing) -> Result<(), NotMovable> {
    let is_revoked = matches!(standing.verdict, Some(Verdict::Revoking));
    let read_at = stored.version.read_at();
    let is_outstanding = standing.outstanding.is_some_and(|attempt| read_at < attempt.until);
    if is_revoked || stored.state() == GrantState::Revoked {
        return Err(NotMovable::Revoking);
    }
    if standing.intent.is_some() || is_outstanding {
        return Err(NotMovable::Renewing);
    }
    if standing.is_in_doubt() { Err(NotMovable::InDoubt) } else { Ok(()) }
}
