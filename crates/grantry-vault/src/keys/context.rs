//! What a wrapped key is bound to.

use std::fmt;

use grantry_core::{InvalidName, TenantId};

use crate::backend::NOBODY;

/// The name of a deployment: everything that shares a vault. Two deployments never read each other's records, not
/// even with the same keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deployment(TenantId);

impl Deployment {
    /// Checks the name: `[a-z0-9][a-z0-9._-]{0,62}`.
    ///
    /// # Errors
    /// [`InvalidName`] says which rule is broken.
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidName> {
        TenantId::new(name).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// What a wrapped tenant key is bound to: it unwraps under the same context only.
///
/// ```
/// use grantry_core::TenantId;
/// use grantry_vault::{Deployment, KeyContext};
/// let context = KeyContext::new(&Deployment::new("prod")?, Some(&TenantId::new("acme")?), 3);
/// assert_eq!(context.pairs(), [("deployment", "prod".into()), ("tenant", "acme".into()), ("epoch", "3".into())]);
/// # Ok::<(), grantry_core::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyContext {
    deployment: Deployment,
    tenant: Option<TenantId>,
    epoch: u32,
}

impl KeyContext {
    /// The key of a tenant's epoch, or of the deployment's own where there is no tenant.
    pub fn new(deployment: &Deployment, tenant: Option<&TenantId>, epoch: u32) -> Self {
        Self { deployment: deployment.clone(), tenant: tenant.cloned(), epoch }
    }

    /// In which deployment.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Whose key it is; `None` for the deployment's own.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The number of the key, from 1.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// As names and values, for a KMS that takes a context of that form. The deployment's own keys have the tenant
    /// `-`, which is nobody's name.
    pub fn pairs(&self) -> [(&'static str, String); 3] {
        [
            ("deployment", self.deployment.as_str().to_owned()),
            ("tenant", self.tenant_part().to_owned()),
            ("epoch", self.epoch.to_string()),
        ]
    }

    /// As bytes that no other context has, for a cipher that takes associated data.
    pub fn to_bytes(&self) -> Vec<u8> {
        // No name holds a slash, so the text names one context only.
        format!("grantry/v1 tenant key/{}/{}/{}", self.deployment, self.tenant_part(), self.epoch)
            .into_bytes()
    }

    fn tenant_part(&self) -> &str {
        self.tenant.as_ref().map_or(NOBODY, TenantId::as_str)
    }
}
