//! What a race comes to: the report, from the book, the accounts, and what the store holds in the end.

use std::collections::HashMap;
use std::time::Duration;

use grantry_core::Instant;

use crate::accounts::Accounts;
use crate::book::Book;
use crate::expiries::floor;
use crate::losses::{Cause, Evidence};
use crate::process::Said;
use crate::server::Servers;
use crate::{Fallible, Report, Scenario};

/// What happened to the processes.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    pub(crate) said: Said,
    pub(crate) kills: u64,
    pub(crate) restarts: u64,
    /// When which worker was held still, to be killed.
    pub(crate) killed: HashMap<usize, Instant>,
    pub(crate) misbehaved: u64,
}

/// Everything that is known at the end of a race.
#[derive(Debug)]
pub(crate) struct Reckoning<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) servers: &'a Servers,
    pub(crate) book: &'a Book,
    pub(crate) ran: &'a Ran,
    pub(crate) accounts: &'a Accounts,
    /// The refresh tokens that the store holds, by grant.
    pub(crate) held: &'a HashMap<String, Vec<String>>,
}

impl Reckoning<'_> {
    pub(crate) fn report(&self, contestant: &str, seed: u64) -> Fallible<Report> {
        let Self { scenario, servers, book, ran, accounts, held } = self;
        let left = |worker, grant, arrived| accounts.left(worker, &name(grant), arrived);
        let sums = book.sums(scenario.lifetime, left);
        if sums.requests != servers.token_requests()? {
            return Err("a token request has gone past the relay".into());
        }
        let keeping = accounts.keeping(&book.delivered(), name);
        let evidence = Evidence::new(&ran.killed, accounts, &keeping);
        let orphans = book.orphans(held.values().flatten());
        let in_flight = book.in_flight_at(&ran.killed);
        let (presented, wrong_presentations) = servers.presentations()?;
        let mut report = Report {
            contestant: contestant.to_owned(),
            scenario: scenario.to_string(),
            seed,
            grants: u64::try_from(scenario.grants)?,
            token_requests: sums.requests,
            expiries: sums.expiries,
            fewest_expiries: floor(scenario.lifetime, scenario.grants, scenario.lasts),
            requests_at_expiries: sums.requests_at_expiries,
            needless_requests: sums.needless,
            requests_per_expiry: Report::ratio(sums.requests_at_expiries, sums.expiries),
            consumed_uses: sums.consumed_uses,
            refusals: sums.refusals,
            answers_dropped: sums.dropped,
            kills: ran.kills,
            kills_in_flight: u64::try_from(in_flight.len())?,
            requests_in_flight: in_flight.values().sum(),
            micros_in_flight: u64::try_from(book.mean_flight().as_micros())?,
            restarts: ran.restarts,
            keeping: accounts.are_kept().then_some(keeping),
            presented,
            wrong_presentations,
            caller_errors: ran.said.errors(),
            misbehaved: ran.misbehaved,
            errors: ran.said.samples(),
            ..Report::default()
        };
        for orphan in &orphans {
            let took = evidence.took(orphan, &name(orphan.grant));
            report.successors_killed += u64::from(matches!(took, Cause::Killed(_)));
        }
        for grant in 0..scenario.grants {
            let name = name(grant);
            if self.any_live(held.get(&name).map(Vec::as_slice).unwrap_or_default())? {
                continue;
            }
            report.grants_lost += 1;
            let why = match evidence.cause(grant, &name, &orphans) {
                Cause::Dropped => {
                    report.lost_by_drop += 1;
                    "the answer with its successor was dropped".to_owned()
                }
                Cause::Killed(killed) => {
                    report.lost_by_kill += 1;
                    report.lost_unwritten +=
                        u64::from(killed.had_for.is_some_and(|had| had > Duration::ZERO));
                    evidence.told(&killed)
                }
                Cause::Unexplained(what) => {
                    report.lost_unexplained += 1;
                    let reuse = book.reuse(grant).map(|reuse| evidence.reused(&reuse));
                    format!("unexplained: {what}{}", reuse.unwrap_or_default())
                }
            };
            report.losses.push(format!("{name}: {why}"));
            report.families_revoked += u64::from(!self.any_live(&book.tokens_of(grant))?);
        }
        Ok(report)
    }

    fn any_live(&self, tokens: &[String]) -> Fallible<bool> {
        for token in tokens {
            if self.servers.is_live(token)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What callers ask a grant by.
pub(crate) fn name(grant: usize) -> String {
    format!("grant-{grant}")
}
