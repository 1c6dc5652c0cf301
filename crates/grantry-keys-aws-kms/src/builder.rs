//! A client of KMS whose TLS is rustls on ring.

use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use grantry_vault::KeyError;
use url::Url;

use crate::keys::{AwsKms, TIME_LIMIT};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const LONGEST_LIMIT: Duration = Duration::from_secs(300);
/// The first, and one more where that may help: encrypting and decrypting twice is as good as once.
const ATTEMPTS: u32 = 2;

/// The HTTP client that [`AwsKms::builder`] gives its KMS client: rustls on ring, with the platform's certificates.
///
/// For a client or a credentials provider of your own, so that no second TLS library comes along.
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// Builds [`AwsKms`] with a client of its own.
#[must_use]
pub struct AwsKmsBuilder {
    region: String,
    credentials: SharedCredentialsProvider,
    key: String,
    endpoint: Option<String>,
    time_limit: Duration,
}

impl AwsKmsBuilder {
    pub(crate) fn new(region: String, credentials: impl ProvideCredentials + 'static, key: String) -> Self {
        let credentials = SharedCredentialsProvider::new(credentials);
        Self { region, credentials, key, endpoint: None, time_limit: TIME_LIMIT }
    }

    /// Where KMS is, in place of the region's own endpoint: a VPC endpoint, or a test's server. Https, or http to loopback.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// How long a call may take in all; 10 seconds where nothing is said, 300 at most. One attempt has less than half of it,
    /// so that there is time for a second.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Checks what was said. KMS is not asked yet.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] says what to change.
    pub fn build(self) -> Result<AwsKms, KeyError> {
        let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.region.is_empty() || !self.region.bytes().all(is_region) {
            return Err(KeyError::configuration(
                "`region` has to be the name of one, such as `eu-central-1`",
            ));
        }
        if self.key.is_empty() {
            return Err(KeyError::configuration(
                "`key` has to be the ARN, id or alias (`alias/...`) of a KMS key",
            ));
        }
        if self.time_limit.is_zero() || self.time_limit > LONGEST_LIMIT {
            return Err(KeyError::configuration(
                "`time_limit` has to be more than nothing, and 300 seconds at most",
            ));
        }
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_LIMIT.min(self.time_limit / 3))
            .operation_attempt_timeout(self.time_limit * 9 / 20)
            .operation_timeout(self.time_limit)
            .build();
        let mut config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region))
            .credentials_provider(self.credentials)
            .http_client(http_client())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        if let Some(endpoint) = self.endpoint {
            check_endpoint(&endpoint)?;
            config = config.endpoint_url(endpoint);
        }
        Ok(AwsKms::new(Client::from_conf(config.build()), self.key).time_limit(self.time_limit))
    }
}

fn check_endpoint(endpoint: &str) -> Result<(), KeyError> {
    let url = Url::parse(endpoint).map_err(|_| {
        KeyError::configuration(
            "`endpoint_url` has to be a URL such as https://kms.eu-central-1.amazonaws.com",
        )
    })?;
    grantry_core::check_endpoint("endpoint_url", &url)
        .map_err(|error| KeyError::configuration(error.to_string()))
}

impl fmt::Debug for AwsKmsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKmsBuilder")
            .field("region", &self.region)
            .field("key", &self.key)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    fn builder(region: &str, key: &str) -> AwsKmsBuilder {
        AwsKms::builder(region, Credentials::new("AKIACANARY", "canary", None, None, "a test"), key)
    }

    #[test]
    fn what_cannot_work_says_what_to_change() {
        let said = |builder: AwsKmsBuilder| match builder.build().unwrap_err() {
            KeyError::Configuration(said) => said,
            other => panic!("{other}"),
        };
        assert!(said(builder("", "alias/a")).contains("`region`"));
        assert!(said(builder("EU Central", "alias/a")).contains("`region`"));
        assert!(said(builder("eu-central-1", "")).contains("`key`"));
        let good = || builder("eu-central-1", "alias/a");
        assert!(said(good().time_limit(Duration::ZERO)).contains("`time_limit`"));
        for endpoint in ["", "kms", "http://kms.test", "https://user:canary@kms.test"] {
            let said = said(good().endpoint_url(endpoint));
            assert!(said.contains("endpoint_url") && !said.contains("canary"), "{said}");
        }
        assert!(good().endpoint_url("http://127.0.0.1:5000").build().is_ok());
    }

    #[test]
    fn the_credentials_do_not_show() {
        let builder = builder("eu-central-1", "alias/a");
        let shown = format!("{builder:?}");
        let shown = format!("{shown} {:?}", builder.build().unwrap()).to_lowercase();
        assert!(!shown.contains("canary"), "{shown}");
    }
}
