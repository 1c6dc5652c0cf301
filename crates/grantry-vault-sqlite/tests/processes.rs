//! Several processes on one file, for real: this binary starts itself again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use grantry_vault::{Precondition, RecordKey, Revision, SealedRecord, Vault, VaultError};
use grantry_vault_sqlite::SqliteVault;

const WORK: &str = "GRANTRY_TEST_WORK";
const FILE: &str = "GRANTRY_TEST_FILE";
const NUMBER: &str = "GRANTRY_TEST_NUMBER";

fn key(name: &str) -> RecordKey {
    RecordKey::parse(&format!("acme/grant/crm/{name}")).unwrap()
}

/// Starts this binary again to do one of the works below.
fn start(work: &str, file: &Path, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_a_started_process_does", "--nocapture"])
        .envs([(WORK, work), (NUMBER, &number.to_string())])
        .env(FILE, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok)
}

/// Does nothing unless it was started by one of the tests.
#[tokio::test]
async fn what_a_started_process_does() {
    let Ok(work) = std::env::var(WORK) else { return };
    let file = std::env::var(FILE).unwrap();
    let number: usize = std::env::var(NUMBER).unwrap().parse().unwrap();
    let vault = SqliteVault::open(&file).await.unwrap();
    match work.as_str() {
        "count" => {
            for _ in 0..number {
                count_up(&vault, &key("counter")).await;
            }
            vault.close().await;
        }
        "write until killed" => write_until_killed(&vault, number).await,
        "store one" => {
            vault.store(&key("told"), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
        }
        "hold the lock" => {
            let connection = rusqlite::Connection::open(&file).unwrap();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            say("held");
            // Until the test closes our input.
            let _ = std::io::stdin().read_line(&mut String::new());
            connection.execute_batch("ROLLBACK").unwrap();
            say("free");
        }
        other => panic!("{other}"),
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Adds one by compare-and-swap, as often as it takes.
async fn count_up(vault: &SqliteVault, key: &RecordKey) -> Revision {
    loop {
        let found = vault.load(key).await.unwrap();
        let count = found.as_ref().map_or(0, |found| count_of(found.sealed.as_bytes()));
        let when = found.map_or(Precondition::Absent, |found| Precondition::Matches(found.revision));
        match vault.store(key, SealedRecord::new((count + 1).to_string()), when).await {
            Ok(revision) => return revision,
            Err(VaultError::Conflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

fn count_of(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

/// Says after each write what was written. Several at once, so that it dies in the middle of groups too.
async fn write_until_killed(vault: &SqliteVault, number: usize) {
    let one = async |nth: usize| {
        for _ in 0..100_000 {
            let name = format!("w{number}-{nth}");
            let key = key(&name);
            let revision = count_up(vault, &key).await;
            say(&format!("{name} {}", revision.as_number().unwrap()));
        }
    };
    tokio::join!(one(0), one(1), one(2), one(3));
}

#[tokio::test]
async fn four_processes_count_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grantry.db");
    // None of them finds a file: all of them make it.
    let mut children: Vec<Child> = (0..4).map(|_| start("count", &file, 100)).collect();
    for child in &mut children {
        lines(child).for_each(drop);
        assert!(child.wait().unwrap().success());
    }
    let vault = SqliteVault::open(&file).await.unwrap();
    assert_eq!(count_of(vault.load(&key("counter")).await.unwrap().unwrap().sealed.as_bytes()), 400);
    vault.check().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().filter(is_leftover).count(), 0);
}

fn is_leftover(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().file_name().to_string_lossy().contains(".new-")
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grantry.db");
    // A fixed sequence of odd pauses; where they meet the writers is chance.
    let mut pause: u64 = 17;
    let mut highest = 0;
    let mut acknowledged = 0;
    for round in 0..50 {
        let mut children: Vec<Child> = (0..2).map(|nth| start("write until killed", &file, nth)).collect();
        let said: Vec<_> = children
            .iter_mut()
            .map(|child| {
                let lines = lines(child);
                std::thread::spawn(move || lines.collect::<Vec<_>>())
            })
            .collect();
        for child in &mut children {
            pause = (pause * 1_103 + 12_345) % 60;
            std::thread::sleep(Duration::from_millis(20 + pause));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let vault = SqliteVault::open(&file).await.unwrap();
        for line in said.into_iter().flat_map(|said| said.join().unwrap()) {
            let Some((name, revision)) = line.split_once(' ').filter(|(name, _)| name.starts_with('w'))
            else {
                continue;
            };
            let Ok(revision) = revision.parse::<u64>() else { continue };
            let found = vault.load(&key(name)).await.unwrap().unwrap().revision.as_number().unwrap();
            assert!(found >= revision, "round {round}: {name} was acknowledged as {revision} and is {found}");
            highest = highest.max(revision);
            acknowledged += 1;
        }
        // No number is given out twice, whatever was cut off.
        let revision = vault
            .store(&key(&format!("round-{round}")), SealedRecord::new("x"), Precondition::Absent)
            .await
            .unwrap();
        assert!(revision.as_number().unwrap() > highest);
        vault.check().await.unwrap();
        vault.close().await;
    }
    assert!(acknowledged > 0);
}

#[tokio::test]
async fn a_lock_held_by_another_process_ends_the_patience_and_then_all_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grantry.db");
    let vault = SqliteVault::builder(&file).patience(Duration::from_millis(100)).open().await.unwrap();
    let mut holder = start("hold the lock", &file, 0);
    let mut lines = lines(&mut holder);
    assert!(lines.any(|line| line.ends_with("held")));
    let key = key("busy");
    let write = || vault.store(&key, SealedRecord::new("x"), Precondition::Absent);
    let refused = write().await.unwrap_err();
    assert!(matches!(&refused, VaultError::Unavailable(why) if why.contains("held the lock")), "{refused}");
    // Readers do not wait behind a writer.
    assert!(vault.load(&key).await.unwrap().is_none());
    drop(holder.stdin.take());
    assert!(lines.any(|line| line.ends_with("free")));
    write().await.unwrap();
    assert!(holder.wait().unwrap().success());
}

#[tokio::test]
async fn a_write_of_another_process_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grantry.db");
    let vault = SqliteVault::open(&file).await.unwrap();
    let key = key("told");
    let mut child = start("store one", &file, 0);
    loop {
        let hint = vault.watch().unwrap().next_change(&key);
        if vault.load(&key).await.unwrap().is_some() {
            break;
        }
        // Without hints this would wait for ever.
        hint.await;
    }
    assert!(child.wait().unwrap().success());
}
