//! The endpoints that requests, faults and the ledger are sorted by.

use std::fmt;

/// Where a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Endpoint {
    /// The token endpoint (RFC 6749 section 3.2).
    Token,
    /// The authorization endpoint (RFC 6749 section 3.1).
    Authorization,
    /// The pushed authorization request endpoint (RFC 9126).
    PushedAuthorization,
    /// The device authorization endpoint (RFC 8628).
    DeviceAuthorization,
    /// The revocation endpoint (RFC 7009).
    Revocation,
    /// The introspection endpoint (RFC 7662).
    Introspection,
    /// The metadata, at either well-known path (RFC 8414, OpenID Connect Discovery).
    Metadata,
    /// The keys that the server signs with (RFC 7517).
    Keys,
    /// The UserInfo endpoint (OpenID Connect Core section 5.3).
    UserInfo,
    /// A resource of a [`ProtectedResource`](crate::ProtectedResource).
    Resource,
    /// A path that nothing is at.
    Unknown,
}

impl Endpoint {
    pub(crate) const COUNT: usize = 11;

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Token => 0,
            Self::Revocation => 1,
            Self::Introspection => 2,
            Self::Metadata => 3,
            Self::Resource => 4,
            Self::Unknown => 5,
            Self::Authorization => 6,
            Self::PushedAuthorization => 7,
            Self::DeviceAuthorization => 8,
            Self::Keys => 9,
            Self::UserInfo => 10,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token endpoint",
            Self::Authorization => "authorization endpoint",
            Self::PushedAuthorization => "pushed authorization request endpoint",
            Self::DeviceAuthorization => "device authorization endpoint",
            Self::Revocation => "revocation endpoint",
            Self::Introspection => "introspection endpoint",
            Self::Metadata => "metadata",
            Self::Keys => "keys",
            Self::UserInfo => "UserInfo endpoint",
            Self::Resource => "resource",
            Self::Unknown => "unknown path",
        })
    }
}
