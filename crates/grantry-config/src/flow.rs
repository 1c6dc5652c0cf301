//! How tokens are obtained, and why so.

use std::borrow::Cow;
use std::fmt;

/// How tokens for a service are obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flow {
    /// The service acts for itself (RFC 6749 section 4.4).
    ClientCredentials,
    /// A person consents in a browser (RFC 6749 section 4.1).
    AuthorizationCode,
    /// A person consents on another device (RFC 8628).
    DeviceAuthorization,
    /// Another token is exchanged (RFC 8693).
    TokenExchange,
}

impl Flow {
    const ALL: [Self; 4] =
        [Self::ClientCredentials, Self::AuthorizationCode, Self::DeviceAuthorization, Self::TokenExchange];

    /// The name in configurations, such as `client_credentials`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::AuthorizationCode => "authorization_code",
            Self::DeviceAuthorization => "device_authorization",
            Self::TokenExchange => "token_exchange",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flow| flow.as_str() == name)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A flow, and why it is the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenFlow {
    pub(crate) flow: Flow,
    pub(crate) because: Cow<'static, str>,
    pub(crate) configured: bool,
}

impl ChosenFlow {
    /// The flow.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Why, as a part of a sentence.
    pub fn because(&self) -> &str {
        &self.because
    }

    /// Whether the configuration names it.
    pub fn is_configured(&self) -> bool {
        self.configured
    }
}
