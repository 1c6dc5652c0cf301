//! The torture: the house's contestants under kills, lost answers and restarts, and what has to hold then; and before it the
//! same processes in peace.

use grantry_races::{Contestant, Fallible, Report, Scenario};

use crate::command_line::Torture;
use crate::contestants::named_by;
use crate::programme::{Planned, Programme};
use crate::results::Results;
use crate::{print, staging};

/// How many workers are killed in all, unless it is said; and in the quick one.
const KILLS: usize = 500;
const QUICK_KILLS: usize = 120;

/// Kills each second: fewer than could be started again by two cores.
const KILLS_PER_SECOND: usize = 3;

/// A race has to show takeovers, and they take some seconds.
const SHORTEST: usize = 12;

/// How long a request takes where it may be hit without a loss, in milliseconds: so long that many are. What a grant is lost by
/// has to be short.
const FORGIVEN_LATENCY: u32 = 200;

/// How long the races in peace last: two expiries of each grant. Their tokens live longer than others, so that a machine that has
/// other work does not look like a needless request.
const PEACE: usize = 12;

const SQLITE: &str = "grantry-sqlite";
const POSTGRES: &str = "grantry-postgres";
const REDIS: &str = "grantry-redis";

/// On which stores which server is asked.
type Plan = &'static [(&'static str, &'static [&'static str])];

pub(crate) const ALL: &[&str] = &[SQLITE, POSTGRES, REDIS];
const WHOLE: Plan = &[
    ("strict-revoke", ALL),
    ("grace-same", ALL),
    ("grace-reissue", ALL),
    ("keep-old", ALL),
    ("oidc-provider", ALL),
];

/// Each store and each kind of server once at least.
const QUICK: Plan = &[
    ("strict-revoke", &[POSTGRES]),
    ("grace-same", &[SQLITE]),
    ("grace-reissue", &[REDIS]),
    ("oidc-provider", &[SQLITE]),
];
const QUICK_IN_PEACE: Plan = &[("strict-revoke", &[SQLITE, POSTGRES])];

/// What was measured, and what did not hold.
#[derive(Debug, Default)]
pub(crate) struct Ordeal {
    in_peace: Vec<Report>,
    under_kills: Vec<Report>,
    pub(crate) complaints: Vec<String>,
}

/// Runs every race, prints the tables, and says what did not hold.
///
/// # Errors
/// A grant was lost that did not have to be, a worker misbehaved, or a race could not be run.
pub(crate) async fn torture(options: &Torture, seed: u64) -> Fallible<()> {
    let races = plan(options, seed)?;
    let mut programme = Programme::new(&races.concat(), Results::default())?;
    let ordeal = undergo(&races, &mut programme).await?;
    print(&format!("Seed {seed}.\n\n{}", ordeal.tables()))?;
    if ordeal.complaints.is_empty() { Ok(()) } else { Err(ordeal.complaints.join("\n").into()) }
}

/// Which races these are: those in peace, and those under kills.
///
/// # Errors
/// This program is nowhere.
pub(crate) fn plan(options: &Torture, seed: u64) -> Fallible<[Vec<Planned>; 2]> {
    let (calm, plan, kills) =
        if options.quick { (QUICK_IN_PEACE, QUICK, QUICK_KILLS) } else { (WHOLE, WHOLE, KILLS) };
    let kills = options.kills.unwrap_or(kills);
    let each = kills.div_ceil(plan.iter().map(|(_, stores)| stores.len()).sum());
    let planned = |(server, store), kills: Option<usize>| {
        let contestant = named_by(store)?;
        let scenario = match kills {
            Some(kills) => scenario(&contestant, server, kills)?,
            None => in_peace(server)?,
        };
        Ok(Planned { contestant, scenario, seed })
    };
    let in_peace = pairs(calm).map(|pair| planned(pair, None)).collect::<Fallible<_>>()?;
    let under_kills = pairs(plan).map(|pair| planned(pair, Some(each))).collect::<Fallible<_>>()?;
    Ok([in_peace, under_kills])
}

/// Runs every race, and tells of each loss as it comes.
///
/// # Errors
/// A race could not be run.
pub(crate) async fn undergo(
    [in_peace, under_kills]: &[Vec<Planned>; 2],
    programme: &mut Programme,
) -> Fallible<Ordeal> {
    let mut ordeal = Ordeal::default();
    for planned in in_peace {
        let report = ordeal.race(planned, programme).await?;
        ordeal.in_peace.push(report);
    }
    for planned in under_kills {
        let report = ordeal.race(planned, programme).await?;
        ordeal.under_kills.push(report);
    }
    let mut servers: Vec<Scenario> = Vec::new();
    for Planned { scenario, .. } in under_kills {
        if servers.iter().any(|known| known.server == scenario.server) {
            continue;
        }
        servers.push(*scenario);
        let of_server = under_kills.iter().zip(&ordeal.under_kills);
        let of_server = of_server.filter(|(planned, _)| planned.scenario.server == scenario.server);
        let complaint = staging::none_hit(scenario, of_server.map(|(_, report)| report));
        ordeal.complaints.extend(complaint);
    }
    Ok(ordeal)
}

fn pairs(plan: Plan) -> impl Iterator<Item = (&'static str, &'static str)> {
    plan.iter().flat_map(|(server, stores)| stores.iter().map(move |store| (*server, *store)))
}

impl Ordeal {
    async fn race(&mut self, planned: &Planned, programme: &mut Programme) -> Fallible<Report> {
        let report = programme.race(planned).await?;
        let Planned { contestant, scenario, .. } = planned;
        self.complaints.extend(complaints_of(&report, scenario));
        let losses = report.losses.iter().map(|loss| format!("* {loss}\n"));
        let losses: String = losses.collect();
        print(&format!("{}, {scenario}: {} lost\n{losses}\n", contestant.name, report.grants_lost))?;
        Ok(report)
    }

    /// In peace, under kills, and how long it took to keep what came.
    pub(crate) fn tables(&self) -> String {
        [Report::peace(&self.in_peace), Report::torture(&self.under_kills), Report::kept(&self.under_kills)]
            .join("\n")
    }
}

/// As many processes, each with several callers, and nothing that goes wrong.
fn in_peace(server: &str) -> Fallible<Scenario> {
    Ok(format!("{server} 8 processes 4 callers 5 s tokens {PEACE} s").parse()?)
}

fn scenario(contestant: &Contestant, server: &str, kills: usize) -> Fallible<Scenario> {
    let seconds = (kills / KILLS_PER_SECOND).max(SHORTEST);
    let restarts = if contestant.database.is_some() { 2 } else { 0 };
    let plain: Scenario = server.parse()?;
    // Where nothing is forgiven each of them costs a grant, and what is lost is tortured no more.
    let (drops, latency) =
        if plain.server.forgives() { (2, FORGIVEN_LATENCY.into()) } else { (1, plain.latency.as_millis()) };
    let words = format!(
        "{server} 8 processes 1 caller {latency} ms latency {seconds} s {kills} kills {restarts} restarts {drops} % drops"
    );
    Ok(words.parse()?)
}

/// What did not hold in a race.
fn complaints_of(report: &Report, scenario: &Scenario) -> Vec<String> {
    let mut complaints = staging::complaints_of(report, scenario);
    let mut complain =
        |what: String| complaints.push(format!("{} in {}: {what}", report.contestant, report.scenario));
    if scenario.server.forgives() && report.grants_lost > 0 {
        complain(format!("{} grants lost on a server that forgives", report.grants_lost));
    }
    if report.lost_unexplained > 0 {
        complain(format!(
            "{} grants lost that no kill and no dropped answer explains",
            report.lost_unexplained
        ));
    }
    if report.misbehaved > 0 {
        complain(format!("{} workers ended by themselves, or not at all", report.misbehaved));
    }
    if report.kills != u64::try_from(scenario.kills).unwrap_or(u64::MAX) {
        complain(format!("{} kills of {}", report.kills, scenario.kills));
    }
    if report.keeping.is_none_or(|keeping| keeping.answers == 0) {
        complain("no worker kept an account".to_owned());
    }
    if report.presented == 0 {
        complain("nobody got anything".to_owned());
    }
    let is_calm = scenario.kills == 0 && scenario.restarts == 0 && scenario.drops_per_mille == 0;
    if is_calm && report.requests_at_expiries != report.expiries {
        let (requests, expiries) = (report.requests_at_expiries, report.expiries);
        let needless = report.needless_requests;
        complain(format!(
            "{requests} token requests for {expiries} expiries, {needless} of them long before, and nothing went wrong"
        ));
    }
    if is_calm && report.expiries < report.fewest_expiries {
        let (expiries, fewest) = (report.expiries, report.fewest_expiries);
        complain(format!("{expiries} expiries, where there are {fewest} at least"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use grantry_races::Keeping;

    use super::*;

    /// Of workers that keep accounts.
    fn told() -> Report {
        let (mut report, mut keeping) = (Report::default(), Keeping::default());
        keeping.answers = 1;
        report.keeping = Some(keeping);
        report
    }

    #[test]
    fn a_forgiving_server_excuses_nothing_and_a_strict_one_what_is_explained() {
        let lost = |explained| {
            let mut report = told();
            (report.grants_lost, report.presented) = (1, 1);
            (report.lost_by_kill, report.lost_unexplained) = if explained { (1, 0) } else { (0, 1) };
            report
        };
        let complaints =
            |server: &str, report: &Report| complaints_of(report, &server.parse().unwrap()).len();
        assert_eq!(complaints("strict-revoke", &lost(true)), 0);
        assert_eq!(complaints("strict-revoke", &lost(false)), 1);
        assert_eq!(complaints("grace-same", &lost(true)), 1);
        let mut silent = lost(true);
        silent.keeping = None;
        assert_eq!(complaints("strict-revoke", &silent), 1, "nobody has told");
        assert_eq!(complaints("strict-revoke 2 kills", &lost(true)), 1, "none of the kills happened");
    }

    #[test]
    fn in_peace_one_request_too_many_is_one_too_many() {
        let report = |requests| {
            let mut report = told();
            (report.presented, report.expiries, report.fewest_expiries) = (1, 3, 3);
            report.requests_at_expiries = requests;
            report
        };
        let calm = in_peace("strict-revoke").unwrap();
        assert!(complaints_of(&report(3), &calm).is_empty());
        assert_eq!(complaints_of(&report(4), &calm).len(), 1);
        assert_eq!(complaints_of(&report(2), &calm).len(), 1);
        let mut idle = report(3);
        idle.fewest_expiries = 4;
        assert_eq!(complaints_of(&idle, &calm).len(), 1, "hardly anybody has renewed");
        let dropped: Scenario = "grace-same 2 % drops".parse().unwrap();
        let mut report = report(4);
        report.answers_dropped = 1;
        assert!(complaints_of(&report, &dropped).is_empty());
    }

    #[test]
    fn the_whole_is_on_every_kind_of_server_and_the_quick_one_on_every_store() {
        let servers = |plan| pairs(plan).map(|(server, _)| server).collect::<HashSet<_>>();
        let stores = |plan| pairs(plan).map(|(_, store)| store).collect::<HashSet<_>>();
        assert_eq!((pairs(WHOLE).count(), servers(WHOLE).len()), (15, 5));
        assert_eq!((stores(QUICK).len(), servers(QUICK).len()), (ALL.len(), 4));
        for (server, store) in pairs(WHOLE).chain(pairs(QUICK)).chain(pairs(QUICK_IN_PEACE)) {
            assert!(scenario(&named_by(store).unwrap(), server, 1).is_ok(), "{server} {store}");
        }
    }

    #[test]
    fn what_was_planned_and_did_not_happen_is_complained_of() {
        let redis = scenario(&named_by(REDIS).unwrap(), "grace-same", 0).unwrap();
        let mut report = told();
        (report.presented, report.restarts, report.answers_dropped) = (1, 2, 4);
        report.token_requests = 200;
        assert_eq!(complaints_of(&report, &redis), [""; 0]);
        (report.restarts, report.answers_dropped) = (1, 3);
        assert_eq!(complaints_of(&report, &redis).len(), 2);
    }

    #[test]
    fn requests_are_long_under_way_where_a_kill_costs_nothing() {
        let latency = |server: &str| {
            let race = scenario(&named_by(SQLITE).unwrap(), server, 30).unwrap();
            race.latency.as_millis()
        };
        assert_eq!((latency("keep-old"), latency("strict-revoke"), latency("oidc-provider")), (200, 10, 10));
    }

    #[test]
    fn stores_on_a_server_of_their_own_have_it_restarted() {
        let restarts = |name: &str| {
            scenario(&named_by(name).unwrap(), "grace-same", 30).map(|race| race.restarts).unwrap()
        };
        assert_eq!((restarts("grantry-sqlite"), restarts("grantry-redis")), (0, 2));
    }
}
