//! Which key providers a vault uses, and for what.

use std::sync::Arc;

use crate::keyring::KeyProviders;
use crate::keys::{KeyProvider, KeyRotation};

/// The key providers of a vault: one that wraps the tenants' keys, and, where wanted, a second one for recovery and
/// former ones that still unwrap.
///
/// ```
/// # use zeroize::Zeroizing;
/// use grantry_vault::{LocalKey, VaultKeys};
/// # let (new, old) = (LocalKey::from_bytes(Zeroizing::new([1; 32])), LocalKey::from_bytes(Zeroizing::new([2; 32])));
/// // From now on `new` wraps; what `old` wrapped is wrapped anew by the next rotation.
/// let keys = VaultKeys::new(new).with_former(old);
/// ```
#[derive(Debug)]
pub struct VaultKeys {
    pub(super) providers: KeyProviders,
    pub(super) rotation: Option<Arc<dyn KeyRotation>>,
}

impl VaultKeys {
    /// A provider that wraps and unwraps, and whose own keys somebody else rotates.
    pub fn new(provider: impl KeyProvider) -> Self {
        Self::of(Arc::new(provider), None)
    }

    /// A provider that wraps and unwraps, and whose keys the vault rotates too.
    pub fn rotating(provider: impl KeyRotation) -> Self {
        let provider: Arc<dyn KeyRotation> = Arc::new(provider);
        Self::of(Arc::clone(&provider) as Arc<dyn KeyProvider>, Some(provider))
    }

    fn of(primary: Arc<dyn KeyProvider>, rotation: Option<Arc<dyn KeyRotation>>) -> Self {
        Self { providers: KeyProviders { primary, recovery: None, former: Vec::new() }, rotation }
    }

    /// Wraps every key a second time, by another provider: it opens the vault when the first one is lost.
    ///
    /// Both have to be there when a tenant is created or a key exchanged; one is enough for everything else.
    #[must_use]
    pub fn with_recovery(mut self, provider: impl KeyProvider) -> Self {
        self.providers.recovery = Some(Arc::new(provider));
        self
    }

    /// Lets a provider unwrap what it wrapped earlier. It wraps nothing any more.
    #[must_use]
    pub fn with_former(mut self, provider: impl KeyProvider) -> Self {
        self.providers.former.push(Arc::new(provider));
        self
    }
}

impl<P: KeyProvider> From<P> for VaultKeys {
    fn from(provider: P) -> Self {
        Self::new(provider)
    }
}
