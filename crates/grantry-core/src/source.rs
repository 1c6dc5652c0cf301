//! Where callers get their tokens.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Error, Token};

/// Gives tokens for one identity, always fit to present now.
///
/// One source is one identity, fixed when the source is built: [`token`](TokenSource::token) has no arguments,
/// because a cache over a source whose answer depends on an argument is wrong. Sources wrap sources.
///
/// **Cancel-safety**: a caller may drop the future of `token` at any time; a renewal that it started or joined
/// goes on and loses nothing. **Concurrency**: any number of callers may wait at once; they share one renewal.
/// **Errors**: [`Error::diagnosis`] says whose move it is and when to try again.
///
/// ```
/// use std::sync::Arc;
/// use async_trait::async_trait;
/// use grantry_core::{AccessToken, Error, Instant, Token, TokenSet, TokenSource};
///
/// /// One token that somebody else keeps valid.
/// #[derive(Debug)]
/// struct Fixed(Token);
///
/// #[async_trait]
/// impl TokenSource for Fixed {
///     fn ready(&self) -> Option<Token> {
///         Some(self.0.clone())
///     }
///     async fn token(&self) -> Result<Token, Error> {
///         Ok(self.0.clone())
///     }
///     fn reject(&self, _refused: &Token) {}
/// }
///
/// let set = TokenSet::builder(AccessToken::new("abc"), Instant::ZERO).build()?;
/// let source: Arc<dyn TokenSource> = Arc::new(Fixed(set.token().clone()));
/// assert_eq!(source.ready().unwrap().header(), "Bearer abc");
/// # Ok::<(), grantry_core::InvalidToken>(())
/// ```
#[async_trait]
pub trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// A token fit to present now, if one is at hand. Never waits, never allocates.
    ///
    /// `None` does not mean that there is no token: one caller of several is sent to
    /// [`token`](TokenSource::token) in order to start a renewal, and gets the held one there. A caller that gets `None`
    /// has to go there: some get it until one does, such as threads that share a managed source and have to be given
    /// places of their own, which only `token` may allocate.
    fn ready(&self) -> Option<Token>;

    /// A token fit to present now, obtained if need be.
    ///
    /// # Errors
    /// When none can be had in the time that the source's policy allows.
    async fn token(&self) -> Result<Token, Error>;

    /// The resource server refused this very token; newer ones are unaffected. It must not wait: what takes the
    /// token's place is obtained when the next caller asks.
    fn reject(&self, refused: &Token);
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<S: TokenSource + ?Sized> TokenSource for $pointer<S> {
            fn ready(&self) -> Option<Token> {
                (**self).ready()
            }
            async fn token(&self) -> Result<Token, Error> {
                (**self).token().await
            }
            fn reject(&self, refused: &Token) {
                (**self).reject(refused);
            }
        }
    )*};
}
forward!(Arc, Box);
