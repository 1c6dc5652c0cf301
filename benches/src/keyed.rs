//! The keyed hit: tenant, service and account to a header, among a million sources.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{GrantKey, SystemClock, Token, TokenSource};
use grantry_refresh::{Directory, ManagedSource, RefreshPolicy, Scheduler};

use crate::figure::Report;
use crate::grants::{MadeUp, key, profile};
use crate::timing::side_by_side;

const SOURCES: usize = 1_000_000;
const HOT: usize = 1_000;

pub(crate) fn run(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Arc::new(SystemClock::new());
    let grant = MadeUp::new(clock, Duration::from_secs(7 * 24 * 3600), Duration::ZERO);
    let profile = profile(&Scheduler::new(), RefreshPolicy::default());
    let directory = Directory::new();
    let mut bare: HashMap<GrantKey, Token> = HashMap::with_capacity(SOURCES);
    let keys: Vec<GrantKey> = (0..SOURCES).map(key).collect();
    runtime.block_on(async {
        for key in &keys {
            let source = ManagedSource::new(key.clone(), grant.clone(), &profile);
            bare.insert(key.clone(), source.token().await.unwrap().apart());
            directory.insert(source);
        }
    });
    let single = directory.find(keys[0].as_key_ref()).unwrap() as Arc<dyn TokenSource>;

    // A full period over the indices, so that every look-up is for another key and none is foreseen.
    let hot = |nth: u64| &keys[(nth as usize).wrapping_mul(7_919) % HOT];
    let uniform = |nth: u64| &keys[(nth as usize).wrapping_mul(612_361) % SOURCES];

    let allocations = allocation_counter::measure(|| {
        for nth in 0..10_000 {
            assert!(directory.ready(uniform(nth).as_key_ref()).is_some());
        }
    });
    let count = allocations.count_total as f64;
    report.add("allocations per 10,000 keyed hits", count, "", None, "0", count == 0.0);

    let header = |token: Option<Token>| drop(black_box(token.unwrap().into_header()));
    let (ours, one) = side_by_side(
        500_000,
        |nth| header(directory.ready(hot(nth).as_key_ref())),
        |_| header(single.ready()),
    );
    report.add(
        "keyed hit over 1,000 hot keys, beside a single source",
        ours,
        "ns",
        Some(one),
        "<= 2.5",
        ours <= 2.5 * one,
    );

    let (ours, map) = side_by_side(
        1_000_000,
        |nth| header(directory.ready(uniform(nth).as_key_ref())),
        |nth| header(bare.get(uniform(nth)).cloned()),
    );
    report.add(
        "keyed hit over a million keys, beside a hash map",
        ours,
        "ns",
        Some(map),
        "<= 1.3",
        ours <= 1.3 * map,
    );
}
