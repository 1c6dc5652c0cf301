//! The `oauth2` crate, which makes the requests and leaves keeping the tokens to its user.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    ClientId, ClientSecret, EndpointNotSet, EndpointSet, RefreshToken, RequestTokenError, TokenResponse,
    TokenUrl,
};
use reqwest_0_12 as reqwest;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::files::{self, Lock, Sync};
use crate::worker::{Contestant, Outcome, Seed, Terms};

/// How long before its expiry a token is renewed: the way to the resource.
const MARGIN: Duration = Duration::from_millis(100);

/// How long a token request may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// How careful the person was.
pub(crate) trait Manner: Send + std::marker::Sync + 'static {
    const LOCKS: bool = false;
    const EMPTIES: bool = false;
}

/// No thought of other processes.
pub(crate) enum Unlocked {}

/// The same, and `invalid_grant` empties what is stored.
pub(crate) enum Empties {}

/// A lock for each grant, held from reading to writing.
pub(crate) enum Flock {}

impl Manner for Unlocked {}

impl Manner for Empties {
    const EMPTIES: bool = true;
}

impl Manner for Flock {
    const LOCKS: bool = true;
}

/// A file for each grant, and one renewal of each grant at a time in this process.
pub(crate) struct ByHand<M> {
    store: PathBuf,
    client: Client,
    http: reqwest::Client,
    renewing: HashMap<String, Mutex<()>>,
    manner: PhantomData<M>,
}

/// A grant's file.
#[derive(Serialize, Deserialize)]
struct Held {
    /// None after it was emptied.
    refresh_token: Option<String>,
    access_token: Option<String>,
    /// In milliseconds of Unix time.
    expires_at: u64,
}

impl Held {
    fn read(store: &Path, grant: &str) -> Outcome<Self> {
        let bytes = files::read(&files::path(store, grant, "json"))?.ok_or("there is no such grant")?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn write(&self, store: &Path, grant: &str, sync: Sync) -> Outcome<()> {
        Ok(files::replace(&files::path(store, grant, "json"), &serde_json::to_vec(self)?, sync)?)
    }

    fn fit(&self) -> Option<String> {
        let ends = self.expires_at.saturating_sub(millis(MARGIN));
        self.access_token.clone().filter(|_| now() < ends)
    }
}

fn now() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<M: Manner> ByHand<M> {
    const SYNC: Sync = if M::LOCKS { Sync::Yes } else { Sync::No };

    /// Renews what was read, and writes what came.
    async fn renew(&self, grant: &str, held: Held) -> Outcome<String> {
        let spent = held.refresh_token.ok_or("the user has to log in again")?;
        let asked_at = now();
        let renewed = self
            .client
            .exchange_refresh_token(&RefreshToken::new(spent.clone()))
            .request_async(&self.http)
            .await;
        let renewed = match renewed {
            Ok(renewed) => renewed,
            Err(RequestTokenError::ServerResponse(answer)) => {
                if M::EMPTIES && *answer.error() == BasicErrorResponseType::InvalidGrant {
                    let empty = Held { refresh_token: None, access_token: None, expires_at: 0 };
                    empty.write(&self.store, grant, Self::SYNC)?;
                }
                return Err(answer.error().to_string().into());
            }
            // Its text may hold the answer's body.
            Err(RequestTokenError::Parse(error, _)) => return Err(error.to_string().into()),
            Err(error) => return Err(error.to_string().into()),
        };
        let access_token = renewed.access_token().secret().clone();
        let held = Held {
            // Without a new one the old one goes on (RFC 6749 section 6).
            refresh_token: Some(renewed.refresh_token().map_or(spent, |token| token.secret().clone())),
            access_token: Some(access_token.clone()),
            expires_at: renewed
                .expires_in()
                .map_or(u64::MAX, |lifetime| asked_at.saturating_add(millis(lifetime))),
        };
        held.write(&self.store, grant, Self::SYNC)?;
        Ok(access_token)
    }
}

impl<M: Manner> Contestant for ByHand<M> {
    async fn seed(store: &Path, seed: &Seed) -> Outcome<()> {
        for grant in &seed.grants {
            let refresh_token = Some(grant.refresh_token.clone());
            Held { refresh_token, access_token: None, expires_at: 0 }.write(
                store,
                &grant.name,
                Self::SYNC,
            )?;
        }
        Ok(())
    }

    async fn open(store: &Path, terms: &Terms) -> Outcome<Self> {
        let client = BasicClient::new(ClientId::new(terms.client_id.clone()))
            .set_client_secret(ClientSecret::new(terms.client_secret.clone()))
            .set_token_uri(TokenUrl::new(terms.token_endpoint.clone())?);
        let http = reqwest::ClientBuilder::new()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        let renewing = terms.names.iter().map(|name| (name.clone(), Mutex::new(()))).collect();
        Ok(Self { store: store.to_owned(), client, http, renewing, manner: PhantomData })
    }

    async fn token(&self, grant: &str) -> Outcome<String> {
        if let Some(token) = Held::read(&self.store, grant)?.fit() {
            return Ok(token);
        }
        let _alone = self.renewing.get(grant).ok_or("there is no such grant")?.lock().await;
        let _lock = match M::LOCKS {
            true => Some(Lock::take(files::path(&self.store, grant, "lock")).await?),
            false => None,
        };
        // Somebody may have renewed it while this one waited.
        let held = Held::read(&self.store, grant)?;
        match held.fit() {
            Some(token) => Ok(token),
            None => self.renew(grant, held).await,
        }
    }

    async fn show(store: &Path, terms: &Terms) -> Outcome<Vec<(String, String)>> {
        let held = terms.names.iter().map(|name| Ok((name, Held::read(store, name)?.refresh_token)));
        let held: Vec<_> = held.collect::<Outcome<_>>()?;
        Ok(held.into_iter().filter_map(|(name, token)| Some((name.clone(), token?))).collect())
    }
}
