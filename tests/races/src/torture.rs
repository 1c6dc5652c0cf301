//! The torture: the house's contestants under kills, lost answers and restarts, and what has to hold then; and before it the
//! same processes in peace.

use grantry_races::{Contestant, Fallible, Report, Scenario, race};

use crate::command_line::Torture;
use crate::contestants::named_by;
use crate::{print, tell_oddities};

/// How many workers are killed in all, unless it is said; and in the quick one.
const KILLS: usize = 500;
const QUICK_KILLS: usize = 120;

/// Kills each second: fewer than could be started again by two cores.
const KILLS_PER_SECOND: usize = 3;

/// A race has to show takeovers, and they take some seconds.
const SHORTEST: usize = 12;

const STORES: [&str; 3] = ["grantry-sqlite", "grantry-postgres", "grantry-redis"];
const SERVERS: [&str; 3] = ["strict-revoke", "grace-same", "oidc-provider"];

/// Runs every race, prints the table, and says what did not hold.
///
/// # Errors
/// A grant was lost that did not have to be, a worker misbehaved, or a race could not be run.
pub(crate) async fn torture(options: &Torture, seed: u64) -> Fallible<()> {
    let (stores, servers) =
        if options.quick { (&STORES[..2], &SERVERS[..2]) } else { (&STORES[..], &SERVERS[..]) };
    let kills = options.kills.unwrap_or(if options.quick { QUICK_KILLS } else { KILLS });
    let each = kills.div_ceil(stores.len() * servers.len());
    let mut complaints = Vec::new();
    // The quick one is a part of the test command, where other tests look at calm replicas.
    let calm = servers.iter().filter(|_| !options.quick).map(|server| (*server, 0));
    for (server, each) in calm.chain(servers.iter().map(|server| (*server, each))) {
        let mut reports = Vec::new();
        let mut shown = String::new();
        for store in stores {
            let contestant = named_by(store)?;
            let scenario = if each == 0 { in_peace(server)? } else { scenario(&contestant, server, each)? };
            shown = scenario.to_string();
            let report = race(&contestant, &scenario, seed).await?;
            tell_oddities(&report)?;
            complaints.extend(complaints_of(&report, &scenario));
            reports.push(report);
        }
        print(&format!("### {shown}\n\nSeed {seed}.\n\n{}\n", Report::table(&reports)))?;
        for report in &reports {
            for loss in &report.losses {
                print(&format!("* {}: {loss}\n", report.contestant))?;
            }
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// As many processes, each with several callers, and nothing that goes wrong.
fn in_peace(server: &str) -> Fallible<Scenario> {
    Ok(format!("{server} 8 processes 4 callers {SHORTEST} s").parse()?)
}

fn scenario(contestant: &Contestant, server: &str, kills: usize) -> Fallible<Scenario> {
    let seconds = (kills / KILLS_PER_SECOND).max(SHORTEST);
    let restarts = if contestant.database.is_some() { 2 } else { 0 };
    // Where nothing is forgiven each of them costs a grant, and what is lost is tortured no more.
    let drops = if server.starts_with("grace") { 2 } else { 1 };
    let words = format!(
        "{server} 8 processes 1 caller {seconds} s {kills} kills {restarts} restarts {drops} % drops"
    );
    Ok(words.parse()?)
}

/// What did not hold in a race.
fn complaints_of(report: &Report, scenario: &Scenario) -> Vec<String> {
    let mut complaints = Vec::new();
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
    use super::*;

    #[test]
    fn a_forgiving_server_excuses_nothing_and_a_strict_one_what_is_explained() {
        let lost = |explained| {
            let mut report = Report::default();
            (report.grants_lost, report.presented) = (1, 1);
            (report.lost_by_kill, report.lost_unexplained) = if explained { (1, 0) } else { (0, 1) };
            report
        };
        let complaints =
            |server: &str, report: &Report| complaints_of(report, &server.parse().unwrap()).len();
        assert_eq!(complaints("strict-revoke", &lost(true)), 0);
        assert_eq!(complaints("strict-revoke", &lost(false)), 1);
        assert_eq!(complaints("grace-same", &lost(true)), 1);
        assert_eq!(complaints("strict-revoke 2 kills", &lost(true)), 1, "none of the kills happened");
    }

    #[test]
    fn in_peace_one_request_too_many_is_one_too_many() {
        let report = |requests| {
            let mut report = Report::default();
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
        assert!(complaints_of(&report(4), &dropped).is_empty());
    }

    #[test]
    fn stores_on_a_server_of_their_own_have_it_restarted() {
        let restarts = |name: &str| {
            scenario(&named_by(name).unwrap(), "grace-same", 30).map(|race| race.restarts).unwrap()
        };
        assert_eq!((restarts("grantry-sqlite"), restarts("grantry-redis")), (0, 2));
    }
}
