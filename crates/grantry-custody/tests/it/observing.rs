//! Whoever watches: observers, and the numbers that go out.

use grantry_core::{Attempt, Event, Grant, Observer};
use grantry_custody::{Custody, FolderLifeboat};

use crate::fixture::{STRICT, World, key};

#[derive(Debug)]
struct Panics;

impl Observer for Panics {
    fn on(&self, event: &Event) {
        panic!("an observer of {}", event.name());
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_loses_no_token() {
    let world = World::new(STRICT).await;
    let lifeboat = FolderLifeboat::open(world.lifeboats()).unwrap();
    let custody = Custody::builder(&world.vault().await, lifeboat)
        .clock(world.clock.clone())
        .observer(Panics)
        .open()
        .await
        .unwrap();
    let grant = custody.grant(key(), world.redemption()).rotation(STRICT).build().unwrap();
    let first = grant.obtain(Attempt::first()).await.unwrap();
    let second = grant.obtain(Attempt::replace(&first)).await.unwrap();
    assert!(second.generation() > first.generation());
    custody.close().await;
    assert!(
        world.stored().await.is_some_and(|token| world.server.with_authority(|a, at| a.is_live(&token, at)))
    );
}

#[cfg(feature = "metrics")]
mod counted {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use grantry_core::{AccessToken, Attempt, Failure, Grant, Scope, TokenSet};
    use grantry_custody::{Custody, FolderLifeboat};
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use crate::fixture::{STRICT, World, key};

    /// Keeps the numbers by name and labels.
    #[derive(Default)]
    struct Numbers(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Numbers {
        fn of(&self, key: &Key) -> Arc<AtomicU64> {
            let labels: String =
                key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
            Arc::clone(self.0.lock().unwrap().entry(format!("{}{labels}", key.name())).or_default())
        }

        fn count(&self, name: &str) -> u64 {
            self.0.lock().unwrap().get(name).map_or(0, |number| number.load(Ordering::Relaxed))
        }

        fn gauge(&self, name: &str) -> f64 {
            f64::from_bits(self.count(name))
        }
    }

    impl Recorder for Numbers {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.of(key))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.of(key))
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_to_grants_and_how_they_are_is_counted_without_a_name() {
        let numbers = Numbers::default();
        let _recording = metrics::set_default_local_recorder(&numbers);
        let world = World::new(STRICT).await;
        let process = world.process("one").await;
        let first = process.grant.obtain(Attempt::first()).await.unwrap();
        process.grant.obtain(Attempt::replace(&first)).await.unwrap();
        world.pass(Duration::from_secs(90)).await;
        assert_eq!(numbers.count("grantry_custody_events_total event=rotated"), 2);
        assert_eq!(numbers.gauge("grantry_grants state=active"), 1.0);

        let token = world.stored().await.unwrap();
        world.server.with_authority(|authority, _| authority.revoke_grant_of(&token));
        process.grant.obtain(Attempt::first()).await.unwrap_err();
        world.pass(Duration::from_secs(90)).await;
        assert_eq!(numbers.count("grantry_custody_events_total event=reauthorization_needed"), 1);
        let states = ["active", "renewing", "in_doubt", "person_needed", "moved", "revoking", "unreadable"];
        let grants = states.map(|state| numbers.gauge(&format!("grantry_grants state={state}")));
        assert_eq!(grants, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(numbers.gauge("grantry_person_needed_seconds"), 0.0);
        let told = numbers.0.lock().unwrap().keys().cloned().collect::<String>();
        assert!(!told.contains("acme") && !told.contains("user-17"), "{told}");
    }
    /// A server that takes a permission away as soon as it is told to.
    #[derive(Debug)]
    struct Narrowing {
        redemption: Arc<dyn Grant>,
        scope: Scope,
        narrows: AtomicBool,
    }

    #[async_trait::async_trait]
    impl Grant for Narrowing {
        async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
            let set = self.redemption.obtain(attempt).await?;
            if !self.narrows.load(Ordering::Relaxed) {
                return Ok(set);
            }
            let token = AccessToken::new(set.token().expose());
            let narrowed = TokenSet::builder(token, set.obtained()).scope(self.scope.clone());
            Ok(narrowed.refresh_token(set.refresh_token().unwrap().clone()).build().unwrap())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_brings_another_scope_is_counted() {
        let numbers = Numbers::default();
        let _recording = metrics::set_default_local_recorder(&numbers);
        let count = || numbers.count("grantry_custody_events_total event=scope_changed");
        let world = World::new(STRICT).await;
        let scope = Scope::parse("profile").unwrap();
        let server = Arc::new(Narrowing { redemption: world.redemption(), scope, narrows: false.into() });
        let lifeboat = FolderLifeboat::open(world.lifeboats()).unwrap();
        let custody = Custody::builder(&world.vault().await, lifeboat);
        let custody = custody.clock(world.clock.clone()).open().await.unwrap();
        let inner: Arc<dyn Grant> = server.clone();
        let grant = custody.grant(key(), inner).rotation(STRICT).build().unwrap();

        let first = grant.obtain(Attempt::first()).await.unwrap();
        let second = grant.obtain(Attempt::replace(&first)).await.unwrap();
        assert_eq!(count(), 0);
        server.narrows.store(true, Ordering::Relaxed);
        let third = grant.obtain(Attempt::replace(&second)).await.unwrap();
        assert_eq!((third.token().scope().as_str(), count()), ("profile", 1));
        grant.obtain(Attempt::replace(&third)).await.unwrap();
        assert_eq!(count(), 1, "it stayed the same");
        custody.close().await;
    }
}
