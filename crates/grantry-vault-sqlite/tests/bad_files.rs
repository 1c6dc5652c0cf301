//! Files that are not whole vaults of ours, or that others can reach: refused with what to do, and left as they are.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use grantry_vault::{Precondition, RecordKey, SealedRecord, Vault, VaultError};
use grantry_vault_sqlite::SqliteVault;
use rusqlite::Connection;

/// A folder with a vault in it that has some records and is closed.
async fn closed_vault() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let vault = SqliteVault::open(&path).await.unwrap();
    for nth in 0..20 {
        vault.store(&key(nth), SealedRecord::new(vec![7; 900]), Precondition::Absent).await.unwrap();
    }
    vault.close().await;
    (folder, path)
}

fn key(nth: usize) -> RecordKey {
    RecordKey::parse(&format!("acme/grant/crm/user-{nth}")).unwrap()
}

/// What is in the folder, by name.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(&path).unwrap_or_default()))
        .collect();
    all.sort();
    all
}

/// Opening fails, and changes nothing at all.
async fn refused(path: &Path) -> VaultError {
    let before = contents(path.parent().unwrap());
    let error = SqliteVault::open(path).await.unwrap_err();
    assert!(contents(path.parent().unwrap()) == before, "{error}");
    error
}

fn says(error: &VaultError, words: &[&str]) {
    let text = error.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert!(!text.contains("SELECT") && !text.contains("PRAGMA") && !text.ends_with('.'), "{text}");
}

#[tokio::test]
async fn a_vault_that_was_closed_is_one_file_that_is_only_its_owners() {
    let (folder, path) = closed_vault().await;
    assert_eq!(contents(folder.path()).len(), 1);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
    let vault = SqliteVault::open(&path).await.unwrap();
    vault.store(&key(100), SealedRecord::new("x"), Precondition::Absent).await.unwrap();
    let files = contents(folder.path());
    assert_eq!(files.len(), 3);
    #[cfg(unix)]
    for (file, _) in files {
        assert_eq!(
            std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap()) & 0o777,
            0o600,
            "{file:?}"
        );
    }
    vault.check().await.unwrap();
    vault.close().await;
}

#[tokio::test]
async fn a_file_cut_short_anywhere_is_damaged_and_stays_as_it_is() {
    let (_folder, path) = closed_vault().await;
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 20_000);
    for length in (0..whole.len()).step_by(100) {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refused(&path).await;
        assert!(matches!(error, VaultError::Damaged(_)), "{length}: {error}");
        says(&error, &["grantry.db", "backup"]);
    }
    fs::write(&path, &whole).unwrap();
    SqliteVault::open(&path).await.unwrap().close().await;
}

#[tokio::test]
async fn pages_that_are_not_what_was_written_are_damaged_and_nothing_panics() {
    let (_folder, path) = closed_vault().await;
    let whole = fs::read(&path).unwrap();
    let mut met = 0;
    for at in (100..whole.len()).step_by(512) {
        let mut bad = whole.clone();
        bad[at..at + 64].fill(0xfe);
        fs::write(&path, &bad).unwrap();
        let vault = match SqliteVault::open(&path).await {
            Ok(vault) => vault,
            Err(error) => {
                assert!(matches!(error, VaultError::Damaged(_)), "{error}");
                met += 1;
                continue;
            }
        };
        for nth in 0..20 {
            match vault.load(&key(nth)).await {
                Ok(_) => {}
                Err(VaultError::Damaged(_)) => met += 1,
                Err(other) => panic!("{other}"),
            }
        }
        vault.close().await;
    }
    assert!(met > 0);
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    for text in ["{\"tokens\": []}".repeat(1_000), String::from("x")] {
        write_private(&path, text.as_bytes());
        let error = refused(&path).await;
        assert!(matches!(error, VaultError::Damaged(_)), "{error}");
        says(&error, &["grantry.db", "backup"]);
    }
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone_with_its_journal_and_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantry.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE theirs(a); INSERT INTO theirs VALUES (1)")
        .unwrap();
    // As after a crash: with a log that nobody has moved into the file.
    let copy = tempfile::tempdir().unwrap();
    for (file, bytes) in contents(folder.path()) {
        let target = copy.path().join(file.file_name().unwrap());
        if !target.to_string_lossy().ends_with("-shm") {
            write_private(&target, &bytes);
        }
    }
    let error = refused(&copy.path().join("grantry.db")).await;
    assert!(matches!(error, VaultError::Damaged(_)), "{error}");
    drop(other);
    private(&path);
    let error = refused(&path).await;
    says(&error, &["another program", "choose another path"]);

    let hot = tempfile::tempdir().unwrap();
    let path = hot.path().join("grantry.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs(a); PRAGMA cache_size = 1; BEGIN; INSERT INTO theirs VALUES (zeroblob(90000))").unwrap();
    let files = contents(hot.path());
    drop(other);
    for (file, bytes) in files {
        write_private(&file, &bytes);
    }
    let error = refused(&path).await;
    says(&error, &["another program"]);
}

#[tokio::test]
async fn a_newer_format_asks_for_an_upgrade() {
    let (_folder, path) = closed_vault().await;
    let file = Connection::open(&path).unwrap();
    file.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA user_version = 2").unwrap();
    drop(file);
    let error = refused(&path).await;
    assert!(matches!(error, VaultError::Newer(_)), "{error}");
    says(&error, &["format 2", "upgrade"]);
}

#[tokio::test]
async fn tables_that_are_not_ours_are_damage() {
    for change in [
        "DROP TABLE meta",
        "DELETE FROM meta",
        "CREATE TRIGGER theft AFTER INSERT ON records BEGIN DELETE FROM records; END",
        "ALTER TABLE records ADD COLUMN more TEXT",
        "PRAGMA user_version = 0",
    ] {
        let (_folder, path) = closed_vault().await;
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        let error = refused(&path).await;
        assert!(matches!(error, VaultError::Damaged(_)), "{change}: {error}");
    }
}

#[tokio::test]
async fn a_log_without_its_file_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("grantry.db-wal"), b"the last writes");
    let error = refused(&folder.path().join("grantry.db")).await;
    says(&error, &["grantry.db-wal", "put the file back"]);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteVault::open(folder.path().join("no/grantry.db")).await.unwrap_err();
    assert!(matches!(error, VaultError::Refused(_)), "{error}");
    says(&error, &["/no does not exist", "mkdir -m 700"]);
    fs::create_dir(folder.path().join("grantry.db")).unwrap();
    let error = SqliteVault::open(folder.path().join("grantry.db")).await.unwrap_err();
    says(&error, &["is not a file"]);
    let error = SqliteVault::open("").await.unwrap_err();
    says(&error, &["does not name a file"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_others_can_reach_is_refused_with_the_command_that_helps() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = closed_vault().await;
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o604, 0o602, 0o640, 0o620, 0o666, 0o610] {
        set(&path, mode);
        says(&refused(&path).await, &["others may read or write", "chmod 600 "]);
    }
    set(&path, 0o400);
    says(&refused(&path).await, &["may not be written", "chmod 600 "]);
    set(&path, 0o600);
    for mode in [0o770, 0o707, 0o1777] {
        set(folder.path(), mode);
        says(&refused(&path).await, &["others may write into the folder", "chmod go-w "]);
    }
    set(folder.path(), 0o755);
    SqliteVault::open(&path).await.unwrap().close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_refused() {
    let (folder, path) = closed_vault().await;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    says(&SqliteVault::open(&link).await.unwrap_err(), &["symbolic link"]);
    let second = folder.path().join("second.db");
    fs::hard_link(&path, &second).unwrap();
    says(&SqliteVault::open(&path).await.unwrap_err(), &["second name"]);
    fs::remove_file(&second).unwrap();
    // A folder may be reached through a link: everybody ends at the same file.
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(folder.path(), elsewhere.path().join("here")).unwrap();
    SqliteVault::open(elsewhere.path().join("here/grantry.db")).await.unwrap().close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_that_died_while_it_made_the_vault_leaves_nothing_in_the_way() {
    let (folder, path) = closed_vault().await;
    let leftover = folder.path().join("grantry.db.new-4711-0");
    fs::hard_link(&path, &leftover).unwrap();
    SqliteVault::open(&path).await.unwrap().close().await;
    assert!(!leftover.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_open_takes_no_more_writes() {
    let (folder, path) = closed_vault().await;
    let vault = SqliteVault::open(&path).await.unwrap();
    fs::rename(&path, folder.path().join("away.db")).unwrap();
    let key = key(50);
    let write = || vault.store(&key, SealedRecord::new("x"), Precondition::Absent);
    says(&write().await.unwrap_err(), &["was removed", "open the vault again"]);
    fs::rename(folder.path().join("away.db"), &path).unwrap();
    write().await.unwrap();
    vault.close().await;
}

#[tokio::test]
async fn a_copy_made_by_vacuum_is_a_vault() {
    let (folder, path) = closed_vault().await;
    let copy = folder.path().join("copy.db");
    Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    private(&copy);
    let vault = SqliteVault::open(&copy).await.unwrap();
    let found = vault.load(&key(3)).await.unwrap().unwrap();
    vault.store(&key(3), SealedRecord::new("new"), Precondition::Matches(found.revision)).await.unwrap();
    vault.close().await;
}

fn write_private(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    private(path);
}

fn private(path: &Path) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
