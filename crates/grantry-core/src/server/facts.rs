//! The small facts: what servers accept and how they answer.

use std::time::Duration;

/// How a client proves who it is at the token endpoint (RFC 7591 section 2, RFC 8705).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuthenticationMethod {
    /// `client_secret_basic`: the Authorization header (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// `client_secret_post`: in the body.
    ClientSecretPost,
    /// `client_secret_jwt`: an assertion under a MAC with the secret (RFC 7523).
    ClientSecretJwt,
    /// `private_key_jwt`: an assertion signed with a private key (RFC 7523).
    PrivateKeyJwt,
    /// `tls_client_auth` (RFC 8705 section 2.1).
    TlsClientAuth,
    /// `self_signed_tls_client_auth` (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// `none`: a public client.
    None,
}

impl ClientAuthenticationMethod {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }

    /// The method of a registered name, if it is one of these.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::ClientSecretBasic,
            Self::ClientSecretPost,
            Self::ClientSecretJwt,
            Self::PrivateKeyJwt,
            Self::TlsClientAuth,
            Self::SelfSignedTlsClientAuth,
            Self::None,
        ]
        .into_iter()
        .find(|m| m.as_str() == name)
    }
}

/// What the server does with a refresh token that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rotation {
    /// It stays as it is; no new one is issued.
    None,
    /// A new one is issued and the old one stays valid.
    KeepOld,
    /// A new one is issued; the one before it is accepted for a while.
    Grace {
        /// For how long after the first use.
        window: Duration,
        /// Whether a repeat gets the same successor (`true`) or another one (`false`).
        same: bool,
    },
    /// A new one is issued; the old one is refused at once.
    Strict {
        /// Whether using the old one revokes the whole family.
        revokes_family: bool,
    },
}

impl Rotation {
    /// What an unknown server has to be taken for.
    pub const UNKNOWN: Self = Self::Strict { revokes_family: true };
}

/// What to make of an answer without a usable `expires_in` (RFC 6749 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lifetime {
    /// Unknown: used until it is refused.
    Unknown,
    /// This server's tokens do not expire.
    Never,
    /// The server's documentation names this lifetime.
    Documented(Duration),
}

/// Whom a client assertion is addressed to (`aud`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer identifier (rfc7523bis; FAPI 2.0). A client that signs needs a server whose issuer is known.
    #[default]
    Issuer,
    /// The token endpoint's URL, for servers that accept nothing else.
    TokenEndpoint,
}

/// An answer of the server's own that means a registered error code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "presets are written as literals")]
pub struct ErrorAlias {
    /// The HTTP status it comes with.
    pub status: u16,
    /// The `error` (or vendor's code) it comes with.
    pub code: &'static str,
    /// The code of RFC 6749 section 5.2 that it means.
    pub means: &'static str,
}

/// What the server makes of a code challenge (RFC 7636). The authorization code flow sends one, unless it is told to leave
/// it out and the server [does without](Self::does_without).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pkce {
    /// Nobody verified it.
    #[default]
    Unknown,
    /// It refuses requests without a challenge.
    Required,
    /// It checks the verifier of a request that had a challenge.
    Supported,
    /// It takes no notice of the challenge: a stolen code is worth as much as without one.
    Ignored,
    /// It refuses a code that is redeemed with a verifier, by a client that authenticates.
    Refused,
    /// It says which methods it knows, and S256 is not among them (RFC 8414 section 2).
    WithoutS256,
}

impl Pkce {
    /// Whether it is known that a challenge protects nothing there, or that nobody gets in with one. `false` where it is
    /// only not known that one protects.
    pub const fn does_without(self) -> bool {
        matches!(self, Self::Ignored | Self::Refused)
    }
}

/// What one of the server's own error codes means, for the person who reads the diagnosis. Nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "presets are written as literals")]
pub struct ErrorCause {
    /// The provider's code, such as `AADSTS700082`, or the OAuth code that it answers with.
    pub code: &'static str,
    /// The cause, as the rest of a sentence, without a full stop.
    pub cause: &'static str,
}
