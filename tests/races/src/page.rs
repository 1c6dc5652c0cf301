//! The tables of `docs/races.md`: every contestant in every race, and the torture, all in one go.

use std::path::Path;

use grantry_races::{Contestant, Fallible, Report, SCENARIOS, Scenario, race};

use crate::command_line::{Options, Page, Torture};
use crate::contestants::contestants;
use crate::{print, tell_oddities, torture};

/// What stands before and behind the tables of the page.
const BEGIN: &str = "<!-- tables -->\n";
const END: &str = "<!-- end of tables -->\n";

/// Races, prints each table as soon as it is there, and puts all of them into the page.
///
/// # Errors
/// A race could not be run, the page has no place for tables, or the torture has found something: then the tables are there.
pub(crate) async fn write(page: &Page) -> Fallible<()> {
    let path = Path::new(&page.into);
    // Before an hour of races.
    between(&std::fs::read_to_string(path)?, "")?;
    let named = ["naive".to_owned()];
    let theirs = contestants(&Options {
        contestants: named.to_vec(),
        peers: Some(page.peers.clone()),
        ..Options::default()
    })?;
    let ours = ["grantry-sqlite", "grantry-postgres", "grantry-redis"].map(str::to_owned).to_vec();
    let ours = contestants(&Options { contestants: ours, ..Options::default() })?;
    let everybody = [theirs, ours].concat();
    let mut text = String::new();
    for name in SCENARIOS {
        let scenario: Scenario = name.parse()?;
        let table = compare(&everybody, &scenario, &page.seeds).await?;
        print(&table)?;
        text += &table;
    }
    let torture = Torture { kills: page.kills, ..Torture::default() };
    let seed = page.seeds.first().copied().unwrap_or_default();
    let ordeal = torture::undergo(&torture, seed).await?;
    text += &format!("### The torture\n\nSeed {seed}.\n\n{}\n", ordeal.tables());
    std::fs::write(path, between(&std::fs::read_to_string(path)?, &text)?)?;
    if ordeal.complaints.is_empty() { Ok(()) } else { Err(ordeal.complaints.join("\n").into()) }
}

/// A table of all contestants in one scenario. Where nothing goes wrong there is nothing that comes of a seed but the
/// tokens, so one will do.
pub(crate) async fn compare(
    everybody: &[Contestant],
    scenario: &Scenario,
    seeds: &[u64],
) -> Fallible<String> {
    let is_calm = scenario.kills == 0 && scenario.drops_per_mille == 0;
    let seeds = seeds.get(..1).filter(|_| is_calm).unwrap_or(seeds);
    let mut reports = Vec::new();
    // One seed after the other, so that nobody has a quieter hour than the others.
    for seed in seeds {
        for contestant in everybody {
            let report = race(contestant, scenario, *seed).await?;
            tell_oddities(&report)?;
            reports.push(report);
        }
    }
    let told: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let told = format!("Seed{} {}", if told.len() == 1 { "" } else { "s" }, told.join(", "));
    let mut text = format!("### {scenario}\n\n{told}.\n\n{}\n", Report::comparison(&reports));
    let tell = reports.iter().filter(|report| scenario.kills > 0 && report.keeping.is_some());
    let tell: Vec<Report> = tell.cloned().collect();
    if !tell.is_empty() {
        text += &format!("{}\n", Report::kept(&tell));
    }
    Ok(text)
}

/// The page with other tables.
fn between(page: &str, tables: &str) -> Fallible<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or("the page has no place for tables")?;
    Ok(format!("{before}{BEGIN}\n{tables}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_the_place_of_those_before_and_nothing_else_changes() {
        let page = format!("# Races\n{BEGIN}\nold\n{END}\nmore\n");
        let written = between(&page, "new\n\n").unwrap();
        assert_eq!(written, format!("# Races\n{BEGIN}\nnew\n\n{END}\nmore\n"));
        assert_eq!(between(&written, "new\n\n").unwrap(), written);
        assert!(between("# Races\n", "new").is_err());
    }

    #[test]
    fn the_page_of_the_documentation_has_a_place_for_tables() {
        assert!(between(include_str!("../../../docs/races.md"), "").is_ok());
    }
}
