//! The key on this machine: files, the environment, a passphrase, and what can be wrong with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use grantry_core::{SystemEntropy, TenantId, Timestamp};
use grantry_vault::{
    Deployment, KeyContext, KeyError, KeyProvider, KeyRotation, KeyVersionState, LocalKey, LocalKeySet,
    TenantKey, WrappedKey,
};

fn context(deployment: &str, tenant: Option<&str>, epoch: u32) -> KeyContext {
    let tenant = tenant.map(|name| TenantId::new(name).unwrap());
    KeyContext::new(&Deployment::new(deployment).unwrap(), tenant.as_ref(), epoch)
}

#[tokio::test]
async fn a_key_unwraps_under_its_own_context_and_unchanged_only() {
    let folder = tempfile::tempdir().unwrap();
    let key = LocalKey::generate(folder.path().join("key")).unwrap();
    let secret = TenantKey::generate(&SystemEntropy);
    let own = context("prod", Some("acme"), 1);
    let wrapped = key.wrap_key(&secret, &own).await.unwrap();
    assert_eq!(key.unwrap_key(&wrapped, &own).await.unwrap().expose(), secret.expose());
    for other in [
        context("staging", Some("acme"), 1),
        context("prod", Some("acme2"), 1),
        context("prod", None, 1),
        context("prod", Some("acme"), 2),
    ] {
        assert!(matches!(key.unwrap_key(&wrapped, &other).await, Err(KeyError::Damaged(_))), "{other:?}");
    }
    for bit in 0..wrapped.as_bytes().len() * 8 {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = WrappedKey::new(wrapped.key_id().clone(), bytes);
        assert!(matches!(key.unwrap_key(&changed, &own).await, Err(KeyError::Damaged(_))), "bit {bit}");
    }
    for length in 0..wrapped.as_bytes().len() {
        let cut = WrappedKey::new(wrapped.key_id().clone(), wrapped.as_bytes()[..length].to_vec());
        assert!(key.unwrap_key(&cut, &own).await.is_err(), "{length}");
    }
    let shown = format!("{key:?} {secret:?} {wrapped:?}");
    assert!(!shown.contains("canary") && shown.contains("redacted"), "{shown}");
}

#[tokio::test]
async fn versions_are_created_promoted_and_retired_by_any_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let (one, other) = (LocalKey::generate(&path).unwrap(), LocalKey::from_file(&path).unwrap());
    let own = context("prod", Some("acme"), 1);
    let first = one.active().await.unwrap();
    let wrapped = one.wrap_key(&TenantKey::generate(&SystemEntropy), &own).await.unwrap();

    let second = one.create().await.unwrap();
    assert_eq!(other.active().await.unwrap(), first, "created is not promoted");
    other.promote(&second).await.unwrap();
    other.promote(&second).await.unwrap();
    assert_eq!(one.active().await.unwrap(), second);
    let states: Vec<_> = one.versions().await.unwrap().into_iter().map(|version| version.state).collect();
    assert_eq!(states, [KeyVersionState::Unwrapping, KeyVersionState::Active]);
    one.unwrap_key(&wrapped, &own).await.unwrap();

    assert!(matches!(one.retire(&second).await, Err(KeyError::Refused(_))), "the active one stays");
    one.retire(&first).await.unwrap();
    one.retire(&first).await.unwrap();
    assert!(matches!(other.unwrap_key(&wrapped, &own).await, Err(KeyError::UnknownKey(_))));
    assert!(matches!(other.promote(&first).await, Err(KeyError::UnknownKey(_))));
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "rewriting keeps it private");
}

#[tokio::test]
async fn many_rotate_at_once_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    LocalKey::generate(&path).unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let key = LocalKey::from_file(&path).unwrap();
                (0..10).for_each(|_| drop(runtime.block_on(key.create()).unwrap()));
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    let versions = LocalKey::from_file(&path).unwrap().versions().await.unwrap();
    assert_eq!(versions.len(), 81);
}

/// What is wrong with a file, and what the message says to do about it.
#[test]
fn a_bad_key_file_is_refused_with_what_to_do_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let missing = LocalKey::from_file(&path).expect_err("missing").to_string();
    assert!(missing.contains("generate"), "{missing}");
    LocalKey::generate(&path).unwrap();
    let whole = fs::read_to_string(&path).unwrap();

    for mode in [0o644, 0o660, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = LocalKey::from_file(&path).expect_err("others may read it").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let taken = LocalKey::generate(&path).expect_err("there is one").to_string();
    assert!(taken.contains("was left as it is"), "{taken}");

    let key = whole.lines().last().unwrap().split(' ').next_back().unwrap();
    let cases = [
        (String::new(), "holds no key"),
        ("\u{0}\u{1}".into(), "holds no key"),
        (whole.replacen("file 1", "file 2", 1), "upgrade"),
        (whole.replace(key, "AAAA"), "line 3"),
        (whole.replace("active", "asleep"), "line 3"),
        (whole.lines().take(2).collect::<Vec<_>>().join("\n"), "holds no key"),
        (whole[..whole.len() - 5].to_owned(), "line 3"),
    ];
    for (text, says) in cases {
        fs::write(&path, &text).unwrap();
        let error = LocalKey::from_file(&path).expect_err(&text).to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains(key), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let folder = LocalKey::from_file(folder.path()).expect_err("a folder").to_string();
    assert!(folder.contains("folder"), "{folder}");
}

#[tokio::test]
async fn a_passphrase_gives_one_key_for_each_salt() {
    let id = |passphrase: &str, salt: &[u8]| {
        let key = LocalKey::from_passphrase(passphrase, salt).unwrap();
        async move { key.active().await.unwrap() }
    };
    let (salt, other) = (b"0123456789abcdef", b"0123456789abcdeX");
    let first = id("correct horse battery", salt).await;
    assert_eq!(first, id("correct horse battery", salt).await);
    assert_ne!(first, id("correct horse battery", other).await);
    assert_ne!(first, id("correct horse batterz", salt).await);
    for (passphrase, salt, says) in
        [("short", &salt[..], "12 characters"), ("long enough it is", &salt[..15], "16 bytes")]
    {
        let error = LocalKey::from_passphrase(passphrase, salt).expect_err(says).to_string();
        assert!(error.contains(says) && !error.contains(passphrase), "{error}");
    }
}

#[test]
fn a_variable_that_is_not_set_or_holds_no_key_is_refused() {
    let error = LocalKey::from_env("GRANTRY_TEST_NO_SUCH_KEY").expect_err("not set").to_string();
    assert!(error.contains("GRANTRY_TEST_NO_SUCH_KEY"), "{error}");
    let error = LocalKey::from_env("PATH").expect_err("no key").to_string();
    assert!(error.contains("openssl rand") && !error.contains("/bin"), "{error}");
}

#[test]
fn a_key_that_is_kept_elsewhere_is_the_key_of_a_file_and_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    LocalKey::generate(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let mut keys = LocalKeySet::from_text(&text, "the text").unwrap();
    assert_eq!(*keys.to_text(), text);
    let first = keys.active().unwrap();
    let own = context("prod", Some("acme"), 1);
    let secret = TenantKey::generate(&SystemEntropy);
    let wrapped = keys.wrap(&secret, &own).unwrap();
    let second = keys.add(Timestamp::from_unix_seconds(1_795_667_392));
    keys.promote(&second).unwrap();
    assert!(matches!(keys.retire(&second), Err(KeyError::Refused(_))));
    let read = LocalKeySet::from_text(&keys.to_text(), "the text").unwrap();
    assert_eq!(read.versions(), keys.versions());
    assert_eq!(read.unwrap(&wrapped, &own).unwrap().expose(), secret.expose());
    keys.retire(&first).unwrap();
    assert!(matches!(keys.unwrap(&wrapped, &own), Err(KeyError::UnknownKey(_))));
    let key = keys.to_text().lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(!format!("{keys:?}").contains(&key) && format!("{keys:?}").contains("redacted"));
}
