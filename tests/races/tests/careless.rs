//! Short races of the careless worker: the driver sees what is lost, and sees nothing where nothing is.

use grantry_races::{Contestant, Fallible, Report, Scenario, race};

async fn careless(scenario: &str) -> Fallible<Report> {
    let program = env!("CARGO_BIN_EXE_races").to_owned();
    let contestant =
        Contestant { name: "careless".into(), command: vec![program, "worker-naive".into()], database: None };
    let scenario: Scenario = scenario.parse()?;
    let report = race(&contestant, &scenario, 7).await?;
    assert_eq!(report.misbehaved, 0, "{report:?}");
    Ok(report)
}

#[tokio::test(flavor = "multi_thread")]
async fn careless_processes_lose_grants_on_a_strict_server_and_the_driver_sees_it() {
    let report =
        careless("strict-revoke 4 processes 2 callers 6 grants 1 s tokens 100 ms latency 3 s").await.unwrap();
    assert!(report.grants_lost > 0 && report.grants_lost <= 6, "{report:?}");
    assert!(report.families_revoked > 0 && report.families_revoked <= report.grants_lost, "{report:?}");
    assert!(report.consumed_uses > 0 && report.requests_per_expiry > 1.0, "{report:?}");
    assert!(report.caller_errors > 0 && !report.errors.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_careless_process_with_one_caller_loses_nothing() {
    let report =
        careless("strict-revoke 1 process 1 caller 3 grants 1 s tokens 0 ms latency 4 s").await.unwrap();
    assert_eq!((report.grants_lost, report.consumed_uses, report.refusals), (0, 0, 0), "{report:?}");
    assert_eq!((report.kills, report.answers_dropped), (0, 0));
    assert!(report.token_requests >= 3 && report.presented > 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_lose_grants_without_any_race_where_the_server_is_strict() {
    let report =
        careless("strict-revoke 1 process 1 caller 3 grants 1 s tokens 0 ms latency 4 s 100 % drops")
            .await
            .unwrap();
    assert_eq!((report.grants_lost, report.presented), (3, 0), "{report:?}");
    assert_eq!(report.answers_dropped, report.token_requests, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kill_of_the_plan_happens_and_the_race_goes_on() {
    let report =
        careless("keep-old 2 processes 1 caller 2 grants 1 s tokens 5 ms latency 2 s 5 kills").await.unwrap();
    assert_eq!(report.kills, 5, "{report:?}");
    assert!(report.kills_in_flight <= 5 && report.presented > 0, "{report:?}");
}

/// A lock in a file is on one machine: nothing that is kept there alone is enough.
#[tokio::test(flavor = "multi_thread")]
async fn one_careless_process_on_each_of_two_machines_loses_grants() {
    let report =
        careless("strict-revoke 2 processes 2 machines 1 caller 3 grants 1 s tokens 0 ms latency 4 s")
            .await
            .unwrap();
    assert!(report.grants_lost > 0 && report.families_revoked > 0, "{report:?}");
}
