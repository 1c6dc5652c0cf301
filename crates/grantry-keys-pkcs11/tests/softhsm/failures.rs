//! What goes wrong outside of the token, and what comes back.

use std::time::Duration;

use grantry_keys_pkcs11::{Pin, Pkcs11Keys, TokenSelector};
use grantry_tests::softhsm::PIN;
use grantry_vault::{KeyError, KeyProvider, KeyRotation};

use crate::{TOKEN, builder, context, open, tenant_key, with_token};

#[test]
fn a_token_that_goes_away_is_unavailable_and_comes_back() {
    with_token("failures::a_token_that_goes_away_is_unavailable_and_comes_back", |hsm| async move {
        let keys = open(&hsm).await;
        let (key, ours) = (tenant_key(), context("acme", 1));
        let wrapped = keys.wrap_key(&key, &ours).await.unwrap();
        let away = hsm.folder().join("away");
        for _ in 0..2 {
            std::fs::rename(hsm.tokens(), &away).unwrap();
            for _ in 0..6 {
                let errors = [
                    keys.unwrap_key(&wrapped, &ours).await.unwrap_err(),
                    keys.wrap_key(&key, &ours).await.unwrap_err(),
                    keys.active().await.unwrap_err(),
                    keys.versions().await.unwrap_err(),
                    keys.create().await.unwrap_err(),
                    keys.retire(wrapped.key_id()).await.unwrap_err(),
                ];
                for error in errors {
                    assert!(matches!(error, KeyError::Unavailable(_)), "{error:?}");
                }
            }
            std::fs::rename(&away, hsm.tokens()).unwrap();
            // The module does not look again at each call.
            let mut unwrapped = keys.unwrap_key(&wrapped, &ours).await;
            while matches!(unwrapped, Err(KeyError::Unavailable(_))) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                unwrapped = keys.unwrap_key(&wrapped, &ours).await;
            }
            assert_eq!(unwrapped.unwrap().expose(), key.expose());
            keys.wrap_key(&key, &ours).await.unwrap();
            assert_eq!(keys.versions().await.unwrap().len(), 1);
        }
    });
}

#[test]
fn other_tokens_of_the_module_survive_that_one_is_looked_for() {
    with_token("failures::other_tokens_of_the_module_survive_that_one_is_looked_for", |hsm| async move {
        let first = open(&hsm).await;
        let ours = context("acme", 1);
        let wrapped = first.wrap_key(&tenant_key(), &ours).await.unwrap();
        let missing =
            || Pkcs11Keys::builder(hsm.library(), TokenSelector::label("missing"), Pin::new(PIN)).open();
        for _ in 0..3 {
            let error = missing().await.unwrap_err();
            assert!(matches!(error, KeyError::Configuration(_)), "{error}");
            assert!(error.to_string().contains(TOKEN), "it says which there are: {error}");
            first.unwrap_key(&wrapped, &ours).await.unwrap();
        }
        // A token that is made while the module is loaded is found.
        hsm.add_token("missing").unwrap();
        while missing().await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        first.unwrap_key(&wrapped, &ours).await.unwrap();
    });
}

#[test]
fn a_wrong_pin_is_refused_and_not_tried_again() {
    with_token("failures::a_wrong_pin_is_refused_and_not_tried_again", |hsm| async move {
        let is_count_low =
            || hsm.pkcs11_tool(&["--list-token-slots"]).unwrap().contains("user PIN count low");
        assert!(!is_count_low());
        let wrong =
            || Pkcs11Keys::builder(hsm.library(), TokenSelector::label(TOKEN), Pin::new("0000999900")).open();
        let error = wrong().await.unwrap_err();
        assert!(matches!(error, KeyError::Refused(_)), "{error}");
        assert!(is_count_low(), "the token saw it");

        // Somebody logs in by hand, which resets the count: were the wrong one tried again, it would be low again.
        hsm.secret_keys(TOKEN).unwrap();
        assert!(!is_count_low());
        let error = wrong().await.unwrap_err();
        assert!(matches!(error, KeyError::Refused(_)), "{error}");
        assert!(!is_count_low(), "the token did not see it again");
        open(&hsm).await;
    });
}

#[test]
fn a_pin_from_a_file_is_read_when_it_is_needed() {
    with_token("failures::a_pin_from_a_file_is_read_when_it_is_needed", |hsm| async move {
        use std::os::unix::fs::PermissionsExt;
        let path = hsm.folder().join("pin");
        let open =
            || Pkcs11Keys::builder(hsm.library(), TokenSelector::label(TOKEN), Pin::from_file(&path)).open();
        assert!(matches!(open().await, Err(KeyError::Configuration(_))));
        std::fs::write(&path, format!("{PIN}\n")).unwrap();
        assert!(matches!(open().await, Err(KeyError::Refused(_))), "everybody may read it");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        open().await.unwrap();
    });
}

#[test]
fn what_is_no_module_is_a_mistake_in_the_configuration() {
    with_token("failures::what_is_no_module_is_a_mistake_in_the_configuration", |hsm| async move {
        let text = hsm.folder().join("text.so");
        std::fs::write(&text, "no library").unwrap();
        let paths = [hsm.folder().join("missing.so"), text, "libc.so.6".into(), hsm.folder().to_owned()];
        for path in paths {
            let error = Pkcs11Keys::builder(&path, TokenSelector::label(TOKEN), Pin::new(PIN)).open().await;
            let error = error.unwrap_err();
            assert!(matches!(error, KeyError::Configuration(_)), "{}: {error:?}", path.display());
        }
        let bad = [
            builder(&hsm).sessions(0),
            builder(&hsm).key_label("a/b"),
            builder(&hsm).time_limit(Duration::ZERO),
        ];
        for builder in bad {
            assert!(matches!(builder.open().await, Err(KeyError::Configuration(_))));
        }
    });
}
