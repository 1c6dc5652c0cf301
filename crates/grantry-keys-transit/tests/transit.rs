//! The provider against a double of the engine's documented HTTP API; `double/mod.rs` says what it is, and why.

#![allow(clippy::unwrap_used, reason = "a test fails there")]

mod double;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantry_core::{SystemEntropy, TenantId};
use grantry_keys_transit::{TransitKeys, TransitKeysBuilder, TransitToken};
use grantry_vault::{
    Deployment, KeyContext, KeyError, KeyProvider, KeyRotation, KeyVersionState, TenantKey, WrappedKey,
};

use double::{Double, Fault, Key, TOKEN};

fn builder(double: &Double) -> TransitKeysBuilder {
    TransitKeys::builder(double.url(), "grantry", TransitToken::new(TOKEN))
}

fn keys(double: &Double) -> TransitKeys {
    builder(double).build().unwrap()
}

fn context(deployment: &str, tenant: Option<&str>, epoch: u32) -> KeyContext {
    let tenant = tenant.map(|tenant| TenantId::new(tenant).unwrap());
    KeyContext::new(&Deployment::new(deployment).unwrap(), tenant.as_ref(), epoch)
}

fn acme() -> KeyContext {
    context("prod", Some("acme"), 1)
}

fn tenant_key() -> TenantKey {
    TenantKey::generate(&SystemEntropy)
}

async fn states(keys: &TransitKeys) -> Vec<(String, KeyVersionState)> {
    let versions = keys.versions().await.unwrap();
    versions.into_iter().map(|version| (version.id.to_string(), version.state)).collect()
}

fn version(number: u32) -> String {
    format!("transit/transit/grantry:v{number}")
}

#[tokio::test]
async fn what_was_wrapped_is_unwrapped_by_every_process() {
    let double = Double::start().await;
    let key = tenant_key();
    let wrapped = keys(&double).wrap_key(&key, &acme()).await.unwrap();
    assert_eq!(wrapped.key_id().as_str(), version(1));
    let unwrapped = keys(&double).unwrap_key(&wrapped, &acme()).await.unwrap();
    assert_eq!(unwrapped.expose(), key.expose());
}

#[tokio::test]
async fn a_wrapped_key_opens_under_its_context_only() {
    for derived in [false, true] {
        let double = Double::start().await;
        double.change(|key| key.derived = derived);
        let keys = keys(&double);
        let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
        for other in [
            context("test", Some("acme"), 1),
            context("prod", Some("other"), 1),
            context("prod", Some("acme"), 2),
            context("prod", None, 1),
        ] {
            let refused = keys.unwrap_key(&wrapped, &other).await;
            assert!(matches!(refused, Err(KeyError::Damaged(_))), "{other:?}: {refused:?}");
        }
        assert!(keys.unwrap_key(&wrapped, &acme()).await.is_ok());
    }
}

#[tokio::test]
async fn a_changed_wrapped_key_is_damaged() {
    let double = Double::start().await;
    let keys = keys(&double);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    for at in 0..wrapped.as_bytes().len() {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[at] ^= 1;
        let changed = WrappedKey::new(wrapped.key_id().clone(), bytes);
        let refused = keys.unwrap_key(&changed, &acme()).await;
        assert!(matches!(refused, Err(KeyError::Damaged(_))), "byte {at}: {refused:?}");
    }
    let empty = WrappedKey::new(wrapped.key_id().clone(), Vec::new());
    assert!(matches!(keys.unwrap_key(&empty, &acme()).await, Err(KeyError::Damaged(_))));
}

#[tokio::test]
async fn a_server_that_ignores_associated_data_wraps_nothing() {
    let double = Double::start().await;
    double.state().ignores_aad = true;
    let keys = keys(&double);
    for _ in 0..2 {
        let refused = keys.wrap_key(&tenant_key(), &acme()).await;
        assert!(matches!(refused, Err(KeyError::Unsupported(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn the_key_of_another_provider_is_unknown_and_the_server_is_not_asked() {
    let double = Double::start().await;
    let other = builder(&double).mount("other").build().unwrap();
    let wrapped = keys(&double).wrap_key(&tenant_key(), &acme()).await.unwrap();
    double.take_requests();
    assert!(matches!(other.unwrap_key(&wrapped, &acme()).await, Err(KeyError::UnknownKey(_))));
    assert_eq!(double.take_requests().len(), 0);
}

#[tokio::test]
async fn a_key_or_an_engine_that_is_not_there_is_never_made() {
    let double = Double::start().await;
    let token = || TransitToken::new(TOKEN);
    let no_key = TransitKeys::builder(double.url(), "missing", token()).build().unwrap();
    let no_engine = builder(&double).mount("missing").build().unwrap();
    for keys in [no_key, no_engine] {
        let refused = keys.wrap_key(&tenant_key(), &acme()).await;
        assert!(matches!(refused, Err(KeyError::UnknownKey(_))), "{refused:?}");
        assert!(matches!(keys.create().await, Err(KeyError::UnknownKey(_))));
    }
    assert!(double.take_requests().iter().all(|request| request.starts_with("GET")));
}

#[tokio::test]
async fn a_key_that_will_not_do_is_found_out_at_first_use() {
    for kind in ["rsa-4096", "aes128-gcm96"] {
        let double = Double::start().await;
        double.change(|key| key.kind = kind);
        let refused = keys(&double).wrap_key(&tenant_key(), &acme()).await;
        assert!(matches!(refused, Err(KeyError::Configuration(_))), "{refused:?}");
        let wrapped = WrappedKey::new(grantry_vault::KeyId::new(version(1)), b"vault:v1:AAAA".to_vec());
        assert!(matches!(keys(&double).unwrap_key(&wrapped, &acme()).await, Err(KeyError::Configuration(_))));
    }
    let double = Double::start().await;
    double.change(|key| key.exportable = true);
    assert!(matches!(keys(&double).active().await, Err(KeyError::Configuration(_))));
    assert!(builder(&double).allow_exportable_key().build().unwrap().active().await.is_ok());
}

#[tokio::test]
async fn the_namespace_goes_along() {
    let double = Double::start().await;
    double.state().namespace = Some("team/eu".to_owned());
    assert!(matches!(keys(&double).active().await, Err(KeyError::UnknownKey(_))));
    assert!(builder(&double).namespace("team/eu/").build().unwrap().active().await.is_ok());
}

#[tokio::test]
async fn a_new_version_waits_until_it_is_promoted() {
    let double = Double::start().await;
    for silently in [false, true] {
        double.state().rotates_silently = silently;
        double.change(|key| *key = Key::default());
        let keys = keys(&double);
        let old = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
        let created = keys.create().await.unwrap();
        assert_eq!(created.as_str(), version(2));
        assert_eq!(
            states(&keys).await,
            [(version(1), KeyVersionState::Active), (version(2), KeyVersionState::Waiting)]
        );
        assert_eq!(keys.wrap_key(&tenant_key(), &acme()).await.unwrap().key_id(), old.key_id());

        for _ in 0..2 {
            keys.promote(&created).await.unwrap();
        }
        assert_eq!(
            states(&keys).await,
            [(version(1), KeyVersionState::Unwrapping), (version(2), KeyVersionState::Active)]
        );
        assert_eq!(keys.wrap_key(&tenant_key(), &acme()).await.unwrap().key_id(), &created);
        assert_eq!(keys.active().await.unwrap(), created);
        keys.unwrap_key(&old, &acme()).await.unwrap();
    }
}

#[tokio::test]
async fn a_promotion_by_another_process_between_two_requests_is_followed() {
    let double = Double::start().await;
    let keys = keys(&double);
    keys.create().await.unwrap();
    double.state().before_encrypt = Some(|key| key.min_encryption = 2);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    assert_eq!(wrapped.key_id().as_str(), version(2));
}

#[tokio::test]
async fn a_retired_version_is_destroyed_from_the_oldest_on() {
    let double = Double::start().await;
    let keys = keys(&double);
    let old = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    let second = keys.create().await.unwrap();
    assert!(matches!(keys.retire(old.key_id()).await, Err(KeyError::Refused(_))), "the active one stays");
    assert!(matches!(keys.retire(&second).await, Err(KeyError::Refused(_))), "a waiting one stays");
    keys.promote(&second).await.unwrap();
    let third = keys.create().await.unwrap();
    keys.promote(&third).await.unwrap();
    assert!(matches!(keys.retire(&second).await, Err(KeyError::Refused(_))), "an older one is there");
    keys.unwrap_key(&old, &acme()).await.unwrap();

    for _ in 0..2 {
        keys.retire(old.key_id()).await.unwrap();
        keys.retire(&second).await.unwrap();
    }
    assert_eq!(states(&keys).await, [(version(3), KeyVersionState::Active)]);
    assert_eq!((double.key().min_available, double.key().min_decryption), (3, 3));
    assert!(matches!(keys.unwrap_key(&old, &acme()).await, Err(KeyError::UnknownKey(_))));
    assert!(matches!(keys.promote(&second).await, Err(KeyError::UnknownKey(_))));
}

#[tokio::test]
async fn a_crash_between_shutting_out_and_destroying_is_made_good() {
    let double = Double::start().await;
    // A person has rotated it: nothing was ever promoted.
    double.change(|key| (key.latest, key.min_encryption) = (3, 0));
    let keys = keys(&double);
    let first = grantry_vault::KeyId::new(version(1));
    double.state().denied = BTreeSet::from(["transit/keys/grantry/trim".to_owned()]);
    let refused = keys.retire(&first).await.unwrap_err();
    assert!(refused.to_string().contains("transit/keys/grantry/trim"), "{refused}");
    assert_eq!((double.key().min_decryption, double.key().min_available), (2, 0));
    double.state().denied.clear();
    keys.retire(&first).await.unwrap();
    let key = double.key();
    assert_eq!((key.min_decryption, key.min_available, key.min_encryption), (2, 2, 3));
}

#[tokio::test]
async fn versions_that_are_kept_can_be_brought_back() {
    let double = Double::start().await;
    let keys = builder(&double).keep_retired_versions().build().unwrap();
    let old = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    let next = keys.create().await.unwrap();
    keys.promote(&next).await.unwrap();
    keys.retire(old.key_id()).await.unwrap();
    let refused = keys.unwrap_key(&old, &acme()).await.unwrap_err();
    assert!(refused.to_string().contains("min_decryption_version"), "{refused}");
    double.change(|key| key.min_decryption = 1);
    keys.unwrap_key(&old, &acme()).await.unwrap();
}

#[tokio::test]
async fn a_rotation_is_sent_once_and_what_may_be_repeated_twice() {
    let double = Double::start().await;
    double.change(|key| key.min_encryption = 1);
    let keys = keys(&double);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    double.take_requests();
    for fault in [Fault::Close, Fault::Lose] {
        double.break_with([fault]);
        keys.unwrap_key(&wrapped, &acme()).await.unwrap();
        assert_eq!(double.take_requests(), ["POST transit/decrypt/grantry"; 2]);
    }
    double.break_with([Fault::Close, Fault::Close]);
    assert!(matches!(keys.unwrap_key(&wrapped, &acme()).await, Err(KeyError::Unavailable(_))));
    double.take_requests();

    let read = r#"{"data":{"type":"aes256-gcm96","latest_version":1,"min_encryption_version":1}}"#;
    double.break_with([Fault::Answer(200, read.to_owned()), Fault::Lose]);
    assert!(matches!(keys.create().await, Err(KeyError::Unavailable(_))));
    assert_eq!(double.take_requests(), ["GET transit/keys/grantry", "POST transit/keys/grantry/rotate"]);
    // It was done all the same, and the next run finds it waiting.
    assert_eq!(
        states(&keys).await,
        [(version(1), KeyVersionState::Active), (version(2), KeyVersionState::Waiting)]
    );
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_and_found_again() {
    let mut double = Double::start().await;
    let keys = keys(&double);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    double.stop().await;
    for _ in 0..2 {
        let refused = keys.unwrap_key(&wrapped, &acme()).await;
        assert!(matches!(refused, Err(KeyError::Unavailable(_))), "{refused:?}");
    }
    double.start_again().await;
    keys.unwrap_key(&wrapped, &acme()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_within_the_limit() {
    let double = Double::start().await;
    let impatient = builder(&double).time_limit(Duration::from_secs(3)).build().unwrap();
    double.break_with([Fault::Hang]);
    let refused = impatient.active().await;
    assert!(matches!(refused, Err(KeyError::Unavailable(_))), "{refused:?}");
    assert_eq!(double.take_requests().len(), 1);
    assert!(keys(&double).active().await.is_ok());
}

#[tokio::test]
async fn a_sealed_server_a_standby_and_a_busy_one_pass() {
    let double = Double::start().await;
    let keys = keys(&double);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    for status in [307, 412, 429, 472, 473, 500, 501, 502, 503] {
        double.break_with([Fault::Status(status)]);
        let refused = keys.unwrap_key(&wrapped, &acme()).await.unwrap_err();
        assert!(refused.is_passing(), "{status}: {refused}");
        keys.unwrap_key(&wrapped, &acme()).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_is_none_of_the_engine_is_no_verdict() {
    let double = Double::start().await;
    let keys = keys(&double);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    for body in ["<html>", "", "{}", r#"{"data":{}}"#, r#"{"data":{"plaintext":7}}"#] {
        double.break_with([Fault::Answer(200, body.to_owned())]);
        let refused = keys.unwrap_key(&wrapped, &acme()).await;
        assert!(matches!(refused, Err(KeyError::Unavailable(_))), "{body}: {refused:?}");
    }
    for body in ["<html>", "", r#"{"data":{"ciphertext":"vault:v9:AAAA"}}"#, r#"{"data":{"ciphertext":""}}"#]
    {
        let read = r#"{"data":{"type":"aes256-gcm96","latest_version":1}}"#;
        double.break_with([Fault::Answer(200, read.to_owned()), Fault::Answer(200, body.to_owned())]);
        let refused = keys.wrap_key(&tenant_key(), &acme()).await;
        assert!(matches!(refused, Err(KeyError::Unavailable(_))), "{body}: {refused:?}");
    }
    double.break_with([Fault::Answer(200, "x".repeat(300 * 1024))]);
    assert!(matches!(keys.active().await, Err(KeyError::Unavailable(_))));
}

#[tokio::test]
async fn a_token_that_was_exchanged_is_found_without_a_restart() {
    let double = Double::start().await;
    double.state().tokens = BTreeSet::from(["second".to_owned()]);
    let given = Arc::new(Mutex::new(vec!["second", "first"]));
    let token = TransitToken::from_fn(move || {
        let mut given = given.lock().unwrap();
        let next = if given.len() > 1 { given.pop() } else { given.last().copied() };
        Ok(next.unwrap().to_owned().into())
    });
    let keys = TransitKeys::builder(double.url(), "grantry", token).build().unwrap();
    assert!(keys.active().await.is_ok());
    assert_eq!(double.take_requests().len(), 2);

    // The same token again is not tried again.
    double.state().tokens.clear();
    let refused = keys.active().await.unwrap_err();
    assert!(matches!(&refused, KeyError::Refused(said) if said.contains("`read`")), "{refused}");
    assert_eq!(double.take_requests().len(), 1);
}

#[tokio::test]
async fn a_missing_capability_says_where() {
    let double = Double::start().await;
    let keys = keys(&double);
    double.state().denied = BTreeSet::from(["transit/encrypt/grantry".to_owned()]);
    let refused = keys.wrap_key(&tenant_key(), &acme()).await.unwrap_err().to_string();
    assert!(refused.contains("transit/encrypt/grantry") && refused.contains("`update`"), "{refused}");
}

#[tokio::test]
async fn it_costs_one_request_to_unwrap_and_two_to_wrap() {
    let double = Double::start().await;
    let keys = keys(&double);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    keys.unwrap_key(&wrapped, &acme()).await.unwrap();
    double.take_requests();
    for _ in 0..3 {
        keys.unwrap_key(&wrapped, &acme()).await.unwrap();
        keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    }
    assert_eq!(double.take_requests().len(), 9);
}

/// Everything that `tracing` heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_error_debug_or_event_shows_a_key_a_token_or_a_body() {
    let heard = Heard::default();
    let writer = heard.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let double = Double::start().await;
    let mut shown = format!("{:?}", builder(&double));
    let keys = keys(&double);
    let key = tenant_key();
    let wrapped = keys.wrap_key(&key, &acme()).await.unwrap();
    let plaintext = double.state().bodies.iter().find(|body| body.contains("plaintext")).cloned().unwrap();
    let base64 = plaintext.split('"').nth(3).unwrap().to_owned();
    let created = keys.create().await.unwrap();
    keys.promote(&created).await.unwrap();
    write!(shown, "{keys:?} {wrapped:?} {:?}", keys.unwrap_key(&wrapped, &acme()).await).unwrap();
    let other = context("prod", Some("other"), 1);
    for fault in [
        Fault::Status(400),
        Fault::Status(403),
        Fault::Status(418),
        Fault::Status(500),
        Fault::Answer(400, format!(r#"{{"errors":["canary-of-a-page {TOKEN} {base64}"]}}"#)),
        Fault::Answer(200, format!(r#"{{"data":{{"plaintext":"{base64}!"}}}}"#)),
    ] {
        double.break_with([fault]);
        let error = keys.unwrap_key(&wrapped, &acme()).await.unwrap_err();
        write!(shown, "{error} {error:?} {:?}", keys.unwrap_key(&wrapped, &other).await).unwrap();
    }

    let heard = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
    assert!(heard.contains("a version of the key was promoted"), "the events were heard: {heard}");
    let hex: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", key.expose());
    for text in [&shown, &heard] {
        for secret in [TOKEN, &base64, &hex, list.trim_matches(['[', ']']), "canary"] {
            assert!(!text.contains(secret), "{secret} shows: {text}");
        }
    }
}
