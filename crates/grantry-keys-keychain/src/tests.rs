//! The key provider over a keychain that is a double: what no real one does on demand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantry_core::{SystemEntropy, TenantId};
use grantry_vault::{Deployment, KeyContext, KeyError, KeyProvider, KeyRotation, KeyVersionState, TenantKey};
use zeroize::Zeroizing;

use crate::KeychainKey;
use crate::entry::Keychain;

/// A keychain in memory.
#[derive(Clone, Default)]
struct Double {
    kept: Arc<Mutex<Option<Vec<u8>>>>,
    /// So many bytes it keeps at most, and drops the rest.
    most: Option<usize>,
    /// While it is, nobody is answered.
    busy: Arc<AtomicBool>,
}

impl Keychain for Double {
    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        while self.busy.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(self.kept.lock().unwrap().clone().map(Zeroizing::new))
    }

    fn write(&self, secret: &[u8]) -> Result<(), KeyError> {
        let most = self.most.unwrap_or(usize::MAX).min(secret.len());
        *self.kept.lock().unwrap() = Some(secret[..most].to_vec());
        Ok(())
    }
}

impl Double {
    async fn open(&self, folder: &Path, creates: bool) -> Result<KeychainKey, KeyError> {
        self.open_with(folder, creates, Duration::from_secs(60)).await
    }

    async fn open_with(
        &self,
        folder: &Path,
        creates: bool,
        patience: Duration,
    ) -> Result<KeychainKey, KeyError> {
        let builder = KeychainKey::builder("own", folder.join("lock")).patience(patience);
        let builder = if creates { builder.create_if_missing() } else { builder };
        builder.open_in(Box::new(self.clone())).await
    }
}

fn context() -> KeyContext {
    KeyContext::new(&Deployment::new("prod").unwrap(), Some(&TenantId::new("acme").unwrap()), 1)
}

#[tokio::test]
async fn a_key_is_made_once_and_found_by_others() {
    let (double, folder) = (Double::default(), tempfile::tempdir().unwrap());
    let gone = double.open(folder.path(), false).await.unwrap_err();
    assert!(matches!(&gone, KeyError::Configuration(text) if text.contains("bring it back")), "{gone}");
    assert!(double.kept.lock().unwrap().is_none(), "nothing was made");
    let (one, other) = tokio::join!(double.open(folder.path(), true), double.open(folder.path(), true));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.active().await.unwrap(), other.active().await.unwrap());
    let secret = TenantKey::generate(&SystemEntropy);
    let wrapped = one.wrap_key(&secret, &context()).await.unwrap();
    assert_eq!(other.unwrap_key(&wrapped, &context()).await.unwrap().expose(), secret.expose());
    // What is removed under its feet is gone, and stays so.
    double.kept.lock().unwrap().take();
    for error in [
        one.active().await.map(drop).unwrap_err(),
        one.unwrap_key(&wrapped, &context()).await.map(drop).unwrap_err(),
        one.create().await.map(drop).unwrap_err(),
        one.retire(wrapped.key_id()).await.unwrap_err(),
    ] {
        assert!(matches!(error, KeyError::Configuration(_)), "{error}");
    }
    assert!(double.kept.lock().unwrap().is_none());
}

#[tokio::test]
async fn versions_rotate_for_all_and_show_nothing() {
    let (double, folder) = (Double::default(), tempfile::tempdir().unwrap());
    let (one, other) =
        (double.open(folder.path(), true).await.unwrap(), double.open(folder.path(), false).await.unwrap());
    let first = one.active().await.unwrap();
    let wrapped = one.wrap_key(&TenantKey::generate(&SystemEntropy), &context()).await.unwrap();
    let second = one.create().await.unwrap();
    assert_eq!(other.active().await.unwrap(), first);
    other.promote(&second).await.unwrap();
    other.promote(&second).await.unwrap();
    assert_eq!(one.active().await.unwrap(), second);
    one.unwrap_key(&wrapped, &context()).await.unwrap();
    assert!(matches!(one.retire(&second).await, Err(KeyError::Refused(_))));
    one.retire(&first).await.unwrap();
    assert!(matches!(other.unwrap_key(&wrapped, &context()).await, Err(KeyError::UnknownKey(_))));
    let states: Vec<_> = other.versions().await.unwrap().iter().map(|version| version.state).collect();
    assert_eq!(states, [KeyVersionState::Active]);
    let text = String::from_utf8(double.kept.lock().unwrap().clone().unwrap()).unwrap();
    let key = text.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(!format!("{one:?}").contains(&key));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_create_at_once_and_no_version_is_lost() {
    let (double, folder) = (Double::default(), tempfile::tempdir().unwrap());
    double.open(folder.path(), true).await.unwrap();
    let mut made = Vec::new();
    for _ in 0..8 {
        let (double, folder) = (double.clone(), folder.path().to_owned());
        made.push(tokio::spawn(
            async move { double.open(&folder, false).await.unwrap().create().await.unwrap() },
        ));
    }
    let key = double.open(folder.path(), false).await.unwrap();
    for made in made {
        let made = made.await.unwrap();
        assert!(key.versions().await.unwrap().iter().any(|version| version.id == made));
    }
    assert_eq!(key.versions().await.unwrap().len(), 9);
}

#[tokio::test]
async fn a_keychain_that_keeps_less_than_it_was_given_loses_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let short = Double { most: Some(40), ..Double::default() };
    assert!(matches!(short.open(folder.path(), true).await, Err(KeyError::Unsupported(_))));
    let whole = Double::default();
    let key = whole.open(folder.path(), true).await.unwrap();
    let active = key.active().await.unwrap();
    let length = whole.kept.lock().unwrap().as_ref().unwrap().len();
    let full = Double { most: Some(length), ..whole.clone() };
    let key = full.open(folder.path(), false).await.unwrap();
    assert!(matches!(key.create().await, Err(KeyError::Unsupported(_))));
    assert_eq!(key.active().await.unwrap(), active, "the text from before was put back");
}

#[tokio::test]
async fn a_keychain_that_does_not_answer_is_given_up_and_asked_again_later() {
    let (double, folder) = (Double::default(), tempfile::tempdir().unwrap());
    double.open(folder.path(), true).await.unwrap();
    let key = loop {
        // A busy machine may be late for it.
        match double.open_with(folder.path(), false, Duration::from_millis(300)).await {
            Ok(key) => break key,
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
    };
    double.busy.store(true, Ordering::SeqCst);
    let waited = key.active().await;
    assert!(matches!(&waited, Err(error) if error.is_passing()), "{waited:?}");
    let queued = key.active().await;
    assert!(queued.unwrap_err().to_string().contains("unlock"), "who waits in line gives up, too");
    double.busy.store(false, Ordering::SeqCst);
    // Those that were given up take their turns first.
    while let Err(error) = key.active().await {
        assert!(error.is_passing(), "{error}");
    }
}

#[tokio::test]
async fn names_and_lock_files_that_cannot_be_used_say_so() {
    let (double, folder) = (Double::default(), tempfile::tempdir().unwrap());
    let long = "x".repeat(65);
    for name in ["", "a b", "../key", "ä", &long] {
        let builder = KeychainKey::builder(name, folder.path().join("lock")).create_if_missing();
        let opened = builder.open_in(Box::new(double.clone())).await;
        assert!(matches!(opened, Err(KeyError::Configuration(_))), "{name}");
    }
    let nowhere = KeychainKey::builder("own", folder.path().join("none/lock")).create_if_missing();
    let opened = nowhere.open_in(Box::new(double.clone())).await.unwrap_err();
    assert!(matches!(&opened, KeyError::Configuration(text) if text.contains("none/lock")), "{opened}");
    *double.kept.lock().unwrap() = Some(b"\xff\xfe".to_vec());
    let other = double.open(folder.path(), true).await.unwrap_err();
    assert!(other.to_string().contains("the entry own of the keychain holds no key"), "{other}");
}
