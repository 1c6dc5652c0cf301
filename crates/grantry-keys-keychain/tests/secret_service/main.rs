//! The key provider against GNOME Keyring: everything that a real keychain does.
//!
//! Each test runs in a child process of its own, because a keychain is found by the environment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::time::Duration;

use grantry_core::{SystemEntropy, TenantId};
use grantry_keys_keychain::{KeychainKey, KeychainKeyBuilder};
use grantry_tests::secret_service::{SecretService, State, in_child};
use grantry_vault::{Deployment, KeyContext, KeyError, KeyProvider, KeyRotation, TenantKey};

/// Runs a test's body in a child process, on a runtime of one thread, as a small program has it.
fn with_keychain<F: Future<Output = ()>>(
    test: &str,
    state: Option<State>,
    body: impl FnOnce(SecretService) -> F,
) {
    in_child(test, state, |service| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(body(service));
    })
    .unwrap();
}

fn builder(service: &SecretService) -> KeychainKeyBuilder {
    KeychainKey::builder("own", service.folder().join("lock"))
}

fn context() -> KeyContext {
    KeyContext::new(&Deployment::new("prod").unwrap(), Some(&TenantId::new("acme").unwrap()), 1)
}

#[test]
fn a_key_is_kept_and_rotated_and_found_after_a_restart_of_the_keychain() {
    let test = "a_key_is_kept_and_rotated_and_found_after_a_restart_of_the_keychain";
    with_keychain(test, Some(State::Unlocked), |service| async move {
        let gone = builder(&service).open().await.unwrap_err();
        assert!(matches!(&gone, KeyError::Configuration(text) if text.contains("the entry own")), "{gone}");
        assert!(service.entries("grantry").unwrap().is_empty());
        let key = builder(&service).label("the key of a test").create_if_missing().open().await.unwrap();
        let entries = service.entries("grantry").unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(service.label(&entries[0]).unwrap(), "the key of a test");
        let secret = TenantKey::generate(&SystemEntropy);
        let wrapped = key.wrap_key(&secret, &context()).await.unwrap();
        let second = key.create().await.unwrap();
        key.promote(&second).await.unwrap();
        assert_eq!(service.entries("grantry").unwrap().len(), 1, "it was changed in its place");
        let other = builder(&service).create_if_missing().open().await.unwrap();
        assert_eq!(other.active().await.unwrap(), second);
        assert_eq!(other.unwrap_key(&wrapped, &context()).await.unwrap().expose(), secret.expose());
        other.retire(wrapped.key_id()).await.unwrap();
        assert!(matches!(key.unwrap_key(&wrapped, &context()).await, Err(KeyError::UnknownKey(_))));
        service.remove("grantry").unwrap();
        assert!(matches!(key.active().await, Err(KeyError::Configuration(_))));
        assert!(service.entries("grantry").unwrap().is_empty(), "no other key was made");
    });
}

#[test]
fn a_keychain_that_is_locked_or_has_no_place_says_so() {
    let test = "a_keychain_that_is_locked_or_has_no_place_says_so";
    with_keychain(test, Some(State::Unlocked), |service| async move {
        let key = builder(&service).create_if_missing().open().await.unwrap();
        service.lock().unwrap();
        let locked = key.active().await.unwrap_err();
        assert!(matches!(&locked, KeyError::Refused(text) if text.contains("unlock it")), "{locked}");
        let locked = builder(&service).create_if_missing().open().await.unwrap_err();
        assert!(matches!(locked, KeyError::Refused(_)), "{locked}");
    });
}

#[test]
fn a_keychain_without_a_place_for_secrets_says_so() {
    let test = "a_keychain_without_a_place_for_secrets_says_so";
    with_keychain(test, Some(State::Empty), |service| async move {
        let error = builder(&service).create_if_missing().open().await.unwrap_err();
        assert!(matches!(&error, KeyError::Refused(text) if text.contains("default keychain")), "{error}");
    });
}

#[test]
fn where_no_keychain_runs_the_error_says_what_to_do() {
    with_keychain("where_no_keychain_runs_the_error_says_what_to_do", None, |service| async move {
        let error = builder(&service).patience(Duration::from_secs(30)).open().await.unwrap_err();
        assert!(error.is_passing(), "{error}");
        let text = error.to_string();
        assert!(text.contains("no keychain answers") && text.contains("keep the key in a file"), "{text}");
    });
}

#[tokio::test]
async fn a_key_outlives_the_keychain_that_keeps_it() {
    let mut service = SecretService::start(State::Unlocked).unwrap();
    let made = run(&service, "made").await;
    service.stop().unwrap();
    assert!(run(&service, "found").await.contains("no keychain answers"));
    service.start_again(State::Unlocked).unwrap();
    assert_eq!(run(&service, "found").await, made);
}

/// What a process of its own finds: the name of the active key, or why there is none.
async fn run(service: &SecretService, how: &str) -> String {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(["a_process_that_asks_for_the_key", "--exact", "--nocapture"]);
    command.envs(service.command_env()).env("GRANTRY_TESTS_ASKS", how);
    let lock = service.folder().join("lock");
    let output = command.env("GRANTRY_TESTS_LOCK", lock).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split("[[").nth(1).and_then(|rest| rest.split("]]").next()).expect(&text).to_owned()
}

/// Does nothing unless [`run`] asks for it.
#[test]
fn a_process_that_asks_for_the_key() {
    let (Ok(how), Some(lock)) = (std::env::var("GRANTRY_TESTS_ASKS"), std::env::var_os("GRANTRY_TESTS_LOCK"))
    else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(async {
        let builder = KeychainKey::builder("own", lock);
        let builder = if how == "made" { builder.create_if_missing() } else { builder };
        builder.open().await?.active().await
    });
    match found {
        Ok(id) => println!("[[{id}]]"),
        Err(error) => println!("[[{error}]]"),
    }
}
