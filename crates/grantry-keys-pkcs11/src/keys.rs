//! The key provider.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_vault::{
    KeyContext, KeyError, KeyId, KeyProvider, KeyRotation, KeyVersion, TenantKey, WrappedKey,
};
use zeroize::Zeroizing;

use crate::builder::{Pkcs11KeysBuilder, TokenSelector};
use crate::connection::{Connection, Live, Shared};
use crate::fault::Trouble;
use crate::pin::Pin;
use crate::pool::Pool;
use crate::versions::{self, VersionId};
use crate::wrapping::{seal, unseal};

/// Keys in a PKCS#11 token: an HSM, a smart card, SoftHSM.
///
/// The page of [the crate](crate) says what is promised and how to set a token up.
///
/// # Errors
///
/// * [`KeyError::Unavailable`]: the token is gone, ails, or does not answer in time. After a lost session or login one new
///   one is tried within the call; the next call tries again.
/// * [`KeyError::Refused`]: the PIN is wrong or locked, or a right is missing. A PIN that was refused is never tried again
///   in this process: [`set_pin`](Pkcs11Keys::set_pin) gives another one, and one from a file or the environment is read
///   again at the next call.
/// * [`KeyError::Damaged`]: only after the token showed, with other bytes and the same key, that it works.
/// * [`KeyError::UnknownKey`]: only after the token showed that it is there and that the user is logged in.
/// * [`KeyError::Unsupported`]: what the token lacks, by name.
/// * [`KeyError::Configuration`]: what to change.
///
/// # Cancel-safety and concurrency
///
/// A call that was dropped before a thread began with it does nothing; one that was begun is finished and its answer thrown
/// away. That changes something for `create`, which leaves a version that nobody uses, and for `promote` and `retire`, which
/// may have been done; all three may be repeated. Calls come from any number of tasks: as many as there are sessions run at
/// once, 256 wait, and further ones are refused.
///
/// A call that the token never answers occupies its thread until it returns, because a call in a PKCS#11 module cannot be
/// ended. Its caller gets `Unavailable` at the limit of time. When all threads are so occupied, further calls are refused at
/// once; the first that returns ends that. Dropping the last clone closes the sessions, and waits for that for a second at
/// most.
#[derive(Clone)]
pub struct Pkcs11Keys {
    shared: Arc<Shared>,
    pool: Arc<Pool<Connection>>,
    module: PathBuf,
}

impl Pkcs11Keys {
    /// The keys in a token of the module at that path.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), grantry_vault::KeyError> {
    /// use grantry_keys_pkcs11::{Pin, Pkcs11Keys, TokenSelector};
    ///
    /// let module = "/usr/lib/softhsm/libsofthsm2.so";
    /// let keys = Pkcs11Keys::builder(module, TokenSelector::label("vault"), Pin::from_file("/run/secrets/pin"))
    ///     .create_if_missing()
    ///     .open()
    ///     .await?;
    /// # drop(keys);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(module: impl Into<PathBuf>, token: TokenSelector, pin: Pin) -> Pkcs11KeysBuilder {
        Pkcs11KeysBuilder::new(module.into(), token, pin)
    }

    /// Uses another PIN from now on, also one that was refused before: a person says so.
    pub fn set_pin(&self, pin: Pin) {
        self.shared.change_pin(pin);
    }

    /// The token's serial number, without spaces at its end.
    pub fn token_serial(&self) -> &str {
        self.shared.serial.get().map_or("", String::as_str)
    }

    pub(crate) fn start(
        shared: Arc<Shared>,
        module: PathBuf,
        sessions: u8,
        limit: Duration,
    ) -> Result<Self, KeyError> {
        let each = Arc::clone(&shared);
        let pool = Pool::start(sessions, limit, move || Connection::new(Arc::clone(&each)))?;
        Ok(Self { shared, pool: Arc::new(pool), module })
    }

    /// Connects, and makes the first version if that is asked for and there is none.
    pub(crate) async fn begin(&self, create: bool) -> Result<(), KeyError> {
        let begin = move |live: &mut Live| {
            if create { versions::create_first(live) } else { Ok(()) }
        };
        self.call(begin).await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Live) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, KeyError> {
        self.pool.call(move |connection| connection.run(work)).await
    }
}

impl fmt::Debug for Pkcs11Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Keys")
            .field("module", &self.module)
            .field("token", &format_args!("{}", self.shared.selector))
            .field("serial", &self.token_serial())
            .field("key_label", &self.shared.prefix)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyProvider for Pkcs11Keys {
    async fn wrap_key(&self, key: &TenantKey, context: &KeyContext) -> Result<WrappedKey, KeyError> {
        // Filled in its place on the heap, so that moving it leaves no copy behind.
        let mut bytes = Box::new(Zeroizing::new([0; TenantKey::BYTES]));
        bytes.copy_from_slice(key.expose());
        let context = context.to_bytes();
        self.call(move |live| {
            let active = versions::active(live)?;
            let keys = versions::find(live, active)?;
            let sealed = seal(live, keys, &context, bytes.as_slice())?;
            Ok(WrappedKey::new(active.key_id(&live.shared), sealed))
        })
        .await
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        let (wrapped, context) = (wrapped.clone(), context.to_bytes());
        self.call(move |live| {
            let id = VersionId::of_key_id(wrapped.key_id(), &live.shared)?;
            let opened = unseal(live, |live| versions::find(live, id), &context, wrapped.as_bytes())?;
            let key = TenantKey::from_slice(&opened);
            key.ok_or_else(|| KeyError::damaged("what was wrapped is no tenant key").into())
        })
        .await
    }

    async fn active(&self) -> Result<KeyId, KeyError> {
        self.call(|live| Ok(versions::active(live)?.key_id(&live.shared))).await
    }
}

#[async_trait]
impl KeyRotation for Pkcs11Keys {
    async fn versions(&self) -> Result<Vec<KeyVersion>, KeyError> {
        self.call(|live| versions::list(live)).await
    }

    async fn create(&self) -> Result<KeyId, KeyError> {
        self.call(|live| Ok(versions::create(live)?.key_id(&live.shared))).await
    }

    async fn promote(&self, key: &KeyId) -> Result<(), KeyError> {
        let key = key.clone();
        self.call(move |live| versions::promote(live, VersionId::of_key_id(&key, &live.shared)?)).await
    }

    async fn retire(&self, key: &KeyId) -> Result<(), KeyError> {
        let key = key.clone();
        self.call(move |live| versions::retire(live, VersionId::of_key_id(&key, &live.shared)?)).await
    }
}
