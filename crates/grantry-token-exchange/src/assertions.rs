//! The assertions that are handed in.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{Error, Timestamp};
use zeroize::Zeroizing;

/// A JWT that vouches for somebody (RFC 7523 section 3).
///
/// `Debug` prints `[redacted]`; there is no `Display`, `Serialize` or `PartialEq`; the memory is zeroized when it is
/// dropped.
#[derive(Clone)]
pub struct Assertion(Zeroizing<String>);

impl Assertion {
    /// Takes the assertion over, in the compact form.
    pub fn new(jwt: impl Into<String>) -> Self {
        Self(Zeroizing::new(jwt.into()))
    }

    /// The assertion itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion([redacted])")
    }
}

/// Gives the assertion of each attempt: one that was not shown before, since a server may accept each once only
/// (`jti`, RFC 7523 section 3).
///
/// **Cancel-safety**: a grant is not dropped while the runtime lives (see [`Grant`](grantry_core::Grant)), so none is
/// needed. **Time**: it should give up by itself; nothing here limits it.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_core::{Error, Timestamp};
/// use grantry_token_exchange::{Assertion, Assertions};
///
/// /// Asks a service that has the key.
/// #[derive(Debug)]
/// struct Remote;
///
/// #[async_trait]
/// impl Assertions for Remote {
///     async fn assertion(&self, server_time: Timestamp) -> Result<Assertion, Error> {
///         # fn ask(_issued_at: i64) -> String { String::new() }
///         Ok(Assertion::new(ask(server_time.as_unix_seconds())))
///     }
/// }
/// ```
#[async_trait]
pub trait Assertions: fmt::Debug + Send + Sync + 'static {
    /// A new assertion. `server_time` is now, by the clock of the authorization server as far as it is known.
    ///
    /// # Errors
    /// Why there is none. It becomes the error of the attempt, which then sends nothing.
    async fn assertion(&self, server_time: Timestamp) -> Result<Assertion, Error>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<A: Assertions + ?Sized> Assertions for $pointer<A> {
            async fn assertion(&self, server_time: Timestamp) -> Result<Assertion, Error> {
                (**self).assertion(server_time).await
            }
        }
    )*};
}
forward!(Arc, Box);
