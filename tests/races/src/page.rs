//! The tables of `docs/races.md`: every contestant in every race, and the torture, all in one go.

use std::path::Path;
use std::time::Duration;

use grantry_races::{Contestant, Fallible, Report, SCENARIOS, Scenario};

use crate::command_line::{Options, Page, Torture};
use crate::contestants::contestants;
use crate::programme::{Planned, Programme};
use crate::results::Results;
use crate::{print, staging, torture};

/// What stands before and behind the places for tables: all races in one, each of them, and those of the torture.
const MATRIX: (&str, &str) = ("<!-- matrix -->\n", "<!-- end of matrix -->\n");
const RACES: (&str, &str) = ("<!-- races -->\n", "<!-- end of races -->\n");
const TORTURE: (&str, &str) = ("<!-- torture -->\n", "<!-- end of torture -->\n");

/// How long a short race lasts in which nothing goes wrong: three lives of a token.
const SHORT: Duration = Duration::from_secs(6);

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

/// The same, as the heads of columns.
const HEADS: [&str; 9] = [
    "`strict-revoke`",
    "`strict`",
    "`grace-same`",
    "`keep-old`",
    "`oidc-provider`",
    "`strict-revoke`, kills",
    "`grace-same`, kills, drops",
    "`strict-revoke`, drops",
    "`strict-revoke`, machines",
];

/// Races, prints each table as soon as it is there, and puts all of them into the page.
///
/// # Errors
/// A race could not be run, the page has no place for tables, the torture has found something, or what was to go wrong did not: then
/// the tables are there.
pub(crate) async fn write(page: &Page) -> Fallible<()> {
    let path = Path::new(&page.into);
    // Before an hour of races.
    let old = std::fs::read_to_string(path)?;
    filled(&old, "", "", "")?;
    let everybody = everybody(&page.peers)?;
    let scenarios = scenarios(page.short)?;
    let races: Vec<Vec<Planned>> =
        scenarios.iter().map(|scenario| planned(&everybody, scenario, &page.seeds)).collect();
    let torture = Torture { kills: page.kills, ..Torture::default() };
    let seed = page.seeds.first().copied().unwrap_or_default();
    let tortures = torture::plan(&torture, seed)?;
    let mut programme =
        Programme::new(&[races.concat(), tortures.concat()].concat(), results(page, &everybody)?)?;
    let (mut text, mut all, mut complaints) = (String::new(), Vec::new(), Vec::new());
    for ((title, head), (scenario, races)) in TITLES.iter().zip(HEADS).zip(scenarios.iter().zip(&races)) {
        let reports = run(races, &mut programme).await?;
        let table = format!("### {title}\n\n{}", told(scenario, &page.seeds, &reports));
        print(&table)?;
        text += &table;
        complaints.extend(reports.iter().flat_map(|report| staging::complaints_of(report, scenario)));
        complaints.extend(staging::none_hit(scenario, &reports));
        all.push((head, reports));
    }
    let matrix = format!("{}\n", Report::matrix(&all));
    print(&matrix)?;
    let ordeal = torture::undergo(&tortures, &mut programme).await?;
    let tortured = format!("Seed {seed}.\n\n{}\n", ordeal.tables());
    print(&tortured)?;
    let old = std::fs::read_to_string(path)?;
    std::fs::write(path, filled(&old, &matrix, &text, &tortured)?)?;
    complaints.extend(ordeal.complaints);
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// A table of all contestants in one scenario.
pub(crate) async fn compare(
    everybody: &[Contestant],
    scenario: &Scenario,
    seeds: &[u64],
) -> Fallible<String> {
    let races = planned(everybody, scenario, seeds);
    let mut programme = Programme::new(&races, Results::default())?;
    Ok(told(scenario, seeds, &run(&races, &mut programme).await?))
}

/// The careless one, the peers, and the house's own.
fn everybody(peers: &str) -> Fallible<Vec<Contestant>> {
    let options = |names: &[&str], peers| Options {
        contestants: names.iter().map(|name| (*name).to_owned()).collect(),
        peers,
        ..Options::default()
    };
    let theirs = contestants(&options(&["naive"], Some(peers.to_owned())))?;
    let ours = contestants(&options(torture::ALL, None))?;
    Ok([theirs, ours].concat())
}

/// Those of the documentation; the short ones end sooner where nothing goes wrong.
fn scenarios(short: bool) -> Fallible<Vec<Scenario>> {
    let mut scenarios = SCENARIOS.iter().map(|name| name.parse()).collect::<Result<Vec<Scenario>, _>>()?;
    for scenario in scenarios.iter_mut().filter(|scenario| short && is_calm(scenario)) {
        scenario.lasts = SHORT;
    }
    Ok(scenarios)
}

/// Of this run, or those of the one before and what is missing there.
fn results(page: &Page, everybody: &[Contestant]) -> Fallible<Results> {
    let path = Path::new(&page.results);
    if page.resume {
        let programs = everybody.iter().filter_map(|contestant| contestant.command.first());
        Results::resume(path, &programs.map(Path::new).collect::<Vec<_>>())
    } else {
        Results::begin(path)
    }
}

/// Whether nothing goes wrong.
fn is_calm(scenario: &Scenario) -> bool {
    scenario.kills == 0 && scenario.drops_per_mille == 0
}

/// Where nothing goes wrong there is nothing that comes of a seed but the tokens, so one will do.
fn seeds_for<'a>(scenario: &Scenario, seeds: &'a [u64]) -> &'a [u64] {
    seeds.get(..1).filter(|_| is_calm(scenario)).unwrap_or(seeds)
}

/// One seed after the other, so that nobody has a quieter hour than the others.
fn planned(everybody: &[Contestant], scenario: &Scenario, seeds: &[u64]) -> Vec<Planned> {
    let planned = |(seed, contestant): (u64, &Contestant)| Planned {
        contestant: contestant.clone(),
        scenario: *scenario,
        seed,
    };
    let seeds = seeds_for(scenario, seeds).iter();
    seeds.flat_map(|seed| everybody.iter().map(|contestant| (*seed, contestant))).map(planned).collect()
}

async fn run(races: &[Planned], programme: &mut Programme) -> Fallible<Vec<Report>> {
    let mut reports = Vec::new();
    for planned in races {
        reports.push(programme.race(planned).await?);
    }
    Ok(reports)
}

fn told(scenario: &Scenario, seeds: &[u64], reports: &[Report]) -> String {
    let seeds: Vec<String> = seeds_for(scenario, seeds).iter().map(u64::to_string).collect();
    let seeds = format!("seed{} {}", if seeds.len() == 1 { "" } else { "s" }, seeds.join(", "));
    let mut text = format!("`{scenario}`; {seeds}.\n\n{}\n", Report::comparison(reports));
    let tell = reports.iter().filter(|report| scenario.kills > 0 && report.keeping.is_some());
    let tell: Vec<Report> = tell.cloned().collect();
    if !tell.is_empty() {
        text += &format!("{}\n", Report::kept(&tell));
    }
    text
}

/// The page with other tables in all of its places.
fn filled(page: &str, matrix: &str, races: &str, torture: &str) -> Fallible<String> {
    between(&between(&between(page, MATRIX, matrix)?, RACES, races)?, TORTURE, torture)
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
    fn only_races_in_which_nothing_goes_wrong_are_shortened_and_one_seed_does_for_them() {
        for (whole, short) in scenarios(false).unwrap().iter().zip(scenarios(true).unwrap()) {
            assert_eq!(short.lasts, if is_calm(whole) { SHORT } else { whole.lasts }, "{whole}");
            assert_eq!(Scenario { lasts: whole.lasts, ..short }, *whole);
            let races = planned(&everybody("peers").unwrap(), whole, &[4, 5]);
            let seeds: Vec<u64> = races.iter().map(|race| race.seed).collect();
            assert_eq!(seeds.len(), if is_calm(whole) { 9 } else { 18 }, "{whole}");
            assert!(seeds[..9].iter().all(|seed| *seed == 4) && seeds[9..].iter().all(|seed| *seed == 5));
        }
    }

    #[test]
    fn the_page_of_the_documentation_has_its_places_and_every_race_a_title() {
        let page = include_str!("../../../docs/races.md");
        assert!(filled(page, "", "", "").is_ok());
        for ((title, head), name) in TITLES.iter().zip(HEADS).zip(SCENARIOS) {
            let scenario: Scenario = name.parse().unwrap();
            let server = name.split(' ').next().unwrap_or_default();
            assert!(head.starts_with(&format!("`{server}`")), "{head} {name}");
            assert_eq!(head.contains("kills"), scenario.kills > 0, "{head} {name}");
            assert_eq!(head.contains("drops"), scenario.drops_per_mille > 0, "{head} {name}");
            assert_eq!(head.contains("machines"), scenario.machines > 1, "{head} {name}");
            assert_eq!(title.contains("kills"), scenario.kills > 0, "{name}");
            assert_eq!(title.contains("dropped"), scenario.drops_per_mille > 0, "{name}");
            assert_eq!(title.contains("machines"), scenario.machines > 1, "{name}");
        }
    }
}
