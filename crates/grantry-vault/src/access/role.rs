//! Named sets of permissions.

use std::fmt;
use std::sync::Arc;

use super::error::{Fault, PolicyError};
use super::permission::{Permission, PermissionSet};

/// The longest name of a role, in bytes.
const NAME_MAX: usize = 63;

const ADMIN: PermissionSet = PermissionSet::of(&[
    Permission::TokenUse,
    Permission::GrantCreate,
    Permission::GrantRead,
    Permission::GrantRevoke,
    Permission::ClientRead,
    Permission::ClientWrite,
    Permission::ConfigWrite,
    Permission::KeyRotate,
    Permission::KeyDestroy,
    Permission::AuditRead,
    Permission::AccessWrite,
    Permission::TenantCreate,
    Permission::TenantShred,
]);
const OPERATOR: PermissionSet = PermissionSet::of(&[
    Permission::GrantRead,
    Permission::GrantRevoke,
    Permission::ClientRead,
    Permission::ClientWrite,
    Permission::ConfigWrite,
    Permission::KeyRotate,
    Permission::TenantCreate,
]);
const SERVICE: PermissionSet = PermissionSet::of(&[
    Permission::TokenUse,
    Permission::GrantCreate,
    Permission::GrantRead,
    Permission::GrantRevoke,
    Permission::ClientRead,
]);
const AUDITOR: PermissionSet =
    PermissionSet::of(&[Permission::GrantRead, Permission::ClientRead, Permission::AuditRead]);

/// The names that no other role can have.
const READY_MADE: [(&str, PermissionSet); 4] =
    [("admin", ADMIN), ("auditor", AUDITOR), ("operator", OPERATOR), ("service", SERVICE)];

/// A named set of permissions.
///
/// These are ready-made, and every policy knows them. What they hold never grows:
///
/// | permission | admin | operator | service | auditor |
/// |---|---|---|---|---|
/// | `token.use` | yes | | yes | |
/// | `token.read_refresh` | | | | |
/// | `client.read_secret` | | | | |
/// | `grant.create` | yes | | yes | |
/// | `grant.read` | yes | yes | yes | yes |
/// | `grant.renew` | | | | |
/// | `grant.revoke` | yes | yes | yes | |
/// | `client.read` | yes | yes | yes | yes |
/// | `client.write` | yes | yes | | |
/// | `config.write` | yes | yes | | |
/// | `key.rotate` | yes | yes | | |
/// | `key.destroy` | yes | | | |
/// | `audit.read` | yes | | | yes |
/// | `access.write` | yes | | | |
/// | `tenant.create` | yes | yes | | |
/// | `tenant.shred` | yes | | | |
///
/// None of them sees a refresh token or a client's secret. Roles of one's own have any permissions and a name
/// `[a-z0-9][a-z0-9._-]{0,62}`.
///
/// ```
/// use grantry_vault::access::{Permission, Role};
/// assert!(!Role::admin().holds(Permission::TokenReadRefresh));
/// let export = Role::custom("export", [Permission::GrantRead, Permission::TokenReadRefresh])?;
/// assert!(export.holds(Permission::TokenReadRefresh));
/// # Ok::<(), grantry_vault::access::PolicyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Role {
    name: Arc<str>,
    permissions: PermissionSet,
}

impl Role {
    /// Everything but to see a refresh token or a client's secret, and to redeem one.
    pub fn admin() -> Self {
        Self::trusted("admin", ADMIN)
    }

    /// Keeps it running: new tenants, client registrations, configuration, rotation of keys, revocation in an emergency.
    pub fn operator() -> Self {
        Self::trusted("operator", OPERATOR)
    }

    /// A workload that calls services: it keeps the grants that people give it and uses their access tokens.
    pub fn service() -> Self {
        Self::trusted("service", SERVICE)
    }

    /// Sees what there is and what was done, and changes nothing.
    pub fn auditor() -> Self {
        Self::trusted("auditor", AUDITOR)
    }

    /// A role of one's own. Permissions that come twice count once.
    ///
    /// # Errors
    /// [`PolicyError`] for a name that breaks the rules or belongs to a ready-made role, and for no permissions.
    pub fn custom(
        name: impl AsRef<str>,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> Result<Self, PolicyError> {
        let name = name.as_ref();
        if let Some(rule) = broken_rule(name) {
            return Err(PolicyError::invalid("role name", name, rule));
        }
        if READY_MADE.iter().any(|(ready_made, _)| *ready_made == name) {
            return Err(Fault::ReadyMadeRole(name.to_owned()).into());
        }
        let mut set = PermissionSet::default();
        for permission in permissions {
            set.insert(permission);
        }
        if set.is_empty() {
            return Err(Fault::EmptyRole(name.to_owned()).into());
        }
        Ok(Self::trusted(name, set))
    }

    /// All that are ready-made.
    pub fn ready_made_roles() -> [Self; 4] {
        [Self::admin(), Self::operator(), Self::service(), Self::auditor()]
    }

    /// The ready-made role of that name.
    pub(super) fn ready_made(name: &str) -> Option<Self> {
        let (name, permissions) = READY_MADE.iter().find(|(ready_made, _)| *ready_made == name)?;
        Some(Self::trusted(name, *permissions))
    }

    /// The names of the ready-made roles.
    pub(super) fn ready_made_names() -> impl Iterator<Item = &'static str> {
        READY_MADE.iter().map(|(name, _)| *name)
    }

    fn trusted(name: &str, permissions: PermissionSet) -> Self {
        Self { name: name.into(), permissions }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the permission is in it.
    pub fn holds(&self, permission: Permission) -> bool {
        self.permissions.holds(permission)
    }

    /// What is in it, in the order of [`Permission::ALL`].
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.permissions.iter()
    }

    pub(super) fn set(&self) -> PermissionSet {
        self.permissions
    }
}

fn broken_rule(name: &str) -> Option<&'static str> {
    let is_first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > NAME_MAX {
        Some("it is longer than 63 bytes")
    } else if !name.bytes().next().is_some_and(is_first) {
        Some("it has to begin with a-z or 0-9")
    } else if !name.bytes().all(|b| is_first(b) || matches!(b, b'.' | b'_' | b'-')) {
        Some("only a-z, 0-9, '.', '_' and '-' are allowed")
    } else {
        None
    }
}

/// The role's name, for [`Binding::allow`](super::Binding::allow).
impl AsRef<str> for Role {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("name", &self.name).field("permissions", &self.permissions).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in the documentation of [`Role`], a row for each permission.
    fn documented() -> Vec<(Permission, [bool; 4])> {
        let source = include_str!("role.rs");
        let rows = source.lines().filter_map(|line| line.strip_prefix("/// | `"));
        rows.map(|row| {
            let (name, cells) = row.split_once("` |").unwrap();
            let cells: Vec<_> = cells.split('|').map(|cell| cell.trim() == "yes").collect();
            (Permission::parse(name).unwrap(), cells[..4].try_into().unwrap())
        })
        .collect()
    }

    #[test]
    fn the_ready_made_roles_hold_what_the_documented_table_says() {
        let table = documented();
        assert_eq!(table.iter().map(|(permission, _)| *permission).collect::<Vec<_>>(), Permission::ALL);
        let roles = Role::ready_made_roles();
        for (permission, expected) in table {
            let held = roles.each_ref().map(|role| role.holds(permission));
            assert_eq!(held, expected, "{permission}");
        }
    }

    #[test]
    fn no_ready_made_role_sees_a_refresh_token_or_a_clients_secret_or_redeems_one() {
        assert!(Role::ready_made_names().eq(["admin", "auditor", "operator", "service"]));
        for role in Role::ready_made_roles() {
            assert_eq!(Role::ready_made(role.name()).as_ref(), Some(&role));
            for secret in [Permission::TokenReadRefresh, Permission::ClientReadSecret, Permission::GrantRenew]
            {
                assert!(!role.holds(secret), "{role:?} {secret}");
            }
        }
    }

    #[test]
    fn an_operator_destroys_nothing_and_gives_nobody_rights_and_an_auditor_changes_nothing() {
        use Permission as P;
        for never in [P::KeyDestroy, P::TenantShred, P::AccessWrite, P::TokenUse] {
            assert!(!Role::operator().holds(never), "{never}");
        }
        assert!(Role::auditor().permissions().all(|permission| permission.as_str().ends_with(".read")));
    }

    #[test]
    fn a_role_of_ones_own_has_a_name_of_its_own_and_permissions() {
        let some = [Permission::TokenUse, Permission::TokenUse];
        assert_eq!(Role::custom("reader", some).unwrap().permissions().count(), 1);
        for name in ["", "Reader", "a b", "-a", "a/b", "\u{430}dmin", "admin", "service", &"a".repeat(64)] {
            assert!(Role::custom(name, some).is_err(), "{name:?}");
        }
        let text = Role::custom("reader", []).unwrap_err().to_string();
        assert!(text.contains("no permissions"), "{text}");
        let text = Role::custom("admin", some).unwrap_err().to_string();
        assert!(text.contains("choose another name"), "{text}");
    }
}
