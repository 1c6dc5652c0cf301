//! The machine's own files.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use grantry_config::{
    Config, ConfigErrors, FindingKind, Loaded, Surroundings, SystemSurroundings, Unreadable,
};

/// A folder with a configuration whose secret is in the file `secret` beside it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("grantry.json");
    fs::write(&config, r#"{"auth": {"clientSecret": "${file:secret}"}}"#).unwrap();
    write(&folder.path().join("secret"), "s3cret\n", 0o600);
    (folder, config)
}

fn write(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn secret(loaded: &Loaded) -> String {
    let service = loaded.config.service("default").unwrap();
    service.registration().client_secret().unwrap().value().expose().to_owned()
}

fn first(loaded: Result<Loaded, ConfigErrors>) -> (FindingKind, String) {
    let errors = loaded.unwrap_err();
    (errors.errors()[0].kind(), errors.errors()[0].to_string())
}

#[test]
fn a_file_and_a_link_to_one_are_read_beside_the_configuration() {
    let (folder, config) = folder();
    let loaded = Config::from_file(&config).unwrap();
    assert_eq!(secret(&loaded), "s3cret");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    fs::rename(folder.path().join("secret"), folder.path().join("elsewhere")).unwrap();
    symlink("elsewhere", folder.path().join("secret")).unwrap();
    assert_eq!(secret(&Config::from_file(&config).unwrap()), "s3cret");
}

#[test]
fn a_secret_that_all_can_read_draws_a_warning_and_one_that_all_can_write_is_refused() {
    let (folder, config) = folder();
    let path = folder.path().join("secret");
    write(&path, "s3cret", 0o644);
    let loaded = Config::from_file(&config).unwrap();
    assert_eq!(loaded.warnings[0].kind(), FindingKind::Exposed);
    write(&path, "s3cret", 0o602);
    let (kind, text) = first(Config::from_file(&config));
    assert!(kind == FindingKind::Exposed && text.contains("may write the file"), "{text}");
    write(&path, "s3cret", 0o600);
    fs::set_permissions(&config, Permissions::from_mode(0o666)).unwrap();
    let (kind, text) = first(Config::from_file(&config));
    assert!(kind == FindingKind::Exposed && text.contains("may write the configuration"), "{text}");
}

#[test]
fn folders_pipes_sockets_and_devices_are_refused_at_once() {
    let (folder, config) = folder();
    let path = folder.path().join("secret");
    fs::remove_file(&path).unwrap();
    // Whoever opened this pipe to read would wait for somebody who writes.
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (kind, text) = first(Config::from_file(&config));
    assert!(kind == FindingKind::Unresolved && text.contains("a pipe, a device or a socket"), "{text}");
    let (kind, _) = first(Config::from_file(&path));
    assert_eq!(kind, FindingKind::Unreadable);
    fs::remove_file(&path).unwrap();
    let _socket = UnixListener::bind(&path).unwrap();
    assert!(first(Config::from_file(&config)).1.contains("a pipe, a device or a socket"));
    assert!(first(Config::from_file(folder.path())).1.contains("a folder"));
    assert!(first(Config::from_file("/dev/zero")).1.contains("a pipe, a device or a socket"));
    symlink(&path, folder.path().join("loop")).unwrap();
    assert!(first(Config::from_file(folder.path().join("loop"))).1.contains("a pipe, a device or a socket"));
}

#[test]
fn no_more_is_read_than_a_file_may_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    // It takes no room on the disk.
    File::create(&path).unwrap().set_len(100 << 20).unwrap();
    assert!(first(Config::from_file(&path)).1.contains("it holds more than"));
    assert_eq!(SystemSurroundings::new().file(&path, 10).unwrap_err(), Unreadable::TooLarge { most: 10 });
    // A file that says it is empty and is not.
    let content = SystemSurroundings::new().file(Path::new("/proc/self/status"), 1 << 20);
    if let Ok(content) = content {
        assert!(!content.bytes.is_empty());
        assert!(SystemSurroundings::new().file(Path::new("/proc/self/status"), 10).is_err());
    }
}

#[test]
fn text_in_another_encoding_is_refused_by_name() {
    let (folder, config) = folder();
    fs::write(folder.path().join("secret"), b"s\xe9cret").unwrap();
    assert!(first(Config::from_file(&config)).1.contains("it is not UTF-8"));
    fs::write(&config, b"\xff\xfe{\0}\0").unwrap();
    assert!(first(Config::from_file(&config)).1.contains("it is not UTF-8"));
}
