//! What a key of a transit engine is reached with.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantry_endpoint::{HttpTransport, Transport};
use grantry_vault::KeyError;
use http::HeaderValue;
use url::Url;

use crate::engine::Engine;
use crate::keys::TransitKeys;
use crate::name::KeyName;
use crate::token::TransitToken;

const MOUNT: &str = "transit";
const TIME_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_LIMIT: Duration = Duration::from_secs(300);

/// Builds [`TransitKeys`].
#[must_use]
pub struct TransitKeysBuilder {
    address: String,
    mount: String,
    key: String,
    token: TransitToken,
    namespace: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    time_limit: Duration,
    allow_exportable: bool,
    keep_retired: bool,
}

impl TransitKeysBuilder {
    pub(crate) fn new(address: String, key: String, token: TransitToken) -> Self {
        Self {
            address,
            mount: MOUNT.to_owned(),
            key,
            token,
            namespace: None,
            transport: None,
            time_limit: TIME_LIMIT,
            allow_exportable: false,
            keep_retired: false,
        }
    }

    /// Where the engine is mounted; `transit` where nothing is said.
    pub fn mount(mut self, mount: impl Into<String>) -> Self {
        self.mount = mount.into();
        self
    }

    /// In which namespace the engine is.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sends requests by this transport, such as an [`HttpTransport`] that trusts a certificate authority of your own.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// How long a call may take in all; 10 seconds where nothing is said, 300 at most.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Takes a key that was made `exportable` or with `allow_plaintext_backup`: somebody may read it then.
    pub fn allow_exportable_key(mut self) -> Self {
        self.allow_exportable = true;
        self
    }

    /// Only shuts versions that are retired out (`min_decryption_version`), and destroys none of them. An operator can then
    /// bring them back, or trim them later.
    pub fn keep_retired_versions(mut self) -> Self {
        self.keep_retired = true;
        self
    }

    /// Checks what was said. The server is not asked yet.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] says what to change.
    pub fn build(self) -> Result<TransitKeys, KeyError> {
        let address = Url::parse(&self.address).map_err(|_| {
            KeyError::configuration("`address` has to be a URL such as https://vault.example.com:8200")
        })?;
        grantry_core::check_endpoint("address", &address)
            .map_err(|error| KeyError::configuration(error.to_string()))?;
        if address.query().is_some() {
            return Err(KeyError::configuration("`address` must not have a query (?...)"));
        }
        if self.time_limit.is_zero() || self.time_limit > LONGEST_LIMIT {
            return Err(KeyError::configuration(
                "`time_limit` has to be more than nothing, and 300 seconds at most",
            ));
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => {
                let http = HttpTransport::builder().total_timeout(self.time_limit).build();
                Arc::new(http.map_err(|error| KeyError::configuration(error.to_string()))?)
            }
        };
        let engine = Engine {
            transport,
            address,
            name: KeyName::new(&self.mount, &self.key)?,
            namespace: self.namespace.as_deref().map(namespace).transpose()?,
            token: self.token,
            time_limit: self.time_limit,
        };
        Ok(TransitKeys {
            engine,
            shape: Mutex::new(None),
            is_proven: AtomicBool::new(false),
            allow_exportable: self.allow_exportable,
            keep_retired: self.keep_retired,
        })
    }
}

impl fmt::Debug for TransitKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address that was not checked yet may hold a password.
        f.debug_struct("TransitKeysBuilder")
            .field("mount", &self.mount)
            .field("key", &self.key)
            .field("token", &self.token)
            .field("namespace", &self.namespace)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

fn namespace(name: &str) -> Result<HeaderValue, KeyError> {
    let name = name.trim_matches('/');
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let value = if is_plain { HeaderValue::from_str(name).ok() } else { None };
    value.ok_or_else(|| KeyError::configuration("`namespace` has to be the path of one, such as `team/eu`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(address: &str) -> TransitKeysBuilder {
        TransitKeys::builder(address, "grantry", TransitToken::new("hvs.canary"))
    }

    #[test]
    fn what_cannot_work_says_what_to_change() {
        let said = |builder: TransitKeysBuilder| match builder.build().unwrap_err() {
            KeyError::Configuration(said) => said,
            other => panic!("{other}"),
        };
        let good = "https://vault.test:8200";
        for address in ["", "vault", "ftp://vault.test", "http://vault.test", "https://u:canary@vault.test"] {
            let said = said(builder(address));
            assert!(said.contains("address") && !said.contains("canary"), "{address}: {said}");
        }
        assert!(said(builder("https://vault.test?a=b")).contains("query"));
        assert!(said(builder(good).mount("a//b")).contains("`mount`"));
        assert!(said(builder(good).namespace("")).contains("`namespace`"));
        assert!(said(builder(good).namespace("a\nb")).contains("`namespace`"));
        assert!(said(builder(good).time_limit(Duration::ZERO)).contains("`time_limit`"));
        assert!(
            said(TransitKeys::builder(good, "a/b", TransitToken::new("x")))
                .contains("name of the transit key")
        );
        assert!(builder("http://127.0.0.1:8200/vault").namespace("/team/eu/").build().is_ok());
    }

    #[test]
    fn the_token_does_not_show() {
        let builder = builder("https://vault.test");
        let shown = format!("{builder:?}");
        let shown = format!("{shown} {:?}", builder.build().unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
