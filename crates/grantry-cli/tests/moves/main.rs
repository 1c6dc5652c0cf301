//! From one vault into another, over every store that there is: SQLite, PostgreSQL, Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

#[path = "../command/fixture.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod fixture;
mod ground;

use std::time::Duration;

use grantry_testkit::Endpoint;

use crate::ground::{Ground, Place};

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_from_store_to_store_and_is_renewed_at_the_last_only() {
    let ground = Ground::new(3).await;
    let ways = [
        (Place::Sqlite("old"), Place::Postgres),
        (Place::Postgres, Place::Redis),
        (Place::Redis, Place::Sqlite("new")),
    ];
    ground.run(&["auth", "token"], Place::Sqlite("old"), "user-1").await.ends(0);
    let mut renewals = 1;
    for (from, to) in ways {
        let dry = ground.migrate(from, to, &["--dry-run"]).await.ends(0).json();
        assert_eq!((dry["moved"].as_u64(), dry["dry_run"].as_bool()), (Some(3), Some(true)), "{dry}");
        assert!(ground.states(to).await.is_empty(), "a dry run moves nothing");
        let json = ground.migrate(from, to, &[]).await.ends(0).json();
        assert_eq!((json["moved"].as_u64(), json["registrations"].as_u64()), (Some(3), Some(1)), "{json}");
        assert!(ground.states(from).await.values().all(|state| state == "moved"), "{from:?}");
        assert!(ground.states(to).await.values().all(|state| state == "active"), "{to:?}");

        // Its access token came along, and is not asked for again.
        ground.run(&["auth", "token"], to, "user-1").await.ends(0);
        assert_eq!(ground.server.ledger().count(Endpoint::Token), renewals);
        for account in ["user-0", "user-1", "user-2"] {
            ground.run(&["auth", "refresh"], to, account).await.ends(0);
            renewals += 1;
            for command in ["token", "refresh"] {
                let moved = ground.run(&["auth", command], from, account).await.ends(3);
                assert!(moved.stderr.contains("moved to another vault"), "{}", moved.stderr);
            }
        }
        assert_eq!(
            ground.server.ledger().count(Endpoint::Token),
            renewals,
            "the old place asked for nothing"
        );
        let again = ground.migrate(from, to, &[]).await.ends(0).json();
        assert_eq!((again["moved"].as_u64(), again["there_already"].as_u64()), (Some(0), Some(4)), "{again}");
        for place in [from, to] {
            ground.run_at(&["audit", "verify"], place).await.ends(0);
        }
    }
    // And back over a vault that it has left before.
    let back = ground.migrate(Place::Sqlite("new"), Place::Postgres, &[]).await.ends(0).json();
    assert_eq!(back["moved"], 3, "{back}");
    ground.run(&["auth", "refresh"], Place::Postgres, "user-0").await.ends(0);
    ground.run(&["auth", "token"], Place::Sqlite("new"), "user-0").await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_between_any_two_stores_is_gone_on_with() {
    const CONSENTS: usize = 40;
    let ground = Ground::new(CONSENTS).await;
    let ways = [
        (Place::Sqlite("old"), Place::Postgres),
        (Place::Postgres, Place::Redis),
        (Place::Redis, Place::Sqlite("new")),
    ];
    let mut renewals = 0;
    for (from, to) in ways {
        let mut was_halfway = false;
        // In steps that are shorter than the moving of them all.
        for nth in 1..200 {
            let mut child = ground.migration(from, to).spawn().unwrap();
            let ended = tokio::time::timeout(Duration::from_millis(40 * nth), child.wait()).await;
            if ended.is_ok() {
                break;
            }
            child.start_kill().unwrap();
            child.wait().await.unwrap();
            let arrived = ground.nobody_lives_twice(from, to, CONSENTS).await;
            was_halfway |= arrived > 0 && arrived < CONSENTS;
        }
        assert!(was_halfway, "{from:?} to {to:?}: no run was cut off in the middle");
        ground.arrives(from, to, CONSENTS).await;
        for account in ["user-0", "user-19", "user-39"] {
            ground.run(&["auth", "refresh"], to, account).await.ends(0);
            ground.run(&["auth", "refresh"], from, account).await.ends(3);
            renewals += 1;
        }
        assert_eq!(ground.server.ledger().count(Endpoint::Token), renewals);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_under_a_run_loses_no_grant() {
    const CONSENTS: usize = 40;
    let mut ground = Ground::new(CONSENTS).await;
    let ways = [
        (Place::Sqlite("old"), Place::Postgres),
        (Place::Postgres, Place::Redis),
        (Place::Redis, Place::Sqlite("new")),
    ];
    for (from, to) in ways {
        for delay in [200, 500, 900] {
            let child = ground.migration(from, to).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(delay)).await;
            // Whatever it waits for an answer of is gone.
            ground.postgres.kill().unwrap();
            ground.redis.kill().unwrap();
            let output = child.wait_with_output().await.unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1 | 5 | 6)), "{code:?} {said}");
            assert!(!said.contains(fixture::SECRET) && !said.contains("panicked"), "{said}");
            ground.postgres.start().unwrap();
            ground.redis.start_again().unwrap();
            ground.nobody_lives_twice(from, to, CONSENTS).await;
        }
        ground.arrives(from, to, CONSENTS).await;
        ground.run(&["auth", "refresh"], to, "user-7").await.ends(0);
        ground.run(&["auth", "refresh"], from, "user-7").await.ends(3);
    }
}
