//! The contestant's half of a race: what a worker's `main` calls.
//!
//! This folder stands alone (tokio, serde and serde_json, nothing of the house), so that workers outside this
//! workspace take it up by its path and every contestant is driven by the same loop.

mod callers;
mod commands;
mod presenting;
mod terms;

use std::error::Error;
use std::path::Path;

pub use commands::{Arguments, serve};
pub use presenting::Presenter;
pub use terms::{GrantSeed, Seed, Terms};

/// What a worker returns: whatever kept it from doing what it should.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// One way to keep refresh tokens in a folder that several processes share.
///
/// Only what is below the store's folder outlives the process. Callers run on the tokio runtime of
/// [`serve`], as many at once as the race has, and each call of [`token`](Self::token) is awaited to its end.
pub trait Contestant: Sized + Send + Sync + 'static {
    /// Lays the grants down in a store that is new, and empty but for `terms.json`.
    fn seed(store: &Path, seed: &Seed) -> impl Future<Output = Outcome<()>> + Send;

    /// Opens the store in this process. Others may have it open too.
    fn open(store: &Path, terms: &Terms) -> impl Future<Output = Outcome<Self>> + Send;

    /// A fit access token of a grant.
    fn token(&self, grant: &str) -> impl Future<Output = Outcome<String>> + Send;

    /// The resource answered 401 to a token that came from [`token`](Self::token).
    fn refused(&self, _grant: &str, _token: &str) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The callers are gone: settles what is under way.
    fn close(&self) -> impl Future<Output = Outcome<()>> + Send {
        async { Ok(()) }
    }

    /// The refresh tokens that the store holds, each with its grant; no process has the store open. A grant may
    /// come with several, and one without any may be left out.
    fn show(store: &Path, terms: &Terms) -> impl Future<Output = Outcome<Vec<(String, String)>>> + Send;
}
