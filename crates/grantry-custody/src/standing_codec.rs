//! How a grant stands, and what is told beside it, in the bytes of its record.

use grantry_vault::{FieldReader, FieldWriter, Fingerprint};
use zeroize::Zeroizing;

use crate::chronicle::Chronicle;
use crate::history::HistoryEntry;
use crate::protocol::{Candidate, Doubt, Intent, Outstanding, Standing, Verdict};

const FORMAT: u8 = 4;
/// Nothing bounds how often its refresh token is used, and no server's clock was another one.
const WITHOUT_PACE: u8 = 3;
/// The history has no attempt that spent nothing. It is still written where that is so: an earlier version of the library
/// reads it.
const WITHOUT_FAILURES: u8 = 2;
/// Nothing was told beside the standing.
const WITHOUT_CHRONICLE: u8 = 1;

/// Bytes that are no standing of a format that is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnreadableStanding {
    /// A newer version of this library wrote them. They are left as they are.
    #[error("the state of the renewal is of format {0}, which is newer than this version of the library")]
    Newer(u8),
    /// They are none.
    #[error("the state of the renewal cannot be read")]
    Unreadable,
}

pub(crate) fn write(standing: &Standing, chronicle: &Chronicle) -> Zeroizing<Vec<u8>> {
    let mut to = FieldWriter::with_room(1024);
    let has_failures = chronicle.history.iter().any(HistoryEntry::is_not_renewed);
    let is_newest =
        standing.made_up.is_some() || chronicle.history.iter().any(HistoryEntry::is_by_another_clock);
    to.byte(match is_newest {
        true => FORMAT,
        false if has_failures => WITHOUT_PACE,
        false => WITHOUT_FAILURES,
    });
    match standing.verdict {
        None => to.byte(0),
        Some(Verdict::NeedsPerson { since, after_doubt }) => {
            to.byte(1);
            to.store_time(since);
            to.byte(u8::from(after_doubt));
        }
        Some(Verdict::Revoking) => to.byte(2),
    }
    to.option(standing.current, write_candidate);
    to.option(standing.parent, |to, parent| to.bytes(parent.as_bytes()));
    to.list(standing.others.iter().copied(), write_candidate);
    to.number(standing.epoch);
    to.number(standing.access_epoch);
    to.option(standing.intent, |to, intent| {
        to.bytes(&intent.attempt);
        to.number(intent.epoch);
        to.option(intent.token, |to, token| to.bytes(token.as_bytes()));
        to.store_time(intent.first_sent);
        to.number(intent.sends.into());
        to.store_time(intent.lease_until);
    });
    to.option(standing.outstanding, |to, outstanding| {
        to.bytes(&outstanding.attempt);
        to.store_time(outstanding.until);
    });
    chronicle.write(&mut to);
    if is_newest {
        to.option(standing.made_up, FieldWriter::store_time);
    }
    Zeroizing::new(to.as_bytes().to_vec())
}

fn write_candidate(to: &mut FieldWriter, candidate: Candidate) {
    to.bytes(candidate.token.as_bytes());
    to.number(candidate.epoch);
    to.byte(u8::from(candidate.proven));
    to.option(candidate.doubt, |to, doubt| {
        to.store_time(doubt.first_sent);
        to.number(doubt.sends.into());
        to.store_time(doubt.settled);
    });
}

pub(crate) fn read(bytes: &[u8]) -> Result<(Standing, Chronicle), UnreadableStanding> {
    let mut from = FieldReader::new(bytes);
    let format = match from.byte() {
        Some(format @ (WITHOUT_CHRONICLE | WITHOUT_FAILURES | WITHOUT_PACE | FORMAT)) => format,
        Some(newer) if newer > FORMAT => return Err(UnreadableStanding::Newer(newer)),
        _ => return Err(UnreadableStanding::Unreadable),
    };
    let fields = read_fields(&mut from).and_then(|mut standing| {
        let chronicle = match format {
            WITHOUT_CHRONICLE => Chronicle::default(),
            _ => Chronicle::read(&mut from)?,
        };
        if format == FORMAT {
            standing.made_up = from.option(FieldReader::store_time)?;
        }
        Some((standing, chronicle))
    });
    fields.filter(|_| from.is_at_end()).ok_or(UnreadableStanding::Unreadable)
}

fn read_fields(from: &mut FieldReader<'_>) -> Option<Standing> {
    let verdict = match from.byte()? {
        0 => None,
        1 => Some(Verdict::NeedsPerson { since: from.store_time()?, after_doubt: from.byte()? == 1 }),
        // The format has a word for what is revoked, too, which nobody wrote: such a record is buried.
        2 | 3 => Some(Verdict::Revoking),
        _ => return None,
    };
    Some(Standing {
        verdict,
        current: from.option(read_candidate)?,
        parent: from.option(fingerprint)?,
        others: from.list(read_candidate)?,
        epoch: from.number()?,
        access_epoch: from.number()?,
        intent: from.option(|from| {
            Some(Intent {
                attempt: from.bytes()?.try_into().ok()?,
                epoch: from.number()?,
                token: from.option(fingerprint)?,
                first_sent: from.store_time()?,
                sends: u32::try_from(from.number()?).ok()?,
                lease_until: from.store_time()?,
            })
        })?,
        outstanding: from.option(|from| {
            Some(Outstanding { attempt: from.bytes()?.try_into().ok()?, until: from.store_time()? })
        })?,
        made_up: None,
    })
}

fn read_candidate(from: &mut FieldReader<'_>) -> Option<Candidate> {
    Some(Candidate {
        token: fingerprint(from)?,
        epoch: from.number()?,
        proven: from.byte()? == 1,
        doubt: from.option(|from| {
            Some(Doubt {
                first_sent: from.store_time()?,
                sends: u32::try_from(from.number()?).ok()?,
                settled: from.store_time()?,
            })
        })?,
    })
}

fn fingerprint(from: &mut FieldReader<'_>) -> Option<Fingerprint> {
    Some(Fingerprint::from_bytes(from.bytes()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use grantry_core::{ClockSkew, ErrorKind, StoreTime, Timestamp};

    use super::*;
    use crate::chronicle::Stopped;
    use crate::history::{Happened, HistoryEntry, ProcessName, Refusal};
    use crate::usage::Usage;

    fn chronicle() -> Chronicle {
        let (wall, by) = (Timestamp::from_unix_seconds(1_790_000_000), ProcessName::new("web-1"));
        let refusal = Refusal {
            kind: ErrorKind::InvalidGrant,
            provider_code: Some("AADSTS700082".to_owned()),
            secret_added: Some(wall),
            clock_skew: None,
        };
        let mut chronicle = Chronicle {
            claimed: Some((wall, by.clone())),
            usage: Usage::default().and(Usage { last_used: Some(wall), calls: 7 }),
            stopped: Some(Stopped::new(StoreTime::from_nanos(5)).failed(StoreTime::from_nanos(6))),
            ..Chronicle::default()
        };
        let (refused, failed) = (Happened::Refused(refusal.clone()), Happened::NotRenewed(refusal));
        let successes = [Happened::Renewed, Happened::Revived, Happened::BroughtHome];
        for what in successes.into_iter().chain([Happened::InDoubt, refused, failed]) {
            chronicle.add(HistoryEntry::new(wall, by.clone(), what));
        }
        chronicle
    }

    #[test]
    fn a_record_of_the_first_format_is_read_as_one_without_history() {
        let standing = Standing::new(Some(Fingerprint::from_bytes([1; 16])));
        let nothing = Chronicle::default();
        let bytes = write(&standing, &nothing);
        // What stands behind the standing was not there: four empty fields.
        let mut first = bytes.get(..bytes.len() - (4 + 1 + 1 + 8 + 1)).unwrap().to_vec();
        first[0] = 1;
        assert_eq!(read(&first), Ok((standing, nothing)));
    }

    #[test]
    fn a_record_that_says_that_its_grant_is_revoked_is_buried_like_one_that_is_being_revoked() {
        let revoking = (Standing::new(None).withdrawn(), Chronicle::default());
        let mut bytes = write(&revoking.0, &revoking.1).to_vec();
        assert_eq!((bytes[1], read(&bytes)), (2, Ok(revoking.clone())));
        bytes[1] = 3;
        assert_eq!(read(&bytes), Ok(revoking));
    }

    #[test]
    fn a_standing_comes_back_and_a_newer_one_is_refused() {
        let at = StoreTime::from_nanos;
        let token = |byte| Fingerprint::from_bytes([byte; 16]);
        let doubt = Some(Doubt { first_sent: at(1), sends: 2, settled: at(3) });
        let standing = Standing {
            verdict: Some(Verdict::NeedsPerson { since: at(9), after_doubt: true }),
            current: Some(Candidate { token: token(1), epoch: 4, proven: true, doubt }),
            parent: Some(token(2)),
            others: vec![Candidate::salvaged(token(3), 5)],
            epoch: 6,
            access_epoch: 5,
            intent: Some(Intent {
                attempt: [7; 16],
                epoch: 6,
                token: Some(token(1)),
                first_sent: at(1),
                sends: 3,
                lease_until: at(8),
            }),
            outstanding: Some(Outstanding { attempt: [8; 16], until: at(10) }),
            made_up: Some(at(11)),
        };
        let mut bytes = write(&standing, &chronicle()).to_vec();
        assert_eq!(read(&bytes), Ok((standing.clone(), chronicle())));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(UnreadableStanding::Unreadable), "{length}");
        }
        assert_eq!(bytes[0], 4);
        bytes[0] = 5;
        assert_eq!(read(&bytes), Err(UnreadableStanding::Newer(5)));
        let skewed = Refusal {
            kind: ErrorKind::InvalidGrant,
            provider_code: None,
            secret_added: None,
            clock_skew: Some(ClockSkew { by: Duration::from_secs(600), ours_is_ahead: true }),
        };
        let mut by_another_clock = chronicle();
        let wall = Timestamp::from_unix_seconds(1_790_000_000);
        by_another_clock.add(HistoryEntry::new(wall, ProcessName::new("web-1"), Happened::Refused(skewed)));
        let bytes = write(&Standing::default(), &by_another_clock);
        assert_eq!((bytes[0], read(&bytes)), (4, Ok((Standing::default(), by_another_clock))));
        let unbounded = Standing { made_up: None, ..standing };
        assert_eq!(write(&unbounded, &chronicle())[0], 3, "an earlier version of the library reads it");
        let mut without = chronicle();
        without.history.pop();
        assert_eq!(write(&Standing::default(), &without)[0], 2, "an earlier version of the library reads it");
        let nothing = (Standing::default(), Chronicle::default());
        assert_eq!(read(&write(&nothing.0, &nothing.1)), Ok(nothing));
    }
}
