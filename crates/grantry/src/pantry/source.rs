//! A source as one principal holds it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{Clock, Error, ErrorKind, FurtherParameters, GrantKey, Stage, Token, TokenSource};
use grantry_vault::TenantVault;
use grantry_vault::access::Principal;

use super::entry::{Entry, State, closed};
use super::house::House;
use super::identity::TlsIdentity;
use super::permit::Permit;
use super::registration::MOST_AGE;

/// How many exchanges of a service one call sees through.
const MOST_EXCHANGES: u32 = 4;

/// A grant's tokens for one principal: a [`TokenSource`].
///
/// What the principal may do was decided when it was opened, and is decided anew after each change of the policy and when
/// a binding ends; a handle whose principal may not use the grant any more gives nothing out. Handles of all principals
/// share one source and one renewal.
pub struct StoredSource {
    house: Arc<House>,
    entry: Arc<Entry>,
    permit: Permit,
}

impl StoredSource {
    pub(super) async fn open(
        house: &Arc<House>,
        vault: TenantVault,
        principal: Principal,
        key: &GrantKey,
    ) -> Result<Arc<Self>, Error> {
        if house.is_closed() {
            return Err(closed());
        }
        let permit = Permit::ask(house, vault, principal, key).await?;
        let entry = house.open(key).await?;
        Ok(Arc::new(Self { house: Arc::clone(house), entry, permit }))
    }

    /// Whose grant it is.
    pub fn key(&self) -> &GrantKey {
        &self.entry.key
    }

    /// For whom it gives tokens out.
    pub fn principal(&self) -> &Principal {
        self.permit.principal()
    }

    /// What the server said beside the tokens, such as `instance_url`, as far as its facts say to keep it
    /// ([`kept_parameters`](grantry_core::AuthorizationServer::kept_parameters)): at the consent, and since then where a
    /// renewal's answer said it anew. Empty where there is no grant yet. It is read from the vault: ask once in a while, such
    /// as after a request that found nothing where it went, and not for each one. Needs `token.use`.
    ///
    /// It is the server's word and nobody has checked it: before a token goes to such a place, hold its host against what you
    /// know ([the manual](crate::manual::providers) shows how).
    ///
    /// # Errors
    /// Those of every call of the vault.
    pub async fn further_parameters(&self) -> Result<FurtherParameters, Error> {
        let stored = self.permit.vault().grant_in_use(self.key().service(), self.key().account()).await?;
        Ok(stored.map_or_else(FurtherParameters::default, |stored| stored.further.clone()))
    }

    /// The certificate that clients have to be built with that present its tokens, where the service has one (RFC 8705). It
    /// is another after the service was changed.
    pub fn identity(&self) -> Option<TlsIdentity> {
        match &**self.entry.state.load() {
            State::Live(live) => live.ready.resolved.identity.clone(),
            State::Gone(..) => None,
        }
    }
}

#[async_trait]
impl TokenSource for StoredSource {
    fn ready(&self) -> Option<Token> {
        if !self.permit.holds() {
            return None;
        }
        match &**self.entry.state.load() {
            State::Live(live) => live.source.ready(),
            State::Gone(..) => None,
        }
    }

    async fn token(&self) -> Result<Token, Error> {
        let mut exchanges = 0;
        loop {
            self.permit.renew().await?;
            let state = self.entry.state.load_full();
            let error = match &*state {
                State::Gone(_, since) if self.house.clock.now().since(*since) >= MOST_AGE => {
                    // Somebody may have stored it anew.
                    self.house.refresh(self.key().tenant(), self.key().service()).await?;
                    None
                }
                State::Gone(why, _) => return Err(why.clone()),
                State::Live(live) => match live.source.token().await {
                    // A policy that changed while it was waited for holds for this token too.
                    Ok(token) if self.permit.holds() => return Ok(token),
                    Ok(_) => None,
                    Err(error) => Some(error),
                },
            };
            exchanges += 1;
            let Some(error) = error else {
                if exchanges > MOST_EXCHANGES {
                    let fact = "policy or service were changed again and again while a token was asked for";
                    return Err(Error::new(ErrorKind::Conflict, Stage::Wait, fact));
                }
                continue;
            };
            let is_exchanged = !Arc::ptr_eq(&state, &self.entry.state.load());
            if !is_exchanged || exchanges > MOST_EXCHANGES || self.house.is_closed() {
                let was_shut_down = self.house.is_closed() && error.kind() == ErrorKind::Closed;
                return Err(if was_shut_down { closed() } else { error });
            }
        }
    }

    fn reject(&self, refused: &Token) {
        if let State::Live(live) = &**self.entry.state.load() {
            live.reject(refused);
        }
    }
}

impl fmt::Debug for StoredSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSource")
            .field("key", &self.entry.key)
            .field("principal", self.permit.principal())
            .finish_non_exhaustive()
    }
}
