//! Services whose tokens come of other tokens (RFC 8693).

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use grantry_core::{Error, ErrorKind, GrantKey, Stage, Token, TokenSource};
use grantry_refresh::ManagedSource;
use grantry_token_exchange::{SubjectTokens, TokenExchange, TokenType};
use grantry_vault::access::Principal;

use super::entry::closed;
use super::handles::{GrantName, TenantPantry};
use super::house::House;
use super::identity::TlsIdentity;
use super::parts::Parts;
use super::permit::Permit;
use super::registration::{Ready, Registration};
use super::service::Flow;

/// How many exchanges of a service one call sees through.
const MOST_CHANGES: u32 = 4;

/// A token that is to be exchanged for one of a service: made by [`TenantPantry::exchange`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Exchange {
    tenant: TenantPantry,
    name: GrantName,
    shown: Shown,
}

/// What is handed in.
#[derive(Debug, Clone)]
struct Shown {
    subject: Arc<dyn SubjectTokens>,
    actor: Option<(Arc<dyn SubjectTokens>, TokenType)>,
}

/// A service's tokens for one subject: a [`TokenSource`] that exchanges the subject's token when the one that it holds
/// expires.
///
/// What its principal may do is decided as it is for a [`StoredSource`](super::StoredSource). It stays valid when the
/// service changes.
pub struct ExchangedSource {
    house: Arc<House>,
    permit: Permit,
    registration: Arc<Registration>,
    shown: Shown,
    live: ArcSwap<Live>,
}

struct Live {
    ready: Arc<Ready>,
    source: Arc<ManagedSource>,
}

/// What kinds of tokens a service exchanges.
pub(super) struct TokenTypes {
    subject: TokenType,
    requested: Option<TokenType>,
}

impl TenantPantry {
    /// Exchanges a token for one of a service whose flow is `token_exchange` (RFC 8693): one that the application was sent,
    /// those of a source, or those of another service of the tenant. The name's account is whom it is for.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let client = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret");
    /// # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
    /// # let server = test.authorization_server()?;
    /// # use grantry::pantry::{Flow, Grantry, Service};
    /// # use grantry::vault::access::{AccessPolicy, Principal};
    /// # let gateway = |name: &str| Service::builder(name, server.clone()).client_id("gateway").secret("s3cret");
    /// # let pantry = Grantry::builder()
    /// #     .vault(grantry::vault::MemoryVault::new())
    /// #     .keys(grantry::vault::LocalKey::from_bytes(zeroize::Zeroizing::new([7; 32])))
    /// #     .lifeboat(grantry::custody::NoLifeboat)
    /// #     .access(AccessPolicy::sole(&Principal::workload("gateway")?))
    /// #     .services([gateway("crm").build()?, gateway("orders").flow(Flow::TokenExchange).build()?])
    /// #     .open()
    /// #     .await?;
    /// # let me = pantry.as_principal(Principal::workload("gateway")?);
    /// # me.create_tenant("acme").await?;
    /// # let acme = me.tenant("acme")?;
    /// # let came = acme.source("crm").await?.token().await?.expose().to_owned();
    /// use grantry::TokenSource;
    /// use grantry::token_exchange::{FromSource, SubjectToken};
    ///
    /// // A request came with a token. What it calls on behalf of its sender needs another one:
    /// let orders = acme.exchange(("orders", "ana"), SubjectToken::new(came)).source().await?;
    /// assert!(orders.token().await?.expires().is_some());
    ///
    /// // The tokens of another service, for as long as there are any:
    /// let crm = acme.source("crm").await?;
    /// let orders = acme.exchange("orders", FromSource::new(crm)).source().await?;
    /// assert!(orders.token().await?.expires().is_some());
    /// # pantry.shutdown().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Nothing is kept in the vault: each source has a token of its own, which ends with it.
    pub fn exchange(&self, name: impl Into<GrantName>, subject: impl SubjectTokens) -> Exchange {
        let shown = Shown { subject: Arc::new(subject), actor: None };
        Exchange { tenant: self.clone(), name: name.into(), shown }
    }
}

impl Exchange {
    /// Shows the token of who acts for the subject (delegation), and what that is.
    pub fn actor(self, actor: impl SubjectTokens, actor_token_type: TokenType) -> Self {
        let actor: Arc<dyn SubjectTokens> = Arc::new(actor);
        Self { shown: Shown { actor: Some((actor, actor_token_type)), ..self.shown }, ..self }
    }

    /// The source of what it is exchanged for. Needs `token.use` of the service; who may is decided and recorded now, and
    /// again after each change of the policy. Nothing is sent yet.
    ///
    /// # Errors
    /// `NotFound` and `Removed` where there is no such service, `AccessDenied`, `Configuration` where it is of another flow;
    /// and those of every call of the vault.
    pub async fn source(self) -> Result<Arc<ExchangedSource>, Error> {
        let Self { tenant, name, shown } = self;
        let key = tenant.key(&name)?;
        let TenantPantry { house, principal, vault } = tenant;
        if house.is_closed() {
            return Err(closed());
        }
        let permit = Permit::ask(&house, vault, principal, &key).await?;
        let ready = house.ready(key.tenant(), key.service()).await?;
        let registration = house.registration(&ready.key);
        let live = ArcSwap::from_pointee(Live::new(&key, ready, &shown)?);
        Ok(Arc::new(ExchangedSource { house, permit, registration, shown, live }))
    }
}

impl Live {
    fn new(key: &GrantKey, ready: Arc<Ready>, shown: &Shown) -> Result<Self, Error> {
        let grant = Arc::new(exchange(key, &ready, shown)?);
        let source = ManagedSource::new(key.clone(), grant, &ready.profile);
        Ok(Self { ready, source })
    }
}

/// The grant, as the service describes it.
fn exchange(key: &GrantKey, ready: &Ready, shown: &Shown) -> Result<TokenExchange, Error> {
    let parts = &ready.resolved.parts;
    if parts.flow != Flow::TokenExchange {
        let fact = format!(
            "nothing is exchanged for tokens of {}: its flow is {}",
            key.service(),
            parts.flow.as_str()
        );
        return Err(Error::configuration(fact));
    }
    let TokenTypes { subject, requested } = TokenTypes::of(parts)?;
    let grant = TokenExchange::builder(ready.endpoint.clone(), Arc::clone(&shown.subject), subject)
        .scopes(parts.scopes.clone())
        .key(key.clone());
    let grant = parts.resources.iter().fold(grant, |grant, resource| grant.resource(resource));
    let grant = parts.audience.iter().fold(grant, |grant, audience| grant.audience(audience));
    let grant =
        parts.parameters.iter().fold(grant, |grant, (name, value)| grant.parameter(name, value.as_str()));
    let grant = requested.into_iter().fold(grant, |grant, requested| grant.requested_token_type(requested));
    let grant = match &shown.actor {
        Some((actor, kind)) => grant.actor(Arc::clone(actor), kind.clone()),
        None => grant,
    };
    grant.build()
}

impl TokenTypes {
    /// # Errors
    /// `Configuration` for what is no type, and for one that no source gives out.
    pub(super) fn of(parts: &Parts) -> Result<Self, Error> {
        let subject = parts.subject_token_type.as_ref().map(TokenType::new).transpose()?;
        let requested = parts.requested_token_type.as_ref().map(TokenType::new).transpose()?;
        if requested.as_ref().is_some_and(TokenType::is_no_access_token) {
            return Err(Error::configuration(
                "the token type that is asked for is not one to present to an API, as tokens of services are: ask for an \
                 access token, or use `grantry::token_exchange` by itself",
            ));
        }
        Ok(Self { subject: subject.unwrap_or(TokenType::ACCESS_TOKEN), requested })
    }
}

impl ExchangedSource {
    /// Of which service, and for whom.
    pub fn key(&self) -> &GrantKey {
        self.permit.key()
    }

    /// For whom it gives tokens out.
    pub fn principal(&self) -> &Principal {
        self.permit.principal()
    }

    /// As [`StoredSource::identity`](super::StoredSource::identity).
    pub fn identity(&self) -> Option<TlsIdentity> {
        self.live.load().ready.resolved.identity.clone()
    }

    /// What it is made of now. A token that it held of a service that has changed since is given out no more.
    async fn current(&self) -> Result<Arc<Live>, Error> {
        let key = self.key();
        let ready = self.house.ready(key.tenant(), key.service()).await?;
        let live = self.live.load_full();
        if Arc::ptr_eq(&live.ready, &ready) {
            return Ok(live);
        }
        let live = Arc::new(Live::new(key, ready, &self.shown)?);
        self.live.store(Arc::clone(&live));
        Ok(live)
    }

    /// Whether the vault has another registration of the client than the one that was refused.
    async fn has_changed(&self, refused: &Live) -> bool {
        let key = self.key();
        self.house.refresh(key.tenant(), key.service()).await.is_ok()
            && self.registration.known().is_some_and(|known| !Arc::ptr_eq(&known, &refused.ready))
    }
}

#[async_trait]
impl TokenSource for ExchangedSource {
    fn ready(&self) -> Option<Token> {
        let live = self.live.load();
        let is_current = self.registration.known().is_some_and(|known| Arc::ptr_eq(&known, &live.ready));
        if is_current && self.permit.holds() { live.source.ready() } else { None }
    }

    async fn token(&self) -> Result<Token, Error> {
        if let Some(token) = self.ready() {
            return Ok(token);
        }
        for _ in 0..MOST_CHANGES {
            self.permit.renew().await?;
            if self.house.is_closed() {
                return Err(closed());
            }
            let live = self.current().await?;
            match live.source.token().await {
                // A policy that changed while it was waited for holds for this token too.
                Ok(token) if self.permit.holds() => return Ok(token),
                Ok(_) => {}
                Err(_) if self.house.is_closed() => return Err(closed()),
                // Somebody may have stored another secret.
                Err(error) if error.kind() == ErrorKind::InvalidClient => {
                    if !self.has_changed(&live).await {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let fact = "policy or service were changed again and again while a token was asked for";
        Err(Error::new(ErrorKind::Conflict, Stage::Wait, fact))
    }

    fn reject(&self, refused: &Token) {
        self.live.load().source.reject(refused);
    }
}

impl fmt::Debug for ExchangedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangedSource").field("permit", &self.permit).finish_non_exhaustive()
    }
}
