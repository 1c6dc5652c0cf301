//! Keeping what a person's consent brought.

use std::sync::Arc;

use grantry_core::{Error, TokenSet};

use super::handles::{GrantName, TenantPantry};
use crate::keep_token_set::keep_token_set;

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
        let target = ready.resolved.target.clone();
        let (service, account) = (key.service(), key.account());
        keep_token_set(&self.vault, service, account, consent, target, &*self.house.clock).await?;
        let open = self.house.entry(&key);
        if let Some(entry) = open {
            entry.begin_anew(&self.house, &Arc::clone(&ready));
        }
        Ok(())
    }
}
