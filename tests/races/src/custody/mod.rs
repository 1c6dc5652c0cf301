//! The contestant of the house: grants in a vault, renewed by custody. Every part is used as an application would, with an account
//! of when answers came and were kept.
//!
//! The store's folder holds the key file, the lifeboats of the processes, and the vault itself where it is SQLite.

mod account;
mod keeping;
mod renewing;
mod vault;

use std::path::Path;
use std::time::Duration;

use grantry_core::TokenSource;
use grantry_custody::{Custody, FolderLifeboat};
use grantry_refresh::Scheduler;
use grantry_vault::SealedVault;

use crate::worker::{Contestant, Outcome, Seed, Terms};
use account::{Account, NotingLifeboat};
use keeping::{LIFEBOATS, SEAT_BYTES, SEATS};
use renewing::Sources;
use vault::Backend;

/// Between two tries to open the store, and how many there are: 20 s.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 400;

/// Keeps grants in a vault, and renews them by custody: on SQLite in the store's folder, or on the server that the
/// terms name.
#[derive(Debug)]
pub struct Grantry {
    backend: Backend,
    vault: SealedVault,
    custody: Custody,
    schedulers: Vec<Scheduler>,
    sources: Sources,
}

impl Contestant for Grantry {
    async fn seed(store: &Path, seed: &Seed) -> Outcome<()> {
        keeping::lay_down(store, seed).await
    }

    /// A server that is just being started again is waited for, as whoever starts processes would.
    async fn open(store: &Path, terms: &Terms) -> Outcome<Self> {
        for _ in 0..LOOKS {
            if let Ok(opened) = Self::open_now(store, terms).await {
                return Ok(opened);
            }
            tokio::time::sleep(LOOK).await;
        }
        Self::open_now(store, terms).await
    }

    async fn token(&self, grant: &str) -> Outcome<String> {
        let source = self.sources.get(grant).ok_or("there is no such grant")?;
        match source.source.token().await {
            Ok(token) => {
                let text = token.expose().to_owned();
                source.gave(token);
                Ok(text)
            }
            Err(error) => Err(renewing::whole(&error).into()),
        }
    }

    async fn refused(&self, grant: &str, token: &str) {
        if let Some(source) = self.sources.get(grant) {
            source.refused(token);
        }
    }

    async fn close(&self) -> Outcome<()> {
        for scheduler in &self.schedulers {
            scheduler.shutdown().await;
        }
        self.custody.close().await;
        self.vault.close().await?;
        self.backend.close().await;
        Ok(())
    }

    async fn show(store: &Path, terms: &Terms) -> Outcome<Vec<(String, String)>> {
        keeping::show(store, terms).await
    }
}

impl Grantry {
    async fn open_now(store: &Path, terms: &Terms) -> Outcome<Self> {
        let backend = Backend::open(store, terms).await?;
        let vault = keeping::open(store, &backend).await?;
        let lifeboat =
            FolderLifeboat::builder(store.join(LIFEBOATS)).seats(SEATS).seat_bytes(SEAT_BYTES).open()?;
        let account = Account::open(terms.account.as_deref())?;
        let lifeboat = NotingLifeboat { inner: lifeboat, account: account.clone() };
        let custody = Custody::builder(&vault, lifeboat).open().await?;
        let schedulers = renewing::schedulers(terms);
        let sources = renewing::sources(&custody, &schedulers, terms, &account)?;
        Ok(Self { backend, vault, custody, schedulers, sources })
    }
}
