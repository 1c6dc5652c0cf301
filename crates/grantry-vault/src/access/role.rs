//! Sets of permissions with a name.

use std::collections::BTreeSet;

use super::Permission;

/// A named set of permissions.
///
/// | role | may |
/// |---|---|
/// | [`admin`](Role::admin) | everything but read refresh tokens and client secrets back |
/// | [`operator`](Role::operator) | keep clients running: `client.read`, `client.write`, `grant.read`, `grant.revoke`, `key.rotate`, `tenant.create` |
/// | [`service`](Role::service) | use tokens and take new grants: `token.use`, `grant.create`, `grant.read`, `client.read` |
/// | [`auditor`](Role::auditor) | look without touching: `audit.read`, `grant.read`, `client.read` |
///
/// No ready-made role has `token.read_refresh` or `client.read_secret`: nobody reads them back unless a role of your own
/// says so. `grant.renew` is [`system:renewal`](super::Principal::system_renewal)'s own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    name: String,
    permissions: BTreeSet<Permission>,
}

impl Role {
    /// A role of your own.
    pub fn custom(name: impl Into<String>, permissions: impl IntoIterator<Item = Permission>) -> Self {
        Self { name: name.into(), permissions: permissions.into_iter().collect() }
    }

    /// `admin`: see the table.
    pub fn admin() -> Self {
        let not = [Permission::TokenReadRefresh, Permission::ClientReadSecret, Permission::GrantRenew];
        Self::custom("admin", Permission::ALL.iter().copied().filter(|p| !not.contains(p)))
    }

    /// `operator`: see the table.
    pub fn operator() -> Self {
        Self::custom(
            "operator",
            [
                Permission::ClientRead,
                Permission::ClientWrite,
                Permission::GrantRead,
                Permission::GrantRevoke,
                Permission::KeyRotate,
                Permission::TenantCreate,
            ],
        )
    }

    /// `service`: see the table.
    pub fn service() -> Self {
        let permissions =
            [Permission::TokenUse, Permission::GrantCreate, Permission::GrantRead, Permission::ClientRead];
        Self::custom("service", permissions)
    }

    /// `auditor`: see the table.
    pub fn auditor() -> Self {
        Self::custom("auditor", [Permission::AuditRead, Permission::GrantRead, Permission::ClientRead])
    }

    /// The ready-made roles.
    pub fn ready_made() -> [Self; 4] {
        [Self::admin(), Self::operator(), Self::service(), Self::auditor()]
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.permissions.iter().copied()
    }

    /// Whether it has the permission.
    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ready_made_role_reads_a_secret_back_or_renews() {
        for role in Role::ready_made() {
            for never in [Permission::TokenReadRefresh, Permission::ClientReadSecret, Permission::GrantRenew]
            {
                assert!(!role.has(never), "{} has {never}", role.name());
            }
        }
    }

    #[test]
    fn each_permission_has_a_name_of_its_own() {
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.as_str()), Some(*permission));
        }
        assert_eq!(Permission::parse("token.Use"), None);
    }
}
