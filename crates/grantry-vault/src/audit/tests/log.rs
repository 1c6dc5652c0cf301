//! What a log records, and what it costs.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

fn logged(sink: &Arc<Scripted>) -> AuditLog {
    builder().sink(Arc::clone(sink)).build().unwrap()
}

#[tokio::test]
async fn an_intent_is_durable_before_it_is_answered() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = logged(&sink);
    let attempt = log.intent(intent("a")).await.unwrap();
    let lines = sink.lines();
    assert_eq!(lines.iter().map(AuditLine::stage).collect::<Vec<_>>(), ["opening", "intent"]);
    assert_eq!((lines[1].writer(), lines[1].seq()), (attempt.writer(), attempt.seq()));
    log.outcome(attempt, Outcome::ok());
    log.close().await.unwrap();
    assert_eq!(log.intent(intent("a")).await, Err(AuditError::Closed));
    // Closing again changes nothing.
    log.close().await.unwrap();
    let report = Verifier::new(root()).verify(&sink.lines());
    assert!(report.is_intact() && report.orphans().is_empty());
    let (_, summary) = report.writers().next().unwrap();
    assert_eq!((summary.lines, summary.closed), (4, true));
    assert_eq!(log.last_checkpoint(), sink.lines().last().and_then(AuditLine::checkpoint));
    assert_eq!(*log.checkpoint_key(), root().checkpoint_key(log.writer()).unwrap());
}

#[test]
fn a_log_needs_a_durable_sink_and_numbers_above_zero() {
    let refused = |builder: AuditLogBuilder| builder.build().unwrap_err().to_string();
    assert!(refused(builder()).contains("JsonLines::new"));
    assert!(refused(builder().sink(MemorySink::new()).sink(Traced::new())).contains("durable"));
    let durable = || builder().sink(MemorySink::as_if_durable());
    assert!(durable().build().is_ok());
    assert!(refused(durable().patience(Duration::ZERO)).contains("more than zero"));
    assert!(refused(durable().checkpoint_every(0, Duration::from_secs(1))).contains("more than zero"));
}

#[test]
fn without_a_runtime_an_intent_is_refused_and_an_outcome_is_kept() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = logged(&sink);
    let mut call = std::pin::pin!(log.intent(intent("a")));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let answer = std::future::Future::poll(call.as_mut(), &mut context);
    assert!(matches!(answer, std::task::Poll::Ready(Err(AuditError::Configuration(_)))));
    log.outcome(AttemptId::new(log.writer(), 1), Outcome::ok());
    assert_eq!(log.health().outcomes_waiting, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(log.flush()).unwrap();
    assert_eq!(log.health().outcomes_waiting, 0);
    assert_eq!(sink.lines().len(), 2);
}

#[tokio::test]
async fn a_log_outlives_the_runtime_that_it_was_first_used_on() {
    let sink = Scripted::new(vec![Act::Hang], Act::Take);
    let log = builder().sink(Arc::clone(&sink)).build().unwrap();
    let first = log.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        // It hangs, and the runtime goes while it does.
        runtime.block_on(async {
            assert!(timeout(Duration::from_millis(1), first.intent(intent("a"))).await.is_err());
        });
    })
    .join()
    .unwrap();
    log.intent(intent("b")).await.unwrap();
    log.close().await.unwrap();
    let report = Verifier::new(root()).verify(&sink.lines());
    assert!(report.is_intact(), "{report:?}");
    // The first was given up before anybody went by it; the second has not ended.
    assert_eq!(report.orphans().len(), 1);
    assert_eq!(report.repeated(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_intents_from_several_threads_are_all_there() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = logged(&sink);
    let one = |i: usize| {
        let log = log.clone();
        tokio::spawn(async move {
            let attempt = log.intent(intent(&format!("workload:{i}"))).await.unwrap();
            log.outcome(attempt, Outcome::ok());
        })
    };
    let tasks: Vec<_> = (0..1_000).map(one).collect();
    for task in tasks {
        task.await.unwrap();
    }
    log.close().await.unwrap();
    let report = Verifier::new(root()).verify(&sink.lines());
    assert!(report.is_intact() && report.orphans().is_empty(), "{report:?}");
    assert_eq!(report.writers().next().unwrap().1.allowed, 1_000);
}

#[tokio::test]
async fn intents_that_come_together_are_written_together() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = logged(&sink);
    let tasks: Vec<_> = (0..1_000)
        .map(|i| {
            let log = log.clone();
            tokio::spawn(async move { log.intent(intent(&format!("workload:{i}"))).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(sink.batches.lock().unwrap().len() <= 4);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_follows_in_time_and_none_without_lines() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = logged(&sink);
    let stages = || sink.lines().iter().map(AuditLine::stage).collect::<Vec<_>>();
    log.count("grants", 3).unwrap();
    log.intent(intent("a")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(stages(), ["opening", "intent"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stages(), ["opening", "intent", "checkpoint"]);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(stages().len(), 3);
    log.intent(intent("a")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(stages(), ["opening", "intent", "checkpoint", "intent", "checkpoint"]);
    let kept = log.last_checkpoint().unwrap();
    assert_eq!(kept.counts().collect::<Vec<_>>(), [("grants", 3)]);
}

#[tokio::test]
async fn a_checkpoint_follows_after_so_many_lines_and_holds_64_numbers() {
    let sink = Scripted::new(vec![], Act::Take);
    let log = builder().sink(Arc::clone(&sink)).checkpoint_every(3, Duration::from_secs(60)).build().unwrap();
    let names: Vec<&'static str> = (0..65).map(|i| &*format!("n{i}").leak()).collect();
    for name in &names[..64] {
        log.count(name, 1).unwrap();
    }
    assert!(log.count(names[64], 1).is_err());
    assert!(log.count(names[0], 2).is_ok());
    for _ in 0..4 {
        log.intent(intent("a")).await.unwrap();
    }
    log.flush().await.unwrap();
    let checkpoints: Vec<_> = sink.lines().iter().filter_map(AuditLine::checkpoint).collect();
    assert_eq!(checkpoints.iter().map(Checkpoint::seq).collect::<Vec<_>>(), [3]);
    assert_eq!(checkpoints[0].counts().count(), 64);
    let text = checkpoints[0].line().to_json();
    assert_eq!(Checkpoint::from_json(&text).as_ref(), Ok(&checkpoints[0]));
    assert!(Checkpoint::from_json(&sink.lines()[0].to_json()).is_err());
}

#[tokio::test]
async fn no_line_and_no_debug_holds_a_secret() {
    const CANARY: &str = "canary-secret-value";
    let key = AuditKey::from_slice(b"canary-secret-value-canary-secre").unwrap();
    let sink = Arc::new(MemorySink::as_if_durable());
    let log = AuditLog::builder(key, Arc::new(Still), Arc::new(SystemEntropy))
        .sink(Arc::clone(&sink))
        .build()
        .unwrap();
    let token = grantry_core::AccessToken::new(CANARY);
    let fingerprint = log.fingerprint(token.expose().as_bytes());
    let attempt = log.intent(intent("a").fingerprint(fingerprint)).await.unwrap();
    log.outcome(attempt, Outcome::failed("invalid_grant"));
    log.close().await.unwrap();
    let shown = format!("{log:?} {:?} {fingerprint:?} {sink:?}", sink.lines());
    let all = shown + &texts(&sink.lines()).concat();
    for form in [CANARY.to_owned(), format!("{:?}", CANARY.as_bytes()), hex(CANARY.as_bytes())] {
        assert!(!all.contains(&form));
    }
    // Who holds the root finds the token's entries.
    let root = AuditKey::from_slice(b"canary-secret-value-canary-secre").unwrap();
    assert_eq!(root.fingerprint(CANARY.as_bytes()).unwrap(), fingerprint);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn long_and_hostile_texts_stay_on_their_line() {
    let sink = Arc::new(MemorySink::as_if_durable());
    let log = builder().sink(Arc::clone(&sink)).build().unwrap();
    let hostile = format!("a\r\n{{\"v\":1}}\u{1b}[2J{}", "\u{1d11e}\\\"".repeat(500));
    log.intent(intent(&hostile).request(&hostile)).await.unwrap();
    log.close().await.unwrap();
    let texts = texts(&sink.lines());
    assert!(texts.iter().all(|text| !text.contains(char::is_control) && text.len() < 4_096));
    assert!(verify(&joined(&texts), None).is_intact());
}
