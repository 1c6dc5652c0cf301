//! A server that bounds how often one refresh token is used.

use std::time::Duration;

use grantry_core::{Attempt, Clock, ErrorKind, Grant, Instant, RefreshRate, Retry, Rotation, TokenSet};
use grantry_custody::protocol::Terms;
use grantry_custody::{CustodyGrant, relocated};
use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{World, key};
use crate::process::Process;

const WINDOW: Duration = Duration::from_secs(600);

/// A grant of a server that lets a refresh token be used ten times in ten minutes.
fn bounded(world: &World, replica: &Process) -> CustodyGrant {
    let grant = replica.custody.grant(key(), world.redemption());
    grant.refresh_rate(RefreshRate::at_most(10, WINDOW)).rotation(Rotation::None).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn replicas_whose_tokens_are_all_refused_use_the_refresh_token_no_more_often_than_the_server_allows() {
    let world = World::new(Rotation::None).await;
    let replicas = [world.process("one").await, world.process("two").await];
    let grants = replicas.each_ref().map(|replica| bounded(&world, replica));
    let mut held: [Option<TokenSet>; 2] = [None, None];
    let (mut sent, mut refused): (Vec<Instant>, u32) = (Vec::new(), 0);
    for _ in 0..600 {
        for (grant, held) in grants.iter().zip(&mut held) {
            let before = world.requests();
            match grant.obtain(Attempt::replace_if_any(held.as_ref())).await {
                Ok(set) => *held = Some(set),
                Err(failure) => {
                    assert_eq!(failure.error.kind(), ErrorKind::Unavailable);
                    assert!(!failure.sent && failure.error.to_string().contains("10 times in 600s"));
                    assert!(matches!(failure.error.diagnosis().retry(), Retry::After(_)));
                    refused += 1;
                }
            }
            sent.extend((before..world.requests()).map(|_| world.clock.now()));
        }
        world.pass(Duration::from_secs(5)).await;
    }
    let busiest = sent
        .iter()
        .enumerate()
        .map(|(nth, first)| sent[nth..].iter().take_while(|other| other.since(*first) < WINDOW).count());
    assert!(busiest.max().unwrap() <= 10, "{sent:?}");
    assert!(sent.len() > 25 && refused > 500, "it goes on all the while: {} in 50 minutes", sent.len());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_bound_has_the_token_that_is_stored_as_long_as_nothing_is_wrong_with_it() {
    let world = World::new(Rotation::None).await;
    let replica = world.process("one").await;
    let grant = bounded(&world, &replica);
    let mut held = None;
    for _ in 0..5 {
        held = Some(grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap());
    }
    assert!(grant.obtain(Attempt::replace_if_any(held.as_ref())).await.is_err());
    assert!(grant.obtain(Attempt::first()).await.is_ok(), "for it is fit");
    assert_eq!(world.requests(), 5);
    world.pass(Duration::from_secs(120)).await;
    assert!(grant.obtain(Attempt::replace_if_any(held.as_ref())).await.is_ok());
    assert_eq!(world.requests(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_moved_takes_its_count_along_on_the_other_stores_clock() {
    let world = World::new(Rotation::None).await;
    let process = world.process("one").await;
    let grant = bounded(&world, &process);
    let mut held = None;
    for _ in 0..5 {
        held = Some(grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap());
    }
    let acme = process.acme();
    let stored = acme.grant("crm", "user-17").await.unwrap().unwrap();
    acme.mark_moved("crm", "user-17", &stored.version).await.unwrap();
    let moved = acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    // As if that store's clock were an hour ahead.
    let record = relocated(&moved, moved.version.read_at().after(Duration::from_secs(3600))).unwrap();
    acme.adopt_grant("crm", "user-17", record, &moved.version, Some(&moved.version)).await.unwrap();
    let failure = grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap_err();
    assert_eq!((failure.error.kind(), world.requests()), (ErrorKind::Unavailable, 5));
}

#[tokio::test(start_paused = true)]
async fn attempts_that_reach_no_server_use_nothing_of_the_bound_up() {
    let world = World::new(Rotation::None).await;
    let replica = world.process("one").await;
    let grant = bounded(&world, &replica);
    for _ in 0..20 {
        world.server.inject(Endpoint::Token, Fault::refuse_connection());
        let failure = grant.obtain(Attempt::first()).await.unwrap_err();
        assert!(!failure.sent && failure.error.kind() == ErrorKind::Unreachable, "{failure:?}");
    }
    let mut held = None;
    for _ in 0..5 {
        held = Some(grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap());
    }
    assert!(grant.obtain(Attempt::replace_if_any(held.as_ref())).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_bound_holds_whether_it_is_said_before_or_after_the_times() {
    let world = World::new(Rotation::None).await;
    let replica = world.process("one").await;
    let (rate, terms) = (RefreshRate::at_most(1, WINDOW), Terms::of(Rotation::None));
    for order in 0..4 {
        let grant = replica.custody.grant(key(), world.redemption());
        let grant = match order {
            0 => grant.terms(terms).refresh_rate(rate),
            1 => grant.refresh_rate(rate).terms(terms),
            2 => grant.refresh_rate(rate).terms(terms).rotation(Rotation::None),
            _ => grant.terms(Terms { rate, ..terms }).refresh_rate(None),
        };
        let grant = grant.build().unwrap();
        let held = grant.obtain(Attempt::first()).await.unwrap();
        let again = grant.obtain(Attempt::replace(&held)).await;
        assert_eq!(again.unwrap_err().error.kind(), ErrorKind::Unavailable, "{order}");
        assert_eq!(world.requests(), 1, "{order}");
    }
}
