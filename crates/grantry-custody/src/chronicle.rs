//! What a record tells of a grant besides how it stands: its history, its use, and how far its revocation is.

use std::time::Duration;

use grantry_core::{StoreTime, Timestamp};
use grantry_vault::{FieldReader, FieldWriter};

use crate::history::{HistoryEntry, ProcessName};
use crate::usage::Usage;

/// How many entries a history has at most.
pub(crate) const MOST_ENTRIES: usize = 8;

/// What is written beside the standing, and only with writes that happen anyway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chronicle {
    /// What happened, the oldest first.
    pub(crate) history: Vec<HistoryEntry>,
    /// Who took the refresh token up last, and when: what is known of an owner that vanishes.
    pub(crate) claimed: Option<(Timestamp, ProcessName)>,
    /// How much it was used.
    pub(crate) usage: Usage,
    /// Since when its tokens are being revoked at the server.
    pub(crate) stopped: Option<Stopped>,
}

/// A revocation that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Since when.
    pub(crate) since: StoreTime,
    /// How many times the server was asked in vain.
    pub(crate) tries: u32,
    /// When it is asked again.
    pub(crate) again: StoreTime,
}

impl Stopped {
    /// How long the server is asked before the tokens are given up.
    pub(crate) const LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

    pub(crate) fn new(since: StoreTime) -> Self {
        Self { since, tries: 0, again: since }
    }

    /// After one more try that failed: a minute, then twice as long each time, up to six hours.
    pub(crate) fn failed(self, now: StoreTime) -> Self {
        let minutes = 1u64 << self.tries.min(9);
        let pause = Duration::from_secs((minutes * 60).min(6 * 3600));
        Self { tries: self.tries.saturating_add(1), again: now.after(pause), ..self }
    }

    pub(crate) fn is_over(&self, now: StoreTime) -> bool {
        now >= self.since.after(Self::LIMIT)
    }
}

impl Chronicle {
    /// Adds what happened. Of too many the oldest goes, but for the last one with which tokens came; of attempts that spent
    /// nothing there is one, so that no outage pushes out what explains the grant's end.
    pub(crate) fn add(&mut self, entry: HistoryEntry) {
        if entry.is_not_renewed() {
            self.history.retain(|earlier| !earlier.is_not_renewed());
        }
        self.history.push(entry);
        while self.history.len() > MOST_ENTRIES {
            let last_success = self.history.iter().rposition(HistoryEntry::is_success);
            let oldest = usize::from(last_success == Some(0));
            self.history.remove(oldest);
        }
    }

    pub(crate) fn write(&self, to: &mut FieldWriter) {
        to.list(self.history.iter(), |to, entry| entry.write(to));
        to.option(self.claimed.as_ref(), |to, (at, by)| {
            to.time(*at);
            to.text(by.as_str());
        });
        self.usage.write(to);
        to.option(self.stopped, |to, stopped| {
            to.store_time(stopped.since);
            to.number(stopped.tries.into());
            to.store_time(stopped.again);
        });
    }

    pub(crate) fn read(from: &mut FieldReader<'_>) -> Option<Self> {
        Some(Self {
            history: from.list(HistoryEntry::read)?,
            claimed: from.option(|from| Some((from.time()?, ProcessName::new(from.text()?))))?,
            usage: Usage::read(from)?,
            stopped: from.option(|from| {
                Some(Stopped {
                    since: from.store_time()?,
                    tries: u32::try_from(from.number()?).ok()?,
                    again: from.store_time()?,
                })
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use grantry_core::ErrorKind;

    use super::*;
    use crate::history::{Happened, Refusal};

    fn entry(second: i64, what: Happened) -> HistoryEntry {
        HistoryEntry::new(Timestamp::from_unix_seconds(second), ProcessName::new("a"), what)
    }

    #[test]
    fn of_too_many_entries_the_oldest_goes_but_never_the_last_success() {
        let mut chronicle = Chronicle::default();
        chronicle.add(entry(1, Happened::Renewed));
        chronicle.add(entry(2, Happened::Renewed));
        for second in 3..30 {
            chronicle.add(entry(second, Happened::InDoubt));
        }
        let times: Vec<_> = chronicle.history.iter().map(|entry| entry.at.as_unix_seconds()).collect();
        assert_eq!(times, [2, 23, 24, 25, 26, 27, 28, 29]);
    }

    #[test]
    fn an_outage_is_one_entry() {
        let mut chronicle = Chronicle::default();
        chronicle.add(entry(1, Happened::Renewed));
        chronicle.add(entry(2, Happened::InDoubt));
        for second in 3..30 {
            let kind = if second % 2 == 0 { ErrorKind::Unavailable } else { ErrorKind::Unreachable };
            let refusal = Refusal { kind, provider_code: None, secret_added: None, clock_skew: None };
            chronicle.add(entry(second, Happened::NotRenewed(refusal)));
        }
        let times: Vec<_> = chronicle.history.iter().map(|entry| entry.at.as_unix_seconds()).collect();
        assert_eq!(times, [1, 2, 29]);
    }

    #[test]
    fn the_pauses_between_tries_grow_to_six_hours() {
        let start = StoreTime::from_nanos(0);
        let mut stopped = Stopped::new(start);
        for minutes in [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360] {
            stopped = stopped.failed(start);
            assert_eq!(stopped.again, start.after(Duration::from_secs(minutes * 60)));
        }
        assert!(!stopped.is_over(start.after(Stopped::LIMIT - Duration::from_secs(1))));
        assert!(stopped.is_over(start.after(Stopped::LIMIT)));
    }
}
