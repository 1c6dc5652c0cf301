//! Sinks that fail, hang, panic and come back.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(2);

fn with(sinks: &[&Arc<Scripted>]) -> AuditLogBuilder {
    sinks.iter().fold(builder(), |builder, sink| builder.sink(Arc::clone(sink)))
}

fn stages(sink: &Scripted) -> Vec<&'static str> {
    sink.lines().iter().map(AuditLine::stage).collect()
}

/// The lines, each once, as a store that names them by number keeps them.
fn once(sink: &Scripted) -> Vec<AuditLine> {
    let lines: std::collections::BTreeMap<_, _> =
        sink.lines().into_iter().map(|line| (line.seq(), line)).collect();
    lines.into_values().collect()
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_refuses_the_intent_within_the_patience() {
    let sink = Scripted::new(vec![], Act::Hang);
    let log = with(&[&sink]).build().unwrap();
    let answer = timeout(PATIENCE + Duration::from_millis(10), log.intent(intent("a"))).await;
    assert!(matches!(answer, Ok(Err(AuditError::Unavailable(_)))), "{answer:?}");
    // It comes back; the log says how the attempt ended.
    sink.then(Act::Take);
    tokio::time::sleep(Duration::from_secs(11)).await;
    log.intent(intent("b").denied("no_role")).await.unwrap();
    let report = Verifier::new(root()).verify(&sink.lines());
    assert!(report.is_intact() && report.orphans().is_empty(), "{report:?}");
    assert!(sink.lines().iter().any(|line| line.to_json().contains("audit_unavailable")));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_and_recovers_needs_no_restart() {
    let sink = Scripted::new(vec![], Act::Fail(0));
    let log = with(&[&sink]).build().unwrap();
    assert!(log.intent(intent("a")).await.unwrap_err().is_passing());
    let health = log.health();
    assert!(health.sinks[0].failing_since.is_some() && health.sinks[0].failures > 1);
    assert_eq!((health.written, health.waiting, health.outcomes_waiting), (0, 3, 1));
    sink.then(Act::Take);
    tokio::time::sleep(Duration::from_secs(6)).await;
    log.intent(intent("b")).await.unwrap();
    let health = log.health();
    assert_eq!((health.written, health.waiting, health.sinks[0].failing_since), (4, 0, None));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_never_lost_while_the_sink_is_down() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = with(&[&sink]).build().unwrap();
    let mut attempts = Vec::new();
    for _ in 0..100 {
        attempts.push(log.intent(intent("a")).await.unwrap());
    }
    sink.then(Act::Fail(1));
    for attempt in attempts {
        log.outcome(attempt, Outcome::ok());
    }
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(log.health().outcomes_waiting, 100);
    sink.then(Act::Take);
    tokio::time::sleep(Duration::from_secs(6)).await;
    log.close().await.unwrap();
    let report = Verifier::new(root()).verify(&sink.lines());
    assert!(report.is_intact() && report.orphans().is_empty(), "{report:?}");
    assert_eq!(report.writers().next().unwrap().1.outcomes, 100);
    assert!(report.repeated() > 100);
}

#[tokio::test(start_paused = true)]
async fn when_too_much_waits_intents_are_refused_and_outcomes_are_not() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = with(&[&sink]).capacity(4).build().unwrap();
    let attempt = log.intent(intent("a")).await.unwrap();
    sink.then(Act::Fail(0));
    for _ in 0..10 {
        log.outcome(attempt, Outcome::unknown());
    }
    assert_eq!(log.intent(intent("b")).await, Err(AuditError::Full));
    assert_eq!(log.health().outcomes_waiting, 10);
    sink.then(Act::Take);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(stages(&sink).iter().filter(|stage| **stage == "outcome").count(), 10);
    log.intent(intent("b")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_durable_sink_is_enough_and_the_other_gets_its_lines_later() {
    let (up, down) = (Scripted::new(vec![], Act::Take), Scripted::new(vec![], Act::Hang));
    let log = with(&[&down, &up]).build().unwrap();
    let answer = timeout(Duration::from_millis(10), log.intent(intent("a"))).await;
    let attempt = answer.unwrap().unwrap();
    log.outcome(attempt, Outcome::ok());
    down.then(Act::Take);
    tokio::time::sleep(Duration::from_secs(11)).await;
    log.close().await.unwrap();
    assert_eq!(once(&down), once(&up));
    assert!(Verifier::new(root()).verify(&down.lines()).is_intact());
}

#[tokio::test(start_paused = true)]
async fn a_sink_too_far_behind_loses_only_what_another_has() {
    let (up, down) = (Scripted::new(vec![], Act::Take), Scripted::new(vec![], Act::Fail(0)));
    let log = with(&[&down, &up]).capacity(8).build().unwrap();
    for _ in 0..20 {
        log.intent(intent("a").denied("no_role")).await.unwrap();
    }
    let health = log.health();
    assert_eq!((health.sinks[0].waiting, health.sinks[0].given_up, health.waiting), (8, 13, 0));
    // Now both are down, and nothing more is given up.
    up.then(Act::Fail(0));
    for nth in 0..20 {
        let of_another = AttemptId::new(WriterId::from_bytes([9; 16]), nth);
        log.outcome(of_another, Outcome::unknown());
    }
    let health = log.health();
    assert_eq!(health.outcomes_waiting, 20);
    assert_eq!(health.sinks[0].waiting, 20);
    down.then(Act::Take);
    up.then(Act::Take);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(log.flush().await.is_ok());
    assert!(Verifier::new(root()).verify(&up.lines()).is_intact());
    let gap = Verifier::new(root()).verify(&down.lines()).first_break().cloned().unwrap();
    assert_eq!((gap.kind, gap.seq), (BreakKind::Missing, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_sink_costs_one_attempt() {
    let sink = Scripted::new(vec![Act::Panic], Act::Take);
    let log = with(&[&sink]).build().unwrap();
    assert!(log.intent(intent("a")).await.is_err());
    log.intent(intent("b").denied("no_role")).await.unwrap();
    let report = Verifier::new(root()).verify(&sink.lines());
    assert!(report.is_intact() && report.orphans().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_intent_whose_future_is_dropped_has_ended_with_nothing_done() {
    let sink = Scripted::new(vec![Act::Hang], Act::Take);
    let log = with(&[&sink]).build().unwrap();
    assert!(timeout(Duration::from_secs(1), log.intent(intent("gone"))).await.is_err());
    tokio::time::sleep(Duration::from_secs(11)).await;
    log.close().await.unwrap();
    let lines = sink.lines();
    let report = Verifier::new(root()).verify(&lines);
    assert!(report.is_intact() && report.orphans().is_empty(), "{report:?}");
    let told = lines.iter().filter(|line| line.to_json().contains("interrupted")).count();
    assert_eq!(told, 1, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_log_is_dropped_is_carried_on() {
    let sink = Scripted::new(vec![Act::Fail(0), Act::Fail(0)], Act::Take);
    let log = with(&[&sink]).build().unwrap();
    log.outcome(AttemptId::new(log.writer(), 1), Outcome::ok());
    drop(log);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stages(&sink), ["opening", "outcome"]);
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Take),
        3 => (0usize..12).prop_map(Act::Fail),
        1 => Just(Act::Hang),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lost_answers_and_half_batches_never_look_like_tampering(
        acts in prop::collection::vec(act(), 0..30),
        pauses in prop::collection::vec(0u64..4_000, 1..40),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let sink = Scripted::new(acts, Act::Take);
        let granted = runtime.block_on(async {
            let log = with(&[&sink]).checkpoint_every(5, Duration::from_secs(3)).build().unwrap();
            let mut granted = Vec::new();
            for pause in pauses {
                if let Ok(attempt) = log.intent(intent("a")).await {
                    granted.push((attempt.seq(), once(&sink)));
                    log.outcome(attempt, Outcome::ok());
                }
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            while log.close().await.is_err() {}
            granted
        });
        let report = Verifier::new(root()).verify(&sink.lines());
        prop_assert!(report.is_intact(), "{:?}", report);
        prop_assert!(report.orphans().is_empty());
        prop_assert!(report.writers().next().unwrap().1.closed);
        // What was granted was durable when it was.
        for (seq, lines) in granted {
            prop_assert!(lines.iter().any(|line| line.seq() == seq));
        }
    }
}
