//! The command as a whole process: how soon it is done, and how `auth list` bears a hundred thousand grants, or services.
//!
//! The command is this program under another name: what runs is what `grantry` runs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use grantry_core::{RefreshToken, Timestamp};
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::{ClientRecord, GrantRecord, LocalKey, SealedVault, TenantVault};
use grantry_vault_sqlite::SqliteVault;

use crate::figure::Report;
use crate::sweep::{self, Forgets, RECORDS};

/// The name under which this program is the command.
const NAME: &str = "grantry";
/// The name under which it does nothing.
const IDLER: &str = "idler";
/// Where the command writes down how much memory it took.
const PEAK: &str = "BENCH_PEAK_FILE";
/// Of so many runs the median counts.
const RUNS: usize = 21;
const MIB: f64 = 1024.0 * 1024.0;

/// Is the command, if this program was started under its name.
pub(crate) fn stand_in() -> Option<ExitCode> {
    let program = std::env::args_os().next()?;
    match Path::new(&program).file_name()?.to_str()? {
        NAME => {}
        IDLER => return Some(ExitCode::SUCCESS),
        _ => return None,
    }
    let code = grantry_cli::main();
    if let Some(file) = std::env::var_os(PEAK) {
        std::fs::write(file, peak().to_string()).unwrap();
    }
    Some(code)
}

pub(crate) fn run(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let (program, idler) = (named(&folder, NAME), named(&folder, IDLER));
    let [few, grants, services, both] = ["few", "grants", "services", "both"].map(|name| folder.join(name));
    for vault in [&few, &grants, &services, &both] {
        let made: serde_json::Value =
            serde_json::from_slice(&ask(&program, vault, &["vault", "init", "--json"]).stdout).unwrap();
        let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret", "s"];
        ask(&program, vault, &[&set[..], &["--token-url", "https://as.example.com/token"]].concat());
        let opened = (made["store"].as_str().unwrap(), made["key_file"].as_str().unwrap());
        if vault == &grants {
            populate(opened, async |tenant| sweep::populate(&tenant).await);
        } else if vault == &services {
            populate(opened, register);
        } else if vault == &both {
            populate(opened, async |tenant| {
                register(tenant.clone()).await;
                consent(tenant).await;
            });
        }
    }

    // What any process costs that is started by another one.
    let bare = millis(|| drop(Command::new(&idler).output().unwrap()));
    for (what, arguments) in [
        ("command: --version, start to end", &["--version"][..]),
        ("command: auth list of one service, start to end", &["auth", "list"]),
        ("command: vault status, start to end", &["vault", "status"]),
    ] {
        let took = millis(|| drop(ask(&program, &few, arguments)));
        report.add(what, took, "ms", Some(bare), "< 20 ms", took < 20.0);
    }
    let listed = |vault: &Path| -> serde_json::Value {
        serde_json::from_slice(&ask(&program, vault, &["auth", "list", "--json"]).stdout).unwrap()
    };
    assert_eq!(listed(&grants)["services"][0]["grants"], RECORDS);
    assert_eq!(listed(&services)["services"].as_array().unwrap().len(), RECORDS + 1);
    let all = listed(&both);
    assert!(all["services"].as_array().unwrap().iter().skip(1).all(|service| service["grants"] == 1));
    let of_few = peak_of(&program, &few, &["auth", "list"]);
    for (what, vault, forms) in [
        ("grants", &grants, &["auth", "list"][..]),
        ("services", &services, &["auth", "list"]),
        ("services, --json", &services, &["auth", "list", "--json"]),
        ("services with a grant each", &both, &["auth", "list"]),
        ("services with a grant each, --json", &both, &["auth", "list", "--json"]),
    ] {
        let took = millis(|| drop(ask(&program, vault, forms)));
        let read = millis(|| read_alone(&store_of(&program, vault)));
        report.add(
            format!("command: auth list of 100,000 {what}, beside reading them alone"),
            took,
            "ms",
            Some(read),
            "< 1000 ms",
            took < 1_000.0,
        );
        let peak = peak_of(&program, vault, forms);
        report.add(
            format!("command: memory of that at its peak, 100,000 {what}, beside one service"),
            peak,
            "MiB",
            Some(of_few),
            "<= 64 MiB",
            peak <= 64.0,
        );
    }
}

/// This program under another name.
fn named(folder: &Path, name: &str) -> PathBuf {
    let (this, other) = (std::env::current_exe().unwrap(), folder.join(name));
    std::fs::hard_link(&this, &other).or_else(|_| std::fs::copy(&this, &other).map(drop)).unwrap();
    other
}

/// Runs the command, which has to do what it was asked for.
fn ask(program: &Path, vault: &Path, arguments: &[&str]) -> std::process::Output {
    let output = Command::new(program)
        .args(arguments)
        .arg("--vault")
        .arg(vault)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Opens a vault as a program would, and has its tenant filled.
fn populate((store, key_file): (&str, &str), fill: impl AsyncFnOnce(TenantVault)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteVault::open(store).await.unwrap();
        let me = Principal::workload("bench").unwrap();
        let key = LocalKey::from_file(key_file).unwrap();
        let vault = SealedVault::builder(store.clone(), key, AccessPolicy::sole(&me));
        let vault = vault.audit_elsewhere().audit_sink(Forgets).open().await.unwrap().as_principal(me);
        fill(vault.tenant("default").unwrap()).await;
        store.close().await;
    });
}

/// A hundred thousand services that nobody uses yet.
async fn register(tenant: TenantVault) {
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let tenant = tenant.clone();
            tokio::spawn(async move {
                for nth in (task..RECORDS).step_by(64) {
                    let added = Timestamp::from_unix_seconds(1_790_000_000);
                    let client =
                        ClientRecord::new(format!("billing-{nth}")).with_secret("s".repeat(40), added);
                    tenant.store_client(&format!("service-{nth:06}"), client, None).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// One grant of each.
async fn consent(tenant: TenantVault) {
    let consented = Timestamp::from_unix_seconds(1_790_000_000);
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let tenant = tenant.clone();
            tokio::spawn(async move {
                for nth in (task..RECORDS).step_by(64) {
                    let token = RefreshToken::new("r".repeat(200));
                    let grant = GrantRecord::new(consented).with_refresh_token(token, consented);
                    tenant.create_grant(&format!("service-{nth:06}"), "default", grant).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn store_of(program: &Path, vault: &Path) -> String {
    let status = ask(program, vault, &["vault", "status", "--json"]).stdout;
    let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
    status["store"].as_str().unwrap().to_owned()
}

/// Reads every row of the file, and opens nothing.
fn read_alone(store: &str) {
    let file = rusqlite::Connection::open(store).unwrap();
    let mut rows = file.prepare("SELECT * FROM records").unwrap();
    let mut rows = rows.query([]).unwrap();
    let mut bytes = 0;
    while let Some(row) = rows.next().unwrap() {
        bytes += row.get_ref(0).unwrap().as_bytes().map_or(0, <[u8]>::len);
    }
    assert!(bytes > RECORDS);
}

fn millis(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn peak_of(program: &Path, vault: &Path, forms: &[&str]) -> f64 {
    let file = vault.join("peak");
    let listed =
        Command::new(program).args(forms).arg("--vault").arg(vault).env(PEAK, &file).output().unwrap();
    assert!(listed.status.success());
    std::fs::read_to_string(file).unwrap().parse::<f64>().unwrap() / MIB
}

/// The most memory that this process had resident, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}
