//! What the provider makes of whatever a token does, with a token that does what it is told.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use cryptoki::error::RvError as R;
use grantry_core::{SystemEntropy, TenantId};
use grantry_vault::{
    Deployment, KeyContext, KeyError, KeyProvider, KeyRotation, KeyVersionState, TenantKey, WrappedKey,
};

use crate::connection::Shared;
use crate::double::{Double, Ivs, PIN, STRONG, Step};
use crate::plan::Known;
use crate::token::{Module, Strength};
use crate::{KeyMechanism, Pin, Pkcs11Keys, Pkcs11KeysBuilder, TokenSelector};

fn builder(pin: &str) -> Pkcs11KeysBuilder {
    Pkcs11Keys::builder("double", TokenSelector::label("vault"), Pin::new(pin)).sessions(1)
}

async fn open_with(double: &Double, builder: Pkcs11KeysBuilder) -> Result<Pkcs11Keys, KeyError> {
    let module = double.clone();
    builder.open_with(Box::new(move || Ok(Arc::new(module.clone()) as Arc<dyn Module>))).await
}

async fn open(double: &Double) -> Pkcs11Keys {
    open_with(double, builder(PIN).create_if_missing()).await.unwrap()
}

fn context() -> KeyContext {
    let tenant = TenantId::new("acme").unwrap();
    KeyContext::new(&Deployment::new("prod").unwrap(), Some(&tenant), 1)
}

fn key() -> TenantKey {
    TenantKey::generate(&SystemEntropy)
}

fn with_a_bit_changed(wrapped: &WrappedKey) -> WrappedKey {
    let mut bytes = wrapped.as_bytes().to_vec();
    bytes[30] ^= 1;
    WrappedKey::new(wrapped.key_id().clone(), bytes)
}

/// Codes that a lost session, login or token answers.
const LOST: [R; 9] = [
    R::SessionHandleInvalid,
    R::SessionClosed,
    R::DeviceRemoved,
    R::TokenNotPresent,
    R::UserNotLoggedIn,
    R::DeviceError,
    R::OperationActive,
    R::CryptokiNotInitialized,
    R::KeyHandleInvalid,
];

/// Codes that tokens answer to a wrong tag.
const VERDICTS: [R; 6] = [
    R::GeneralError,
    R::EncryptedDataInvalid,
    R::FunctionFailed,
    R::DataInvalid,
    R::UnknownErrorCode(0x42),
    R::VendorDefined(0x8000_0001),
];

#[tokio::test]
async fn after_a_lost_session_a_new_one_is_tried_once() {
    for code in LOST.into_iter().chain([R::GeneralError]) {
        let double = Double::new();
        let keys = open(&double).await;
        let before = double.calls("OpenSession");
        double.answers("Encrypt", &[code]);
        keys.wrap_key(&key(), &context()).await.unwrap();
        assert_eq!(double.calls("OpenSession"), before + 1, "{code:?}");

        double.answers("Encrypt", &[code, code]);
        let error = keys.wrap_key(&key(), &context()).await.unwrap_err();
        assert!(matches!(error, KeyError::Unavailable(_)), "{code:?}: {error}");
        assert_eq!(double.calls("OpenSession"), before + 2, "{code:?}");
        // The next call begins with a session of its own.
        keys.wrap_key(&key(), &context()).await.unwrap();
    }
}

#[tokio::test]
async fn each_session_that_was_opened_is_closed() {
    let double = Double::new();
    let keys = open(&double).await;
    double.answers("Encrypt", &[R::SessionHandleInvalid, R::DeviceRemoved]);
    let wrapped = keys.wrap_key(&key(), &context()).await;
    assert!(wrapped.is_err());
    let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
    keys.unwrap_key(&with_a_bit_changed(&wrapped), &context()).await.unwrap_err();
    drop(keys);
    assert_eq!(double.calls("OpenSession"), double.calls("CloseSession"));
}

#[tokio::test]
async fn bytes_are_damaged_only_if_the_token_works() {
    for code in VERDICTS {
        let double = Double::new();
        double.state().verdict = code;
        let keys = open(&double).await;
        let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
        let changed = with_a_bit_changed(&wrapped);
        let error = keys.unwrap_key(&changed, &context()).await.unwrap_err();
        assert!(matches!(error, KeyError::Damaged(_)), "{code:?}: {error}");

        // A token that answers so to everything ails.
        double.state().broken.insert("Decrypt", code);
        for bytes in [&wrapped, &changed] {
            let error = keys.unwrap_key(bytes, &context()).await.unwrap_err();
            assert!(matches!(error, KeyError::Unavailable(_)), "{code:?}: {error}");
        }
        double.state().broken.clear();
        keys.unwrap_key(&wrapped, &context()).await.unwrap();

        // One that answered so once did not mean it.
        double.answers("Decrypt", &[code]);
        keys.unwrap_key(&wrapped, &context()).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_mac_is_damage_and_nothing_is_decrypted() {
    let double = Double::new();
    let keys = open_with(&double, builder(PIN).prefer(KeyMechanism::AesCbcPadHmac).create_if_missing())
        .await
        .unwrap();
    let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
    let before = double.calls("Decrypt");
    let error = keys.unwrap_key(&with_a_bit_changed(&wrapped), &context()).await.unwrap_err();
    assert!(matches!(error, KeyError::Damaged(_)), "{error}");
    assert_eq!(double.calls("Decrypt"), before + 1, "only the probe");
}

#[tokio::test]
async fn a_wrong_pin_is_tried_exactly_once() {
    let double = Double::new();
    open(&double).await;
    double.state().is_logged_in = false;
    let before = double.calls("Login");
    for _ in 0..3 {
        let error = open_with(&double, builder("0000")).await.unwrap_err();
        assert!(matches!(error, KeyError::Refused(_)), "{error}");
    }
    assert_eq!(double.calls("Login"), before + 1);
}

#[tokio::test]
async fn callers_at_once_try_a_wrong_pin_once_and_another_one_ends_it() {
    let double = Double::new();
    let keys = open_with(&double, builder(PIN).sessions(4).create_if_missing()).await.unwrap();
    // Somebody changed the token's PIN, and the login ended.
    double.state().pin = b"changed".to_vec();
    double.state().is_logged_in = false;
    let before = double.calls("Login");
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let keys = keys.clone();
            tokio::spawn(async move { keys.wrap_key(&key(), &context()).await.unwrap_err() })
        })
        .collect();
    for caller in callers {
        let error = caller.await.unwrap();
        assert!(matches!(error, KeyError::Refused(_)), "{error}");
    }
    assert_eq!(double.calls("Login"), before + 1);

    keys.set_pin(Pin::new("changed"));
    keys.wrap_key(&key(), &context()).await.unwrap();
    assert_eq!(double.calls("Login"), before + 2);
}

#[tokio::test]
async fn the_same_pin_is_tried_again_only_if_a_person_gives_it_again() {
    let double = Double::new();
    let keys = open(&double).await;
    double.state().is_logged_in = false;
    double.answers("Login", &[R::PinIncorrect]);
    for _ in 0..2 {
        assert!(matches!(keys.active().await, Err(KeyError::Refused(_))));
    }
    keys.set_pin(Pin::new(PIN));
    keys.active().await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_locked_or_nearly_so_is_left_alone() {
    for is_locked in [false, true] {
        let double = Double::new();
        double.state().token.is_locked = is_locked;
        double.state().token.is_final_try = !is_locked;
        let error = open_with(&double, builder(PIN)).await.unwrap_err();
        assert!(matches!(error, KeyError::Refused(_)), "{error}");
        assert_eq!(double.calls("Login"), 0);
    }
}

#[tokio::test]
async fn what_a_login_answers_says_what_to_do() {
    let table = [
        (R::PinLocked, "security officer"),
        (R::PinExpired, "expired"),
        (R::PinLenRange, "wrong"),
        (R::PinIncorrect, "wrong"),
    ];
    for (code, word) in table {
        let double = Double::new();
        double.answers("Login", &[code]);
        let error = open_with(&double, builder(PIN)).await.unwrap_err();
        assert!(matches!(error, KeyError::Refused(_)), "{error}");
        assert!(error.to_string().contains(word), "{code:?}: {error}");
        assert_eq!(double.calls("Login"), 1, "{code:?}");
    }
    let double = Double::new();
    double.state().broken.insert("Login", R::UserPinNotInitialized);
    let error = open_with(&double, builder(PIN)).await.unwrap_err();
    assert!(error.to_string().contains("no user PIN"), "{error}");
}

#[tokio::test]
async fn a_login_that_ended_does_not_make_keys_unknown() {
    let double = Double::new();
    let keys = open(&double).await;
    let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
    for _ in 0..3 {
        double.state().is_logged_in = false;
        keys.unwrap_key(&wrapped, &context()).await.unwrap();
        double.state().is_logged_in = false;
        keys.active().await.unwrap();
        double.state().is_logged_in = false;
        assert_eq!(keys.versions().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_is_gone_is_unavailable_and_comes_back() {
    let double = Double::new();
    let keys = open(&double).await;
    let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
    double.state().is_present = false;
    let errors = [
        keys.unwrap_key(&wrapped, &context()).await.unwrap_err(),
        keys.active().await.unwrap_err(),
        keys.versions().await.unwrap_err(),
        keys.create().await.unwrap_err(),
        keys.retire(wrapped.key_id()).await.unwrap_err(),
        keys.promote(wrapped.key_id()).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, KeyError::Unavailable(_)), "{error}");
    }
    assert!(double.calls("Initialize") > 0, "the module was asked to look again");
    double.state().is_present = true;
    keys.unwrap_key(&wrapped, &context()).await.unwrap();
}

#[tokio::test]
async fn a_session_from_before_a_renewal_is_neither_used_nor_closed() {
    let double = Double::new();
    let keys = open(&double).await;
    let (opened, closed) = (double.calls("OpenSession"), double.calls("CloseSession"));
    // As another provider of the same module would: the numbers of its sessions may be given again.
    double.renew(double.gate().life()).unwrap();
    keys.active().await.unwrap();
    assert_eq!((double.calls("OpenSession"), double.calls("CloseSession")), (opened + 1, closed));
    double.renew(double.gate().life()).unwrap();
    drop(keys);
    assert_eq!(double.calls("CloseSession"), closed);
}

#[tokio::test]
async fn another_token_with_the_same_label_is_not_used() {
    let double = Double::new();
    let keys = open(&double).await;
    double.state().token.serial = "another".to_owned();
    double.answers("Encrypt", &[R::DeviceRemoved]);
    assert!(matches!(keys.wrap_key(&key(), &context()).await, Err(KeyError::Unavailable(_))));
}

#[tokio::test]
async fn a_token_without_a_free_session_says_so() {
    let double = Double::new();
    double.answers("OpenSession", &[R::SessionCount]);
    let error = open_with(&double, builder(PIN)).await.unwrap_err();
    assert!(matches!(error, KeyError::Unavailable(_)) && error.to_string().contains("sessions"), "{error}");
}

#[tokio::test]
async fn a_key_that_the_token_made_weaker_is_refused_and_destroyed() {
    let weak = [
        Strength { private: false, ..STRONG },
        Strength { sensitive: false, ..STRONG },
        Strength { always_sensitive: false, ..STRONG },
        Strength { unextractable: false, ..STRONG },
        Strength { never_extractable: false, ..STRONG },
        Strength { local: false, ..STRONG },
        Strength { long_enough: false, ..STRONG },
        Strength { fit_for_nothing_else: false, ..STRONG },
    ];
    for strength in weak {
        let double = Double::new();
        let keys = open(&double).await;
        double.state().strength = strength;
        let error = keys.create().await.unwrap_err();
        assert!(matches!(error, KeyError::Unsupported(_)), "{strength:?}: {error}");
        assert_eq!(double.keys(), 1, "{strength:?}");
        assert_eq!(keys.versions().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_makes_its_own_initialisation_vector_is_let_do_so() {
    let double = Double::new();
    double.state().ivs = Ivs::MakesItsOwn;
    let keys = open(&double).await;
    let (secret, wrapped) =
        (key(), async |secret: &TenantKey| keys.wrap_key(secret, &context()).await.unwrap());
    let wrapped = wrapped(&secret).await;
    assert_eq!(&wrapped.as_bytes()[..13], [1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
    assert_eq!(keys.unwrap_key(&wrapped, &context()).await.unwrap().expose(), secret.expose());
}

#[tokio::test]
async fn zeros_are_never_taken_for_an_initialisation_vector() {
    let double = Double::new();
    double.state().ivs = Ivs::UsesZeros;
    let keys = open(&double).await;
    let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
    assert_eq!(wrapped.as_bytes()[0], 2, "the second choice");
    assert_eq!(double.keys(), 2, "nothing of the first is left");
}

#[tokio::test]
async fn a_token_that_cannot_say_a_length_is_asked_in_parts() {
    let double = Double::new();
    double.state().in_parts_only = true;
    let keys = open(&double).await;
    let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
    assert_eq!(wrapped.as_bytes()[0], 1);
    // Another process has to find it out for itself.
    let other = open(&double).await;
    other.unwrap_key(&wrapped, &context()).await.unwrap();
    assert_eq!(keys.versions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_mechanism_that_the_token_only_says_to_have_is_passed_over() {
    for code in [R::MechanismInvalid, R::KeyFunctionNotPermitted, R::FunctionNotSupported, R::GeneralError] {
        let double = Double::new();
        double.state().broken.insert("Encrypt", code);
        let keys = open(&double).await;
        let wrapped = keys.wrap_key(&key(), &context()).await.unwrap();
        assert_eq!(wrapped.as_bytes()[0], 2, "{code:?}");
        assert_eq!((double.keys(), keys.versions().await.unwrap().len()), (2, 1), "{code:?}");
    }
}

#[tokio::test]
async fn a_token_with_nothing_usable_is_told_what_it_lacks() {
    let double = Double::new();
    double.state().mechanisms.retain(|facts| facts.mechanism == Known::AesKeyGen);
    let error = open_with(&double, builder(PIN).create_if_missing()).await.unwrap_err();
    assert!(matches!(error, KeyError::Unsupported(_)), "{error}");
    assert!(error.to_string().contains("CKM_AES_GCM"), "{error}");
}

#[tokio::test]
async fn a_creation_that_ends_early_leaves_no_version() {
    for function in ["GenerateKey", "Encrypt", "CreateObject"] {
        let double = Double::new();
        let keys = open(&double).await;
        double.state().broken.insert(function, R::DeviceRemoved);
        keys.create().await.unwrap_err();
        double.state().broken.clear();
        assert_eq!(keys.versions().await.unwrap().len(), 1, "{function}");
        let second = keys.create().await.unwrap();
        keys.promote(&second).await.unwrap();
        assert_eq!(keys.active().await.unwrap(), second);
    }
}

#[tokio::test]
async fn a_promotion_and_a_retirement_that_end_early_are_finished_by_the_next_call() {
    let double = Double::new();
    let keys = open(&double).await;
    let first = keys.active().await.unwrap();
    let second = keys.create().await.unwrap();
    for function in ["CreateObject", "DestroyObject"] {
        double.state().broken.insert(function, R::DeviceRemoved);
        let _ = keys.promote(&second).await;
        double.state().broken.clear();
        assert!([&first, &second].contains(&&keys.active().await.unwrap()));
    }
    keys.promote(&second).await.unwrap();
    double.answers("DestroyObject", &[R::DeviceRemoved, R::DeviceRemoved]);
    keys.retire(&first).await.unwrap_err();
    keys.retire(&first).await.unwrap();
    let versions = keys.versions().await.unwrap();
    assert_eq!(
        versions.iter().map(|v| (&v.id, v.state)).collect::<Vec<_>>(),
        [(&second, KeyVersionState::Active)]
    );
    assert_eq!(double.state().objects.len(), 2, "a key and its record");
}

#[tokio::test]
async fn a_record_of_a_newer_release_is_not_left_out() {
    let double = Double::new();
    let keys = open(&double).await;
    for thing in double.state().objects.values_mut() {
        if let crate::double::Thing::Record { value, .. } = thing {
            value[0] = 2;
        }
    }
    assert!(matches!(keys.active().await, Err(KeyError::Unsupported(_))));
    assert!(matches!(keys.wrap_key(&key(), &context()).await, Err(KeyError::Unsupported(_))));
}

#[tokio::test]
async fn a_token_that_hangs_is_unavailable_at_the_limit_and_works_again_when_it_returns() {
    let double = Double::new();
    open(&double).await;
    let module = double.clone();
    let load = Box::new(move || Ok(Arc::new(module.clone()) as Arc<dyn Module>));
    let shared = Shared::new(load, TokenSelector::label("vault"), Pin::new(PIN), "grantry".to_owned());
    let keys = Pkcs11Keys::start(Arc::new(shared), "double".into(), 2, Duration::from_millis(50)).unwrap();
    let mut ends = Vec::new();
    for _ in 0..2 {
        let (end, until) = channel();
        double.state().script.entry("Encrypt").or_default().push_back(Step::Hang(until));
        ends.push(end);
    }
    loop {
        let error = keys.wrap_key(&key(), &context()).await.unwrap_err();
        assert!(matches!(error, KeyError::Unavailable(_)), "{error}");
        if error.to_string().contains("has not answered any") {
            break;
        }
        assert!(error.to_string().contains("did not answer within"), "{error}");
    }
    drop(ends);
    while keys.wrap_key(&key(), &context()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn no_error_shows_a_pin() {
    let double = Double::new();
    let error = open_with(&double, builder("9081726354")).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("9081726354"));
    let keys = open(&double).await;
    assert!(!format!("{keys:?}").contains(PIN));
}
