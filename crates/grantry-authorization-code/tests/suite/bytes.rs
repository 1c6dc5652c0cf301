//! Pending authorizations as bytes.

use std::time::Duration;

use grantry_authorization_code::PendingAuthorization;
use grantry_core::{Clock, ErrorKind, Timestamp};
use grantry_testkit::ManualClock;
use proptest::prelude::*;

use crate::support::*;

#[tokio::test]
async fn another_replica_finishes_what_was_written_down() {
    let case = Case::with(|builder| {
        builder.scope("read openid").resource("https://api.example/a").resource("https://api.example/b")
    });
    let (pending, back) = case.walk().await;
    let bytes = pending.to_bytes().unwrap();
    drop(pending);
    // Another machine: it booted at another time, and has the same wall clock.
    let elsewhere = ManualClock::new();
    elsewhere.advance(Duration::from_secs(5_000));
    elsewhere.set_wall(case.clock.wall());
    let read = PendingAuthorization::from_bytes(&bytes, &elsewhere).unwrap();
    assert_eq!(read.expires().since(elsewhere.now()), Duration::from_secs(600));
    assert_eq!(read.scope().as_str(), "openid read");
    let read = PendingAuthorization::from_bytes(&bytes, &case.clock).unwrap();
    let granted = case.finish(read, &back).await.unwrap();
    assert_eq!(granted.claims.unwrap().subject(), "resource-owner");
}

#[tokio::test]
async fn a_wall_clock_that_jumps_back_gives_no_more_time_than_there_was() {
    let case = Case::new();
    let (pending, _) = case.walk().await;
    let bytes = pending.to_bytes().unwrap();
    let left = |clock: &ManualClock| {
        PendingAuthorization::from_bytes(&bytes, clock).unwrap().expires().since(clock.now())
    };
    case.clock.set_wall(Timestamp::from_unix_seconds(0));
    assert_eq!(left(&case.clock), Duration::from_secs(600));
    case.clock.set_wall(Timestamp::from_unix_seconds(4_000_000_000));
    assert_eq!(left(&case.clock), Duration::ZERO);
}

#[tokio::test]
async fn what_is_cut_longer_or_of_another_version_is_damaged() {
    let case = Case::new();
    let (pending, _) = case.walk().await;
    let bytes = pending.to_bytes().unwrap();
    let read = |bytes: &[u8]| PendingAuthorization::from_bytes(bytes, &case.clock);
    for length in 0..bytes.len() {
        assert_eq!(read(&bytes[..length]).unwrap_err().kind(), ErrorKind::Damaged, "{length}");
    }
    let mut newer = bytes.to_vec();
    newer[0] += 1;
    assert_eq!(read(&newer).unwrap_err().kind(), ErrorKind::Damaged);
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(read(&longer).is_err());
    longer.resize(20_000, 0);
    assert!(read(&longer).is_err());
}

#[tokio::test]
async fn what_is_too_long_to_be_kept_is_told_before_anybody_is_sent_off() {
    let long = Case::with(|builder| {
        (0..400).fold(builder, |builder, n| {
            builder.resource(format!("https://api.example/a-rather-long-one/{n}"))
        })
    });
    let (_, pending) = long.flow.begin(&long.user_agent).await.unwrap();
    assert_eq!(pending.to_bytes().unwrap_err().kind(), ErrorKind::Configuration);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_too_odd(mut bytes in prop::collection::vec(any::<u8>(), 0..600), version in 1_u8..=4) {
        let clock = ManualClock::new();
        let _ = PendingAuthorization::from_bytes(&bytes, &clock);
        bytes.insert(0, version);
        if let Ok(read) = PendingAuthorization::from_bytes(&bytes, &clock) {
            prop_assert_eq!(&**read.to_bytes().unwrap(), &bytes[..], "it is written as it was read");
        }
    }
}
