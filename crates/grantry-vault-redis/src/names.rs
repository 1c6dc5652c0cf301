//! What the keys in Redis are called.

use std::sync::Arc;

use grantry_vault::{RecordKey, VaultError};

/// The most bytes that a namespace has.
const MOST_BYTES: usize = 64;

/// The names of one namespace. What belongs to a tenant begins with `namespace:{tenant}:`, and nothing else does.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    namespace: Arc<str>,
}

impl Names {
    /// Checks a namespace: no character in it means something in a pattern, or ends it.
    pub(crate) fn new(namespace: &str) -> Result<Self, VaultError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_good = (1..=MOST_BYTES).contains(&namespace.len()) && namespace.bytes().all(is_plain);
        let refused = || {
            VaultError::refused(
                "a namespace has 1 to 64 ASCII letters, digits, hyphens, underscores and dots",
            )
        };
        is_good.then(|| Self { namespace: namespace.into() }).ok_or_else(refused)
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The state of the whole store: its format, its clock, its count of writes.
    pub(crate) fn state(&self) -> String {
        format!("{}:state", self.namespace)
    }

    /// The sorted set of all tenants that ever had a record, each with a `/` behind it.
    pub(crate) fn tenants(&self) -> String {
        format!("{}:tenants", self.namespace)
    }

    /// A record.
    pub(crate) fn record(&self, key: &RecordKey) -> String {
        format!("{}:{{{}}}:r:{key}", self.namespace, key.tenant_part())
    }

    /// The sorted set of a tenant's keys.
    pub(crate) fn index(&self, tenant: &str) -> String {
        format!("{}:{{{tenant}}}:index", self.namespace)
    }

    /// The channel that tells of changes of a tenant's records.
    pub(crate) fn channel(&self, tenant: &str) -> String {
        format!("{}:{{{tenant}}}:changes", self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_names_begin_with_the_tenant() {
        let names = Names::new("grantry").unwrap();
        let key = RecordKey::parse("acme/grant/crm/a b*").unwrap();
        assert_eq!(names.record(&key), "grantry:{acme}:r:acme/grant/crm/a b*");
        assert_eq!(names.index("acme"), "grantry:{acme}:index");
        assert_eq!(names.channel("-"), "grantry:{-}:changes");
    }

    #[test]
    fn a_namespace_that_could_be_a_pattern_is_refused() {
        for bad in ["", "a*", "a:b", "{a}", "a b", "ä", &"a".repeat(65)] {
            assert!(matches!(Names::new(bad), Err(VaultError::Refused(_))), "{bad:?}");
        }
    }
}
