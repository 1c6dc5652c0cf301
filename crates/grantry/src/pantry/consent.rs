//! Keeping what a person's consent brought.

use std::sync::Arc;

use grantry_core::{AccessToken, Binding, Clock, Error, ErrorKind, Instant, StoreTime, TokenSet};
use grantry_vault::{GrantRecord, StoredAccessToken, StoredBinding};

use super::handles::{GrantName, TenantPantry};

/// How many times a grant that others write at the same moment is read again.
const MOST_CONFLICTS: u32 = 4;

impl TenantPantry {
    /// Keeps what a person's consent brought, as a flow returned it, in the place of an earlier consent if there is one.
    /// Open handles go on with it. Needs `grant.create` and `grant.read`.
    ///
    /// The tokens of the earlier consent are not revoked: with some servers that would take the new ones along.
    ///
    /// # Errors
    /// `NotFound` where there is no such service; those of every call of the vault. Nothing was kept then, and the tokens
    /// are still alive at the server.
    pub async fn keep_consent(&self, name: impl Into<GrantName>, consent: &TokenSet) -> Result<(), Error> {
        let key = self.key(&name.into())?;
        let ready = self.house.ready(key.tenant(), key.service()).await?;
        // Read in this order, so that on the store's clock nothing lives longer than it does here.
        let store_now = self.vault.now().await?;
        let (wall, now) = (self.house.clock.wall(), self.house.clock.now());
        let mut record = GrantRecord::new(wall);
        if let Some(refresh_token) = consent.refresh_token() {
            record = record.with_refresh_token(refresh_token.clone(), wall);
        }
        let token = consent.token();
        let stored = |at: Instant| on_store(at, now, store_now);
        let mut access = StoredAccessToken::new(
            ready.resolved.target.clone(),
            AccessToken::new(token.expose()),
            stored(consent.obtained()),
        )
        .granted(token.scope().clone())
        .bound(match token.binding() {
            Binding::Proof(_) => StoredBinding::Proof,
            Binding::Certificate(certificate) => StoredBinding::Certificate(*certificate),
            _ => StoredBinding::Bearer,
        });
        if let Some(expires) = token.expires() {
            access = access.expiring(stored(expires));
        }
        record = record.with_key_of(token.binding()).with_access_token(access);
        let mut conflicts = 0;
        loop {
            let before = self.vault.grant(key.service(), key.account()).await?;
            let over = before.as_ref().map(|stored| &stored.version);
            match self.vault.replace_grant(key.service(), key.account(), record.clone(), over).await {
                Err(error) if error.kind() == ErrorKind::Conflict && conflicts < MOST_CONFLICTS => {
                    conflicts += 1
                }
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        let open = self.house.entry(&key);
        if let Some(entry) = open {
            entry.begin_anew(&self.house, &Arc::clone(&ready));
        }
        Ok(())
    }
}

/// A moment of this process on the store's clock, where both were read just now.
fn on_store(at: Instant, now: Instant, store_now: StoreTime) -> StoreTime {
    if at >= now { store_now.after(at.since(now)) } else { store_now.before(now.since(at)) }
}
