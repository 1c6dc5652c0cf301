//! Files that a newer version of the command has written.

use std::path::Path;
use std::time::Duration;

use grantry::SqliteVault;

use crate::fixture::{Home, server};

/// Everything that a folder holds, but the file that locks it.
fn held(folder: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let files =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut held: Vec<_> =
        files.map(|path| (path.file_name().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect();
    held.retain(|(name, _)| {
        name.to_string_lossy().ends_with(".db") || name.to_string_lossy().ends_with(".key")
    });
    held.sort();
    held
}

/// Waits until the whole database is in its one file. A command may end before its store is closed, and leaves its last writes in
/// the log beside then, the header among them; whoever closes the file as the last one folds them in.
async fn folded_in(home: &Home) {
    drop(SqliteVault::open(home.vault().join("grantry.db")).await.unwrap());
    let log = home.vault().join("grantry.db-wal");
    for _ in 0..6_000 {
        if std::fs::metadata(&log).map_or(true, |log| log.len() == 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} never became empty", log.display());
}

const COMMANDS: &[&[&str]] = &[
    &["auth", "list"],
    &["auth", "token", "--service", "crm"],
    &["auth", "set", "--service", "crm", "--audience", "x"],
    &["auth", "rotate", "--service", "crm"],
    &["auth", "remove", "--service", "crm"],
    &["vault", "init"],
    &["vault", "status"],
    &["vault", "rotate-keys"],
    &["vault", "migrate", "--to", "new"],
    &["vault", "shred-tenant", "default", "--yes"],
    &["audit", "show"],
    &["audit", "verify"],
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_version_wrote_is_left_alone_and_whoever_asks_is_told_to_upgrade() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let (store, key) = (home.vault().join("grantry.db"), home.vault().join("grantry.key"));
    let newer_store = |bytes: &mut Vec<u8>| {
        // The format stands in the header of the file, the most significant byte first.
        let format = u32::from_be_bytes(bytes[60..64].try_into().unwrap());
        bytes[60..64].copy_from_slice(&(format + 1).to_be_bytes());
    };
    let newer_key = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let newer = text.replace("grantry key file 1", "grantry key file 2");
        assert_ne!(newer, text);
        *bytes = newer.into_bytes();
    };
    for (path, change) in [(&store, &newer_store as &dyn Fn(&mut Vec<u8>)), (&key, &newer_key)] {
        folded_in(&home).await;
        let old = std::fs::read(path).unwrap();
        let mut bytes = old.clone();
        change(&mut bytes);
        std::fs::write(path, &bytes).unwrap();
        let before = held(&home.vault());
        for command in COMMANDS {
            let ran = home.run(command).await.ends(6);
            assert!(
                ran.stderr.contains("newer") || ran.stderr.contains("upgrade"),
                "{command:?}: {}",
                ran.stderr
            );
        }
        let doctor = home.run(&["doctor"]).await.ends(1);
        assert!(doctor.stdout.contains("newer") || doctor.stdout.contains("upgrade"), "{}", doctor.stdout);
        assert_eq!(held(&home.vault()), before, "{}", path.display());
        assert!(!home.folder.path().join("new/grantry.db").exists());
        std::fs::write(path, old).unwrap();
        home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    }
}
