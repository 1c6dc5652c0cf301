//! Tables of reports, in Markdown.

use crate::Report;

/// A column: its head, and what stands in it for the races of a row.
type Column = (&'static str, fn(&[&Report]) -> String);

const CONTESTANT: Column =
    ("contestant", |of| of.first().map(|one| one.contestant.clone()).unwrap_or_default());
const SERVER: Column = ("server", |of| {
    let scenario = of.first().map(|one| one.scenario.as_str()).unwrap_or_default();
    scenario.split(' ').next().unwrap_or_default().to_owned()
});
/// For each race by itself: how it differs from seed to seed is what they are for.
const LOST: Column =
    ("lost", |of| of.iter().map(|one| one.grants_lost.to_string()).collect::<Vec<_>>().join(" "));
const BY_KILL: Column = ("by kill", |of| sum(of, |one| one.lost_by_kill));
const UNWRITTEN: Column = ("unwritten", |of| sum(of, |one| one.lost_unwritten));
const BY_DROP: Column = ("by drop", |of| sum(of, |one| one.lost_by_drop));
const UNEXPLAINED: Column = ("unexplained", |of| sum(of, |one| one.lost_unexplained));
const EXPIRIES: Column = ("expiries", |of| sum(of, |one| one.expiries));
const FEWEST: Column = ("at least", |of| sum(of, |one| one.fewest_expiries));
const REQUESTS: Column = ("requests", |of| sum(of, |one| one.requests_at_expiries));
const NEEDLESS: Column = ("needless", |of| sum(of, |one| one.needless_requests));
const PER_EXPIRY: Column = ("per expiry", |of| {
    let total = |what: fn(&Report) -> u64| of.iter().map(|one| what(one)).sum();
    format!("{:.2}", Report::ratio(total(|one| one.requests_at_expiries), total(|one| one.expiries)))
});
const REUSES: Column = ("reuses", |of| sum(of, |one| one.consumed_uses));
const KILLS: Column = ("kills", |of| sum(of, |one| one.kills));
const HIT: Column = ("hit", |of| sum(of, |one| one.kills_in_flight));
const IN_FLIGHT: Column = ("in flight", |of| sum(of, |one| one.requests_in_flight));
const FLIGHT: Column = ("ms each", |of| {
    let total: u64 = of.iter().map(|one| one.micros_in_flight).sum();
    format!("{:.1}", Report::ratio(total, u64::try_from(of.len()).unwrap_or(1)) / 1_000.0)
});
const RESTARTS: Column = ("restarts", |of| sum(of, |one| one.restarts));
const DROPS: Column = ("drops", |of| sum(of, |one| one.answers_dropped));
const ERRORS: Column = ("errors", |of| sum(of, |one| one.caller_errors));

fn sum(of: &[&Report], what: fn(&Report) -> u64) -> String {
    of.iter().map(|one| what(one)).sum::<u64>().to_string()
}

/// A table for each scenario of the documentation: a row for each contestant, with all of its races.
const COMPARED: [Column; 8] = [CONTESTANT, LOST, BY_KILL, BY_DROP, UNEXPLAINED, PER_EXPIRY, REUSES, ERRORS];
/// Where workers were killed.
const COMPARED_UNDER_KILLS: [Column; 12] = [
    CONTESTANT,
    LOST,
    BY_KILL,
    BY_DROP,
    UNEXPLAINED,
    KILLS,
    HIT,
    IN_FLIGHT,
    FLIGHT,
    PER_EXPIRY,
    REUSES,
    ERRORS,
];
const IN_PEACE: [Column; 7] = [SERVER, CONTESTANT, EXPIRIES, FEWEST, REQUESTS, NEEDLESS, LOST];
const TORTURED: [Column; 14] = [
    SERVER,
    CONTESTANT,
    KILLS,
    HIT,
    IN_FLIGHT,
    RESTARTS,
    DROPS,
    LOST,
    BY_KILL,
    UNWRITTEN,
    BY_DROP,
    UNEXPLAINED,
    PER_EXPIRY,
    ERRORS,
];

/// Spans of [`Keeping`](crate::Keeping), in milliseconds: the median, what all but one of 1,000 keep to, and the longest.
const KEPT_HEADS: [&str; 7] =
    ["server", "contestant", "answers", "until read", "then written", "until written", "then synced"];

impl Report {
    /// What a reader compares contestants by: a row for each, with all of its reports.
    pub fn comparison(reports: &[Self]) -> String {
        let mut rows: Vec<Vec<&Self>> = Vec::new();
        for report in reports {
            match rows.iter_mut().find(|row| row.iter().any(|one| one.contestant == report.contestant)) {
                Some(row) => row.push(report),
                None => rows.push(vec![report]),
            }
        }
        let has_kills = reports.iter().any(|report| report.kills > 0);
        table(if has_kills { &COMPARED_UNDER_KILLS } else { &COMPARED }, &rows)
    }

    /// Races in which nothing went wrong: whether there was one request for each expiry.
    pub fn peace(reports: &[Self]) -> String {
        table(&IN_PEACE, &each(reports))
    }

    /// Races under torture, a row for each.
    pub fn torture(reports: &[Self]) -> String {
        table(&TORTURED, &each(reports))
    }

    /// How long it took to keep what came, where the workers have told.
    pub fn kept(reports: &[Self]) -> String {
        let mut rows = vec![KEPT_HEADS.map(str::to_owned).to_vec()];
        for report in reports {
            let Some(keeping) = &report.keeping else { continue };
            let mut row = vec![SERVER.1(&[report]), CONTESTANT.1(&[report]), keeping.answers.to_string()];
            for spans in [keeping.to_have, keeping.to_write, keeping.until_written, keeping.to_sync] {
                let spans = [spans.median, spans.all_but_few, spans.longest];
                row.push(spans.map(|micros| format!("{:.1}", micros as f64 / 1_000.0)).join(" / "));
            }
            rows.push(row);
        }
        aligned(&rows)
    }
}

fn each(reports: &[Report]) -> Vec<Vec<&Report>> {
    reports.iter().map(|report| vec![report]).collect()
}

fn table(columns: &[Column], races: &[Vec<&Report>]) -> String {
    let mut rows = vec![columns.iter().map(|(head, _)| (*head).to_owned()).collect::<Vec<_>>()];
    rows.extend(races.iter().map(|of| columns.iter().map(|(_, cell)| cell(of)).collect()));
    aligned(&rows)
}

/// Rows as a table, the first with the heads.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| cell(row, column)).max().unwrap_or(0)).collect();
    let names = rows.first().map_or(1, |heads| 1 + usize::from(heads.iter().any(|head| head == SERVER.0)));
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths, names)).collect();
    let rule: Vec<String> = widths
        .iter()
        .enumerate()
        .map(|(column, width)| "-".repeat(width + 1) + if column < names { "-" } else { ":" })
        .collect();
    lines.insert(1, format!("|{}|", rule.join("|")));
    lines.join("\n") + "\n"
}

/// Names to the left, figures to the right.
fn line(cells: &[String], widths: &[usize], names: usize) -> String {
    let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        if column < names { format!(" {cell:<width$} ") } else { format!(" {cell:>width$} ") }
    });
    format!("|{}|", padded.collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keeping;

    fn report(contestant: &str, lost: u64) -> Report {
        Report {
            contestant: contestant.to_owned(),
            scenario: "strict 4 processes".to_owned(),
            grants_lost: lost,
            lost_by_kill: lost,
            requests_at_expiries: 3,
            expiries: 2,
            ..Report::default()
        }
    }

    #[test]
    fn every_row_of_a_table_is_as_wide_as_the_others() {
        let reports = [report("a contestant with a long name", 1), report("b", 1 << 40)];
        for table in [Report::comparison(&reports), Report::torture(&reports), Report::peace(&reports)] {
            let widths: Vec<usize> = table.lines().map(|line| line.chars().count()).collect();
            assert_eq!(widths.len(), 4);
            assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
        }
    }

    #[test]
    fn a_contestant_has_one_row_with_the_losses_of_each_race_and_the_sums_of_all() {
        let table = Report::comparison(&[report("a", 3), report("b", 7), report("a", 4)]);
        let row = table.lines().find(|line| line.starts_with("| a ")).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[1..7], ["a", "3 4", "7", "0", "0", "1.50"]);
        assert!(!table.contains("in flight"), "nobody was killed");
        let killed = Report { kills: 1, ..report("a", 1) };
        assert!(Report::comparison(&[killed]).contains("in flight"));
    }

    #[test]
    fn what_is_kept_is_told_of_those_who_tell_it() {
        let mut keeping = Keeping::default();
        (keeping.answers, keeping.to_write.longest) = (9, 1_250);
        let told = Report { keeping: Some(keeping), ..report("a", 0) };
        let table = Report::kept(&[told, report("b", 0)]);
        assert_eq!(table.lines().count(), 3);
        assert!(table.contains("| strict | a ") && table.contains("0.0 / 0.0 / 1.2"), "{table}");
    }
}
