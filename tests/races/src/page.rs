//! The tables of `docs/races.md`: every contestant in every race, and the torture, all in one go.

use std::path::Path;

use grantry_races::{Contestant, Fallible, Report, SCENARIOS, Scenario, race};

use crate::command_line::{Options, Page, Torture};
use crate::contestants::contestants;
use crate::{print, tell_oddities, torture};

/// What stands before and behind the two places for tables: those of the races, and those of the torture.
const RACES: (&str, &str) = ("<!-- races -->\n", "<!-- end of races -->\n");
const TORTURE: (&str, &str) = ("<!-- torture -->\n", "<!-- end of torture -->\n");

/// What each of the [`SCENARIOS`] is about.
const TITLES: [&str; 9] = [
    "A used token revokes the grant",
    "A used token is refused",
    "A used token is answered with its successor for 30 s",
    "Used tokens stay valid",
    "`oidc-provider`, which revokes the grant",
    "A used token revokes the grant: 150 kills",
    "A used token is answered with its successor for 30 s: 150 kills and 5 % of the answers dropped",
    "A used token revokes the grant: 2 % of the answers dropped",
    "A used token revokes the grant: two machines",
];

/// Races, prints each table as soon as it is there, and puts all of them into the page.
///
/// # Errors
/// A race could not be run, the page has no place for tables, or the torture has found something: then the tables are there.
pub(crate) async fn write(page: &Page) -> Fallible<()> {
    let path = Path::new(&page.into);
    // Before an hour of races.
    let old = std::fs::read_to_string(path)?;
    between(&between(&old, RACES, "")?, TORTURE, "")?;
    let options = |names: &[&str], peers| Options {
        contestants: names.iter().map(|name| (*name).to_owned()).collect(),
        peers,
        ..Options::default()
    };
    let theirs = contestants(&options(&["naive"], Some(page.peers.clone())))?;
    let ours = contestants(&options(torture::ALL, None))?;
    let everybody = [theirs, ours].concat();
    let mut text = String::new();
    for (title, name) in TITLES.iter().zip(SCENARIOS) {
        let table = compare(&everybody, &name.parse()?, &page.seeds).await?;
        let table = format!("### {title}\n\n{table}");
        print(&table)?;
        text += &table;
    }
    let torture = Torture { kills: page.kills, ..Torture::default() };
    let seed = page.seeds.first().copied().unwrap_or_default();
    let ordeal = torture::undergo(&torture, seed).await?;
    let tortured = format!("Seed {seed}.\n\n{}\n", ordeal.tables());
    print(&tortured)?;
    let old = std::fs::read_to_string(path)?;
    std::fs::write(path, between(&between(&old, RACES, &text)?, TORTURE, &tortured)?)?;
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
    let told = format!("seed{} {}", if told.len() == 1 { "" } else { "s" }, told.join(", "));
    let mut text = format!("`{scenario}`; {told}.\n\n{}\n", Report::comparison(&reports));
    let tell = reports.iter().filter(|report| scenario.kills > 0 && report.keeping.is_some());
    let tell: Vec<Report> = tell.cloned().collect();
    if !tell.is_empty() {
        text += &format!("{}\n", Report::kept(&tell));
    }
    Ok(text)
}

/// The page with other tables in one of its places.
fn between(page: &str, (begin, end): (&str, &str), tables: &str) -> Fallible<String> {
    let parts = page.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.ok_or("the page has no place for tables")?;
    Ok(format!("{before}{begin}\n{tables}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_take_the_place_of_those_before_and_nothing_else_changes() {
        let (begin, end) = RACES;
        let page = format!("# Races\n{begin}\nold\n{end}\nmore\n");
        let written = between(&page, RACES, "new\n\n").unwrap();
        assert_eq!(written, format!("# Races\n{begin}\nnew\n\n{end}\nmore\n"));
        assert_eq!(between(&written, RACES, "new\n\n").unwrap(), written);
        assert!(between(&page, TORTURE, "new").is_err());
    }

    #[test]
    fn the_page_of_the_documentation_has_its_places_and_every_race_a_title() {
        let page = include_str!("../../../docs/races.md");
        assert!(between(page, RACES, "").and_then(|page| between(&page, TORTURE, "")).is_ok());
        for (title, name) in TITLES.iter().zip(SCENARIOS) {
            let scenario: Scenario = name.parse().unwrap();
            assert_eq!(title.contains("kills"), scenario.kills > 0, "{name}");
            assert_eq!(title.contains("dropped"), scenario.drops_per_mille > 0, "{name}");
            assert_eq!(title.contains("machines"), scenario.machines > 1, "{name}");
        }
    }
}
