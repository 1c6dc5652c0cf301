//! What can be allowed.

use std::fmt;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// Something that can be allowed or denied.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Permission {
            $($(#[$doc])* $name,)*
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name, as it stands in policies and in the audit trail.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

permissions! {
    /// Get access tokens, and have them put on requests.
    TokenUse = "token.use",
    /// Read refresh tokens. No ready-made role has it.
    TokenReadRefresh = "token.read_refresh",
    /// Keep a new grant, as after a person's consent.
    GrantCreate = "grant.create",
    /// See grants without their tokens, and the list of tenants.
    GrantRead = "grant.read",
    /// Renew a grant: redeem its refresh token and keep what comes back.
    GrantRenew = "grant.renew",
    /// Revoke and delete a grant.
    GrantRevoke = "grant.revoke",
    /// See client registrations without their secrets.
    ClientRead = "client.read",
    /// Read client secrets and private keys. No ready-made role has it.
    ClientReadSecret = "client.read_secret",
    /// Keep, change and delete client registrations.
    ClientWrite = "client.write",
    /// Change the configuration that is kept in the vault.
    ConfigWrite = "config.write",
    /// Rotate keys, and see how old they are.
    KeyRotate = "key.rotate",
    /// Destroy keys before their time.
    KeyDestroy = "key.destroy",
    /// Read and verify the audit trail.
    AuditRead = "audit.read",
    /// Change roles and bindings.
    AccessWrite = "access.write",
    /// Make a tenant.
    TenantCreate = "tenant.create",
    /// Erase a tenant for good.
    TenantShred = "tenant.shred",
}

impl Permission {
    /// Reads what [`as_str`](Permission::as_str) returns.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
