//! Which records a listing is about.

use std::fmt;

use grantry_core::{ServiceName, TenantId};

use super::record_key::NOBODY;
use super::{RecordKey, RecordKind};

/// The beginning of the keys that a listing is about. It ends between two parts of a key, never within a name.
///
/// ```
/// use grantry_core::TenantId;
/// use grantry_vault::{RecordKey, RecordKind, RecordPrefix};
/// let acme = RecordPrefix::tenant(&TenantId::new("acme")?);
/// assert!(acme.covers(&RecordKey::parse("acme/grant/crm/user-17")?));
/// assert!(!acme.covers(&RecordKey::parse("acme-2/grant/crm/user-17")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RecordPrefix {
    text: String,
    tenant: usize,
}

impl RecordPrefix {
    /// Every record of every tenant, and those of the deployment.
    pub fn everything() -> Self {
        Self { text: String::new(), tenant: 0 }
    }

    /// The deployment's own records of a kind.
    pub fn deployment(kind: RecordKind) -> Self {
        Self::of(NOBODY, Some(kind), None)
    }

    /// Every record of a tenant.
    pub fn tenant(tenant: &TenantId) -> Self {
        Self::of(tenant.as_str(), None, None)
    }

    /// A tenant's records of a kind.
    pub fn kind(tenant: &TenantId, kind: RecordKind) -> Self {
        Self::of(tenant.as_str(), Some(kind), None)
    }

    /// A tenant's records of a kind for one service.
    pub fn service(tenant: &TenantId, kind: RecordKind, service: &ServiceName) -> Self {
        Self::of(tenant.as_str(), Some(kind), Some(service.as_str()))
    }

    fn of(tenant: &str, kind: Option<RecordKind>, service: Option<&str>) -> Self {
        let mut text = format!("{tenant}/");
        for part in kind.map(RecordKind::as_str).into_iter().chain(service) {
            text.push_str(part);
            text.push('/');
        }
        Self { text, tenant: tenant.len() }
    }

    /// The bytes that each of its keys begins with: empty, or ending with `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first text behind all keys that begin with it; `None` where nothing is behind them.
    pub fn end(&self) -> Option<String> {
        // It ends with `/`, whose successor is `0`.
        self.text.strip_suffix('/').map(|start| format!("{start}0"))
    }

    /// The tenant as it stands in the keys (`-` for the deployment's own); `None` where it is about all of them.
    pub fn tenant_part(&self) -> Option<&str> {
        self.text.get(..self.tenant).filter(|tenant| !tenant.is_empty())
    }

    /// Whether the key begins with it.
    pub fn covers(&self, key: &RecordKey) -> bool {
        key.as_str().starts_with(&self.text)
    }
}

impl fmt::Debug for RecordPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordPrefix({:?})", self.text)
    }
}
