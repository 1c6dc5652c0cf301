//! Several processes on one token, and several tokens.

use std::process::Command;

use grantry_keys_pkcs11::{Pin, Pkcs11Keys, TokenSelector};
use grantry_tests::softhsm::{PIN, SoftHsm};
use grantry_vault::{KeyError, KeyId, KeyProvider, KeyRotation, WrappedKey};

use crate::{context, open, tenant_key, with_token};

/// What a second process does, in the environment of the first.
const ROLE: &str = "GRANTRY_TESTS_ROLE";

/// Starts the same test once more, in another process on the same tokens, with a role; `run` waits for what it prints after
/// `SAYS `.
fn second_process(test: &str, role: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

fn said(child: std::process::Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{:?}: {text}", output.status);
    let (_, said) = text.split_once("SAYS ").unwrap();
    said.lines().next().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn what_one_process_wraps_another_unwraps() {
    const TEST: &str = "sharing::what_one_process_wraps_another_unwraps";
    with_token(TEST, |hsm| async move {
        let keys = open(&hsm).await;
        let ours = context("acme", 1);
        if let Ok(role) = std::env::var(ROLE) {
            let (id, bytes) = role.split_once(' ').unwrap();
            let key =
                keys.unwrap_key(&WrappedKey::new(KeyId::new(id), from_hex(bytes)), &ours).await.unwrap();
            // The first process finds what this one promotes, without being told.
            keys.promote(&keys.create().await.unwrap()).await.unwrap();
            let wrapped = keys.wrap_key(&key, &ours).await.unwrap();
            println!("SAYS {} {}", wrapped.key_id(), hex(wrapped.as_bytes()));
            return;
        }
        let key = tenant_key();
        let wrapped = keys.wrap_key(&key, &ours).await.unwrap();
        let said = said(second_process(TEST, &format!("{} {}", wrapped.key_id(), hex(wrapped.as_bytes()))));
        let (id, bytes) = said.split_once(' ').unwrap();
        let theirs = WrappedKey::new(KeyId::new(id), from_hex(bytes));
        assert_ne!(theirs.key_id(), wrapped.key_id());
        assert_eq!(keys.active().await.unwrap(), *theirs.key_id());
        assert_eq!(keys.unwrap_key(&theirs, &ours).await.unwrap().expose(), key.expose());
    });
}

#[test]
fn processes_that_rotate_at_once_agree_on_the_active_version() {
    const TEST: &str = "sharing::processes_that_rotate_at_once_agree_on_the_active_version";
    with_token(TEST, |hsm| async move {
        // Each makes the first version as well, if it is the first to look.
        let keys = open(&hsm).await;
        if std::env::var_os(ROLE).is_some() {
            for _ in 0..5 {
                let version = keys.create().await.unwrap();
                keys.promote(&version).await.unwrap();
                let wrapped = keys.wrap_key(&tenant_key(), &context("acme", 1)).await.unwrap();
                keys.unwrap_key(&wrapped, &context("acme", 1)).await.unwrap();
            }
            println!("SAYS done");
            return;
        }
        let others: Vec<_> = (0..3).map(|_| second_process(TEST, "rotate")).collect();
        for other in others {
            assert_eq!(said(other), "done");
        }
        let versions = keys.versions().await.unwrap();
        assert!(versions.len() >= 16, "{}", versions.len());
        let active: Vec<_> =
            versions.iter().filter(|v| v.state == grantry_vault::KeyVersionState::Active).collect();
        assert_eq!(active.len(), 1);
        assert_eq!(active[0].id, keys.active().await.unwrap());
        assert_eq!(open(&hsm).await.active().await.unwrap(), active[0].id);
    });
}

async fn second_token(hsm: &SoftHsm, named: Option<&str>) -> Pkcs11Keys {
    let mut builder =
        Pkcs11Keys::builder(hsm.library(), TokenSelector::label("second"), Pin::new(PIN)).create_if_missing();
    if let Some(serial) = named {
        builder = builder.serial_in_key_ids(serial);
    }
    builder.open().await.unwrap()
}

#[test]
fn a_key_of_another_token_is_unknown_and_says_which_token_has_it() {
    with_token("sharing::a_key_of_another_token_is_unknown_and_says_which_token_has_it", |hsm| async move {
        hsm.add_token("second").unwrap();
        let first = open(&hsm).await;
        let second = second_token(&hsm, None).await;
        let wrapped = first.wrap_key(&tenant_key(), &context("acme", 1)).await.unwrap();
        let error = second.unwrap_key(&wrapped, &context("acme", 1)).await.unwrap_err();
        assert!(matches!(error, KeyError::UnknownKey(_)), "{error}");
        assert!(error.to_string().contains(first.token_serial()), "{error}");
        assert!(error.to_string().contains(second.token_serial()), "{error}");

        // The same name with keys that are not there: unknown as well.
        let posing = second_token(&hsm, Some(first.token_serial())).await;
        let error = posing.unwrap_key(&wrapped, &context("acme", 1)).await.unwrap_err();
        assert!(matches!(error, KeyError::UnknownKey(_)), "{error}");
        let own = posing.wrap_key(&tenant_key(), &context("acme", 1)).await.unwrap();
        assert!(own.key_id().as_str().contains(first.token_serial()));
        posing.unwrap_key(&own, &context("acme", 1)).await.unwrap();
    });
}

#[test]
fn a_key_of_another_provider_is_unknown() {
    with_token("sharing::a_key_of_another_provider_is_unknown", |hsm| async move {
        let keys = open(&hsm).await;
        for id in ["local/1/0011223344556677", "", "pkcs11/", "pkcs11//", "pkcs11/x/y"] {
            let error =
                keys.unwrap_key(&WrappedKey::new(KeyId::new(id), vec![1; 61]), &context("acme", 1)).await;
            assert!(matches!(error, Err(KeyError::UnknownKey(_))), "{id}");
        }
    });
}
