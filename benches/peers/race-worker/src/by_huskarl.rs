//! `huskarl`: its own source, cache and renewal for each grant, over a refresh-token store of files.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use huskarl::cache::{
    GrantTokenSource, InMemoryTokenCache, NoSource, RefreshTokenStore, TokenError, TokenSource,
};
use huskarl::core::client_auth::ClientSecret;
use huskarl::core::dpop::ResourceServerDPoP;
use huskarl::core::platform::MaybeSendBoxFuture;
use huskarl::core::secrets::{ProvidedSecret, SecretString};
use huskarl::core::time::{Clock, Timer};
use huskarl::core::{EndpointUrl, Error, RetryAdvice};
use huskarl::grant::core::TokenResponse;
use huskarl::grant::refresh::RefreshGrant;
use huskarl::token::RefreshToken;
use huskarl_reqwest::ReqwestClient;

use crate::files::{self, Lock, Sync};
use crate::worker::{Contestant, Outcome, Seed, Terms};

/// Whether acquisitions are coordinated among processes.
pub(crate) trait Manner: Send + std::marker::Sync + 'static {
    const LOCKS: bool;
}

/// As the guide on caching has it.
pub(crate) enum Plain {}

/// Read, exchange and write under a lock outside of the source, as the page on sharing a store asks for.
pub(crate) enum Coordinated {}

impl Manner for Plain {
    const LOCKS: bool = false;
}

impl Manner for Coordinated {
    const LOCKS: bool = true;
}

/// A cache for each grant.
pub(crate) struct ByHuskarl<M> {
    caches: HashMap<String, InMemoryTokenCache<Source>>,
    manner: PhantomData<M>,
}

/// The refresh token of one grant, in its own wire form.
struct FileStore {
    path: PathBuf,
    sync: Sync,
}

impl RefreshTokenStore for FileStore {
    fn get(&self) -> MaybeSendBoxFuture<'_, Result<Option<RefreshToken>, Error>> {
        Box::pin(async {
            let bytes = files::read(&self.path).map_err(failed)?;
            bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(failed)).transpose()
        })
    }

    fn set<'a>(&'a self, token: &'a RefreshToken) -> MaybeSendBoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            let bytes = serde_json::to_vec(token).map_err(failed)?;
            files::replace(&self.path, &bytes, self.sync).map_err(failed)
        })
    }

    fn clear(&self) -> MaybeSendBoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            }
        })
    }
}

fn failed(cause: impl std::error::Error + Send + std::marker::Sync + 'static) -> Error {
    Error::new(RetryAdvice::No, cause)
}

/// The crate's source, with a lock around each acquisition if there is one.
struct Source {
    inner: GrantTokenSource<RefreshGrant, FileStore>,
    lock: Option<PathBuf>,
}

impl TokenSource for Source {
    fn token(&self) -> MaybeSendBoxFuture<'_, Result<Arc<TokenResponse>, TokenError>> {
        Box::pin(async {
            let _lock = match &self.lock {
                Some(path) => Some(Lock::take(path.clone()).await.map_err(failed).map_err(TokenError::from)?),
                None => None,
            };
            self.inner.token().await
        })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn timer(&self) -> Arc<dyn Timer> {
        self.inner.timer()
    }

    fn resource_server_dpop(&self) -> &dyn ResourceServerDPoP {
        self.inner.resource_server_dpop()
    }

    fn has_pending_token(&self) -> bool {
        self.inner.has_pending_token()
    }

    fn clear(&self) -> MaybeSendBoxFuture<'_, Result<(), Error>> {
        self.inner.clear()
    }
}

impl<M: Manner> ByHuskarl<M> {
    fn files(store: &Path, grant: &str) -> FileStore {
        let sync = if M::LOCKS { Sync::Yes } else { Sync::No };
        FileStore { path: files::path(store, grant, "json"), sync }
    }
}

impl<M: Manner> Contestant for ByHuskarl<M> {
    async fn seed(store: &Path, seed: &Seed) -> Outcome<()> {
        for grant in &seed.grants {
            let token = RefreshToken::new(SecretString::new(&grant.refresh_token), None);
            Self::files(store, &grant.name).set(&token).await?;
        }
        Ok(())
    }

    async fn open(store: &Path, terms: &Terms) -> Outcome<Self> {
        let http = ReqwestClient::from(reqwest::Client::builder().no_proxy().build()?);
        let url: EndpointUrl = terms.token_endpoint.parse()?;
        let secret = ClientSecret::new(ProvidedSecret::new(SecretString::new(&terms.client_secret)));
        let grant = RefreshGrant::builder()
            .client_id(&terms.client_id)
            .client_auth(secret)
            .http_client(http)
            .issuer(&terms.issuer)
            .token_endpoint(url)
            .build();
        let cache = |name: &String| {
            let source = GrantTokenSource::builder()
                .grant(grant.clone())
                .grant_parameters(NoSource)
                .refresh_store(Self::files(store, name))
                .build();
            let lock = M::LOCKS.then(|| files::path(store, name, "lock"));
            (name.clone(), InMemoryTokenCache::builder().source(Source { inner: source, lock }).build())
        };
        Ok(Self { caches: terms.names.iter().map(cache).collect(), manner: PhantomData })
    }

    async fn token(&self, grant: &str) -> Outcome<String> {
        let cache = self.caches.get(grant).ok_or("there is no such grant")?;
        let token = cache.token().await.map_err(|error| chain(&error))?;
        Ok(token.access_token().token().expose_secret().to_owned())
    }

    /// What the crate's own authorizer does at a challenge with `invalid_token`.
    async fn refused(&self, grant: &str, _token: &str) {
        if let Some(cache) = self.caches.get(grant) {
            cache.invalidate();
        }
    }

    async fn show(store: &Path, terms: &Terms) -> Outcome<Vec<(String, String)>> {
        let mut shown = Vec::new();
        for name in &terms.names {
            if let Some(token) = Self::files(store, name).get().await? {
                shown.push((name.clone(), token.token().expose_secret().to_owned()));
            }
        }
        Ok(shown)
    }
}

/// The error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
