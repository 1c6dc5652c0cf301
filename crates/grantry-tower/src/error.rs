//! The error of the service.

use std::error::Error as StdError;
use std::fmt;

/// The error of any inner service.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why there is no answer to hand on.
///
/// ```
/// use grantry_core::ErrorKind;
/// use grantry_tower::Error;
///
/// fn advice(error: &Error) -> String {
///     match error {
///         Error::Token(error) if error.kind() == ErrorKind::InsufficientScope => {
///             format!("ask for more: {:?}", error.needed_scope())
///         }
///         // Another login of the person: what asks them for it reads this challenge.
///         Error::Token(error) if error.challenge().is_some() => "have the person log in".to_owned(),
///         Error::Token(error) => error.diagnosis().remedy().to_owned(),
///         _ => "see the message".to_owned(),
///     }
/// }
/// ```
#[non_exhaustive]
pub enum Error {
    /// There is no token, it may not go there, or the resource server refused it for good.
    Token(grantry_core::Error),
    /// The inner service failed; it may be downcast.
    Inner(BoxError),
}

impl From<grantry_core::Error> for Error {
    fn from(error: grantry_core::Error) -> Self {
        Self::Token(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => f.debug_tuple("Token").field(error).finish(),
            // Its own `Debug` may show more than it should.
            Self::Inner(error) => write!(f, "Inner({error})"),
        }
    }
}

impl StdError for Error {
    /// The cause of the error inside, whose own text is this one's.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Token(error) => error.source(),
            Self::Inner(error) => error.source(),
        }
    }
}
