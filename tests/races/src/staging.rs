//! Whether what was to go wrong did: a race in which nothing was hit shows nothing.

use grantry_races::{Report, Scenario};

/// What the driver had to do in a race and did not.
pub(crate) fn complaints_of(report: &Report, scenario: &Scenario) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain =
        |what: String| complaints.push(format!("{} in {}: {what}", report.contestant, report.scenario));
    let restarts = u64::try_from(scenario.restarts).unwrap_or(u64::MAX);
    if report.restarts != restarts {
        complain(format!("{} restarts of {restarts}", report.restarts));
    }
    // There is one among every so many requests, and the last of those may not have come.
    let drops = (report.token_requests * u64::from(scenario.drops_per_mille) / 1_000).max(1);
    if scenario.drops_per_mille > 0 && report.answers_dropped < drops {
        complain(format!("{} answers dropped of {drops} at least", report.answers_dropped));
    }
    complaints
}

/// Said of all races on one server: where it forgives, that not one of all kills hit a request that was under way. Where it
/// does not, each loss has to be explained anyway.
pub(crate) fn none_hit<'a>(
    scenario: &Scenario,
    reports: impl IntoIterator<Item = &'a Report>,
) -> Option<String> {
    let (mut kills, mut hit) = (0, 0);
    for report in reports {
        kills += report.kills;
        hit += report.kills_in_flight;
    }
    let has_shown_nothing = scenario.server.forgives() && kills > 0 && hit == 0;
    has_shown_nothing.then(|| {
        let server = scenario.to_string();
        let server = server.split(' ').next().unwrap_or_default();
        format!("{server}: none of {kills} kills hit a request under way")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(scenario: &str, restarts: u64, dropped: u64, requests: u64) -> usize {
        let mut report = Report::default();
        (report.restarts, report.answers_dropped, report.token_requests) = (restarts, dropped, requests);
        complaints_of(&report, &scenario.parse().unwrap()).len()
    }

    #[test]
    fn each_restart_of_the_plan_has_to_happen() {
        assert_eq!(complaints("strict 2 restarts", 2, 0, 0), 0);
        assert_eq!(complaints("strict 2 restarts", 1, 0, 0), 1);
        assert_eq!(complaints("strict", 0, 0, 0), 0);
        assert_eq!(complaints("strict", 1, 0, 0), 1);
    }

    #[test]
    fn as_many_answers_as_planned_have_to_be_dropped_and_one_at_least() {
        assert_eq!(complaints("strict 2 % drops", 0, 4, 249), 0);
        assert_eq!(complaints("strict 2 % drops", 0, 3, 249), 1);
        assert_eq!(complaints("strict 2 % drops", 0, 5, 249), 0, "that of the requests after the 200th");
        assert_eq!(complaints("strict 1 % drops", 0, 0, 99), 1, "a race that shows nothing");
        assert_eq!(complaints("strict", 0, 0, 249), 0);
    }

    #[test]
    fn a_server_that_forgives_has_to_be_hit_once_in_all_of_its_races() {
        let race = |kills, hit| {
            let mut report = Report::default();
            (report.kills, report.kills_in_flight) = (kills, hit);
            report
        };
        let none_hit = |server: &str, races: &[Report]| none_hit(&server.parse().unwrap(), races);
        let complaint = none_hit("grace-same", &[race(3, 0), race(4, 0)]).unwrap();
        assert!(complaint.contains("grace-same") && complaint.contains('7'), "{complaint}");
        assert_eq!(none_hit("grace-same", &[race(3, 0), race(4, 1)]), None);
        assert_eq!(none_hit("strict", &[race(3, 0)]), None);
        assert_eq!(none_hit("grace-same", &[race(0, 0)]), None);
    }
}
