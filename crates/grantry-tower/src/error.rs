//! The error of the service.

use std::error::Error as StdError;
use std::fmt;

/// The error of any inner service.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why there is no answer to hand on.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # use http::{Request, Response};
/// # use tower::ServiceExt;
/// # use tower_layer::Layer;
/// # let layer = grantry_tower::AuthorizeLayer::fixed(grantry_testkit::TestSource::bearer(), "https://api.acme.com")?;
/// # let api = layer.layer(tower::service_fn(|_: Request<String>| async {
/// #     let refused = Response::builder().status(403);
/// #     refused.header("www-authenticate", r#"Bearer error="insufficient_scope", scope="orders.write""#).body(())
/// # }));
/// # let request = Request::get("/orders").body(String::new())?;
/// use grantry_core::{ErrorKind, Scope};
/// use grantry_tower::Error;
///
/// fn advice(error: &Error) -> String {
///     match error {
///         Error::Token(error) if error.kind() == ErrorKind::InsufficientScope => {
///             format!("ask for {}", error.needed_scope().map_or("more", Scope::as_str))
///         }
///         // Another login of the person: what asks them for it reads this challenge.
///         Error::Token(error) if error.challenge().is_some() => "have the person log in".to_owned(),
///         Error::Token(error) => error.diagnosis().remedy().to_owned(),
///         _ => "see the message".to_owned(),
///     }
/// }
/// let error = api.oneshot(request).await.unwrap_err();
/// assert_eq!(advice(&error), "ask for orders.write");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
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
