//! Whatever can obtain a new token set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Error, Instant, PrivateKey, RefreshToken, TokenSet};

/// Obtains token sets: one flow, or a wrapper around one.
///
/// **One call sends at most one token request**, and the same once more where the server asks for a nonce in its proof
/// (RFC 9449 section 8). The source decides when to try again.
///
/// **Cancel-safety**: none is needed. A source runs each call as a task of its own to the end; an
/// implementation may rely on not being dropped while the runtime lives. **Concurrency**: a source makes one
/// call at a time, but several sources may share a grant.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_core::{AccessToken, Attempt, Clock, Failure, Grant, SystemClock, TokenSet};
///
/// /// Makes tokens up, for a test.
/// #[derive(Debug)]
/// struct MadeUp(SystemClock);
///
/// #[async_trait]
/// impl Grant for MadeUp {
///     async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
///         let generation = attempt.replacing().map_or(0, |held| held.generation() + 1);
///         let sent = self.0.now();
///         TokenSet::builder(AccessToken::new(format!("made-up-{generation}")), sent)
///             .generation(generation)
///             .build()
///             .map_err(|_| Failure::unsent(grantry_core::Error::internal("a made-up token can be presented")))
///     }
/// }
/// ```
#[async_trait]
pub trait Grant: fmt::Debug + Send + Sync + 'static {
    /// Obtains the token set that takes the place of [`Attempt::replacing`].
    ///
    /// # Errors
    /// [`Failure`] says besides the error what became of the credential that was spent.
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<G: Grant + ?Sized> Grant for $pointer<G> {
            async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
                (**self).obtain(attempt).await
            }
        }
    )*};
}
forward!(Arc, Box);

/// What a grant is told of the attempt it makes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Attempt<'a> {
    replacing: Option<&'a TokenSet>,
    redeeming: Option<&'a RefreshToken>,
    proof_key: Option<&'a PrivateKey>,
    send_before: Option<Instant>,
    answered_within: Option<Duration>,
}

impl<'a> Attempt<'a> {
    /// The first attempt: nothing is held.
    pub fn first() -> Self {
        Self::default()
    }

    /// An attempt to replace `held`.
    pub fn replace(held: &'a TokenSet) -> Self {
        Self { replacing: Some(held), ..Self::default() }
    }

    /// An attempt to replace what is held, if anything is.
    pub fn replace_if_any(held: Option<&'a TokenSet>) -> Self {
        Self { replacing: held, ..Self::default() }
    }

    /// The same with this refresh token: it comes from whoever keeps it, and goes into this attempt only.
    #[must_use]
    pub fn redeem(self, refresh_token: &'a RefreshToken) -> Self {
        Self { redeeming: Some(refresh_token), ..self }
    }

    /// The same with the key that the grant is bound to (RFC 9449 section 5): the request is proved with it.
    #[must_use]
    pub fn bound_to(self, proof_key: &'a PrivateKey) -> Self {
        Self { proof_key: Some(proof_key), ..self }
    }

    /// The same, but the request must leave before `deadline` or not at all.
    #[must_use]
    pub fn send_before(self, deadline: Instant) -> Self {
        Self { send_before: Some(deadline), ..self }
    }

    /// The same, but a request that has no whole answer this long after it was sent is given up, and counts as one whose
    /// answer was lost. Whoever keeps the grant reckons with it: a request that lasts longer could be on its way while
    /// another process redeems the same refresh token.
    #[must_use]
    pub fn answered_within(self, limit: Duration) -> Self {
        Self { answered_within: Some(limit), ..self }
    }

    /// What the new token set takes the place of.
    pub fn replacing(&self) -> Option<&'a TokenSet> {
        self.replacing
    }

    /// The refresh token to be redeemed, where whoever keeps it hands one in.
    pub fn redeeming(&self) -> Option<&'a RefreshToken> {
        self.redeeming
    }

    /// The key that the grant is bound to, where whoever keeps it hands one in.
    pub fn proof_key(&self) -> Option<&'a PrivateKey> {
        self.proof_key
    }

    /// When the request must have left, on the boot clock; after that nothing may be sent.
    pub fn deadline(&self) -> Option<Instant> {
        self.send_before
    }

    /// How long a request may take, from the first byte to the last of its answer.
    pub fn time_limit(&self) -> Option<Duration> {
        self.answered_within
    }
}

/// What became of the credential that an attempt spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Consumed {
    /// It was provably not spent: nothing was sent, or the server said so.
    No,
    /// The server refused it: it will not work again as it is.
    Refused,
    /// Nobody can tell. A grant that cannot tell says this.
    Unknown,
}

/// Why an attempt brought no token set. Callers never see it, only its error.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What callers get to see.
    pub error: Error,
    /// What became of the credential.
    pub consumed: Consumed,
    /// Whether a token request may have left: attempts that sent nothing do not count as tries.
    pub sent: bool,
    /// A refresh token that was found in an answer that could not be used otherwise. It may be the only live
    /// one, so whoever keeps the grant must keep it.
    pub salvaged: Option<RefreshToken>,
}

impl Failure {
    /// A failure after which nobody can tell whether the credential was spent.
    pub fn unknown(error: Error) -> Self {
        Self { error, consumed: Consumed::Unknown, sent: true, salvaged: None }
    }

    /// A failure before anything was sent.
    pub fn unsent(error: Error) -> Self {
        Self { error, consumed: Consumed::No, sent: false, salvaged: None }
    }

    /// The server answered that it did not use the credential (busy, or it did not accept the client).
    pub fn not_consumed(error: Error) -> Self {
        Self { error, consumed: Consumed::No, sent: true, salvaged: None }
    }

    /// The server refused the credential.
    pub fn refused(error: Error) -> Self {
        Self { error, consumed: Consumed::Refused, sent: true, salvaged: None }
    }

    /// The same with a refresh token that was found in the answer.
    #[must_use]
    pub fn with_salvaged(self, salvaged: Option<RefreshToken>) -> Self {
        Self { salvaged, ..self }
    }
}
