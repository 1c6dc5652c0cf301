//! The store in memory: taken once, bounded, emptied by time.

use std::sync::Arc;
use std::time::Duration;

use grantry_authorization_code::*;
use grantry_testkit::ManualClock;
use zeroize::Zeroizing;

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// As many keys as are asked for, by authorizations that were really begun.
async fn begun(case: &Case, many: usize) -> Vec<(PendingKey, Zeroizing<Vec<u8>>)> {
    let mut all = Vec::with_capacity(many);
    for _ in 0..many {
        let (_, pending) = case.flow.begin(&case.user_agent).await.unwrap();
        all.push((pending.key(), pending.to_bytes().unwrap()));
    }
    all
}

#[tokio::test]
async fn what_is_kept_is_taken_once() {
    let case = Case::new();
    let store = PendingInMemory::new(Arc::new(case.clock.clone()));
    let (key, bytes) = begun(&case, 1).await.remove(0);
    store.keep(key, bytes.clone(), HOUR).await.unwrap();
    store.keep(key, bytes.clone(), HOUR).await.unwrap();
    assert_eq!(store.len(), 1, "the same again takes its own place");
    let two = (store.clone().take(key).await.unwrap(), store.take(key).await.unwrap());
    assert_eq!((two.0.as_deref(), two.1.as_deref()), (Some(&*bytes), None));
    assert!(store.is_empty());
}

#[tokio::test]
async fn it_is_gone_when_its_time_is_over_without_a_timer() {
    let clock = ManualClock::new();
    let case = Case::new();
    let store = PendingInMemory::new(Arc::new(clock.clone()));
    let mut all = begun(&case, 2).await;
    let (late, early) = (all.remove(0), all.remove(0));
    store.keep(late.0, late.1, HOUR * 2).await.unwrap();
    store.keep(early.0, early.1, HOUR).await.unwrap();
    clock.suspend(HOUR - Duration::from_nanos(1));
    assert_eq!(store.len(), 2);
    clock.advance(Duration::from_nanos(1));
    assert!(store.take(early.0).await.unwrap().is_none());
    assert_eq!(store.len(), 1);
    assert!(store.take(late.0).await.unwrap().is_some());
}

#[test]
fn ten_thousand_fit_in_ten_mebibytes_and_nothing_is_left_of_them() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clock = ManualClock::new();
    let case =
        Case::with(|builder| builder.scope("openid email https://www.example.com/auth/calendar.readonly"));
    let mut all = runtime.block_on(begun(&case, 10_001));
    let one_more = all.pop().unwrap();
    // The bytes are made outside of what is measured, so they are measured by themselves.
    let theirs: usize = all.iter().map(|(_, bytes)| bytes.capacity()).sum();
    let store = PendingInMemory::new(Arc::new(clock.clone()));
    let measured = allocation_counter::measure(|| {
        runtime.block_on(async {
            for (key, bytes) in all {
                store.keep(key, bytes, HOUR).await.unwrap();
            }
        });
    });
    let peak = usize::try_from(measured.bytes_max).unwrap() + theirs;
    assert!(peak < 10 << 20, "{peak} bytes");
    assert_eq!(store.len(), 10_000);
    let refused = runtime.block_on(store.keep(one_more.0, one_more.1.clone(), HOUR));
    assert_eq!(refused, Err(PendingStoreError::Full));

    clock.advance(HOUR);
    assert_eq!(store.len(), 0);
    runtime.block_on(store.keep(one_more.0, one_more.1, HOUR)).unwrap();
}

#[tokio::test]
async fn long_ones_fill_it_sooner() {
    let case = Case::new();
    let store = PendingInMemory::new(Arc::new(case.clock.clone()));
    let keys = begun(&case, 700).await;
    let mut kept = 0;
    for (key, _) in keys {
        match store.keep(key, Zeroizing::new(vec![0; 16 * 1024]), HOUR).await {
            Ok(()) => kept += 1,
            Err(error) => assert_eq!(error, PendingStoreError::Full),
        }
    }
    assert!((600..640).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_shared_store_is_a_store() {
    let case = Case::new();
    let store: Arc<dyn PendingAuthorizations> =
        Arc::new(Box::new(PendingInMemory::new(Arc::new(case.clock.clone()))));
    let (key, bytes) = begun(&case, 1).await.remove(0);
    Arc::clone(&store).keep(key, bytes, HOUR).await.unwrap();
    assert!(store.take(key).await.unwrap().is_some());
}
