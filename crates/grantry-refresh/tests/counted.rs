//! The numbers that go out.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use grantry_core::{ErrorKind, TokenSource};
use grantry_refresh::RefreshPolicy;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use support::{Answer, scene, secs};

/// Every kind of error by its name.
const KINDS: [&str; 27] = [
    "configuration",
    "unreachable",
    "untrusted",
    "interrupted",
    "unavailable",
    "invalid_answer",
    "invalid_grant",
    "invalid_client",
    "invalid_scope",
    "refused",
    "insufficient_scope",
    "insufficient_authentication",
    "token_rejected",
    "origin_not_allowed",
    "in_doubt",
    "overloaded",
    "closed",
    "storage",
    "conflict",
    "damaged",
    "key_unavailable",
    "audit_unavailable",
    "access_denied",
    "erased",
    "not_found",
    "removed",
    "internal",
];

/// Keeps the counters by name and labels.
#[derive(Default)]
struct Numbers(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Numbers {
    /// All that was counted, and how often.
    fn all(&self) -> BTreeMap<String, u64> {
        let numbers = self.0.lock().unwrap();
        numbers.iter().map(|(name, number)| (name.clone(), number.load(Ordering::Relaxed))).collect()
    }
}

impl Recorder for Numbers {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: String =
            key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        let name = format!("{}{labels}", key.name());
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("a gauge of the name {}", key.name());
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("a histogram of the name {}", key.name());
    }
}

fn counted<const N: usize>(outcomes: [(&str, u64); N]) -> BTreeMap<String, u64> {
    outcomes.map(|(outcome, count)| (format!("grantry_renewals_total outcome={outcome}"), count)).into()
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_by_their_outcome_and_by_nothing_else() {
    let numbers = Numbers::default();
    let _recording = metrics::set_default_local_recorder(&numbers);
    let policy = RefreshPolicy::builder().max_retries(2).build().unwrap();
    let busy = || Answer::Fails(ErrorKind::Unavailable);
    let script = [busy(), Answer::Unreachable, Answer::Token(secs(600)), Answer::Token(secs(600)), busy()];
    let s = scene(policy, secs(0), script);
    let first = s.source.token().await.unwrap();
    assert_eq!(numbers.all(), counted([("ok", 1), ("unavailable", 1), ("unreachable", 1)]));

    // What is at hand is handed out without a count.
    for _ in 0..100 {
        s.source.token().await.unwrap();
    }
    s.source.reject(&first);
    s.source.token().await.unwrap();
    assert_eq!(numbers.all(), counted([("ok", 2), ("unavailable", 1), ("unreachable", 1)]));

    // Every further attempt fails, each is counted.
    let asked = s.grant.asked();
    tokio::time::sleep(secs(700)).await;
    let failed = s.grant.asked() - asked;
    assert!(failed >= 3, "{failed}");
    assert_eq!(numbers.all(), counted([("ok", 2), ("unavailable", 1 + failed), ("unreachable", 1)]));
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_failure_has_a_label_of_its_own() {
    for kind in KINDS {
        let numbers = Numbers::default();
        let _recording = metrics::set_default_local_recorder(&numbers);
        let policy = RefreshPolicy::builder().max_retries(0).build().unwrap();
        let s = scene(policy, secs(0), [Answer::Fails(ErrorKind::from_name(kind).unwrap())]);
        s.source.token().await.unwrap_err();
        s.scheduler.shutdown().await;
        assert_eq!(numbers.all(), counted([(kind, s.grant.asked())]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_panics_is_counted_as_a_mistake_of_ours() {
    let numbers = Numbers::default();
    let _recording = metrics::set_default_local_recorder(&numbers);
    let s = scene(RefreshPolicy::default(), secs(0), [Answer::Panics]);
    s.source.token().await.unwrap_err();
    s.scheduler.shutdown().await;
    assert_eq!(numbers.all(), counted([("internal", s.grant.asked())]));
}
