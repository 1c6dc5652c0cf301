//! A stored grant, as a grant.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use grantry_core::{
    Attempt, Error, ErrorKind, Event, Failure, Grant, GrantKey, RefreshRate, Rotation, Stage, Target,
    Timestamp, TokenSet,
};
use grantry_endpoint::DpopKey;
use grantry_vault::{LineageId, TenantVault};
use tokio::sync::oneshot;

use crate::attention::Attention;
use crate::custody::Shared;
use crate::keepsake::Keepsake;
use crate::lifetimes::Lifetimes;
use crate::protocol::{Asked, Redemption, Replaced, Terms};
use crate::revocation::Revoker;
use crate::services::Service;
use crate::usage::Meter;
use crate::voyage::Voyage;

/// A grant whose tokens are kept in a vault: it wraps the grant that redeems them.
///
/// Each [`obtain`](Grant::obtain) sends at most one token request, and none where another replica has brought a newer
/// token already, or is about to. What it returns holds no refresh token; what the server said beside the tokens is in the
/// record ([`GrantHealth::further`](crate::GrantHealth)). Whoever asks may go away: what was sent is brought home all the same.
///
/// The wrapped grant is handed the refresh token by [`Attempt::redeeming`]; without one (a client's own grant) it is asked
/// plainly, and what it brings is shared by all replicas.
pub struct CustodyGrant(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) custody: Arc<Shared>,
    pub(crate) vault: TenantVault,
    pub(crate) key: GrantKey,
    pub(crate) target: Target,
    pub(crate) inner: Arc<dyn Grant>,
    pub(crate) terms: Terms,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) revoker: Option<Arc<dyn Revoker>>,
    /// What tokens are bound to, where no record holds it.
    pub(crate) dpop_key: Option<DpopKey>,
    /// When the client got its secret, where the vault does not keep it.
    pub(crate) secret_changed: Option<Timestamp>,
    /// Uses that the record does not tell of yet.
    pub(crate) meter: Meter,
    /// What a store that goes back would lose.
    pub(crate) keepsake: Keepsake,
    /// Since when it has been looked at.
    pub(crate) attention: Attention,
    /// Whether somebody resolves its doubts at this moment.
    pub(crate) resolves: AtomicBool,
    /// The token that was given out last: a source does not keep what the record says of it.
    given: Mutex<Option<Given>>,
}

/// A token that was given out.
#[derive(Clone, Copy)]
struct Given {
    serial: u64,
    generation: u64,
    lineage: LineageId,
    /// The first that was given out of this line of descent: serials go up.
    first: u64,
}

/// Builds a [`CustodyGrant`].
#[must_use]
pub struct CustodyGrantBuilder {
    custody: Arc<Shared>,
    key: GrantKey,
    inner: Arc<dyn Grant>,
    target: Target,
    terms: Terms,
    rate: Option<RefreshRate>,
    lifetimes: Lifetimes,
    revoker: Option<Arc<dyn Revoker>>,
    dpop_key: Option<DpopKey>,
    secret_changed: Option<Timestamp>,
}

impl CustodyGrantBuilder {
    pub(crate) fn new(custody: Arc<Shared>, key: GrantKey, inner: Arc<dyn Grant>) -> Self {
        let terms = Terms::of(Rotation::UNKNOWN);
        Self {
            custody,
            key,
            inner,
            target: Target::default(),
            terms,
            rate: None,
            lifetimes: Lifetimes::default(),
            revoker: None,
            dpop_key: None,
            secret_changed: None,
        }
    }

    /// What the server does with used refresh tokens; the strictest if left out. The times are chosen to fit it.
    pub fn rotation(self, rotation: Rotation) -> Self {
        Self { terms: Terms { rate: self.terms.rate, ..Terms::of(rotation) }, ..self }
    }

    /// How often the server lets one refresh token be used: all replicas together use it no more often, but where an answer that
    /// was lost has to be asked for again inside the server's window. `None` leaves it to [`terms`](Self::terms); not bounded if
    /// neither says it.
    pub fn refresh_rate(self, rate: Option<RefreshRate>) -> Self {
        Self { rate, ..self }
    }

    /// The rotation and all times, where the chosen ones do not do. A [`refresh_rate`](Self::refresh_rate) that is said besides
    /// takes the place of theirs, whichever is said first.
    pub fn terms(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// What its access tokens are for, where that is not the whole grant.
    pub fn target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// How long the provider lets refresh tokens live; for forecasts, and for saying why one was refused.
    pub fn lifetimes(self, lifetimes: Lifetimes) -> Self {
        Self { lifetimes, ..self }
    }

    /// Who revokes tokens at the server: a [`RevocationEndpoint`](grantry_endpoint::RevocationEndpoint). Left out, it is
    /// taken for a server that cannot.
    pub fn revoker(self, revoker: impl Revoker) -> Self {
        Self { revoker: Some(Arc::new(revoker)), ..self }
    }

    /// The key in an HSM or a KMS that its tokens are bound to (RFC 9449). A key that was made here is kept in the record, and
    /// need not be named.
    pub fn dpop_key(self, key: DpopKey) -> Self {
        Self { dpop_key: Some(key), ..self }
    }

    /// When the client got its secret, where the vault does not keep it: a refusal that follows may come of that.
    pub fn secret_changed(self, at: Option<Timestamp>) -> Self {
        Self { secret_changed: at, ..self }
    }

    /// Checks the terms. The record need not be there yet.
    ///
    /// # Errors
    /// `Configuration` where the times do not fit the server's window, or the tenant's name breaks its rules.
    pub fn build(self) -> Result<CustodyGrant, Error> {
        let custody = Arc::clone(&self.custody);
        let inner = self.build_unregistered()?;
        let service = Service { revoker: inner.revoker.clone(), lifetimes: inner.lifetimes };
        custody.services.note(&inner.key, service);
        custody.looking.note(inner.terms.rotation);
        custody.register(&inner);
        Ok(CustodyGrant(inner))
    }

    pub(crate) fn build_unregistered(self) -> Result<Arc<Inner>, Error> {
        self.terms.check().map_err(|error| Error::configuration(error.to_string()))?;
        let vault = self.custody.vault.tenant(self.key.tenant());
        let vault = vault.map_err(|error| Error::configuration(error.to_string()))?;
        Ok(Arc::new(Inner {
            custody: Arc::clone(&self.custody),
            vault,
            key: self.key,
            target: self.target,
            inner: self.inner,
            terms: Terms { rate: self.rate.or(self.terms.rate), ..self.terms },
            lifetimes: self.lifetimes,
            revoker: self.revoker,
            dpop_key: self.dpop_key,
            secret_changed: self.secret_changed,
            meter: Meter::default(),
            keepsake: Keepsake::default(),
            attention: Attention::default(),
            resolves: AtomicBool::new(false),
            given: Mutex::default(),
        }))
    }
}

impl CustodyGrant {
    /// Whose it is.
    pub fn key(&self) -> &GrantKey {
        &self.0.key
    }

    /// Tells of so many uses that no call of [`obtain`](Grant::obtain) stands for: a source that gives out the token that
    /// it holds. They are counted in memory, and written with the next renewal.
    pub fn used(&self, times: u64) {
        self.0.meter.used(times, self.0.custody.clock.wall());
    }
}

#[async_trait]
impl Grant for CustodyGrant {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        self.used(1);
        let asked = Asked {
            attempt: self.0.custody.new_attempt(),
            replacing: attempt.replacing().and_then(|held| self.0.replaced(held)),
            resolves: false,
        };
        let (sender, reply) = oneshot::channel();
        let replacing = attempt.replacing().cloned();
        let inner = Arc::clone(&self.0);
        let task = async move {
            match Voyage::prepare(Arc::clone(&inner), replacing, Some(sender)).await {
                Ok(voyage) => {
                    let release_aboard = inner.custody.releases_aboard();
                    let end = voyage.sail(Redemption::begin(asked, inner.terms, release_aboard)).await;
                    inner.resolve_after(end);
                }
                Err((error, Some(sender))) => drop(sender.send(Err(Failure::unsent(error)))),
                Err((_, None)) => {}
            }
        };
        if !self.0.custody.tasks.spawn(task) {
            return Err(Failure::unsent(closed()));
        }
        reply.await.unwrap_or_else(|_| Err(Failure::unknown(closed())))
    }
}

impl Inner {
    /// What is known of a token that is to be replaced. What is not known may be replaced by whatever is stored, and so may what
    /// came of an earlier consent.
    fn replaced(&self, held: &TokenSet) -> Option<Replaced> {
        let given = *self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let serial = held.token().serial();
        if given.is_some_and(|given| serial < given.first) {
            return None;
        }
        let lineage = given.filter(|given| serial <= given.serial).map(|given| given.lineage);
        let given = given.filter(|given| given.serial == serial);
        let generation = Some(held.generation()).filter(|generation| *generation > 0);
        let generation = generation.or(given.map(|given| given.generation))?;
        Some(Replaced { generation, lineage })
    }

    /// A token set is about to be given out.
    pub(crate) fn gives(&self, set: &TokenSet, lineage: LineageId) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let serial = set.token().serial();
        let before = given.filter(|before| before.lineage == lineage);
        let first = before.map_or(serial, |before| before.first.min(serial));
        *given = Some(Given { serial, generation: set.generation(), lineage, first });
    }

    /// Whether the server does not mind a refresh token that is used twice.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.terms.rotation, Rotation::None | Rotation::KeepOld)
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.custody.tell(event);
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, Stage::Wait, "custody was closed")
}

impl fmt::Debug for CustodyGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustodyGrant")
            .field("key", &self.0.key)
            .field("terms", &self.0.terms)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CustodyGrantBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustodyGrantBuilder").field("key", &self.key).finish_non_exhaustive()
    }
}
