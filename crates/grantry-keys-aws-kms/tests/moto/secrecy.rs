//! Neither a tenant key nor a credential shows anywhere.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use grantry_keys_aws_kms::AwsKms;
use grantry_tests::moto::{Moto, Settings};
use grantry_vault::{KeyProvider, TenantKey, WrappedKey};

use crate::{ACCESS_KEY, REGION, SECRET_KEY, SESSION, acme, client, context, credentials, keys, make_key};

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

/// The key of this test: no other test's key can be taken for it.
const KEY: [u8; 32] = *b"canary, 32 bytes: a tenant's key";
const KEY_IN_BASE64: &str = "Y2FuYXJ5LCAzMiBieXRlczogYSB0ZW5hbnQncyBrZXk";

/// Makes the SDK log the bodies of requests at its finest level, as numbers. A test cannot set a variable of its own process,
/// so this one runs itself again.
const LOG_BODIES: &str = "LOG_SIGNABLE_BODY";

#[tokio::test]
async fn no_error_debug_or_event_shows_a_key_or_a_credential() {
    if std::env::var_os(LOG_BODIES).is_none() {
        let name = "secrecy::no_error_debug_or_event_shows_a_key_or_a_credential";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name]).env(LOG_BODIES, "true").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let moto = Moto::start(Settings::default()).unwrap();
    let arn = make_key(&moto, "alias/grantry").await;
    let heard = Heard::default();
    let writer = heard.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // For every thread: connections are driven by tasks of their own.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut shown = String::new();
    let key = TenantKey::from_slice(&KEY).unwrap();
    let built = keys(&moto, "alias/grantry");
    let own = AwsKms::new(client(&moto), arn);
    let missing = AwsKms::builder(REGION, credentials(), "alias/missing").endpoint_url(moto.url());
    write!(shown, "{missing:?}").unwrap();
    let missing = missing.build().unwrap();
    for keys in [&built, &own] {
        let wrapped = keys.wrap_key(&key, &acme()).await.unwrap();
        let unwrapped = keys.unwrap_key(&wrapped, &acme()).await.unwrap();
        assert_eq!(unwrapped.expose(), &KEY);
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[60] ^= 1;
        let damaged = WrappedKey::new(wrapped.key_id().clone(), bytes);
        let errors = [
            keys.unwrap_key(&damaged, &acme()).await.unwrap_err(),
            keys.unwrap_key(&wrapped, &context("prod", Some("other"), 1)).await.unwrap_err(),
            missing.unwrap_key(&wrapped, &acme()).await.unwrap_err(),
            missing.wrap_key(&key, &acme()).await.unwrap_err(),
        ];
        for error in errors {
            write!(shown, "{error} {error:?}").unwrap();
        }
        write!(shown, "{keys:?} {wrapped:?} {unwrapped:?} {:?}", keys.active().await).unwrap();
    }

    let heard = String::from_utf8_lossy(&heard.0.lock().unwrap()).into_owned();
    assert!(heard.contains("DescribeKey"), "the events were heard: {heard}");
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let [list, text] = [&KEY[..], KEY_IN_BASE64.as_bytes()].map(|bytes| format!("{bytes:?}"));
    let [list, sent] = [&list, &text].map(|list| list.trim_matches(['[', ']']));
    for text in [&shown, &heard] {
        for secret in ["canary, 32", KEY_IN_BASE64, &hex, list, sent, SECRET_KEY, SESSION] {
            assert!(!text.contains(secret), "{secret} shows: {text}");
        }
    }
    assert!(!shown.contains(ACCESS_KEY), "{shown}");
}
