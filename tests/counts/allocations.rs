//! The hot path allocates nothing.

use std::hint::black_box;
use std::sync::Arc;

use allocation_counter::measure;
use grantry_core::{GrantKey, GrantKeyRef, Token, TokenSource};
use grantry_refresh::{Directory, ManagedSource, Profile, Scheduler};

use crate::{grant, server, source};

/// Enough for whatever happens once in a while.
const CALLS: u32 = 10_000;

/// How many allocations `call` makes in all its calls, after one to warm up.
fn allocations(call: impl Fn() -> Option<Token>) -> u64 {
    assert!(call().is_some(), "no token is at hand");
    measure(|| {
        for _ in 0..CALLS {
            black_box(call().unwrap().into_header());
        }
    })
    .count_total
}

#[tokio::test]
async fn a_token_that_is_at_hand_costs_no_allocation() {
    let server = server().await;
    let source = source(&server, "default");
    source.token().await.unwrap();
    let source: Arc<dyn TokenSource> = source;
    assert_eq!(allocations(|| source.ready()), 0);
    assert!(measure(|| drop(black_box(Box::new(1_u8)))).count_total > 0, "nothing is counted at all");
}

#[tokio::test]
async fn a_token_by_its_key_costs_no_allocation() {
    let server = server().await;
    let directory = Directory::new();
    // One key that lies inside itself, and one that is too long for that.
    let accounts = ["user-17", "somebody with a name that is longer than any other"];
    for account in accounts {
        let source = source(&server, account);
        source.token().await.unwrap();
        directory.insert(source);
    }
    for account in accounts {
        let key = GrantKeyRef { tenant: "acme", service: "orders", account };
        assert_eq!(allocations(|| directory.ready(key)), 0, "{account}");
        let missing = GrantKeyRef { tenant: "other", ..key };
        assert_eq!(measure(|| assert!(directory.ready(missing).is_none())).count_total, 0);
    }
}

#[tokio::test]
async fn a_key_that_comes_near_costs_allocations_on_the_way_through_find_alone() {
    let server = server().await;
    let directory = Directory::new();
    let key = |account| GrantKeyRef { tenant: "acme", service: "orders", account };
    let grant = grant(&server);
    let profile = Profile::builder(server.token_endpoint(), "billing", &Scheduler::new()).build();
    for nth in 0..1_000 {
        let key = GrantKey::new("acme", "orders", format!("user-{nth}")).unwrap();
        directory.insert(ManagedSource::new(key, Arc::clone(&grant), &profile));
    }
    let hot = directory.find(key("user-17")).unwrap();
    hot.token().await.unwrap();
    drop(black_box(hot.ready()));
    let mut sent_to_find = false;
    for _ in 0..100 {
        let mut token = None;
        assert_eq!(measure(|| token = directory.ready(key("user-17"))).count_total, 0);
        if token.is_none() {
            sent_to_find = true;
            let coming = measure(|| drop(directory.find(key("user-17"))));
            assert!(coming.count_total > 0, "it did not come near");
        }
    }
    assert!(sent_to_find);
    assert_eq!(allocations(|| directory.ready(key("user-17"))), 0, "near");
    let elsewhere = directory.ready(key("user-17")).unwrap().header().as_bytes().as_ptr();
    assert_ne!(elsewhere, hot.ready().unwrap().header().as_bytes().as_ptr(), "the copy is asked");
}

#[tokio::test]
async fn a_second_thread_costs_no_allocation_either() {
    let server = server().await;
    let source = source(&server, "default");
    source.token().await.unwrap();
    assert_eq!(allocations(|| source.ready()), 0);
    let other = Arc::clone(&source);
    let counted = std::thread::spawn(move || {
        let first = measure(|| drop(black_box(other.ready()))).count_total;
        // Often enough for the source to want shards, which only `token` makes: `ready` says `None` until then.
        let later = measure(|| (0..CALLS).for_each(|_| drop(black_box(other.ready())))).count_total;
        (first, later)
    });
    let (first, later) = counted.join().unwrap();
    // Of all calls of a thread the first may enter the thread in the list that `arc-swap` keeps for readers.
    assert!(first <= 1, "the first call of a thread made {first} allocations");
    assert_eq!(later, 0, "before there are shards");
    let other = Arc::clone(&source);
    let counted = tokio::spawn(async move {
        other.token().await.unwrap();
        let other = Arc::clone(&other);
        std::thread::spawn(move || allocations(|| other.ready())).join().unwrap()
    });
    assert_eq!(counted.await.unwrap(), 0, "with shards");
    assert_eq!(allocations(|| source.ready()), 0, "the first thread, with shards");
}
