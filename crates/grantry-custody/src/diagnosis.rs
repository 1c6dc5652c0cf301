//! Why the server refused a refresh token: what the record, the provider's limits and the history tell.

use std::time::Duration;

use grantry_core::{Diagnosis, Party, Retry, Timestamp};

use crate::history::{Happened, HistoryEntry, ProcessName, Refusal};
use crate::lifetimes::Lifetimes;
use crate::spoken::{length, utc};

/// Two wall clocks that differ by more are worth a word.
pub(crate) const SKEW: Duration = Duration::from_secs(120);

/// A likely cause of a refusal, with the evidence for it and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cause {
    /// Which it is.
    pub kind: CauseKind,
    /// What speaks for it, in words.
    pub evidence: String,
    /// What keeps it from happening again, or what to look at.
    pub remedy: String,
}

/// Why a server refuses a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CauseKind {
    /// Another process used it.
    UsedByAnotherProcess,
    /// It was not used for longer than the provider allows.
    Idle,
    /// It is older than the provider allows.
    TooOld,
    /// An answer was lost, so the server took the next use for a theft.
    AnswerLost,
    /// The client's secret was exchanged, and the provider's tokens end with it.
    SecretChanged,
    /// The clocks of the machines differ.
    ClockSkew,
    /// Whoever consented took it back, or an administrator did.
    ConsentWithdrawn,
}

/// What there is to judge by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// What happened to the grant, the oldest first.
    pub(crate) history: &'a [HistoryEntry],
    /// This process.
    pub(crate) me: &'a ProcessName,
    /// What the provider allows.
    pub(crate) lifetimes: Lifetimes,
    /// When the person consented.
    pub(crate) consented: Timestamp,
    /// Since when the refresh token is the one.
    pub(crate) rotated: Timestamp,
    /// Whether the server minds a refresh token that is used twice.
    pub(crate) rotates: bool,
    /// Whether the record says that an answer was lost before.
    pub(crate) after_doubt: bool,
    /// The wall clock, for a refusal that no history tells of.
    pub(crate) now: Timestamp,
}

impl<'a> Evidence<'a> {
    fn refusal(&self) -> Option<(&'a HistoryEntry, &'a Refusal)> {
        self.history.iter().rev().find_map(|entry| match &entry.what {
            Happened::Refused(refusal) => Some((entry, refusal)),
            _ => None,
        })
    }

    /// When the token was refused, and by whom it had been presented.
    fn refused(&self) -> (Timestamp, &'a ProcessName) {
        self.refusal().map_or((self.now, self.me), |(entry, _)| (entry.at, &entry.by))
    }

    fn last_success(&self) -> Option<&'a HistoryEntry> {
        self.history.iter().rfind(|entry| entry.is_success())
    }

    /// When the token was known to work last.
    fn last_good(&self) -> Timestamp {
        self.last_success().map_or(self.rotated, |entry| entry.at.max(self.rotated))
    }

    /// The likely causes of the refusal, the likeliest first; never none.
    pub(crate) fn causes(&self) -> Vec<Cause> {
        let found = [
            self.used_by_another(),
            self.idle(),
            self.too_old(),
            self.answer_lost(),
            self.secret_changed(),
            self.clock_skew(),
        ];
        let mut causes: Vec<Cause> = found.into_iter().flatten().collect();
        if causes.is_empty() {
            causes.push(self.consent_withdrawn());
        }
        // It was as wrong when the token worked last, maybe, and only what is signed is judged by it.
        causes.extend(self.servers_clock());
        causes
    }

    /// The same for an error.
    pub(crate) fn diagnosis(&self) -> Diagnosis {
        diagnosis_of(self.causes())
    }

    /// Another process took the token up after it had become the one, and before it was refused.
    fn used_by_another(&self) -> Option<Cause> {
        let (_, presenter) = self.refused();
        let refused = self.history.iter().rposition(|entry| matches!(entry.what, Happened::Refused(_)));
        let before = self.history.get(..refused.unwrap_or(self.history.len()))?;
        let used = before.iter().rfind(|entry| {
            let used = entry.rotated || (entry.what == Happened::InDoubt && self.rotates);
            // What brought the token is its birth and not its use.
            entry.by != *presenter && used && entry.at > self.rotated
        })?;
        let end = match used.what {
            Happened::InDoubt => "and nobody knows what the server answered",
            _ => "and was given another one for it",
        };
        Some(Cause {
            kind: CauseKind::UsedByAnotherProcess,
            evidence: format!(
                "process {} used the refresh token at {} {end}, and process {presenter} presented it afterwards",
                used.by,
                utc(used.at),
            ),
            remedy: format!(
                "find out what became of process {} at that moment, and give it a lifeboat that outlives it",
                used.by
            ),
        })
    }

    fn idle(&self) -> Option<Cause> {
        let (limit, good) = (self.lifetimes.idle?, self.last_good());
        let unused = self.refused().0.since(good);
        (unused >= limit).then(|| Cause {
            kind: CauseKind::Idle,
            evidence: format!(
                "the refresh token was not used for {} (since {}), and the provider ends it after {}",
                length(unused),
                utc(good),
                length(limit)
            ),
            remedy: format!("have the grant renewed at least every {}", length(limit / 2)),
        })
    }

    fn too_old(&self) -> Option<Cause> {
        let limit = self.lifetimes.absolute?;
        let age = self.refused().0.since(self.consented);
        (age >= limit).then(|| Cause {
            kind: CauseKind::TooOld,
            evidence: format!(
                "the person consented {} before (at {}), and the provider ends every consent after {}",
                length(age),
                utc(self.consented),
                length(limit)
            ),
            remedy: "ask the person before that time is over: no renewal lengthens it".to_owned(),
        })
    }

    fn answer_lost(&self) -> Option<Cause> {
        let since = self.last_success();
        let after = self.history.iter().rev().take_while(|entry| Some(*entry) != since);
        let lost = after.filter(|entry| entry.what == Happened::InDoubt).last();
        if !self.rotates || (lost.is_none() && !self.after_doubt) {
            return None;
        }
        let when = lost.map_or(String::new(), |entry| format!(" (process {}, {})", entry.by, utc(entry.at)));
        Some(Cause {
            kind: CauseKind::AnswerLost,
            evidence: format!(
                "an answer of the token endpoint was lost before{when}, so the server took the refresh token for used \
                 or stolen"
            ),
            remedy: "see what cuts answers off on the way: timeouts, proxies, processes that are killed"
                .to_owned(),
        })
    }

    fn secret_changed(&self) -> Option<Cause> {
        let added = self.refusal()?.1.secret_added?;
        let good = self.last_good();
        (added > good).then(|| Cause {
            kind: CauseKind::SecretChanged,
            evidence: format!(
                "the client got a new secret at {}, after the grant had been renewed last at {}",
                utc(added),
                utc(good)
            ),
            remedy: "see whether the provider ends refresh tokens with the secret, and exchange secrets with overlap"
                .to_owned(),
        })
    }

    /// The server's clock showed another time than that of whoever presented the token.
    fn servers_clock(&self) -> Option<Cause> {
        let (entry, refusal) = self.refusal()?;
        let skew = refusal.clock_skew.filter(|skew| skew.by >= SKEW)?;
        let is = if skew.ours_is_ahead { "ahead of" } else { "behind" };
        Some(Cause {
            kind: CauseKind::ClockSkew,
            evidence: format!(
                "the clock of process {} was {} {is} the server's, by the Date of its answers",
                entry.by,
                length(skew.by)
            ),
            remedy: "have that machine's clock set: servers judge signed requests by theirs".to_owned(),
        })
    }

    /// What was written later gives an earlier time.
    fn clock_skew(&self) -> Option<Cause> {
        let pairs = self.history.iter().zip(self.history.iter().skip(1));
        let backwards = pairs.map(|(one, next)| (one.at.since(next.at), &one.by, &next.by));
        let (by, ahead, behind) = backwards.max_by_key(|(by, ..)| *by).filter(|(by, ..)| *by >= SKEW)?;
        Some(Cause {
            kind: CauseKind::ClockSkew,
            evidence: format!(
                "the clock of process {ahead} was {} or more ahead of that of process {behind}",
                length(by)
            ),
            remedy: "have the clocks of both machines set: servers judge signed requests by them".to_owned(),
        })
    }

    fn consent_withdrawn(&self) -> Cause {
        let code = self.refusal().and_then(|(_, refusal)| refusal.provider_code.as_deref());
        let code = code.map_or(String::new(), |code| format!(" (the provider's code is {code})"));
        Cause {
            kind: CauseKind::ConsentWithdrawn,
            evidence: format!(
                "the consent was withdrawn by the person or an administrator, or something outside of this vault used \
                 the refresh token: nothing in the grant's history speaks for another cause{code}"
            ),
            remedy: "ask the person why, if that was not meant".to_owned(),
        }
    }
}

/// What the causes of a refusal come to: the person has to consent again, whatever it was.
pub(crate) fn diagnosis_of(causes: Vec<Cause>) -> Diagnosis {
    let remedy = causes.first().map_or("", |cause| cause.remedy.as_str());
    let remedy = format!("have the person consent again, for nothing else brings this grant back; {remedy}");
    let diagnosis = Diagnosis::new(Party::ResourceOwner, remedy, Retry::Never);
    let mut causes = causes.into_iter();
    let Some(first) = causes.next() else { return diagnosis };
    let diagnosis = diagnosis.cause(first.evidence);
    causes.fold(diagnosis, |diagnosis, Cause { evidence, remedy, .. }| {
        diagnosis.cause(format!("{evidence} (then {remedy})"))
    })
}

#[cfg(test)]
mod tests {
    use grantry_core::{ClockSkew, ErrorKind};

    use super::*;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_790_000_000 + seconds)
    }

    fn entry(seconds: i64, by: &str, what: Happened) -> HistoryEntry {
        HistoryEntry::new(at(seconds), ProcessName::new(by), what)
    }

    fn refused(seconds: i64, secret_added: Option<i64>) -> HistoryEntry {
        let refusal = Refusal {
            kind: ErrorKind::InvalidGrant,
            provider_code: Some("AADSTS50173".to_owned()),
            secret_added: secret_added.map(at),
            clock_skew: None,
        };
        entry(seconds, "a", Happened::Refused(refusal))
    }

    fn skewed(seconds: i64, by: u64) -> HistoryEntry {
        let clock_skew = Some(ClockSkew { by: Duration::from_secs(by), ours_is_ahead: false });
        match refused(seconds, None) {
            HistoryEntry { what: Happened::Refused(refusal), .. } => {
                entry(seconds, "a", Happened::Refused(Refusal { clock_skew, ..refusal }))
            }
            other => other,
        }
    }

    fn days(days: u64) -> Option<Duration> {
        Some(Duration::from_secs(days * 86_400))
    }

    /// A grant that was consented to at 0 and whose token became the one at `rotated`.
    struct Case {
        name: &'static str,
        history: Vec<HistoryEntry>,
        rotated: i64,
        lifetimes: Lifetimes,
        after_doubt: bool,
        expected: Vec<CauseKind>,
    }

    /// Its token became the one at 10, and no limits are known.
    fn case(name: &'static str, history: Vec<HistoryEntry>, expected: Vec<CauseKind>) -> Case {
        Case { name, history, rotated: 10, lifetimes: Lifetimes::default(), after_doubt: false, expected }
    }

    impl Case {
        fn rotated(self, rotated: i64) -> Self {
            Self { rotated, ..self }
        }

        fn limited(self) -> Self {
            Self { lifetimes: Lifetimes { idle: days(30), absolute: days(365) }, ..self }
        }

        fn after_doubt(self) -> Self {
            Self { after_doubt: true, ..self }
        }
    }

    #[test]
    fn each_cause_follows_from_its_own_evidence_and_the_likeliest_comes_first() {
        use CauseKind as C;
        let renewed = |seconds| entry(seconds, "a", Happened::Renewed).rotated(true);
        let others = |seconds| entry(seconds, "b", Happened::Renewed);
        let doubt = |seconds, by| entry(seconds, by, Happened::InDoubt);
        let withdrawn = || vec![C::ConsentWithdrawn];
        let refusal = || refused(20, None);
        let table = [
            case("nothing is known", vec![], withdrawn()),
            case("all is well but for the refusal", vec![renewed(10), refusal()], withdrawn()).limited(),
            case(
                "another process vanished with it",
                vec![renewed(10), doubt(15, "b"), refusal()],
                vec![C::UsedByAnotherProcess, C::AnswerLost],
            )
            .after_doubt(),
            case(
                "another was given a sibling",
                vec![others(15).rotated(true), refusal()],
                vec![C::UsedByAnotherProcess],
            ),
            case("another renewed, and the token stayed", vec![others(15), refusal()], withdrawn()),
            case("another brought the token", vec![others(10).rotated(true), refusal()], withdrawn()),
            case(
                "our own answer was lost",
                vec![renewed(10), doubt(15, "a"), refusal()],
                vec![C::AnswerLost],
            )
            .after_doubt(),
            case("an answer was lost, and no history tells", vec![], vec![C::AnswerLost]).after_doubt(),
            case(
                "a doubt before the last success is over",
                vec![doubt(5, "a"), renewed(10), refusal()],
                withdrawn(),
            ),
            case("idle for too long", vec![renewed(10), refused(10 + 30 * DAY, None)], vec![C::Idle])
                .limited(),
            case("idle for a second less", vec![renewed(10), refused(9 + 30 * DAY, None)], withdrawn())
                .limited(),
            case(
                "used, and not rotated",
                vec![entry(80 * DAY, "a", Happened::Renewed), refused(90 * DAY, None)],
                withdrawn(),
            )
            .limited(),
            case(
                "too old, though in use",
                vec![renewed(360 * DAY), refused(365 * DAY, None)],
                vec![C::TooOld],
            )
            .limited()
            .rotated(360 * DAY),
            case(
                "idle, and too old as well",
                vec![renewed(10), refused(400 * DAY, None)],
                vec![C::Idle, C::TooOld],
            )
            .limited(),
            case("the secret is newer", vec![renewed(10), refused(20, Some(15))], vec![C::SecretChanged]),
            case("the secret is older", vec![renewed(10), refused(20, Some(5))], withdrawn()),
            case("clocks differ", vec![renewed(600), others(10), refusal()], vec![C::ClockSkew]).rotated(600),
            case(
                "the server's clock is another",
                vec![renewed(10), skewed(20, 600)],
                vec![C::ConsentWithdrawn, C::ClockSkew],
            ),
            case("the server's clock differs a little", vec![renewed(10), skewed(20, 119)], withdrawn()),
            case("clocks differ a little", vec![renewed(130), others(11), refusal()], withdrawn())
                .rotated(130),
        ];
        let (me, rotates, consented, now) = (ProcessName::new("a"), true, at(0), at(100 * DAY));
        for Case { name, history, rotated, lifetimes, after_doubt, expected } in table {
            let rotated = at(rotated);
            let history = &history[..];
            let evidence =
                Evidence { history, me: &me, lifetimes, consented, rotated, rotates, after_doubt, now };
            let causes = evidence.causes();
            assert_eq!(causes.iter().map(|cause| cause.kind).collect::<Vec<_>>(), expected, "{name}");
            assert!(causes.iter().all(|cause| !cause.evidence.is_empty() && !cause.remedy.is_empty()));
        }
    }

    #[test]
    fn where_a_token_may_be_used_twice_no_use_is_a_cause() {
        let history = [entry(15, "b", Happened::InDoubt), refused(20, None)];
        let me = ProcessName::new("a");
        let evidence = Evidence {
            history: &history,
            me: &me,
            lifetimes: Lifetimes::default(),
            consented: at(0),
            rotated: at(10),
            rotates: false,
            after_doubt: true,
            now: at(30),
        };
        assert_eq!(evidence.causes()[0].kind, CauseKind::ConsentWithdrawn);
    }

    #[test]
    fn the_evidence_names_process_and_time_and_the_diagnosis_says_what_to_do() {
        let history = [entry(15, "b", Happened::InDoubt), refused(20, Some(18))];
        let me = ProcessName::new("a");
        let evidence = Evidence {
            history: &history,
            me: &me,
            lifetimes: Lifetimes::default(),
            consented: at(0),
            rotated: at(10),
            rotates: true,
            after_doubt: true,
            now: at(30),
        };
        let diagnosis = evidence.diagnosis();
        let causes: Vec<_> = diagnosis.causes().collect();
        assert!(
            causes[0].contains("process b used the refresh token at 2026-09-21 14:13:35 UTC"),
            "{causes:?}"
        );
        assert!(causes[1].contains("was lost before (process b, 2026-09-21 14:13:35 UTC)"), "{causes:?}");
        assert!(causes[2].contains("new secret at 2026-09-21 14:13:38 UTC"), "{causes:?}");
        assert!(diagnosis.remedy().contains("consent again"), "{}", diagnosis.remedy());
        assert_eq!(diagnosis.retry(), Retry::Never);
    }
}
