//! Secrets as types of their own, zeroized when dropped.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroize;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` prints `[redacted]`; there is no `Display`, `Serialize` or `PartialEq`; the memory is
        /// zeroized when the last owner drops it.
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the secret over.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(SecretString::from(secret.into()))
            }

            /// The secret itself. Search the sources for `expose` to see every place that reads one.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl From<String> for $name {
            fn from(secret: String) -> Self {
                Self::new(secret)
            }
        }

        impl From<&str> for $name {
            fn from(secret: &str) -> Self {
                Self::new(secret)
            }
        }

        impl From<SecretString> for $name {
            fn from(secret: SecretString) -> Self {
                Self(secret)
            }
        }
    };
}

secret! {
    /// An access token (RFC 6749 section 1.4).
    AccessToken
}
secret! {
    /// A refresh token (RFC 6749 section 1.5).
    RefreshToken
}
secret! {
    /// A client secret (RFC 6749 section 2.3.1).
    ClientSecret
}

secret! {
    /// A client's private key as text, in PEM or as a JWK (RFC 7523 section 2.2).
    PrivateKey
}

/// A client identifier (RFC 6749 section 2.2). Not a secret, but never written into logs by us.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(String);

impl ClientId {
    /// Takes the identifier over, as the authorization server issued it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({:?})", self.0)
    }
}

impl From<String> for ClientId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for ClientId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

/// The bytes of a header value that holds a secret: shared by its clones, zeroized when the last one drops.
///
/// ```
/// use grantry_core::SecretHeader;
/// let value = SecretHeader::new(["Bearer ", "secret"]).into_value().unwrap();
/// assert!(value.is_sensitive());
/// assert_eq!(value.as_bytes(), b"Bearer secret");
/// ```
pub struct SecretHeader(Box<[u8]>);

impl SecretHeader {
    /// Joins the parts in one allocation of the exact size.
    pub fn new<'a>(parts: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let length = parts.clone().into_iter().map(str::len).sum();
        let mut bytes = Vec::with_capacity(length);
        for part in parts {
            bytes.extend_from_slice(part.as_bytes());
        }
        // The capacity is exact, so no reallocation leaves a copy behind.
        Self(bytes.into_boxed_slice())
    }

    /// The header value, marked sensitive; `None` where a byte could not stand in a header.
    pub fn into_value(self) -> Option<HeaderValue> {
        sensitive(Bytes::from_owner(self))
    }

    /// The same with a reference count that shares no cache line with anything else, for a value that one thread
    /// clones while others clone theirs.
    pub fn into_value_apart(self) -> Option<HeaderValue> {
        sensitive(Bytes::from_owner(Apart(self)))
    }
}

fn sensitive(bytes: Bytes) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Two cache lines, because processors fetch them in pairs.
#[repr(align(128))]
struct Apart(SecretHeader);

impl AsRef<[u8]> for Apart {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl AsRef<[u8]> for SecretHeader {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretHeader {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHeader([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_shows_in_debug() {
        let shown = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            PrivateKey::new("canary"),
            AccessToken::new("canary"),
            RefreshToken::new("canary"),
            ClientSecret::new("canary"),
            SecretHeader::new(["canary"]),
        );
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_header_that_could_be_split_is_refused() {
        for bad in ["a\r\nb", "a\nb", "a\0b"] {
            assert!(SecretHeader::new([bad]).into_value().is_none(), "{bad:?}");
        }
    }
}
