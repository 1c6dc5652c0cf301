//! Under which name a pending authorization is kept.

use std::fmt;

use grantry_jose::{base64url, sha256};
use zeroize::Zeroizing;

use crate::user_agent::UserAgentHash;

/// The name of a pending authorization in a store: a hash of its state and of the user agent that it was begun in.
///
/// So whoever has the state but not the user agent's value finds nothing, takes nothing away and learns nothing; and
/// the store cannot tell the state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PendingKey([u8; 32]);

impl PendingKey {
    pub(crate) fn of(state: &str, user_agent: &UserAgentHash) -> Self {
        const LABEL: &[u8] = b"grantry pending authorization\0";
        let mut text = Zeroizing::new(Vec::with_capacity(LABEL.len() + 32 + state.len()));
        text.extend_from_slice(LABEL);
        text.extend_from_slice(&user_agent.0);
        text.extend_from_slice(state.as_bytes());
        Self(sha256(&*text))
    }

    /// The 32 bytes of the name.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PendingKey {
    /// As 43 characters of `[A-Za-z0-9_-]`, for stores whose keys are texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for PendingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingKey({self})")
    }
}
