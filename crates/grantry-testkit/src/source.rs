//! A source of tokens behind which there is no server.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use grantry_core::{AccessToken, Binding, Error, ErrorKind, Instant, Stage, Token, TokenSet, TokenSource};

/// Hands out the tokens `t1`, `t2` and so on, and counts: for tests of code that takes a [`TokenSource`] and needs no server.
///
/// Whoever asks gets the token that it holds; one that is rejected is replaced by the next when somebody asks again. The tokens do
/// not expire.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use grantry_core::TokenSource;
/// use grantry_testkit::TestSource;
///
/// let source = TestSource::bearer();
/// let token = source.token().await?;
/// assert_eq!(token.expose(), "t1");
/// source.reject(&token);
/// assert_eq!(source.token().await?.expose(), "t2");
/// assert_eq!((source.renewals(), source.rejections()), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct TestSource {
    held: Mutex<Option<Token>>,
    renewing: tokio::sync::Mutex<()>,
    binding: Binding,
    manner: Manner,
    renewals: AtomicU64,
    rejections: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Manner {
    #[default]
    Obliging,
    Stubborn,
    Broken,
}

impl TestSource {
    /// Bearer tokens.
    #[must_use]
    pub fn bearer() -> Arc<Self> {
        Arc::default()
    }

    /// Tokens that are bound, to a key of [`Binding::Proof`] for one.
    #[must_use]
    pub fn bound(binding: Binding) -> Arc<Self> {
        Arc::new(Self { binding, ..Self::default() })
    }

    /// Holds on to its token whatever is said of it.
    #[must_use]
    pub fn stubborn() -> Arc<Self> {
        Arc::new(Self { manner: Manner::Stubborn, ..Self::default() })
    }

    /// Has no token, and answers [`Unavailable`](ErrorKind::Unavailable).
    #[must_use]
    pub fn broken() -> Arc<Self> {
        Arc::new(Self { manner: Manner::Broken, ..Self::default() })
    }

    /// Replaces the token at once, as a renewal in the background does.
    pub fn renew(&self) {
        let number = self.renewals.fetch_add(1, Ordering::SeqCst) + 1;
        let set = TokenSet::builder(AccessToken::new(format!("t{number}")), Instant::ZERO)
            .binding(self.binding.clone())
            .build();
        // A letter and digits can always be presented.
        *self.held() = set.ok().map(|set| set.token().clone());
    }

    /// How often there was another token, the first included.
    pub fn renewals(&self) -> u64 {
        self.renewals.load(Ordering::SeqCst)
    }

    /// How often a token was rejected.
    pub fn rejections(&self) -> u64 {
        self.rejections.load(Ordering::SeqCst)
    }

    fn held(&self) -> MutexGuard<'_, Option<Token>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenSource for TestSource {
    fn ready(&self) -> Option<Token> {
        self.held().clone()
    }

    async fn token(&self) -> Result<Token, Error> {
        let _one_at_a_time = self.renewing.lock().await;
        if self.manner != Manner::Broken && self.ready().is_none() {
            // As one that has to ask a server: others run meanwhile.
            tokio::task::yield_now().await;
            self.renew();
        }
        self.ready()
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, Stage::Token, "this source has no token"))
    }

    fn reject(&self, refused: &Token) {
        self.rejections.fetch_add(1, Ordering::SeqCst);
        let mut held = self.held();
        if self.manner != Manner::Stubborn && held.as_ref().is_some_and(|token| token.is_same(refused)) {
            *held = None;
        }
    }
}

impl fmt::Debug for TestSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSource")
            .field("manner", &self.manner)
            .field("renewals", &self.renewals())
            .field("rejections", &self.rejections())
            .finish_non_exhaustive()
    }
}
