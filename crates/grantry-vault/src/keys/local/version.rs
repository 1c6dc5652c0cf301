//! One version of a local key: how it wraps, and how it is written down.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::{Entropy, Timestamp};
use zeroize::Zeroizing;

use crate::crypto::{BYTES_32, TAG_BYTES, equal, hmac_sha256};
use crate::keys::{
    KeyContext, KeyError, KeyId, KeyVersion, KeyVersionState, SingleUseKey, TenantKey, WrappedKey,
};

/// A salt, a commitment, the encrypted key, a tag.
const WRAPPED_BYTES: usize = BYTES_32 + BYTES_32 + TenantKey::BYTES + TAG_BYTES;

/// One version of a local key.
pub(super) struct Version {
    number: u32,
    created: Option<Timestamp>,
    pub(super) state: KeyVersionState,
    key: Box<Zeroizing<[u8; BYTES_32]>>,
}

impl Version {
    pub(super) fn generate(number: u32, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; BYTES_32]);
        entropy.fill(bytes.as_mut_slice());
        Self { created: Some(now), ..Self::from_array(number, &bytes) }
    }

    pub(super) fn from_slice(number: u32, bytes: &[u8]) -> Option<Self> {
        Some(Self::from_array(number, &Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn from_array(number: u32, bytes: &Zeroizing<[u8; BYTES_32]>) -> Self {
        Self { number, created: None, state: KeyVersionState::Active, key: Box::new(bytes.clone()) }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The number, and eight bytes that only follow from the key: two key files with the same numbers are told apart.
    pub(super) fn id(&self) -> KeyId {
        let print = hmac_sha256(self.key.as_slice(), &[b"grantry/v1 local key id"]);
        let print: String = print.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        KeyId::new(format!("local/{}/{print}", self.number))
    }

    pub(super) fn describe(&self) -> KeyVersion {
        KeyVersion { id: self.id(), created: self.created, state: self.state }
    }

    pub(super) fn wrap(
        &self,
        key: &TenantKey,
        context: &KeyContext,
        entropy: &dyn Entropy,
    ) -> Result<WrappedKey, KeyError> {
        let failed = |_| KeyError::unsupported("the cipher failed");
        let context = context.to_bytes();
        let mut salt = [0; BYTES_32];
        entropy.fill(&mut salt);
        let single = SingleUseKey::derive(&self.key, &salt, &context).map_err(failed)?;
        let mut bytes = Vec::with_capacity(WRAPPED_BYTES);
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(single.commitment());
        let mut encrypted = Zeroizing::new(*key.expose());
        let tag = single.seal(&context, encrypted.as_mut_slice()).map_err(failed)?;
        bytes.extend_from_slice(encrypted.as_slice());
        bytes.extend_from_slice(&tag);
        Ok(WrappedKey::new(self.id(), bytes))
    }

    pub(super) fn unwrap(&self, wrapped: &WrappedKey, context: &KeyContext) -> Result<TenantKey, KeyError> {
        self.open(wrapped.as_bytes(), &context.to_bytes()).ok_or_else(|| {
            KeyError::damaged("it was changed, or wrapped for another deployment, tenant or epoch")
        })
    }

    fn open(&self, bytes: &[u8], context: &[u8]) -> Option<TenantKey> {
        let (salt, rest) = bytes.split_first_chunk::<BYTES_32>()?;
        let (commitment, encrypted) = rest.split_first_chunk::<BYTES_32>()?;
        let single = SingleUseKey::derive(&self.key, salt, context).ok()?;
        if !equal(single.commitment(), commitment) {
            return None;
        }
        let mut opened = Zeroizing::new(encrypted.to_vec());
        let length = single.open(context, &mut opened).ok()?;
        TenantKey::from_slice(opened.get(..length)?)
    }

    /// A line of a key file: number, state, when it was created (seconds since 1970, or `-`), key.
    pub(super) fn to_line(&self) -> Zeroizing<String> {
        let created = self.created.map_or("-".to_owned(), |at| at.as_unix_seconds().to_string());
        let key = Zeroizing::new(STANDARD.encode(self.key.as_slice()));
        let mut line = Zeroizing::new(String::with_capacity(128));
        for part in [&self.number.to_string(), " ", state_word(self.state), " ", &created, " ", &key] {
            line.push_str(part);
        }
        line
    }

    /// Reads such a line.
    pub(super) fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (number, state) = (words.next()?.parse().ok()?, state_of(words.next()?)?);
        let created = match words.next()? {
            "-" => None,
            seconds => Some(Timestamp::from_unix_seconds(seconds.parse().ok()?)),
        };
        let bytes = Zeroizing::new(STANDARD.decode(words.next()?).ok()?);
        let version = Self::from_slice(number, &bytes)?;
        words.next().is_none().then_some(Self { created, state, ..version })
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKeyVersion({}, {:?}, [redacted])", self.number, self.state)
    }
}

fn state_word(state: KeyVersionState) -> &'static str {
    match state {
        KeyVersionState::Waiting => "waiting",
        KeyVersionState::Active => "active",
        KeyVersionState::Unwrapping => "unwrapping",
    }
}

fn state_of(word: &str) -> Option<KeyVersionState> {
    let states = [KeyVersionState::Waiting, KeyVersionState::Active, KeyVersionState::Unwrapping];
    states.into_iter().find(|state| state_word(*state) == word)
}
