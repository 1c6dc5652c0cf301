//! The store's clock: one for all handles, never backwards, not even when the machine restarts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::{Clock, CoarseReading, Instant, Timestamp};
use grantry_vault::{Precondition, RecordKey, SealedRecord, Vault, VaultError};
use grantry_vault_sqlite::SqliteVault;

/// A machine whose clocks are moved by hand.
#[derive(Debug, Clone, Default)]
struct Hands {
    boot: Arc<AtomicU64>,
    wall: Arc<AtomicI64>,
}

impl Hands {
    fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap();
        self.boot.fetch_add(nanos, Ordering::Relaxed);
        self.wall.fetch_add(i64::try_from(nanos).unwrap(), Ordering::Relaxed);
    }

    /// Off for so long, and then on again.
    fn restart(&self, off: Duration) {
        self.advance(off);
        self.boot.store(1_000, Ordering::Relaxed);
    }

    async fn open(&self, path: &Path, boot_id: &str) -> SqliteVault {
        SqliteVault::builder(path).machine(self.clone(), Some(boot_id)).open().await.unwrap()
    }
}

impl Clock for Hands {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.boot.load(Ordering::Relaxed))
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.wall.load(Ordering::Relaxed))
    }
    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: self.boot.load(Ordering::Relaxed), wall: self.wall() }
    }
}

fn key() -> RecordKey {
    RecordKey::parse("acme/grant/crm/user-17").unwrap()
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn time_never_runs_backwards_over_restarts_whatever_was_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let hands = Hands::default();
    hands.advance(MINUTE);
    let mut last = 0;
    let mut revision = None;
    for boot in 0..30_u32 {
        let vault = hands.open(&path, &format!("boot-{boot}")).await;
        for step in 0..10 {
            // Reads alone carry it hours on, past every ceiling that opening has set.
            hands.advance(MINUTE * (boot * 7 + step * 11));
            if step == 3 && boot % 3 == 0 {
                let when = revision.take().map_or(Precondition::Absent, Precondition::Matches);
                revision = Some(vault.store(&key(), SealedRecord::new("x"), when).await.unwrap());
            }
            let read = vault.load(&key()).await.unwrap().map_or(last, |found| found.read_at.as_nanos());
            let now = vault.now().await.unwrap().as_nanos();
            assert!(last <= read && read <= now, "{boot}.{step}: {last} {read} {now}");
            last = now;
        }
        // A process that is killed says nothing to the file.
        if boot % 2 == 0 {
            vault.close().await;
        }
        hands.restart(MINUTE * boot);
    }
}

#[tokio::test]
async fn the_time_that_the_machine_was_off_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let hands = Hands::default();
    let vault = hands.open(&path, "first").await;
    let before = vault.now().await.unwrap();
    vault.close().await;
    hands.restart(MINUTE * 60 * 24);
    let vault = hands.open(&path, "second").await;
    let off = vault.now().await.unwrap().since(before);
    assert!(off >= MINUTE * 60 * 24 && off < MINUTE * 60 * 25, "{off:?}");
}

#[tokio::test]
async fn two_handles_read_one_clock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let hands = Hands::default();
    let (first, second) = (hands.open(&path, "boot").await, hands.open(&path, "boot").await);
    for _ in 0..5 {
        hands.advance(MINUTE * 45);
        assert_eq!(first.now().await.unwrap(), second.now().await.unwrap());
    }
    let machine = SqliteVault::open(folder.path().join("other.db")).await.unwrap();
    let again = SqliteVault::open(folder.path().join("other.db")).await.unwrap();
    let mut last = machine.now().await.unwrap();
    for nth in 0..100 {
        let now = if nth % 2 == 0 { again.now().await.unwrap() } else { machine.now().await.unwrap() };
        assert!(last <= now);
        last = now;
    }
}

#[tokio::test]
async fn a_handle_of_another_machine_writes_no_more_once_the_file_went_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let hands = Hands::default();
    let stale = hands.open(&path, "here").await;
    let fresh = hands.open(&path, "there").await;
    let refused = stale.store(&key(), SealedRecord::new("x"), Precondition::Absent).await.unwrap_err();
    assert!(matches!(&refused, VaultError::Refused(why) if why.contains("another machine")), "{refused}");
    assert!(fresh.load(&key()).await.unwrap().is_none());
    fresh.store(&key(), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
}

#[tokio::test]
async fn without_a_boot_id_the_clock_is_the_wall_clock_held_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let hands = Hands::default();
    hands.advance(MINUTE * 1_000);
    let vault = SqliteVault::builder(&path).machine(hands.clone(), None).open().await.unwrap();
    vault.store(&key(), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
    let before = vault.now().await.unwrap();
    assert_eq!(before.as_nanos(), 60_000_000_000_000);
    hands.wall.store(0, Ordering::Relaxed);
    assert_eq!(vault.now().await.unwrap(), before);
    let second = SqliteVault::builder(&path).machine(hands, None).open().await.unwrap();
    assert_eq!(second.now().await.unwrap(), before);
}

/// A clock that breaks down on request.
#[derive(Debug, Clone, Default)]
struct Fragile(Hands, Arc<AtomicU64>);

impl Clock for Fragile {
    fn now(&self) -> Instant {
        let is_ours = std::thread::current().name().is_some_and(|name| name.starts_with("grantry-"));
        assert!(!is_ours || self.1.load(Ordering::Relaxed) == 0, "as the test wants it");
        self.0.now()
    }
    fn wall(&self) -> Timestamp {
        self.0.wall()
    }
    fn coarse(&self) -> CoarseReading {
        self.0.coarse()
    }
}

#[tokio::test]
async fn a_thread_that_panics_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let clock = Fragile::default();
    let vault = SqliteVault::builder(&path).machine(clock.clone(), Some("boot")).open().await.unwrap();
    let hint = vault.watch().unwrap().next_change(&key());
    clock.1.store(1, Ordering::Relaxed);
    let key = key();
    let write = || vault.store(&key, SealedRecord::new("x"), Precondition::Absent);
    assert!(matches!(write().await, Err(VaultError::InDoubt(_))));
    hint.await;
    assert!(matches!(write().await, Err(VaultError::Unavailable(_))));
    for _ in 0..4 {
        assert!(matches!(vault.load(&key).await, Err(VaultError::Unavailable(_))));
    }
    vault.close().await;
    clock.1.store(0, Ordering::Relaxed);
    let vault = SqliteVault::builder(&path).machine(clock, Some("boot")).open().await.unwrap();
    assert!(vault.load(&key).await.unwrap().is_none());
}
