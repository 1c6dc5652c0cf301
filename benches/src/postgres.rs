//! The vault in PostgreSQL, beside `pgbench` that updates one row of the same size on the same server.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grantry_tests::postgres::{Postgres, Settings, password};
use grantry_vault::{Precondition, RecordKey, SealedRecord, Vault};
use grantry_vault_postgres::PostgresVault;
use tokio::runtime::Runtime;

use crate::figure::Report;

const RECORD_BYTES: usize = 1_024;
const CALLERS: usize = 32;
/// Rounds in turn, so that a change of the machine's speed meets both alike. The first is left out.
const ROUNDS: usize = 6;
pub(crate) const ROUND: Duration = Duration::from_secs(3);

const OWNER: &str = "owner";
const LOGIN: &str = "acme";

/// The least that a program could do: the row found by its key, and replaced. Each client has a row of its own.
pub(crate) const UPDATE: &str = "UPDATE bare SET sealed = :payload::bytea, revision = revision + 1 \
                      WHERE key = 'acme/grant/crm/user-' || :client_id RETURNING revision;";
const SELECT: &str = "SELECT revision, sealed FROM bare WHERE key = 'acme/grant/crm/user-' || :client_id;";

pub(crate) fn run(report: &mut Report) {
    let server = Postgres::launch(Settings::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let vault: Arc<dyn Vault> = Arc::new(open(&server, &runtime, CALLERS));
    let keys: Vec<RecordKey> = (0..CALLERS).map(key).collect();
    runtime.block_on(async {
        for key in &keys {
            vault.store(key, record(0), Precondition::Absent).await.unwrap();
        }
    });
    make_bare(&server, CALLERS);
    server.sql("bench", "VACUUM ANALYZE grantry.records").unwrap();

    let writes = || calls_per_second(&runtime, &vault, &keys, true);
    let (ours, limit) = side_by_side(writes, || pgbench(&server, UPDATE, CALLERS));
    report.add(
        "postgres: durable writes of 1 KiB, 32 callers",
        ours,
        "/s",
        Some(limit),
        ">= 0.7",
        ours >= 0.7 * limit,
    );
    let reads = || calls_per_second(&runtime, &vault, &keys, false);
    let (ours, limit) = side_by_side(reads, || pgbench(&server, SELECT, CALLERS));
    report.add("postgres: reads of 1 KiB, 32 callers", ours, "/s", Some(limit), "-", true);
    drop(vault);
}

/// A vault in a database of its own, with so many connections.
pub(crate) fn open(server: &Postgres, runtime: &Runtime, connections: usize) -> PostgresVault {
    server.create_role(OWNER, "CREATEROLE").unwrap();
    server.create_role(LOGIN, "").unwrap();
    server.create_database("bench", OWNER).unwrap();
    runtime.block_on(async {
        PostgresVault::builder(&server.url(OWNER, "bench")).migrate().await.unwrap();
        server.sql("bench", &format!("GRANT grantry_app TO {LOGIN}")).unwrap();
        let builder = PostgresVault::builder(&server.url(LOGIN, "bench"));
        builder.connections(connections).open().await.unwrap()
    })
}

/// The same rows, stored the same way, without the vault's walls.
pub(crate) fn make_bare(server: &Postgres, rows: usize) {
    let statements = format!(
        "CREATE TABLE bare (key text COLLATE \"C\" PRIMARY KEY, revision bigint NOT NULL, sealed bytea NOT NULL)
             WITH (fillfactor = 60, toast_tuple_target = 8160);
         ALTER TABLE bare ALTER COLUMN sealed SET STORAGE EXTERNAL;
         INSERT INTO bare SELECT 'acme/grant/crm/user-' || nth, 0, convert_to(repeat('x', {RECORD_BYTES}), 'UTF8')
             FROM generate_series(0, {rows} - 1) AS nth;
         GRANT SELECT, UPDATE ON bare TO {LOGIN};
         VACUUM ANALYZE bare;"
    );
    for statement in statements.split_inclusive(';') {
        server.sql("bench", statement).unwrap();
    }
}

fn key(nth: usize) -> RecordKey {
    RecordKey::parse(&format!("acme/grant/crm/user-{nth}")).unwrap()
}

fn record(nth: u64) -> SealedRecord {
    SealedRecord::new(nth.to_le_bytes().into_iter().cycle().take(RECORD_BYTES).collect::<Vec<_>>())
}

/// Calls per second of one task for each key, each after the other.
fn calls_per_second(runtime: &Runtime, vault: &Arc<dyn Vault>, keys: &[RecordKey], writes: bool) -> f64 {
    let (ended, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    runtime.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = keys
            .iter()
            .map(|key| {
                let (vault, key) = (Arc::clone(vault), key.clone());
                let (ended, calls) = (Arc::clone(&ended), Arc::clone(&calls));
                tokio::spawn(async move {
                    let mut revision = vault.load(&key).await.unwrap().unwrap().revision;
                    while !ended.load(Ordering::Relaxed) {
                        let nth = calls.fetch_add(1, Ordering::Relaxed);
                        if writes {
                            let when = Precondition::Matches(revision);
                            revision = vault.store(&key, record(nth), when).await.unwrap();
                        } else {
                            revision = vault.load(&key).await.unwrap().unwrap().revision;
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(ROUND).await;
        ended.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
        calls.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
    })
}

/// Transactions per second of as many clients, each after the other, prepared.
pub(crate) fn pgbench(server: &Postgres, script: &str, clients: usize) -> f64 {
    let path = server.socket_folder().join("script.sql");
    std::fs::write(&path, script).unwrap();
    let output = Command::new(server.program("pgbench"))
        .args(["-n", "-j", "2", "-M", "prepared", "-h", "127.0.0.1", "-U", LOGIN])
        .args(["-c", &clients.to_string(), "-T", &ROUND.as_secs().to_string()])
        .args(["-p", &server.port().to_string()])
        .args(["-D", &format!("payload={}", "y".repeat(RECORD_BYTES)), "-f"])
        .arg(&path)
        .arg("bench")
        .env("PGPASSWORD", password(LOGIN))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| unreachable!("pgbench: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The medians of both.
pub(crate) fn side_by_side(ours: impl Fn() -> f64, limit: impl Fn() -> f64) -> (f64, f64) {
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (ours(), limit())).collect();
    let median = |rounds: &mut Vec<f64>| {
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    };
    let kept = rounds.iter().skip(1);
    (
        median(&mut kept.clone().map(|round| round.0).collect()),
        median(&mut kept.map(|round| round.1).collect()),
    )
}
