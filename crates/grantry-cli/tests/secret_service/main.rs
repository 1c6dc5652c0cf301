//! A vault whose key is in the keychain of the operating system, here GNOME Keyring.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

#[path = "../command/fixture.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod fixture;

use std::path::Path;

use grantry_testkit::Endpoint;
use grantry_tests::secret_service::{SecretService, State};

use crate::fixture::{Home, server};

/// A home whose keychain is this one.
fn home(service: &SecretService) -> Home {
    let mut home = Home::new();
    home.variables.extend(service.command_env());
    home
}

/// What is left of a key in the files of a vault.
fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_keeps_its_key_in_the_keychain_and_is_used_as_any_other() {
    let mut service = SecretService::start(State::Unlocked).unwrap();
    let (home, server) = (home(&service), server().await);
    let made = home.run(&["vault", "init", "--keychain"]).await.ends(0);
    assert!(made.stderr.contains("its key is the entry vault-"), "{}", made.stderr);
    assert!(files(&home.vault()).contains(&"grantry.keychain".to_owned()));
    assert!(!home.vault().join("grantry.key").exists());
    let entries = service.entries("grantry").unwrap();
    assert_eq!(entries.len(), 1);
    assert!(service.label(&entries[0]).unwrap().ends_with(".local/share/grantry"));
    let again = home.run(&["vault", "init", "--keychain", "--json"]).await.ends(0).json();
    assert_eq!((again["created"].as_bool(), again["key_file"].is_null()), (Some(false), true));

    // From here on nobody has to say where it is.
    home.set(&server).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    home.run(&["vault", "rotate-keys"]).await.ends(0);
    service.start_again(State::Unlocked).unwrap();
    assert_eq!(home.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout, token.stdout);
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    let status = home.run(&["vault", "status"]).await.ends(0);
    assert!(status.stdout.contains("keychain  the entry vault-"), "{}", status.stdout);
    let json = home.run(&["vault", "status", "--json"]).await.ends(0).json();
    let name = json["keychain_entry"].as_str().unwrap().to_owned();
    assert!(json["keys"].as_array().unwrap().iter().any(|key| key["of"] == "provider"), "{json}");
    let doctor = home.run(&["doctor", "--offline"]).await.ends(0);
    assert!(
        doctor.stdout.contains("the key is in the keychain") && doctor.stdout.contains(&name),
        "{doctor:?}"
    );
    assert_eq!(service.entries("grantry").unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_gone_is_said_and_no_other_key_is_made() {
    let service = SecretService::start(State::Unlocked).unwrap();
    let (home, server) = (home(&service), server().await);
    home.run(&["vault", "init", "--keychain"]).await.ends(0);
    home.set(&server).await.ends(0);
    service.remove("grantry").unwrap();
    for command in [
        ["auth", "list"].as_slice(),
        &["vault", "status"],
        &["vault", "init"],
        &["vault", "init", "--keychain"],
        &["vault", "rotate-keys"],
        &["auth", "set", "--service", "erp", "--client-id", "x", "--public"],
    ] {
        let ran = home.run(command).await.ends(6);
        assert!(ran.stderr.contains("is not there, and without it nothing"), "{}", ran.stderr);
        assert!(ran.stderr.contains("--key-file"), "{}", ran.stderr);
    }
    assert!(service.entries("grantry").unwrap().is_empty());
    let doctor = home.run(&["doctor", "--offline"]).await.ends(1);
    assert!(doctor.stdout.contains("is not there"), "{}", doctor.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_entry_is_a_key_file() {
    let service = SecretService::start(State::Unlocked).unwrap();
    let (home, server) = (home(&service), server().await);
    home.run(&["vault", "init", "--keychain"]).await.ends(0);
    home.set(&server).await.ends(0);
    let copy = home.folder.path().join("copy.key");
    service.copy("grantry", &copy).unwrap();
    service.remove("grantry").unwrap();
    home.run(&["auth", "list"]).await.ends(6);
    home.run(&["auth", "token", "--service", "crm", "--key-file", copy.to_str().unwrap()]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keychain_that_is_locked_or_not_there_says_what_to_do() {
    let mut service = SecretService::start(State::Unlocked).unwrap();
    let home = home(&service);
    home.run(&["vault", "init", "--keychain"]).await.ends(0);
    service.lock().unwrap();
    let locked = home.run(&["auth", "list"]).await.ends(6);
    assert!(locked.stderr.contains("unlock it"), "{}", locked.stderr);
    service.stop().unwrap();
    let none = home.run(&["auth", "list"]).await.ends(6);
    assert!(none.stderr.contains("no keychain answers here"), "{}", none.stderr);
    // Nothing half made is in the way of another try.
    let other = ["vault", "init", "--keychain", "--vault", "other"];
    home.run(&other).await.ends(6);
    home.run(&["auth", "list", "--vault", "other"]).await.ends(6);
    service.start_again(State::Unlocked).unwrap();
    home.run(&other).await.ends(0);
    home.run(&["auth", "list", "--vault", "other"]).await.ends(0);
    home.run(&["auth", "list"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_in_a_file_is_left_there_and_can_be_moved() {
    let service = SecretService::start(State::Unlocked).unwrap();
    let (home, server) = (home(&service), server().await);
    home.run(&["vault", "init", "--keychain", "--key-file", "some.key"]).await.ends(2);
    home.set(&server).await.ends(0);
    let refused = home.run(&["vault", "init", "--keychain"]).await.ends(2);
    assert!(refused.stderr.contains("vault migrate --to NEW"), "{}", refused.stderr);
    assert!(service.entries("grantry").unwrap().is_empty());
    home.run(&["vault", "init", "--keychain", "--vault", "new"]).await.ends(0);
    home.run(&["vault", "migrate", "--to", "new"]).await.ends(0);
    home.run(&["auth", "token", "--service", "crm", "--vault", "new"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_make_a_vault_at_once_make_one_key() {
    let service = SecretService::start(State::Unlocked).unwrap();
    let home = home(&service);
    let children: Vec<_> =
        (0..4).map(|_| home.command(&["vault", "init", "--keychain"]).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(service.entries("grantry").unwrap().len(), 1);
    home.run(&["vault", "status"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_names_the_entry() {
    let service = SecretService::start(State::Unlocked).unwrap();
    let (mut home, server) = (home(&service), server().await);
    let text = r#"{ "vault": { "type": "sqlite", "path": "kept/store.db" },
                    "keys": { "type": "keychain", "entry": "billing" } }"#;
    std::fs::write(home.folder.path().join("grantry.json"), text).unwrap();
    home.variables.push(("GRANTRY_CONFIG", "grantry.json".to_owned()));
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_eq!(
        files(&home.folder.path().join("kept")).iter().filter(|name| name.contains("keychain")).count(),
        1
    );
    assert_eq!(service.entries("grantry").unwrap().len(), 1);
    service.remove("grantry").unwrap();
    let gone = home.run(&["auth", "list"]).await.ends(6);
    assert!(gone.stderr.contains("the entry billing of the keychain is not there"), "{}", gone.stderr);
}
