//! The key providers of a vault: one that wraps, one for recovery, and former ones.

use std::sync::Arc;

use grantry_core::Entropy;

use super::key_set::{Epoch, EpochState, Slot, Wrap};
use crate::keys::{KeyContext, KeyError, KeyProvider, TenantKey};

/// Who wraps and unwraps.
#[derive(Debug)]
pub(crate) struct KeyProviders {
    pub(crate) primary: Arc<dyn KeyProvider>,
    pub(crate) recovery: Option<Arc<dyn KeyProvider>>,
    /// Unwrap what was wrapped before the primary one took over.
    pub(crate) former: Vec<Arc<dyn KeyProvider>>,
}

impl KeyProviders {
    /// The providers that wrap.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (Slot, &dyn KeyProvider)> {
        let recovery = self.recovery.as_deref().map(|provider| (Slot::Recovery, provider));
        std::iter::once((Slot::Primary, self.primary.as_ref())).chain(recovery)
    }

    /// Wraps a key by every provider that wraps. A second wrap that cannot be made fails the whole: a key without its
    /// recovery would be found out when it is needed.
    pub(crate) async fn wrap(&self, key: &TenantKey, context: &KeyContext) -> Result<Vec<Wrap>, KeyError> {
        let mut wraps = Vec::new();
        for (slot, provider) in self.slots() {
            wraps.push(Wrap { slot, wrapped: provider.wrap_key(key, context).await? });
        }
        Ok(wraps)
    }

    /// Makes a new key and wraps it.
    pub(crate) async fn generate(
        &self,
        context: &KeyContext,
        created: grantry_core::Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(Epoch, TenantKey), KeyError> {
        let key = TenantKey::generate(entropy);
        let wraps = self.wrap(&key, context).await?;
        Ok((Epoch { number: context.epoch(), created, state: EpochState::Active, wraps }, key))
    }

    /// Unwraps a key by whichever provider can. The error is that of the first which might have been able to.
    pub(crate) async fn unwrap(&self, wraps: &[Wrap], context: &KeyContext) -> Result<TenantKey, KeyError> {
        let mut first = None;
        for wrap in wraps {
            for provider in self.candidates(wrap.slot) {
                match provider.unwrap_key(&wrap.wrapped, context).await {
                    Ok(key) => return Ok(key),
                    // Another provider's key, most likely: only worth telling if nobody says anything else.
                    Err(error @ KeyError::UnknownKey(_)) => first = first.or(Some(error)),
                    Err(error) if matches!(first, None | Some(KeyError::UnknownKey(_))) => {
                        first = Some(error)
                    }
                    Err(_) => {}
                }
            }
        }
        Err(first
            .unwrap_or_else(|| KeyError::unknown_key("the key has no wrap that a provider here could open")))
    }

    fn candidates(&self, slot: Slot) -> impl Iterator<Item = &dyn KeyProvider> {
        let own = match slot {
            Slot::Primary => Some(self.primary.as_ref()),
            Slot::Recovery => self.recovery.as_deref(),
        };
        own.into_iter().chain(self.former.iter().map(AsRef::as_ref))
    }
}
