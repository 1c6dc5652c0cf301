//! Versions of the key, as the token keeps them.

use grantry_tests::softhsm::PIN;
use grantry_vault::{KeyError, KeyProvider, KeyRotation, KeyVersionState};

use crate::{TOKEN, builder, context, open, tenant_key, with_token};

#[test]
fn a_version_is_created_promoted_and_retired() {
    with_token("versions::a_version_is_created_promoted_and_retired", |hsm| async move {
        use KeyVersionState::{Active, Unwrapping, Waiting};
        let keys = open(&hsm).await;
        let states = async || -> Vec<_> {
            keys.versions().await.unwrap().into_iter().map(|version| (version.id, version.state)).collect()
        };
        let (key, ours) = (tenant_key(), context("acme", 1));
        let first = keys.active().await.unwrap();
        let old = keys.wrap_key(&key, &ours).await.unwrap();

        let second = keys.create().await.unwrap();
        assert_eq!(states().await, [(first.clone(), Active), (second.clone(), Waiting)]);
        assert_eq!(keys.active().await.unwrap(), first, "a new version does not wrap yet");

        keys.promote(&second).await.unwrap();
        keys.promote(&second).await.unwrap();
        assert_eq!(states().await, [(first.clone(), Unwrapping), (second.clone(), Active)]);
        assert_eq!(keys.wrap_key(&key, &ours).await.unwrap().key_id(), &second);
        assert_eq!(keys.unwrap_key(&old, &ours).await.unwrap().expose(), key.expose());

        assert!(matches!(keys.retire(&second).await, Err(KeyError::Refused(_))));
        keys.retire(&first).await.unwrap();
        keys.retire(&first).await.unwrap();
        assert_eq!(states().await, [(second, Active)]);
        let gone = keys.unwrap_key(&old, &ours).await.unwrap_err();
        assert!(matches!(gone, KeyError::UnknownKey(_)), "{gone}");
        assert!(matches!(keys.promote(&first).await, Err(KeyError::UnknownKey(_))));
    });
}

#[test]
fn an_old_version_can_be_promoted_again() {
    with_token("versions::an_old_version_can_be_promoted_again", |hsm| async move {
        let keys = open(&hsm).await;
        let first = keys.active().await.unwrap();
        let second = keys.create().await.unwrap();
        for version in [&second, &first, &second, &first] {
            keys.promote(version).await.unwrap();
            assert_eq!(&keys.active().await.unwrap(), version);
        }
        keys.retire(&second).await.unwrap();
        let records = ["--token-label", TOKEN, "--login", "--pin", PIN, "--list-objects", "--type", "data"];
        let records = hsm.pkcs11_tool(&records).unwrap();
        assert_eq!(records.matches("grantry/versions").count(), 1, "one for each version: {records}");
    });
}

#[test]
fn a_version_tells_when_it_was_created() {
    with_token("versions::a_version_tells_when_it_was_created", |hsm| async move {
        let keys = open(&hsm).await;
        let created = keys.versions().await.unwrap()[0].created.unwrap();
        assert!(created.as_unix_seconds() > 1_700_000_000, "{created:?}");
    });
}

#[test]
fn the_tokens_own_tool_says_that_no_key_can_ever_leave() {
    with_token("versions::the_tokens_own_tool_says_that_no_key_can_ever_leave", |hsm| async move {
        use grantry_keys_pkcs11::KeyMechanism;
        let keys = open(&hsm).await;
        for mechanism in [KeyMechanism::AesKeyWrap, KeyMechanism::AesCbcPadHmac] {
            builder(&hsm).prefer(mechanism).open().await.unwrap().create().await.unwrap();
        }
        drop(keys);
        let objects = hsm.secret_keys(TOKEN).unwrap();
        assert_eq!(objects.matches("Secret Key Object").count(), 5, "{objects}");
        let access = "Access:     sensitive, always sensitive, never extractable, local";
        assert_eq!(objects.matches(access).count(), 5, "{objects}");
        // The tool does not print `sign` for secret keys.
        let usages: Vec<_> = objects.lines().filter_map(|line| line.trim().strip_prefix("Usage:")).collect();
        let mut usages: Vec<_> = usages.into_iter().map(str::trim).collect();
        usages.sort_unstable();
        assert_eq!(usages, ["encrypt, decrypt", "encrypt, decrypt", "verify", "verify", "wrap, unwrap"]);
    });
}

#[test]
fn a_token_without_keys_is_an_error_unless_the_first_is_asked_for() {
    with_token(
        "versions::a_token_without_keys_is_an_error_unless_the_first_is_asked_for",
        |hsm| async move {
            let keys = builder(&hsm).open().await.unwrap();
            assert!(matches!(keys.active().await, Err(KeyError::Configuration(_))));
            assert!(keys.versions().await.unwrap().is_empty());
            open(&hsm).await;
            let again = open(&hsm).await;
            assert_eq!(again.versions().await.unwrap().len(), 1);
            assert!(keys.active().await.is_ok());
            let elsewhere = builder(&hsm).key_label("other").open().await.unwrap();
            assert!(
                matches!(elsewhere.active().await, Err(KeyError::Configuration(_))),
                "labels part deployments"
            );
        },
    );
}
