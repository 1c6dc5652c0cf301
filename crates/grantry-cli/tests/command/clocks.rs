//! Clocks that were wrong, by half a century or two: what a program wrote by them is read by a command with a right one.

use std::sync::Arc;
use std::time::Duration;

use grantry::pantry::Grantry;
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{LocalKey, RotationPolicy, SealedVault, VaultKeys};
use grantry::{Clock, SqliteVault, Timestamp, TokenSource};
use grantry_testkit::ManualClock;

use crate::fixture::{Home, SHOWS, server};

/// What a clock without a battery begins with, where counters of 32 bits end, and the last moment that a timestamp of this library
/// can say.
const MOMENTS: [(i64, &str); 3] =
    [(1, "1970-01-01T00:00:01Z"), (1 << 32, "2106-02-07T06:28:16Z"), (i64::MAX, "2262-04-11T23:47:16Z")];

const TOKEN: &[&str] = &["auth", "token", "--service", "crm"];
const DOCTOR: &[&str] = &["doctor"];

/// A program of another machine uses the vault, renews what is in it, and exchanges its keys, at a time of its own.
async fn used_at(home: &Home, moment: i64) {
    let clock = ManualClock::new();
    clock.set_wall(Timestamp::from_unix_seconds(moment));
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let me = Principal::person("ana").unwrap();
    let store = || async {
        let path = home.vault().join("grantry.db");
        let machine = format!("a machine of {moment}");
        SqliteVault::builder(path).machine(Arc::clone(&clock), Some(&machine)).open().await.unwrap()
    };
    let keys = || VaultKeys::rotating(LocalKey::from_file(home.vault().join("grantry.key")).unwrap());
    let policy = || AccessPolicy::sole(&me);
    let pantry =
        Grantry::builder().vault(store().await).keys(keys()).access(policy()).clock(Arc::clone(&clock));
    let pantry = pantry.lifeboats(home.vault().join("lifeboats")).without_rotation().open().await.unwrap();
    let tenant = pantry.as_principal(me.clone()).tenant("default").unwrap();
    tenant.source("crm").await.unwrap().token().await.unwrap();
    tenant.renew("crm").await.unwrap();
    pantry.shutdown().await.unwrap();
    let vault =
        SealedVault::builder(store().await, keys(), policy()).clock(Arc::clone(&clock)).open().await.unwrap();
    let rotation = RotationPolicy::default().every(Duration::ZERO).records_per_second(u32::MAX);
    let report = vault.as_principal(me.clone()).rotate(&rotation, |_| {}).await.unwrap();
    assert!(!report.busy_elsewhere && report.failed.is_empty());
    vault.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_at_a_wrong_time_is_read_and_nothing_of_it_is_lost() {
    for (moment, shown) in MOMENTS {
        let (home, server) = (Home::new(), server().await);
        home.set(&server).await.ends(0);
        used_at(&home, moment).await;
        for command in SHOWS.iter().chain([&DOCTOR]) {
            let ran = home.run(command).await.ends(0);
            assert!(!ran.stderr.contains("panicked"), "{shown}: {ran:?}");
        }
        let json = home.run(&["audit", "show", "--json"]).await.ends(0).json();
        let moments: Vec<&str> =
            json["entries"].as_array().unwrap().iter().filter_map(|entry| entry["at"].as_str()).collect();
        assert!(moments.contains(&shown) && moments.is_sorted(), "{shown}: {moments:?}");
        let json = home.run(&["auth", "status", "--json"]).await.ends(0).json();
        assert_eq!(
            (&json["grants"][0]["state"], &json["grants"][0]["consented_at"]),
            (&"active".into(), &shown.into())
        );
        let before = home.run(TOKEN).await.ends(0).stdout;
        home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
        let after = home.run(TOKEN).await.ends(0).stdout;
        assert_ne!(before, after, "{shown}");
        home.run(&["auth", "rotate", "--service", "crm"]).await.ends(0);
        home.run(&["vault", "rotate-keys", "--due"]).await.ends(0);
        home.run(&["vault", "rotate-keys"]).await.ends(0);
        home.run(TOKEN).await.ends(0);
        home.run(&["audit", "verify"]).await.ends(0);
        home.run(&["vault", "migrate", "--to", "new"]).await.ends(0);
        home.run(&[TOKEN, &["--vault", "new"]].concat()).await.ends(0);
        home.run(&["auth", "remove", "--service", "crm", "--vault", "new"]).await.ends(0);
    }
}
