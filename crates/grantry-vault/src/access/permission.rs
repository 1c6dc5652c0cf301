//! What somebody may do.

use std::fmt;

use super::error::{Fault, PolicyError};
use super::visible::quoted;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Something that can be allowed or denied, by its stable name.
        ///
        /// ```
        /// use grantry_vault::access::Permission;
        /// assert_eq!(Permission::TokenUse.as_str(), "token.use");
        /// assert_eq!(Permission::parse("key.rotate")?, Permission::KeyRotate);
        /// assert!(Permission::parse("token.*").is_err());
        /// # Ok::<(), grantry_vault::access::PolicyError>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Permission {
            $($(#[$doc])* $name,)*
        }

        impl Permission {
            /// All that there are, in the order of the table of [`Role`](super::Role).
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in policies and audit entries, such as `token.use`. It never changes.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

permissions! {
    /// To be handed access tokens, or to have one put on a request.
    TokenUse = "token.use",
    /// To see a refresh token. No ready-made role has it.
    TokenReadRefresh = "token.read_refresh",
    /// To see a client registration with its secrets. No ready-made role has it.
    ClientReadSecret = "client.read_secret",
    /// To keep a new grant, also in place of an old one.
    GrantCreate = "grant.create",
    /// To see grants without their tokens.
    GrantRead = "grant.read",
    /// To redeem refresh tokens and keep what comes back. `system:renewal` has it by itself, and no ready-made role.
    GrantRenew = "grant.renew",
    /// To revoke or delete a grant.
    GrantRevoke = "grant.revoke",
    /// To see client registrations without their secrets.
    ClientRead = "client.read",
    /// To keep, replace or delete a client registration.
    ClientWrite = "client.write",
    /// To change the configuration of services.
    ConfigWrite = "config.write",
    /// To rotate keys, and to see how old they are. For the whole deployment only.
    KeyRotate = "key.rotate",
    /// To destroy keys that nothing needs any more. For the whole deployment only.
    KeyDestroy = "key.destroy",
    /// To read and verify the audit trail.
    AuditRead = "audit.read",
    /// To change who may do what, and so to give oneself anything.
    AccessWrite = "access.write",
    /// To make a tenant. For the whole deployment only.
    TenantCreate = "tenant.create",
    /// To erase a tenant for good.
    TenantShred = "tenant.shred",
}

impl Permission {
    /// The permission of that name. Names are compared as bytes, and there are no patterns.
    ///
    /// # Errors
    /// [`PolicyError`] lists the names that there are.
    pub fn parse(name: &str) -> Result<Self, PolicyError> {
        let found = Self::ALL.iter().copied().find(|permission| permission.as_str() == name);
        found.ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|permission| permission.as_str()).collect();
            Fault::UnknownPermission { shown: quoted(name), all: all.join(", ") }.into()
        })
    }

    /// Whether it concerns all tenants at once, so that only a binding for everything can allow it.
    pub const fn is_deployment_wide(self) -> bool {
        matches!(self, Self::KeyRotate | Self::KeyDestroy | Self::TenantCreate)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of permissions, a bit for each.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PermissionSet(u32);

impl PermissionSet {
    pub(super) const fn of(permissions: &[Permission]) -> Self {
        let mut set = Self(0);
        let mut rest = permissions;
        while let [first, others @ ..] = rest {
            set.0 |= Self::bit(*first);
            rest = others;
        }
        set
    }

    /// Says whether it was new.
    pub(super) fn insert(&mut self, permission: Permission) -> bool {
        let is_new = !self.holds(permission);
        self.0 |= Self::bit(permission);
        is_new
    }

    pub(super) const fn holds(self, permission: Permission) -> bool {
        self.0 & Self::bit(permission) != 0
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.holds(*permission))
    }

    const fn bit(permission: Permission) -> u32 {
        1 << (permission as u32)
    }
}

/// More permissions than bits do not compile.
const _: () = assert!(Permission::ALL.len() <= u32::BITS as usize);

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_back_and_are_each_their_own() {
        for (number, permission) in Permission::ALL.iter().enumerate() {
            assert_eq!(Permission::parse(permission.as_str()), Ok(*permission));
            assert_eq!(PermissionSet::of(&[*permission]).0, 1 << number);
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_refused_with_the_list() {
        for wrong in ["", "*", "token.*", "Token.use", "token.use ", "token.\u{443}se", "token", "tokenuse"] {
            let text = Permission::parse(wrong).unwrap_err().to_string();
            assert!(text.contains("token.use, token.read_refresh"), "{text}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let mut set = PermissionSet::default();
        assert!(set.is_empty());
        assert!(set.insert(Permission::KeyRotate) && !set.insert(Permission::KeyRotate));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Permission::KeyRotate]);
        assert_eq!(format!("{set:?}"), "{\"key.rotate\"}");
    }
}
