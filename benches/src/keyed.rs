//! The keyed hit: tenant, service and account to a header, among a million sources.

use std::cell::Cell;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{GrantKey, GrantKeyRef, SystemClock, Token, TokenSource};
use grantry_refresh::{Directory, ManagedSource, RefreshPolicy, Scheduler};
use hashbrown::{DefaultHashBuilder, HashMap};
use http::HeaderValue;

use crate::figure::Report;
use crate::grants::{MadeUp, TOKEN_BYTES, key, profile};
use crate::timing::side_by_side;

const SOURCES: usize = 1_000_000;
const HOT: usize = 1_000;
const HEADER_BYTES: usize = "Bearer ".len() + TOKEN_BYTES;

/// The three names as a program without this library would keep them.
#[derive(PartialEq, Eq)]
struct Names(String, String, String);

impl Names {
    fn of(key: &GrantKey) -> Self {
        Self(key.tenant().into(), key.service().into(), key.account().into())
    }

    fn as_key_ref(&self) -> GrantKeyRef<'_> {
        GrantKeyRef { tenant: &self.0, service: &self.1, account: &self.2 }
    }
}

impl std::hash::Hash for Names {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_key_ref().hash(state);
    }
}

/// A bare hash map from three names to a header, with the directory's own hasher.
struct Bare(HashMap<Names, HeaderValue, DefaultHashBuilder>);

impl Bare {
    fn header(&self, key: GrantKeyRef<'_>) -> Option<HeaderValue> {
        let same = |names: &Names| names.0 == key.tenant && names.1 == key.service && names.2 == key.account;
        let hash = self.0.hasher().hash_one(key);
        self.0.raw_entry().from_hash(hash, same).map(|(_, value)| value.clone())
    }
}

pub(crate) fn run(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Arc::new(SystemClock::new());
    let grant = MadeUp::new(clock, Duration::from_secs(7 * 24 * 3600), Duration::ZERO);
    let profile = profile(&Scheduler::new(), RefreshPolicy::default());
    let directory = Directory::new();
    let mut bare = Bare(HashMap::with_capacity_and_hasher(SOURCES, DefaultHashBuilder::default()));
    let keys: Vec<GrantKey> = (0..SOURCES).map(key).collect();
    runtime.block_on(async {
        for key in &keys {
            let source = ManagedSource::new(key.clone(), grant.clone(), &profile);
            bare.0.insert(Names::of(key), header_of_its_own(source.token().await.unwrap()));
            directory.insert(source);
        }
    });
    let single = directory.find(keys[0].as_key_ref()).unwrap() as Arc<dyn TokenSource>;

    // Keys in an order that jumps about the directory, read one after the other as requests would bring them.
    let shuffled: Vec<GrantKey> = (0..SOURCES).map(|nth| keys[nth * 612_361 % SOURCES].clone()).collect();
    // The names of hot keys lie in one text, as they would in requests that have just been read.
    let hot_text: String = shuffled.iter().take(HOT).map(GrantKey::as_str).collect();
    let hot_names: Vec<GrantKeyRef<'_>> =
        shuffled.iter().take(HOT).scan(0, |at, key| Some(names_at(&hot_text, at, key))).collect();
    // The next key depends on the last answer, so that look-ups do not overlap: nobody makes a million in a row.
    let last = Cell::new(0);
    let after_last = |nth: u64, among: usize| shuffled[(nth as usize + last.get()) % among].as_key_ref();
    // A single source is asked again and again without such a chain, and so are the hot ones beside it.
    let hot = |nth: u64| hot_names[nth as usize % HOT];
    let uniform = |nth: u64| after_last(nth, SOURCES);
    let noted = |header: HeaderValue| last.set(black_box(&header).len() - HEADER_BYTES);

    let allocations = allocation_counter::measure(|| {
        for nth in 0..10_000 {
            assert!(directory.ready(uniform(nth)).is_some());
        }
    });
    let count = allocations.count_total as f64;
    report.add("allocations per 10,000 keyed hits", count, "", None, "0", count == 0.0);

    let header = |token: Option<Token>| noted(token.unwrap().into_header());
    let quick = |token: Option<Token>| drop(black_box(token.unwrap().into_header()));
    // As a program asks: `None` says to ask the source, which the directory does once to bring a hot key near.
    let ready_or_find = |key| directory.ready(key).or_else(|| directory.find(key)?.ready());
    let (ours, one) = side_by_side(500_000, |nth| quick(ready_or_find(hot(nth))), |_| quick(single.ready()));
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
        |nth| header(ready_or_find(uniform(nth))),
        |nth| noted(bare.header(uniform(nth)).unwrap()),
    );
    report.add(
        "keyed hit over a million keys, beside a bare hash map",
        ours,
        "ns",
        Some(map),
        "<= 1.3",
        ours <= 1.3 * map,
    );
}

/// The same bytes in a header value that shares nothing with the token.
fn header_of_its_own(token: Token) -> HeaderValue {
    let text = token.header().to_str().unwrap().to_owned();
    let value = HeaderValue::from_maybe_shared(text).unwrap();
    // Cloned once, so that its bytes are shared from now on and no later clone allocates.
    drop(value.clone());
    value
}

/// The names of `key`, found in `text` from `at` on, which moves past them.
fn names_at<'a>(text: &'a str, at: &mut usize, key: &GrantKey) -> GrantKeyRef<'a> {
    let (tenant, service) = (*at + key.tenant().len(), *at + key.tenant().len() + 1 + key.service().len());
    let end = *at + key.as_str().len();
    let names = GrantKeyRef {
        tenant: &text[*at..tenant],
        service: &text[tenant + 1..service],
        account: &text[service + 1..end],
    };
    *at = end;
    names
}
