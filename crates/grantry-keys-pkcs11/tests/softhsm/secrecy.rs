//! Neither the PIN nor a tenant key shows anywhere.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use grantry_keys_pkcs11::{KeyMechanism, Pin, Pkcs11Keys, TokenSelector};
use grantry_tests::softhsm::PIN;
use grantry_vault::{KeyProvider, KeyRotation, WrappedKey};

use crate::{TOKEN, builder, context, tenant_key, with_token};

/// Everything that is logged, by `tracing` and by `log`.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl log::Log for Heard {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(self.0.lock().unwrap(), "{} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

#[test]
fn no_error_debug_or_log_line_shows_the_pin_or_a_key() {
    with_token("secrecy::no_error_debug_or_log_line_shows_the_pin_or_a_key", |hsm| async move {
        let heard = Heard::default();
        log::set_logger(Box::leak(Box::new(heard.clone()))).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        let writer = heard.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();

        const WRONG: &str = "9081726354";
        let mut shown = String::new();
        let refused = Pkcs11Keys::builder(hsm.library(), TokenSelector::label(TOKEN), Pin::new(WRONG));
        write!(shown, "{refused:?}").unwrap();
        write!(shown, "{:?}", refused.open().await.unwrap_err()).unwrap();
        let key = tenant_key();
        for mechanism in [KeyMechanism::AesGcm, KeyMechanism::AesKeyWrap, KeyMechanism::AesCbcPadHmac] {
            let builder =
                builder(&hsm).key_label(format!("{mechanism:?}")).prefer(mechanism).create_if_missing();
            write!(shown, "{builder:?}").unwrap();
            let keys = builder.open().await.unwrap();
            let wrapped = keys.wrap_key(&key, &context("acme", 1)).await.unwrap();
            let mut bytes = wrapped.as_bytes().to_vec();
            bytes[20] ^= 1;
            let damaged = WrappedKey::new(wrapped.key_id().clone(), bytes);
            let error = keys.unwrap_key(&damaged, &context("acme", 1)).await.unwrap_err();
            let retired = keys.retire(wrapped.key_id()).await.unwrap_err();
            write!(shown, "{keys:?} {wrapped:?} {error:?} {error} {retired:?} {:?}", keys.versions().await)
                .unwrap();
        }
        std::fs::rename(hsm.tokens(), hsm.folder().join("away")).unwrap();
        let keys = builder(&hsm).open().await;
        write!(shown, "{keys:?}").unwrap();

        let heard = heard.0.lock().unwrap().clone();
        assert!(heard.contains("a key was made in the token"), "the log was heard: {heard}");
        let hex: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{:?}", key.expose());
        for text in [&shown, &heard] {
            for secret in [PIN, WRONG, &hex, &hex.to_uppercase(), list.trim_matches(['[', ']'])] {
                assert!(!text.contains(secret), "{text}");
            }
            // Text of raw bytes.
            assert!(!text.contains(&*String::from_utf8_lossy(key.expose())));
        }
    });
}
