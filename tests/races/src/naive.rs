//! The contestant that the driver brings along: a worker without any care, as a first draft would be. It proves
//! that the driver sees losses.
//!
//! One file for each grant. Whoever finds the access token expired renews it and writes the file, and never asks
//! whether somebody else does the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantry_core::{Attempt, AuthorizationServer, Clock, SystemClock};
use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, TokenEndpoint, TokenRequest};
use serde::{Deserialize, Serialize};

use crate::worker::{Contestant, Outcome, Seed, Terms};

/// Keeps each grant in a file and renews it when its access token has expired.
pub struct Naive {
    store: PathBuf,
    endpoint: TokenEndpoint,
    clock: SystemClock,
}

impl std::fmt::Debug for Naive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Naive").field("store", &self.store).finish_non_exhaustive()
    }
}

/// A grant's file.
#[derive(Serialize, Deserialize)]
struct Held {
    refresh_token: String,
    access_token: String,
    /// On the boot clock, which the processes of one machine share, in nanoseconds.
    expires: u64,
}

impl Held {
    fn read(store: &Path, grant: &str) -> Outcome<Self> {
        Ok(serde_json::from_slice(&fs::read(file(store, grant))?)?)
    }

    fn write(&self, store: &Path, grant: &str) -> Outcome<()> {
        Ok(fs::write(file(store, grant), serde_json::to_vec(self)?)?)
    }
}

fn file(store: &Path, grant: &str) -> PathBuf {
    store.join(format!("{grant}.json"))
}

impl Contestant for Naive {
    async fn seed(store: &Path, seed: &Seed) -> Outcome<()> {
        for grant in &seed.grants {
            let refresh_token = grant.refresh_token.clone();
            Held { refresh_token, access_token: String::new(), expires: 0 }.write(store, &grant.name)?;
        }
        Ok(())
    }

    async fn open(store: &Path, terms: &Terms) -> Outcome<Self> {
        let server = AuthorizationServer::builder(&terms.token_endpoint).issuer(&terms.issuer).build()?;
        let secret = ClientAuthentication::secret_basic(terms.client_secret.as_str());
        let client = Client::new(terms.client_id.as_str(), secret)?;
        let endpoint = TokenEndpoint::new(server, client, Arc::new(HttpTransport::new()?))?;
        Ok(Self { store: store.to_owned(), endpoint, clock: SystemClock::new() })
    }

    async fn token(&self, grant: &str) -> Outcome<String> {
        let held = Held::read(&self.store, grant)?;
        if self.clock.now().as_nanos() < held.expires {
            return Ok(held.access_token);
        }
        let request = TokenRequest::new("refresh_token").parameter("refresh_token", &held.refresh_token);
        let renewed = self.endpoint.request(request, Attempt::first()).await;
        let renewed = renewed.map_err(|failure| failure.error.to_string())?;
        let held = Held {
            refresh_token: renewed
                .refresh_token()
                .map_or(held.refresh_token, |token| token.expose().to_owned()),
            access_token: renewed.token().expose().to_owned(),
            expires: renewed.token().expires().map_or(u64::MAX, |at| at.as_nanos()),
        };
        held.write(&self.store, grant)?;
        Ok(held.access_token)
    }

    async fn show(store: &Path, terms: &Terms) -> Outcome<Vec<(String, String)>> {
        // A file that was cut off in the midst holds nothing.
        let held = terms.names.iter().filter_map(|grant| Some((grant, Held::read(store, grant).ok()?)));
        Ok(held.map(|(grant, held)| (grant.clone(), held.refresh_token)).collect())
    }
}
