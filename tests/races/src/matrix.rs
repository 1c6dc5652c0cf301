//! Everything in one table: who lost how much in which scenario.

use crate::Report;
use crate::tables::aligned;

/// What stands for a contestant that was not in a scenario.
const ABSENT: &str = "–";

impl Report {
    /// A row for each contestant in the order in which they first come, and a column for each scenario: its head, and the reports of
    /// its races. In a cell are the grants that were lost, of all that there were in these races, and the token requests for
    /// each expiry; but for where every grant was lost: how often one asks then says nothing.
    pub fn matrix(scenarios: &[(&str, Vec<Self>)]) -> String {
        let mut contestants: Vec<&str> = Vec::new();
        for report in scenarios.iter().flat_map(|(_, reports)| reports) {
            if !contestants.contains(&report.contestant.as_str()) {
                contestants.push(&report.contestant);
            }
        }
        let heads = scenarios.iter().map(|(head, _)| *head);
        let mut rows = vec![std::iter::once("contestant").chain(heads).map(str::to_owned).collect()];
        for contestant in contestants {
            let cells = scenarios.iter().map(|(_, reports)| {
                cell(reports.iter().filter(|report| report.contestant == contestant).collect())
            });
            rows.push(std::iter::once(contestant.to_owned()).chain(cells).collect::<Vec<_>>());
        }
        aligned(&rows)
    }
}

fn cell(races: Vec<&Report>) -> String {
    if races.is_empty() {
        return ABSENT.to_owned();
    }
    let sum = |what: fn(&Report) -> u64| races.iter().map(|report| what(report)).sum::<u64>();
    let (lost, grants) = (sum(|report| report.grants_lost), sum(|report| report.grants));
    if lost >= grants {
        return format!("{lost} of {grants}");
    }
    let requests = sum(|report| report.requests_at_expiries);
    let per_expiry = Report::ratio(requests, sum(|report| report.expiries));
    format!("{lost} of {grants}, {per_expiry:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(contestant: &str, lost: u64) -> Report {
        Report {
            contestant: contestant.to_owned(),
            grants: 30,
            grants_lost: lost,
            requests_at_expiries: 300,
            expiries: 200,
            ..Report::default()
        }
    }

    #[test]
    fn a_contestant_has_one_row_with_a_cell_for_each_scenario() {
        let calm = ("calm", vec![report("a", 30), report("b", 0)]);
        let kills = ("kills", vec![report("a", 3), report("c", 1), report("a", 4), report("c", 30)]);
        let table = Report::matrix(&[calm, kills]);
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(rows.len(), 5, "{table}");
        assert_eq!(rows[0][1..4], ["contestant", "calm", "kills"]);
        assert_eq!(rows[2][1..4], ["a", "30 of 30", "7 of 60, 1.50"], "two seeds are one cell");
        assert_eq!(rows[3][1..4], ["b", "0 of 30, 1.50", ABSENT]);
        assert_eq!(rows[4][1..4], ["c", ABSENT, "31 of 60, 1.50"]);
    }

    #[test]
    fn the_rows_are_as_wide_as_each_other() {
        let table = Report::matrix(&[("a scenario with a long name", vec![report("a", 30)]), ("b", vec![])]);
        let widths: Vec<usize> = table.lines().map(|line| line.chars().count()).collect();
        assert!(widths.len() == 3 && widths.iter().all(|width| *width == widths[0]), "{table}");
    }
}
