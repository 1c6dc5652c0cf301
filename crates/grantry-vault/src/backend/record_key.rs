//! Where a record is: tenant, kind, service, account.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use grantry_core::{AccountId, GrantKey, ServiceName, TenantId};

/// What stands for a name that a record does not have. No tenant and no service is called so.
pub(crate) const NOBODY: &str = "-";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// Roles and bindings.
    Access,
    /// Lines of the audit trail.
    Audit,
    /// A client registration: id, secrets, keys.
    Client,
    /// A grant: refresh token, access tokens, the state of its renewal.
    Grant,
    /// The wrapped keys of a tenant.
    Keys,
    /// A lease of work that one process does for all, and how far it got.
    Lease,
    /// An authorization that a person has not finished.
    Pending,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: &[Self] =
        &[Self::Access, Self::Audit, Self::Client, Self::Grant, Self::Keys, Self::Lease, Self::Pending];

    /// The kind in one lower-case word, as it stands in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Audit => "audit",
            Self::Client => "client",
            Self::Grant => "grant",
            Self::Keys => "keys",
            Self::Lease => "lease",
            Self::Pending => "pending",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no key of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the key of a record: tenant/kind/service/account is expected")]
#[non_exhaustive]
pub struct InvalidRecordKey;

/// The full name of a record, as a backend keeps it: the text `tenant/kind/service/account`.
///
/// The text names exactly one record, because only the account may hold a `/`. It has 5 to 400 bytes of UTF-8
/// without control characters. What belongs to no tenant, or is of no service, has `-` in that place, which is
/// nobody's name. The keys are in clear: whoever reads the store sees who has grants for what.
///
/// ```
/// use grantry_vault::{RecordKey, RecordKind};
/// let key = RecordKey::parse("acme/grant/crm/user-17")?;
/// assert_eq!((key.tenant(), key.kind(), key.account()), (Some("acme"), RecordKind::Grant, "user-17"));
/// assert!(RecordKey::parse("../grant/crm/user-17").is_err());
/// # Ok::<(), grantry_vault::InvalidRecordKey>(())
/// ```
#[derive(Clone)]
pub struct RecordKey {
    // Compared, ordered and hashed by the text alone: the rest follows from it.
    text: Arc<str>,
    kind: RecordKind,
    lengths: (u8, u8),
}

impl RecordKey {
    /// The most bytes that a key has.
    pub const MOST_BYTES: usize = 63 + 1 + 16 + 1 + 63 + 1 + 255;

    /// The record of a grant.
    pub fn grant(key: &GrantKey) -> Self {
        Self::join(key.tenant(), RecordKind::Grant, key.service(), key.account())
    }

    /// The record of a client registration of a tenant.
    pub fn client(tenant: &TenantId, service: &ServiceName) -> Self {
        Self::join(tenant.as_str(), RecordKind::Client, service.as_str(), NOBODY)
    }

    /// A record of another kind of a tenant's service and account.
    pub fn of_account(
        tenant: &TenantId,
        kind: RecordKind,
        service: &ServiceName,
        account: &AccountId,
    ) -> Self {
        Self::join(tenant.as_str(), kind, service.as_str(), account.as_str())
    }

    /// A record of a tenant that is of no service, with a name of its own.
    pub fn of_tenant(tenant: &TenantId, kind: RecordKind, name: &AccountId) -> Self {
        Self::join(tenant.as_str(), kind, NOBODY, name.as_str())
    }

    /// A record of the whole deployment, with a name of its own.
    pub fn of_deployment(kind: RecordKind, name: &AccountId) -> Self {
        Self::join(NOBODY, kind, NOBODY, name.as_str())
    }

    /// Joins parts that were checked before.
    pub(crate) fn join(tenant: &str, kind: RecordKind, service: &str, account: &str) -> Self {
        let short = |name: &str| u8::try_from(name.len()).unwrap_or(u8::MAX);
        Self {
            text: format!("{tenant}/{kind}/{service}/{account}").into(),
            kind,
            lengths: (short(tenant), short(service)),
        }
    }

    /// Reads a key that a store returned.
    ///
    /// # Errors
    /// [`InvalidRecordKey`] for whatever [`as_str`](RecordKey::as_str) never returns.
    pub fn parse(text: &str) -> Result<Self, InvalidRecordKey> {
        let mut parts = text.splitn(4, '/');
        let mut part = || parts.next().ok_or(InvalidRecordKey);
        let (tenant, kind, service, account) = (part()?, part()?, part()?, part()?);
        let is_named = |named: bool| if named { Ok(()) } else { Err(InvalidRecordKey) };
        is_named(tenant == NOBODY || TenantId::new(tenant).is_ok())?;
        is_named(service == NOBODY || ServiceName::new(service).is_ok())?;
        is_named(AccountId::new(account).is_ok())?;
        Ok(Self::join(tenant, RecordKind::parse(kind).ok_or(InvalidRecordKey)?, service, account))
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose it is; `None` for the deployment's own.
    pub fn tenant(&self) -> Option<&str> {
        Some(self.tenant_part()).filter(|tenant| *tenant != NOBODY)
    }

    /// What it is.
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// What service it is for, if it is for one.
    pub fn service(&self) -> Option<&str> {
        Some(self.service_part()).filter(|service| *service != NOBODY)
    }

    /// Whose account, or the record's own name.
    pub fn account(&self) -> &str {
        self.text.get(self.service_start() + usize::from(self.lengths.1) + 1..).unwrap_or_default()
    }

    /// The grant whose record it is, if it is one.
    pub fn as_grant_key(&self) -> Option<GrantKey> {
        let is_grant = self.kind == RecordKind::Grant;
        is_grant
            .then(|| GrantKey::new(self.tenant_part(), self.service_part(), self.account()).ok())
            .flatten()
    }

    /// The tenant as it stands in the text: `-` for the deployment's own records.
    pub fn tenant_part(&self) -> &str {
        self.text.get(..usize::from(self.lengths.0)).unwrap_or_default()
    }

    /// The service as it stands in the text: `-` where there is none.
    pub(crate) fn service_part(&self) -> &str {
        let start = self.service_start();
        self.text.get(start..start + usize::from(self.lengths.1)).unwrap_or_default()
    }

    fn service_start(&self) -> usize {
        usize::from(self.lengths.0) + 1 + self.kind.as_str().len() + 1
    }
}

impl PartialEq for RecordKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RecordKey {}

impl PartialOrd for RecordKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RecordKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for RecordKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Borrow<str> for RecordKey {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordKey({:?})", &*self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_comes_back() {
        let (tenant, service) = (TenantId::new("acme").unwrap(), ServiceName::new("crm").unwrap());
        let account = AccountId::new("a/b//c").unwrap();
        let grant = RecordKey::grant(&GrantKey::from_parts(&tenant, &service, &account));
        assert_eq!(grant.as_str(), "acme/grant/crm/a/b//c");
        assert_eq!((grant.tenant(), grant.service(), grant.account()), (Some("acme"), Some("crm"), "a/b//c"));
        let keys = RecordKey::of_deployment(RecordKind::Keys, &AccountId::new("acme").unwrap());
        assert_eq!((keys.as_str(), keys.tenant(), keys.service()), ("-/keys/-/acme", None, None));
        for key in [grant, keys, RecordKey::client(&tenant, &service)] {
            assert_eq!(RecordKey::parse(key.as_str()), Ok(key));
        }
    }

    #[test]
    fn whatever_is_no_key_is_refused() {
        let bad = ["", "acme", "acme/grant/crm", "acme/grants/crm/a", "Acme/grant/crm/a", "a/grant//x"];
        for text in bad.into_iter().chain(["a/grant/b/", "a/grant/b/\n", "../grant/b/c", "--/grant/b/c"]) {
            assert_eq!(RecordKey::parse(text), Err(InvalidRecordKey), "{text:?}");
        }
    }

    #[test]
    fn the_longest_key_has_the_most_bytes_or_fewer() {
        let key = RecordKey::join(&"t".repeat(63), RecordKind::Pending, &"s".repeat(63), &"a".repeat(255));
        assert!(key.as_str().len() <= RecordKey::MOST_BYTES);
        assert_eq!(RecordKey::parse(key.as_str()), Ok(key));
    }
}
