//! The vault in a SQLite file, beside bare transactions of the same size on a thread of their own.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use grantry_vault::{Precondition, RecordKey, Revision, SealedRecord, Vault};
use grantry_vault_sqlite::SqliteVault;
use rusqlite::Connection;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use crate::figure::Report;
use crate::sealing::{Limit, Sealing};
use crate::timing::side_by_side;

const RECORD_BYTES: usize = 2_048;
/// Few enough for the page cache of one connection. SQLite lends the connections of a process each other's pages, so
/// with more of them whoever has more connections would be measured with a larger cache, or lose it to the other.
const RECORDS: u64 = 200;
const WRITERS: u64 = 64;
/// So many groups of writes are timed at once.
const WRITES_EACH: u64 = 20;

pub(crate) fn run(report: &mut Report) {
    // Beside the figures, so that it is the same disk for both, and not a file system in memory.
    let folder = tempfile::tempdir_in("target").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let vault = runtime.block_on(SqliteVault::open(folder.path().join("ours.db"))).unwrap();
    let ours: Arc<dyn Vault> = Arc::new(vault.clone());
    let bare = Bare::open(&folder.path().join("bare.db"));
    let keys: Vec<RecordKey> = (0..RECORDS).map(key).collect();
    let mut revisions = fill(&runtime, &ours, &bare, &keys);

    let nth_key = |nth: u64| (nth.wrapping_mul(7_919) % RECORDS) as usize;
    let write = |nth: u64| {
        let at = nth_key(nth);
        let when = Precondition::Matches(revisions[at].clone());
        revisions[at] = runtime.block_on(ours.store(&keys[at], record(), when)).unwrap();
    };
    let bare_write = |nth: u64| runtime.block_on(bare.write(keys[nth_key(nth)].as_str(), bytes()));
    let (measured, limit) = side_by_side(60, write, bare_write);
    let (us, limit_us) = (measured / 1_000.0, limit / 1_000.0);
    report.add(
        "sqlite: one durable write of 2 KiB",
        us,
        "us",
        Some(limit_us),
        "<= 1.5",
        us <= 1.5 * limit_us,
    );

    let one = writes_per_second(&runtime, &ours, 1);
    let many = writes_per_second(&runtime, &ours, WRITERS);
    report.add("sqlite: 64 writers at once beside one", many / one, "x", None, ">= 5", many >= 5.0 * one);

    // Both read from the file, not from the log that the writes have left, with a cache that is theirs alone.
    runtime.block_on(vault.close());
    let vault = runtime.block_on(SqliteVault::open(folder.path().join("ours.db"))).unwrap();
    let ours: Arc<dyn Vault> = Arc::new(vault.clone());
    bare.close();
    let bare = Bare::open(&folder.path().join("bare.db"));
    let sealing = Sealing::new();
    reseal(&runtime, &ours, &bare, &keys, &sealing);
    let read = |nth: u64| {
        let key = &keys[nth_key(nth)];
        let found = runtime.block_on(ours.load(key)).unwrap().unwrap();
        assert_eq!(sealing.open(key, &black_box(found).sealed), RECORD_BYTES);
    };
    let bare_read = |nth: u64| {
        let found = runtime.block_on(bare.read(keys[nth_key(nth)].as_str()));
        assert_eq!(Limit::open(&black_box(found)), RECORD_BYTES);
    };
    let (measured, limit) = side_by_side(5_000, read, bare_read);
    let (us, limit_us) = (measured / 1_000.0, limit / 1_000.0);
    report.add(
        "sqlite: a read of 2 KiB, opened (200 records, all cached)",
        us,
        "us",
        Some(limit_us),
        "<= 1.3",
        us <= 1.3 * limit_us,
    );
    runtime.block_on(vault.close());
}

fn key(nth: u64) -> RecordKey {
    RecordKey::parse(&format!("acme/grant/crm/user-{nth:06}")).unwrap()
}

/// Never the same again: SQLite leaves a page alone that is to be written as it is.
fn bytes() -> Vec<u8> {
    static NTH: AtomicU64 = AtomicU64::new(0);
    let nth = NTH.fetch_add(1, Ordering::Relaxed).to_le_bytes();
    nth.into_iter().cycle().take(RECORD_BYTES).collect()
}

fn record() -> SealedRecord {
    SealedRecord::new(bytes())
}

/// The same records in both.
fn fill(runtime: &Runtime, ours: &Arc<dyn Vault>, bare: &Bare, keys: &[RecordKey]) -> Vec<Revision> {
    runtime.block_on(async {
        let mut revisions = Vec::new();
        for key in keys {
            revisions.push(ours.store(key, record(), Precondition::Absent).await.unwrap());
            bare.write(key.as_str(), bytes()).await;
        }
        revisions
    })
}

/// Puts records that can be opened in the place of those that are there.
fn reseal(runtime: &Runtime, ours: &Arc<dyn Vault>, bare: &Bare, keys: &[RecordKey], sealing: &Sealing) {
    runtime.block_on(async {
        for key in keys {
            let stands = ours.load(key).await.unwrap().unwrap().revision;
            let sealed = sealing.seal(key, &bytes());
            ours.store(key, sealed, Precondition::Matches(stands)).await.unwrap();
            bare.write(key.as_str(), Limit::seal(&bytes())).await;
        }
    });
}

/// Durable writes per second of so many tasks, each with a record of its own; the best of a few rounds, because a
/// shared disk has bad moments.
fn writes_per_second(runtime: &Runtime, vault: &Arc<dyn Vault>, tasks: u64) -> f64 {
    let round = |number: u64| {
        runtime.block_on(async {
            let start = Instant::now();
            let tasks: Vec<_> = (0..tasks)
                .map(|task| {
                    let vault = Arc::clone(vault);
                    let key = key(1_000_000 + number * 10_000 + tasks * 100 + task);
                    tokio::spawn(async move {
                        let mut when = Precondition::Absent;
                        for _ in 0..WRITES_EACH {
                            when = Precondition::Matches(vault.store(&key, record(), when).await.unwrap());
                        }
                    })
                })
                .collect();
            let writes = tasks.len() as u64 * WRITES_EACH;
            for task in tasks {
                task.await.unwrap();
            }
            writes as f64 / start.elapsed().as_secs_f64()
        })
    };
    (0..7).map(round).fold(0.0, f64::max)
}

/// What a program would write by hand: a connection on a thread, and a message there and back.
struct Bare {
    calls: mpsc::UnboundedSender<Call>,
    thread: std::thread::JoinHandle<()>,
}

enum Call {
    Write(String, Vec<u8>, oneshot::Sender<()>),
    Read(String, oneshot::Sender<Vec<u8>>),
}

impl Bare {
    fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE IF NOT EXISTS records(key TEXT NOT NULL UNIQUE, sealed BLOB NOT NULL)",
            )
            .unwrap();
        let (calls, taken) = mpsc::unbounded_channel();
        let thread = std::thread::spawn(move || serve(&connection, taken));
        Self { calls, thread }
    }

    async fn write(&self, key: &str, sealed: Vec<u8>) {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Write(key.to_owned(), sealed, reply)).unwrap();
        answer.await.unwrap();
    }

    async fn read(&self, key: &str) -> Vec<u8> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call::Read(key.to_owned(), reply)).unwrap();
        answer.await.unwrap()
    }

    /// Ends the thread and its connection, which moves the log into the file.
    fn close(self) {
        drop(self.calls);
        self.thread.join().unwrap();
    }
}

fn serve(connection: &Connection, mut calls: mpsc::UnboundedReceiver<Call>) {
    let mut write = connection
        .prepare(
            "INSERT INTO records(key, sealed) VALUES (?1, ?2)
             ON CONFLICT(key) DO UPDATE SET sealed = excluded.sealed",
        )
        .unwrap();
    let mut read = connection.prepare("SELECT sealed FROM records WHERE key = ?1").unwrap();
    while let Some(call) = calls.blocking_recv() {
        match call {
            Call::Write(key, sealed, reply) => {
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                write.execute((key, sealed)).unwrap();
                connection.execute_batch("COMMIT").unwrap();
                let _ = reply.send(());
            }
            Call::Read(key, reply) => {
                let _ = reply.send(read.query_row([key], |row| row.get(0)).unwrap());
            }
        }
    }
}
