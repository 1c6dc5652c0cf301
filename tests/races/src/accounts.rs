//! What workers wrote down of the answers that they got, and how long it took from an answer to its being kept.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use grantry_core::Instant;
use serde::{Deserialize, Serialize};

use crate::Fallible;
use crate::exchange::Delivered;

/// What a worker did with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// It has asked for it: the life of what comes is reckoned from here.
    Asked,
    /// It has read the whole of it.
    Had,
    /// The kernel has what was in it: the death of the process takes nothing any more.
    Written,
    /// The disk has it.
    Synced,
}

const STEPS: [(Step, &str); 4] =
    [(Step::Asked, "asked"), (Step::Had, "had"), (Step::Written, "written"), (Step::Synced, "synced")];

impl Step {
    /// A line of an account: the step, the grant, and the moment on the boot clock in nanoseconds.
    pub(crate) fn line(self, grant: &str, at: Instant) -> String {
        let name = STEPS.iter().find(|(step, _)| *step == self).map_or("", |(_, name)| name);
        format!("{name} {grant} {}\n", at.as_nanos())
    }
}

/// The accounts of all workers of a race; none where the contestant keeps none.
#[derive(Debug, Default)]
pub(crate) struct Accounts(HashMap<usize, Account>);

/// What one worker wrote, by step and grant, in its order.
type Account = HashMap<(Step, String), Vec<Instant>>;

impl Accounts {
    /// Reads what is in a folder: a file for each worker, by its number.
    pub(crate) fn read(folder: &Path) -> Fallible<Self> {
        let mut accounts = HashMap::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            let number = number.ok_or("an account is of no worker")?;
            accounts.insert(number, parse(&std::fs::read_to_string(path)?)?);
        }
        Ok(Self(accounts))
    }

    /// The account of one worker.
    #[cfg(test)]
    pub(crate) fn of(worker: usize, notes: &[(Step, &str, Instant)]) -> Self {
        let mut account = Account::new();
        for (step, grant, at) in notes {
            account.entry((*step, (*grant).to_owned())).or_default().push(*at);
        }
        Self(HashMap::from([(worker, account)]))
    }

    /// Whether this contestant's workers keep accounts.
    pub(crate) fn are_kept(&self) -> bool {
        !self.0.is_empty()
    }

    /// When a worker came to a step with the answer to what it asked at that moment.
    pub(crate) fn step(&self, step: Step, worker: usize, grant: &str, asked: Instant) -> Option<Instant> {
        let noted = self.0.get(&worker)?.get(&(step, grant.to_owned()))?;
        noted.iter().copied().find(|at| *at >= asked)
    }

    /// When a request left its worker that arrived at that moment: then, as far as nobody says otherwise.
    pub(crate) fn left(&self, worker: usize, grant: &str, arrived: Instant) -> Instant {
        let asked = self.0.get(&worker).and_then(|account| account.get(&(Step::Asked, grant.to_owned())));
        asked.and_then(|asked| asked.iter().rev().find(|at| **at <= arrived)).copied().unwrap_or(arrived)
    }

    /// How long the steps took in all answers that were kept.
    pub(crate) fn keeping(&self, delivered: &[Delivered], name: impl Fn(usize) -> String) -> Keeping {
        let (mut to_have, mut to_write, mut to_sync, mut in_all) = Default::default();
        let push = |spans: &mut Vec<Duration>, span| spans.push(span);
        for answer in delivered {
            let step = |step| {
                let at = self.step(step, answer.worker, &name(answer.grant), answer.asked)?;
                // What comes after the next question is of the next answer.
                answer.next.is_none_or(|next| at < next).then_some(at)
            };
            let (Some(had), Some(written)) = (step(Step::Had), step(Step::Written)) else { continue };
            push(&mut to_have, had.since(answer.left));
            push(&mut to_write, written.since(had));
            push(&mut in_all, written.since(answer.left));
            if let Some(synced) = step(Step::Synced) {
                push(&mut to_sync, synced.since(written));
            }
        }
        let answers = u64::try_from(in_all.len()).unwrap_or(u64::MAX);
        let spans = [to_have, to_write, in_all, to_sync].map(Spans::of);
        let [to_have, to_write, until_written, to_sync] = spans;
        Keeping { answers, to_have, to_write, until_written, to_sync }
    }
}

fn parse(text: &str) -> Fallible<Account> {
    let mut account = Account::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let &[name, grant, nanos] = &words[..] else {
            return Err("a line of an account has three words".into());
        };
        let step =
            STEPS.iter().find(|(_, known)| *known == name).ok_or("an account names an unknown step")?;
        account.entry((step.0, grant.to_owned())).or_default().push(Instant::from_nanos(nanos.parse()?));
    }
    Ok(account)
}

/// How long workers took to keep what an answer brought, over the answers of a race that were kept, by what the relay and
/// the workers wrote down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Keeping {
    /// How many answers that were.
    pub answers: u64,
    /// From the moment at which the answer left the relay until its worker had read the whole of it.
    pub to_have: Spans,
    /// From there until the kernel had what was in it.
    pub to_write: Spans,
    /// Both together: while this lasts, the death of the process takes the successor with it.
    pub until_written: Spans,
    /// From there until the disk had it.
    pub to_sync: Spans,
}

/// Some spans of time, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Spans {
    /// Half of them are no longer.
    pub median: u64,
    /// 999 of 1,000 are no longer.
    pub all_but_few: u64,
    /// None is longer.
    pub longest: u64,
}

impl Spans {
    fn of(mut spans: Vec<Duration>) -> Self {
        spans.sort_unstable();
        let at = |index: usize| {
            spans.get(index).map_or(0, |span| u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
        };
        let last = spans.len().saturating_sub(1);
        Self {
            median: at(last / 2),
            all_but_few: at((spans.len() * 999 / 1000).min(last)),
            longest: at(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::ZERO.after(Duration::from_micros(micros))
    }

    fn accounts(lines: &[(Step, &str, u64)]) -> Accounts {
        let text: String = lines.iter().map(|(step, grant, micros)| step.line(grant, at(*micros))).collect();
        Accounts(HashMap::from([(7, parse(&text).unwrap())]))
    }

    #[test]
    fn a_step_is_the_first_of_its_worker_and_grant_after_the_question() {
        let accounts = accounts(&[
            (Step::Asked, "grant-1", 40),
            (Step::Had, "grant-1", 50),
            (Step::Had, "grant-1", 90),
            (Step::Written, "grant-1", 95),
        ]);
        assert_eq!(accounts.step(Step::Had, 7, "grant-1", at(10)), Some(at(50)));
        assert_eq!(accounts.step(Step::Had, 7, "grant-1", at(60)), Some(at(90)));
        assert_eq!(accounts.step(Step::Had, 7, "grant-1", at(91)), None);
        assert_eq!(accounts.step(Step::Written, 7, "grant-2", at(10)), None);
        assert_eq!(accounts.step(Step::Written, 8, "grant-1", at(10)), None);
        assert_eq!(
            (accounts.left(7, "grant-1", at(60)), accounts.left(7, "grant-1", at(30))),
            (at(40), at(30))
        );
        assert!(parse("had grant-1\n").is_err() && parse("lost grant-1 5\n").is_err());
    }

    #[test]
    fn keeping_is_measured_over_the_answers_that_were_kept() {
        let accounts = accounts(&[
            (Step::Had, "grant-1", 150),
            (Step::Written, "grant-1", 350),
            (Step::Synced, "grant-1", 950),
            (Step::Had, "grant-1", 5_100),
        ]);
        let answer =
            |asked, left, next| Delivered { grant: 1, worker: 7, asked: at(asked), left: at(left), next };
        let delivered = [answer(10, 100, Some(at(5_000))), answer(5_000, 5_050, None)];
        let keeping = accounts.keeping(&delivered, |grant| format!("grant-{grant}"));
        assert_eq!(keeping.answers, 1, "the second was not written");
        assert_eq!((keeping.to_have.median, keeping.to_write.longest), (50, 200));
        assert_eq!((keeping.until_written.longest, keeping.to_sync.all_but_few), (250, 600));
    }

    #[test]
    fn no_spans_are_no_time_and_the_longest_is_told_apart() {
        assert_eq!(Spans::of(Vec::new()), Spans::default());
        let spans = Spans::of((1..=2_000).map(Duration::from_micros).collect());
        assert_eq!((spans.median, spans.all_but_few, spans.longest), (1_000, 1_999, 2_000));
    }
}
