//! Sources by key.

use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use grantry_core::{GrantKeyRef, Token, TokenSource};
use hashbrown::DefaultHashBuilder;

use crate::ManagedSource;
use crate::near::Near;
use crate::table::Table;

/// How many parts the directory is split in, so that writers stop few readers.
const PARTS: usize = 64;

/// How many sources a part holds before keys come near: a smaller directory fits into the processor's caches whole.
const FEW: usize = 4;

/// Finds a source by tenant, service and account, among a million as among ten.
///
/// A look-up hashes the three names, takes one shared lock for its part of the table, and allocates nothing. In a
/// directory of many sources the keys that are asked for most come near: [`ready`](Self::ready) finds those without
/// a lock, and with what it reads in one place.
///
/// ```
/// # use std::sync::Arc;
/// # use async_trait::async_trait;
/// # use grantry_core::{AccessToken, Attempt, Clock, Failure, Grant, GrantKey, SystemClock, TokenSet};
/// # use grantry_refresh::{ManagedSource, Profile, Scheduler};
/// # #[derive(Debug)] struct MadeUp;
/// # #[async_trait] impl Grant for MadeUp {
/// #     async fn obtain(&self, _: Attempt<'_>) -> Result<TokenSet, Failure> {
/// #         Ok(TokenSet::builder(AccessToken::new("abc"), SystemClock::new().now()).build().unwrap())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let profile = Profile::builder("https://as.example.com/token", "crm", &Scheduler::new()).build();
/// # let source = ManagedSource::new(GrantKey::new("acme", "crm", "user-17")?, Arc::new(MadeUp), &profile);
/// use grantry_core::{GrantKeyRef, TokenSource};
/// use grantry_refresh::Directory;
///
/// let directory = Directory::new();
/// directory.insert(source);
/// let key = GrantKeyRef { tenant: "acme", service: "crm", account: "user-17" };
/// let token = match directory.ready(key) {
///     Some(token) => token,
///     // The first caller of all gets here, and hardly anybody after it.
///     None => directory.find(key).ok_or("nobody has consented")?.token().await?,
/// };
/// assert!(directory.ready(key).is_some_and(|at_hand| at_hand.is_same(&token)));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Directory {
    /// Seeded anew in every process, so that nobody can prepare names that collide.
    hasher: DefaultHashBuilder,
    parts: Box<[Part]>,
    /// Present once there are many sources.
    near: OnceLock<Arc<Near>>,
}

/// Each in cache lines of its own, because even a reader writes into its lock.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(RwLock<Table>);

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        let parts = (0..PARTS).map(|_| Part::default()).collect();
        Self { hasher: DefaultHashBuilder::default(), parts, near: OnceLock::new() }
    }

    /// Puts a source in under its own key, and returns the one that was there.
    pub fn insert(&self, source: Arc<ManagedSource>) -> Option<Arc<ManagedSource>> {
        let hash = self.hasher.hash_one(source.key().as_key_ref());
        let mut part = self.part(hash)?.0.write().unwrap_or_else(PoisonError::into_inner);
        let there = part.find_mut(hash, |there| there.key() == source.key());
        match there {
            Some(there) => {
                self.turn_out(hash, there);
                Some(std::mem::replace(there, source))
            }
            None => {
                part.insert(hash, source, |source| self.hasher.hash_one(source.key().as_key_ref()));
                if part.len() > FEW {
                    self.near.get_or_init(Near::new);
                }
                None
            }
        }
    }

    /// The source of this key. A key that was asked for often through [`ready`](Self::ready) comes near here.
    pub fn find(&self, key: GrantKeyRef<'_>) -> Option<Arc<ManagedSource>> {
        let hash = self.hasher.hash_one(key);
        self.with(hash, key, |source| {
            if let Some(near) = self.near.get().filter(|near| near.wants(hash)) {
                source.come_near(near, hash);
            }
            Arc::clone(source)
        })
    }

    /// A token of this key's source, if one is at hand: like `find` and then `ready`, without counting a
    /// reference to the source.
    ///
    /// `None` sends the caller to [`find`](Self::find) and the source's `token`. Once in a while it does so with a
    /// token at hand, where the key is asked for so often that it should come near, because that allocates.
    pub fn ready(&self, key: GrantKeyRef<'_>) -> Option<Token> {
        let hash = self.hasher.hash_one(key);
        let near = self.near.get();
        let place = near.and_then(|near| near.find(hash, key));
        if let Some(nearby) = place.as_deref().and_then(Option::as_ref)
            && let Some(token) = nearby.ready()
        {
            return Some(token.clone());
        }
        let far = near.filter(|_| place.is_none());
        self.with(hash, key, |source| {
            // What threads share stays in its source, which has a copy for each.
            if far.is_some_and(|near| !source.is_shared() && near.count(hash)) {
                return None;
            }
            source.ready()
        })?
    }

    /// Takes a source out.
    pub fn remove(&self, key: GrantKeyRef<'_>) -> Option<Arc<ManagedSource>> {
        let hash = self.hasher.hash_one(key);
        let mut part = self.part(hash)?.0.write().unwrap_or_else(PoisonError::into_inner);
        let source = part.remove(hash, |source| key.matches(source.key()))?;
        self.turn_out(hash, &source);
        Some(source)
    }

    /// How many sources it holds.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.0.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All sources, in no order; one part is locked at a time, so sources that come or go meanwhile may be
    /// missed.
    pub fn sources(&self) -> Vec<Arc<ManagedSource>> {
        let mut all = Vec::new();
        for part in &self.parts {
            all.extend(part.0.read().unwrap_or_else(PoisonError::into_inner).iter().map(Arc::clone));
        }
        all
    }

    /// Under the lock of the source's part, so that no source comes near after it was taken out.
    fn turn_out(&self, hash: u64, source: &Arc<ManagedSource>) {
        if let Some(near) = self.near.get() {
            near.turn_out(hash, source);
        }
    }

    fn with<T>(
        &self,
        hash: u64,
        key: GrantKeyRef<'_>,
        look: impl FnOnce(&Arc<ManagedSource>) -> T,
    ) -> Option<T> {
        let part = self.part(hash)?.0.read().unwrap_or_else(PoisonError::into_inner);
        part.find(hash, |source| key.matches(source.key())).map(look)
    }

    /// By the upper bits: the table inside uses the lower ones.
    fn part(&self, hash: u64) -> Option<&Part> {
        #[allow(clippy::cast_possible_truncation, reason = "only six bits are left")]
        let number = (hash >> 48) as usize % PARTS;
        self.parts.get(number)
    }
}
