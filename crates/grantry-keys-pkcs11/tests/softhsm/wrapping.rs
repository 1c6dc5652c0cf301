//! Wrapping and unwrapping, by each mechanism that SoftHSM has.

use grantry_keys_pkcs11::{KeyMechanism, Pkcs11Keys};
use grantry_tests::softhsm::SoftHsm;
use grantry_vault::{Deployment, KeyContext, KeyError, KeyProvider, WrappedKey};

use crate::{builder, context, open, tenant_key, with_token};

async fn open_with(hsm: &SoftHsm, mechanism: KeyMechanism) -> Pkcs11Keys {
    builder(hsm).prefer(mechanism).create_if_missing().open().await.unwrap()
}

/// What is wrapped unwraps, and with any bit changed or under another context it is damaged.
async fn wraps_and_refuses_the_rest(hsm: &SoftHsm, mechanism: KeyMechanism, format: u8) {
    let keys = open_with(hsm, mechanism).await;
    let (key, ours) = (tenant_key(), context("acme", 3));
    let wrapped = keys.wrap_key(&key, &ours).await.unwrap();
    assert_eq!(wrapped.as_bytes()[0], format);
    assert_eq!(wrapped.key_id(), &keys.active().await.unwrap());
    assert_eq!(keys.unwrap_key(&wrapped, &ours).await.unwrap().expose(), key.expose());

    // A key wrap is deterministic; the others never make the same bytes twice.
    let is_random = matches!(mechanism, KeyMechanism::AesGcm | KeyMechanism::AesCbcPadHmac);
    let other = keys.wrap_key(&key, &ours).await.unwrap();
    assert_eq!(other.as_bytes() != wrapped.as_bytes(), is_random);

    for bit in 0..wrapped.as_bytes().len() * 8 {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = WrappedKey::new(wrapped.key_id().clone(), bytes);
        let error = keys.unwrap_key(&changed, &ours).await.unwrap_err();
        assert!(matches!(error, KeyError::Damaged(_)), "bit {bit}: {error}");
    }
    for length in [0, 1, 12, wrapped.as_bytes().len() - 1] {
        let cut = WrappedKey::new(wrapped.key_id().clone(), wrapped.as_bytes()[..length].to_vec());
        assert!(matches!(keys.unwrap_key(&cut, &ours).await, Err(KeyError::Damaged(_))), "{length} bytes");
    }

    let elsewhere = Deployment::new("test").unwrap();
    let own = KeyContext::new(&Deployment::new("prod").unwrap(), None, 3);
    let others = [context("acme", 4), context("acm", 3), own, KeyContext::new(&elsewhere, ours.tenant(), 3)];
    for wrong in others {
        let error = keys.unwrap_key(&wrapped, &wrong).await.unwrap_err();
        assert!(matches!(error, KeyError::Damaged(_)), "{wrong:?}: {error}");
    }
    // After all that, the token still works.
    assert_eq!(keys.unwrap_key(&wrapped, &ours).await.unwrap().expose(), key.expose());
}

#[test]
fn aes_gcm_wraps_and_refuses_the_rest() {
    with_token("wrapping::aes_gcm_wraps_and_refuses_the_rest", |hsm| async move {
        wraps_and_refuses_the_rest(&hsm, KeyMechanism::AesGcm, 1).await;
    });
}

#[test]
fn aes_key_wrap_wraps_and_refuses_the_rest() {
    with_token("wrapping::aes_key_wrap_wraps_and_refuses_the_rest", |hsm| async move {
        wraps_and_refuses_the_rest(&hsm, KeyMechanism::AesKeyWrap, 2).await;
        // No tenant key stays behind, in no session.
        let objects = hsm.secret_keys(crate::TOKEN).unwrap();
        assert_eq!(objects.matches("Secret Key Object").count(), 2, "{objects}");
    });
}

#[test]
fn padded_aes_key_wrap_wraps_and_refuses_the_rest() {
    with_token("wrapping::padded_aes_key_wrap_wraps_and_refuses_the_rest", |hsm| async move {
        wraps_and_refuses_the_rest(&hsm, KeyMechanism::AesKeyWrapPad, 3).await;
    });
}

#[test]
fn aes_cbc_with_an_hmac_wraps_and_refuses_the_rest() {
    with_token("wrapping::aes_cbc_with_an_hmac_wraps_and_refuses_the_rest", |hsm| async move {
        wraps_and_refuses_the_rest(&hsm, KeyMechanism::AesCbcPadHmac, 4).await;
    });
}

#[test]
fn versions_of_different_mechanisms_live_side_by_side() {
    use grantry_vault::KeyRotation;
    with_token("wrapping::versions_of_different_mechanisms_live_side_by_side", |hsm| async move {
        let first = open(&hsm).await;
        let (key, ours) = (tenant_key(), context("acme", 1));
        let by_gcm = first.wrap_key(&key, &ours).await.unwrap();
        let second = builder(&hsm).prefer(KeyMechanism::AesCbcPadHmac).open().await.unwrap();
        second.promote(&second.create().await.unwrap()).await.unwrap();
        let by_cbc = first.wrap_key(&key, &ours).await.unwrap();
        assert_eq!((by_gcm.as_bytes()[0], by_cbc.as_bytes()[0]), (1, 4));
        for wrapped in [by_gcm, by_cbc] {
            assert_eq!(second.unwrap_key(&wrapped, &ours).await.unwrap().expose(), key.expose());
        }
    });
}

#[test]
fn sixty_four_callers_at_once_are_all_served() {
    with_token("wrapping::sixty_four_callers_at_once_are_all_served", |hsm| async move {
        let keys = open(&hsm).await;
        let callers = (0..64).map(|number| {
            let keys = keys.clone();
            tokio::spawn(async move {
                let (key, ours) = (tenant_key(), context("acme", number));
                let wrapped = keys.wrap_key(&key, &ours).await.unwrap();
                assert_eq!(keys.unwrap_key(&wrapped, &ours).await.unwrap().expose(), key.expose());
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
    });
}
