//! The key provider.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use grantry_vault::{KeyContext, KeyError, KeyId, KeyProvider, TenantKey, WrappedKey};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use zeroize::Zeroizing;

use crate::builder::AwsKmsBuilder;
use crate::key_arn::KeyArn;
use crate::refusal::{Action, key_error, not_understood};

pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A key of AWS KMS.
///
/// The page of [the crate](crate) says what is promised, what IAM has to allow, and what it costs.
///
/// # Errors
///
/// * [`KeyError::Unavailable`]: KMS, or the provider of the credentials, does not answer in time, fails, or throttles. The
///   next call tries again.
/// * [`KeyError::Refused`]: an IAM action is missing, the key is disabled or about to be deleted, the credentials are
///   missing, expired or unknown.
/// * [`KeyError::UnknownKey`]: KMS has no such key, or the wrapped key was made by one that this provider was not told of.
/// * [`KeyError::Damaged`]: the bytes or the context are not those that were wrapped.
/// * [`KeyError::Configuration`]: what to change.
///
/// # Cancel-safety and concurrency
///
/// A dropped future has changed nothing. Calls come from any number of tasks and are independent. They have to be made in a
/// tokio runtime.
pub struct AwsKms {
    client: Client,
    /// As it was said: an ARN, an id, an alias.
    key: String,
    /// What the key is, where it was said by its ARN.
    said: Option<KeyArn>,
    /// What an id or an alias led to when it was last used.
    led_to: Mutex<Option<KeyArn>>,
    previous: Vec<KeyArn>,
    time_limit: Duration,
}

impl AwsKms {
    /// A key, by its ARN, its id or an alias (`alias/...`), with a client of your own.
    ///
    /// The client may have limits of its own; no call takes longer than [`time_limit`](AwsKms::time_limit).
    ///
    /// ```no_run
    /// # fn example(config: &aws_sdk_kms::Config) {
    /// use grantry_keys_aws_kms::AwsKms;
    /// let client = aws_sdk_kms::Client::from_conf(config.clone());
    /// let keys = AwsKms::new(client, "alias/grantry");
    /// # }
    /// ```
    pub fn new(client: Client, key: impl Into<String>) -> Self {
        let key = key.into();
        let said = KeyArn::parse(&key);
        Self { client, key, said, led_to: Mutex::new(None), previous: Vec::new(), time_limit: TIME_LIMIT }
    }

    /// A key, by its ARN, its id or an alias, with a client that is built here.
    ///
    /// ```
    /// use aws_credential_types::Credentials;
    /// use grantry_keys_aws_kms::AwsKms;
    ///
    /// let credentials = Credentials::new("AKIA...", "...", None, None, "the configuration");
    /// let keys = AwsKms::builder("eu-central-1", credentials, "alias/grantry").build()?;
    /// # Ok::<(), grantry_vault::KeyError>(())
    /// ```
    pub fn builder(
        region: impl Into<String>,
        credentials: impl ProvideCredentials + 'static,
        key: impl Into<String>,
    ) -> AwsKmsBuilder {
        AwsKmsBuilder::new(region.into(), credentials, key.into())
    }

    /// The same, with the credentials that AWS gives the process: environment variables, the user's files, the role of the
    /// container or of the machine, in the order of AWS's own tools. They are asked for when a key is needed first, over TLS as
    /// here, and again before they expire.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] where AWS's libraries look nowhere on this machine.
    #[cfg(feature = "surroundings")]
    pub async fn from_surroundings(
        region: impl Into<String>,
        key: impl Into<String>,
    ) -> Result<AwsKmsBuilder, KeyError> {
        let region = region.into();
        let found = aws_config::defaults(aws_sdk_kms::config::BehaviorVersion::latest())
            .region(aws_sdk_kms::config::Region::new(region.clone()))
            .http_client(crate::http_client())
            .load()
            .await;
        let credentials = found.credentials_provider();
        let credentials = credentials.ok_or_else(|| {
            KeyError::configuration(
                "AWS gives this process no credentials: set AWS_ACCESS_KEY_ID, or give it a role",
            )
        })?;
        Ok(Self::builder(region, credentials, key))
    }

    /// How long a call may take in all; 10 seconds where nothing is said.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Lets keys that were used before unwrap too, by their ARNs, in the same region. Nothing is wrapped by them.
    ///
    /// # Errors
    /// [`KeyError::Configuration`] for what is not the ARN of a key.
    pub fn with_previous(
        mut self,
        keys: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, KeyError> {
        for key in keys {
            let arn = KeyArn::parse(key.as_ref()).ok_or_else(|| {
                KeyError::configuration(
                    "each previous key has to be an ARN (`arn:aws:kms:<region>:<account>:key/<id>`)",
                )
            })?;
            self.previous.push(arn);
        }
        Ok(self)
    }

    async fn wrap(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        let encrypting = self
            .client
            .encrypt()
            .key_id(&self.key)
            .plaintext(Blob::new(key.expose().as_slice()))
            .set_encryption_context(Some(pairs(context)))
            .send();
        // At its finest level the SDK logs whole requests.
        let encrypted = encrypting.with_subscriber(NoSubscriber::new()).await;
        let encrypted = encrypted.map_err(|error| key_error(Action::Encrypt, &self.key, &error))?;
        let by = encrypted.key_id().and_then(KeyArn::parse).ok_or_else(not_understood)?;
        let bytes = encrypted.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
        if bytes.is_empty() || bytes.len() > WrappedKey::MOST_BYTES {
            return Err(not_understood());
        }
        let id = KeyId::new(by.as_str());
        self.remember(by);
        Ok(WrappedKey::new(id, bytes))
    }

    async fn unwrap(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        let unknown = |why: &str| KeyError::unknown_key(format!("{} {why}", wrapped.key_id()));
        let by = KeyArn::parse(wrapped.key_id().as_str()).ok_or_else(|| unknown("is no ARN of a KMS key"))?;
        let own = match self.own(&by) {
            Some(own) => own,
            None if self.said.is_none() => {
                self.describe().await?;
                self.own(&by).ok_or_else(|| unknown(&self.not_own()))?
            }
            None => return Err(unknown(&self.not_own())),
        };
        let decrypting = self
            .client
            .decrypt()
            .key_id(own.as_str())
            .ciphertext_blob(Blob::new(wrapped.as_bytes()))
            .set_encryption_context(Some(pairs(context)))
            .send();
        let decrypted = decrypting.with_subscriber(NoSubscriber::new()).await;
        let decrypted = decrypted.map_err(|error| key_error(Action::Decrypt, own.as_str(), &error))?;
        let plaintext = Zeroizing::new(decrypted.plaintext.ok_or_else(not_understood)?.into_inner());
        TenantKey::from_slice(&plaintext)
            .ok_or_else(|| KeyError::damaged("what was wrapped is no tenant key"))
    }

    /// Which key an id or an alias leads to now.
    async fn describe(&self) -> Result<KeyArn, KeyError> {
        let described = self.client.describe_key().key_id(&self.key).send().await;
        let described = described.map_err(|error| key_error(Action::DescribeKey, &self.key, &error))?;
        let facts = described.key_metadata().ok_or_else(not_understood)?;
        let encrypts = facts.key_usage().is_none_or(|usage| *usage == KeyUsageType::EncryptDecrypt);
        let is_symmetric = facts.key_spec().is_none_or(|spec| *spec == KeySpec::SymmetricDefault);
        if !(encrypts && is_symmetric) {
            return Err(KeyError::configuration(format!(
                "{} is no symmetric key for encryption: `aws kms create-key` without a key spec makes one",
                self.key
            )));
        }
        let arn = facts.arn().and_then(KeyArn::parse).ok_or_else(not_understood)?;
        self.remember(arn.clone());
        Ok(arn)
    }

    fn remember(&self, arn: KeyArn) {
        if self.said.is_none() {
            *self.led_to.lock().unwrap_or_else(PoisonError::into_inner) = Some(arn);
        }
    }

    /// The key here that another name is of, if there is one. A store is not trusted to name just any key: one that
    /// somebody else made would open for whoever made it.
    fn own(&self, named: &KeyArn) -> Option<KeyArn> {
        let led_to = self.led_to.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut own = self.said.iter().chain(&led_to).chain(&self.previous);
        own.find(|own| own.is_same_key(named)).cloned()
    }

    fn not_own(&self) -> String {
        format!("is neither {} nor a previous key: where it was, name it with `with_previous`", self.key)
    }

    /// Ends what takes longer than the limit, whatever the client's own limits are.
    async fn within_limit<T>(
        &self,
        work: impl Future<Output = Result<T, KeyError>> + Send,
    ) -> Result<T, KeyError> {
        tokio::time::timeout(self.time_limit, work)
            .await
            .unwrap_or_else(|_| Err(KeyError::unavailable("KMS did not answer in time")))
    }
}

impl fmt::Debug for AwsKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKms")
            .field("key", &self.key)
            .field("previous", &self.previous)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyProvider for AwsKms {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        self.within_limit(self.wrap(key, context)).await
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        self.within_limit(self.unwrap(wrapped, context)).await
    }

    async fn active(&self) -> Result<KeyId, KeyError> {
        let arn = match &self.said {
            Some(arn) => arn.clone(),
            None => self.within_limit(self.describe()).await?,
        };
        Ok(KeyId::new(arn.as_str()))
    }
}

fn pairs(context: &KeyContext) -> HashMap<String, String> {
    context.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
