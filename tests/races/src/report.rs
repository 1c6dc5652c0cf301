//! What became of a race, in figures.

use serde::{Deserialize, Serialize};

use crate::accounts::Keeping;
use crate::tables::aligned;

/// The heads of the columns, in the order of [`Report::cells`].
const HEADS: [&str; 16] = [
    "contestant",
    "grants lost",
    "unexplained",
    "families revoked",
    "token requests",
    "per expiry",
    "uses of consumed tokens",
    "refused",
    "answers dropped",
    "kills",
    "in flight",
    "restarts",
    "successors killed",
    "presented",
    "401 at the resource",
    "callers' errors",
];

/// The figures of one contestant in one race. All but the callers' errors are what the servers saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Report {
    /// Who took part.
    pub contestant: String,
    /// The full name of the scenario.
    pub scenario: String,
    /// What kills, drops and tokens came of.
    pub seed: u64,
    /// How many grants there were.
    pub grants: u64,
    /// Grants of which the store holds no live refresh token at the end.
    pub grants_lost: u64,
    /// Of those, how many whose successor was in an answer that was on its way to a worker that was killed at that moment, or
    /// that the worker had and had not written down yet.
    pub lost_by_kill: u64,
    /// Of those in turn, how many where the worker had read the whole answer, by its own account.
    pub lost_unwritten: u64,
    /// And in an answer that was dropped.
    pub lost_by_drop: u64,
    /// And those that neither explains: the contestant's own mistakes.
    pub lost_unexplained: u64,
    /// Each lost grant by its name, with the reason.
    pub losses: Vec<String>,
    /// Grants of which no refresh token at all is live any more.
    pub families_revoked: u64,
    /// Requests to the token endpoint.
    pub token_requests: u64,
    /// Times that a grant needed a token: it had none, or the newest one was in the last quarter of its life.
    pub expiries: u64,
    /// How many of those there are at least in a race of that length in which nothing goes wrong.
    pub fewest_expiries: u64,
    /// Token requests in all, but for those with a token that no grant ever had.
    pub requests_at_expiries: u64,
    /// Of those, how many came while a token was out that was to live for longer than a quarter of its life.
    pub needless_requests: u64,
    /// Token requests for each of those; 1 is perfect.
    pub requests_per_expiry: f64,
    /// Requests with a refresh token that an earlier one had exchanged for another.
    pub consumed_uses: u64,
    /// Token requests that the server refused (4xx).
    pub refusals: u64,
    /// Answers of the token endpoint that were lost on purpose.
    pub answers_dropped: u64,
    /// Workers that were killed.
    pub kills: u64,
    /// Of those, how many had a request under way that used a refresh token up.
    pub kills_in_flight: u64,
    /// How many such requests those had under way together: the answers had not left when their workers were held still.
    pub requests_in_flight: u64,
    /// How long a request was under way in this race, from its arrival until its answer left, on the average.
    pub micros_in_flight: u64,
    /// How long it took to keep what came, where the workers keep accounts of it.
    pub keeping: Option<Keeping>,
    /// How many times the server that the store is on was killed and started again.
    pub restarts: u64,
    /// Refresh tokens that died with a killed worker: the server had issued them to it, or did so afterwards, and
    /// they neither were ever used nor are in the store. Their parents are consumed, so nobody who has only the store
    /// can go on. One kill may take several.
    pub successors_killed: u64,
    /// Access tokens that the resource accepted.
    pub presented: u64,
    /// Access tokens that the resource answered 401.
    pub wrong_presentations: u64,
    /// Calls that brought no token, or no answer of the resource.
    pub caller_errors: u64,
    /// Workers that ended by themselves, or did not end when they were told to. There should be none.
    pub misbehaved: u64,
    /// Different errors that callers saw.
    pub errors: Vec<String>,
}

impl Report {
    /// Requests by expiries; 0 where there were none.
    pub(crate) fn ratio(requests: u64, expiries: u64) -> f64 {
        if expiries == 0 { 0.0 } else { requests as f64 / expiries as f64 }
    }

    /// What stands in a row of a table, by column.
    fn cells(&self) -> [String; 16] {
        [
            self.contestant.clone(),
            format!("{} of {}", self.grants_lost, self.grants),
            self.lost_unexplained.to_string(),
            self.families_revoked.to_string(),
            self.token_requests.to_string(),
            format!("{:.2}", self.requests_per_expiry),
            self.consumed_uses.to_string(),
            self.refusals.to_string(),
            self.answers_dropped.to_string(),
            self.kills.to_string(),
            self.kills_in_flight.to_string(),
            self.restarts.to_string(),
            self.successors_killed.to_string(),
            self.presented.to_string(),
            self.wrong_presentations.to_string(),
            self.caller_errors.to_string(),
        ]
    }

    /// An aligned table of reports, in Markdown: a row of heads and one for each.
    pub fn table(reports: &[Self]) -> String {
        let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
        rows.extend(reports.iter().map(|report| report.cells().to_vec()));
        aligned(&rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_a_table_is_as_wide_as_the_others() {
        let long = Report { contestant: "a contestant with a long name".into(), ..Report::default() };
        let busy = Report { contestant: "b".into(), token_requests: 1 << 40, ..Report::default() };
        let table = Report::table(&[long, busy]);
        let widths: Vec<usize> = table.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 4);
        assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
        assert!(table.contains(" 1099511627776 |"), "{table}");
    }

    #[test]
    fn no_expiries_are_no_ratio() {
        assert_eq!((Report::ratio(5, 0), Report::ratio(6, 4)), (0.0, 1.5));
    }
}
