//! The key provider.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use grantry_vault::{
    KeyContext, KeyError, KeyId, KeyProvider, KeyRotation, KeyVersion, TenantKey, WrappedKey,
};
use zeroize::Zeroizing;

use crate::bodies::{self, Encrypted};
use crate::builder::TransitKeysBuilder;
use crate::call::Call;
use crate::engine::Engine;
use crate::facts::KeyFacts;
use crate::refusal::Refusal;
use crate::token::TransitToken;

/// A key of a transit engine, in HashiCorp Vault or OpenBao.
///
/// The page of [the crate](crate) says what is promised, what a token's policy has to allow, and what it costs.
///
/// # Errors
///
/// * [`KeyError::Unavailable`]: no answer in time, or one that says that the server is sealed, a standby, or too busy. The
///   next call tries again.
/// * [`KeyError::Refused`]: the token has expired or its policy lacks a capability; the text names both. Also a version that
///   cannot be retired yet.
/// * [`KeyError::UnknownKey`]: the engine, the key or the version is not there.
/// * [`KeyError::Damaged`]: the bytes or the context are not those that were wrapped.
/// * [`KeyError::Configuration`]: what to change.
///
/// # Cancel-safety and concurrency
///
/// A call that was dropped may have been done by the server. That changes something for `create`, which leaves a version
/// that nobody uses, and for `promote` and `retire`, all of which may be repeated. Calls come from any number of tasks and
/// are independent. They have to be made in a tokio runtime.
#[derive(Debug)]
pub struct TransitKeys {
    pub(crate) engine: Engine,
    /// What of the key never changes, once it was read and found good.
    pub(crate) shape: Mutex<Option<Shape>>,
    /// Whether the server has shown that it binds what it encrypts to its context.
    pub(crate) is_proven: AtomicBool,
    pub(crate) allow_exportable: bool,
    pub(crate) keep_retired: bool,
}

/// What of a key never changes, unless it is deleted and made anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    is_derived: bool,
}

impl TransitKeys {
    /// The key of that name, in the engine mounted at `transit`, of the server at that address.
    ///
    /// ```
    /// use grantry_keys_transit::{TransitKeys, TransitToken};
    ///
    /// let token = TransitToken::from_file("/run/vault-agent/token");
    /// let keys = TransitKeys::builder("https://vault.example.com:8200", "grantry", token)
    ///     .mount("team/transit")
    ///     .build()?;
    /// # Ok::<(), grantry_vault::KeyError>(())
    /// ```
    pub fn builder(
        address: impl Into<String>,
        key: impl Into<String>,
        token: TransitToken,
    ) -> TransitKeysBuilder {
        TransitKeysBuilder::new(address.into(), key.into(), token)
    }

    /// What the server says of the key now.
    async fn facts(&self) -> Result<KeyFacts, Refusal> {
        let answer = self.engine.call(Call::Read, Zeroizing::default()).await?;
        let facts: KeyFacts = bodies::data(answer.expose_body()).ok_or_else(bodies::not_understood)?;
        facts.check(&self.engine.name, self.allow_exportable)?;
        self.remember(Some(Shape { is_derived: facts.derived }));
        Ok(facts)
    }

    async fn shape(&self) -> Result<Shape, Refusal> {
        let known = *self.shape.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(shape) => Ok(shape),
            None => Ok(Shape { is_derived: self.facts().await?.derived }),
        }
    }

    fn remember(&self, shape: Option<Shape>) {
        *self.shape.lock().unwrap_or_else(PoisonError::into_inner) = shape;
    }

    async fn wrap(&self, key: &TenantKey, context: &[u8]) -> Result<WrappedKey, Refusal> {
        let facts = self.facts().await?;
        let version = facts.active();
        let body = bodies::encrypt(key, context, facts.derived, version);
        let answer = self.engine.call(Call::Encrypt, body).await?;
        let encrypted: Encrypted = bodies::data(answer.expose_body()).ok_or_else(bodies::not_understood)?;
        let bytes = encrypted.ciphertext.into_bytes();
        // The name of a wrapped key has to be that of the version that wrapped it.
        let ciphertext = bodies::ciphertext(&bytes, version).ok_or_else(bodies::not_understood)?;
        if !self.is_proven.load(Ordering::Relaxed) {
            self.prove(ciphertext, context, facts.derived).await?;
            self.is_proven.store(true, Ordering::Relaxed);
        }
        Ok(WrappedKey::new(self.engine.name.key_id(version), bytes))
    }

    /// Tries to decrypt under another context. A server that does so is too old to know of associated data, and ignores it.
    async fn prove(&self, ciphertext: &str, context: &[u8], is_derived: bool) -> Result<(), Refusal> {
        let other = [context, b"/another"].concat();
        match self.engine.call(Call::Decrypt, bodies::decrypt_as(ciphertext, context, &other, is_derived)).await {
            Err(Refusal { error: KeyError::Damaged(_), .. }) => Ok(()),
            Err(refusal) => Err(refusal),
            Ok(_) => Err(KeyError::unsupported(
                "the server ignores associated data, so that wrapped keys would not be bound to their tenants: use \
                 HashiCorp Vault 1.13 or newer, or OpenBao",
            )
            .into()),
        }
    }

    async fn unwrap(&self, ciphertext: &str, context: &[u8]) -> Result<TenantKey, Refusal> {
        let shape = self.shape().await?;
        let body = bodies::decrypt(ciphertext, context, shape.is_derived);
        let answer = self.engine.call(Call::Decrypt, body).await;
        // A key that was made anew may be of another shape: the next call reads it again.
        let answer = answer.inspect_err(|refusal| {
            if !refusal.error.is_passing() || refusal.is_stale {
                self.remember(None);
            }
        })?;
        Ok(bodies::decrypted(answer.expose_body())?)
    }

    /// Sets which versions encrypt and decrypt. Each number is one that a read has shown.
    async fn configure(&self, settings: &[(&str, u32)]) -> Result<(), Refusal> {
        self.engine.call(Call::Configure, numbers(settings)).await.map(drop)
    }

    async fn make_version(&self) -> Result<KeyId, Refusal> {
        let before = self.facts().await?;
        if before.min_encryption_version == 0 {
            // Without a version that was promoted the new one would encrypt at once.
            self.configure(&[("min_encryption_version", before.latest_version)]).await?;
        }
        let answer = self.engine.call(Call::Rotate, numbers(&[])).await?;
        // Servers before 1.11 answer nothing.
        let after: Option<KeyFacts> = bodies::data(answer.expose_body());
        let latest = match after {
            Some(facts) => facts.latest_version,
            None => self.facts().await?.latest_version,
        };
        if latest <= before.latest_version {
            return Err(bodies::not_understood().into());
        }
        let key = self.engine.name.key_id(latest);
        tracing::info!(grantry.key = %key, "a version of the key was made");
        Ok(key)
    }

    async fn make_active(&self, key: &KeyId) -> Result<(), Refusal> {
        let version = self.engine.name.version_of(key)?;
        let facts = self.facts().await?;
        if !facts.has(version) {
            return Err(KeyError::unknown_key(format!("the server has no {key}, or it was retired")).into());
        }
        if version != facts.active() {
            self.configure(&[("min_encryption_version", version)]).await?;
            tracing::info!(grantry.key = %key, "a version of the key was promoted");
        }
        Ok(())
    }

    async fn shut_out(&self, key: &KeyId) -> Result<(), Refusal> {
        let version = self.engine.name.version_of(key)?;
        let facts = self.facts().await?;
        let active = facts.active();
        if version >= active {
            let why = if version == active { "active" } else { "newer than the active one" };
            return Err(KeyError::refused(format!("{key} is {why}: promote another one first")).into());
        }
        if version > facts.oldest() {
            let older = self.engine.name.key_id(facts.oldest());
            return Err(KeyError::refused(format!(
                "{key} cannot go before {older}: a transit engine lets the oldest version go first"
            ))
            .into());
        }
        // Since it is older than the active one, it is not the greatest of its type.
        let next = version.saturating_add(1);
        if version == facts.oldest() {
            self.configure(&[("min_decryption_version", next)]).await?;
            tracing::info!(grantry.key = %key, "a version of the key was retired");
        }
        if !self.keep_retired && facts.min_available_version < next {
            // The server destroys nothing as long as this is not set. Where it is, another process may just raise it.
            if facts.min_encryption_version == 0 {
                self.configure(&[("min_encryption_version", active)]).await?;
            }
            self.engine.call(Call::Trim, numbers(&[("min_available_version", next)])).await?;
            tracing::info!(grantry.key = %key, "a version of the key was destroyed");
        }
        Ok(())
    }
}

/// An object of numbers.
fn numbers(members: &[(&str, u32)]) -> Zeroizing<Vec<u8>> {
    let members: Vec<_> = members.iter().map(|(name, number)| format!("\"{name}\":{number}")).collect();
    Zeroizing::new(format!("{{{}}}", members.join(",")).into_bytes())
}

#[async_trait]
impl KeyProvider for TransitKeys {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        let context = context.to_bytes();
        let work = async {
            match self.wrap(key, &context).await {
                // Another process promoted a version between the two calls.
                Err(refusal) if refusal.is_stale => self.wrap(key, &context).await,
                other => other,
            }
            .map_err(|refusal| refusal.error)
        };
        self.engine.within_limit(work).await
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        let version = self.engine.name.version_of(wrapped.key_id())?;
        let ciphertext = bodies::ciphertext(wrapped.as_bytes(), version).ok_or_else(|| {
            KeyError::damaged("the wrapped key is none of a transit engine, or of another version")
        })?;
        let context = context.to_bytes();
        let work = async {
            match self.unwrap(ciphertext, &context).await {
                Err(refusal) if refusal.is_stale => self.unwrap(ciphertext, &context).await,
                other => other,
            }
            .map_err(|refusal| refusal.error)
        };
        self.engine.within_limit(work).await
    }

    async fn active(&self) -> Result<KeyId, KeyError> {
        let work = async { self.facts().await.map_err(|refusal| refusal.error) };
        let facts = self.engine.within_limit(work).await?;
        Ok(self.engine.name.key_id(facts.active()))
    }
}

#[async_trait]
impl KeyRotation for TransitKeys {
    async fn versions(&self) -> Result<Vec<KeyVersion>, KeyError> {
        let work = async { self.facts().await.map_err(|refusal| refusal.error) };
        Ok(self.engine.within_limit(work).await?.versions(&self.engine.name))
    }

    async fn create(&self) -> Result<KeyId, KeyError> {
        let work = async { self.make_version().await.map_err(|refusal| refusal.error) };
        self.engine.within_limit(work).await
    }

    async fn promote(&self, key: &KeyId) -> Result<(), KeyError> {
        let work = async { self.make_active(key).await.map_err(|refusal| refusal.error) };
        self.engine.within_limit(work).await
    }

    async fn retire(&self, key: &KeyId) -> Result<(), KeyError> {
        let work = async { self.shut_out(key).await.map_err(|refusal| refusal.error) };
        self.engine.within_limit(work).await
    }
}
