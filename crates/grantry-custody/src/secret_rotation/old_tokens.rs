//! Access tokens that were obtained with an old secret.

use std::sync::Arc;

use grantry_core::{Error, ErrorKind, GrantKey, Stage, StoreTime, TenantId};
use grantry_vault::audit::Outcome;
use grantry_vault::{GrantRecord, GrantState, GrantView, Renewing, Stored, StoredAccessToken, TenantVault};

use super::SecretStep;
use crate::custody::Shared;
use crate::revocation::{NoRevocation, Revoked, Revoker, in_time};
use crate::stored_grant::standing;

/// How many grants are listed at once.
const PAGE: usize = 256;
/// How many times a grant that others write at the same moment is read again.
const MOST_CONFLICTS: u32 = 4;

#[derive(Debug, Default)]
struct Count {
    revoked: usize,
    unsupported: usize,
    failed: usize,
    unknown: usize,
}

impl Shared {
    /// Revokes the access tokens of a service's grants that were obtained before a moment, and takes them out of the
    /// records, so that the next call renews.
    pub(super) async fn revoke_old_tokens(
        self: &Arc<Self>,
        tenant: &TenantId,
        service: &str,
        before: StoreTime,
    ) -> Result<SecretStep, Error> {
        let vault = self.vault.tenant(tenant.as_str());
        let vault = vault.map_err(|error| Error::configuration(error.to_string()))?;
        let mut count = Count::default();
        let mut after = None;
        loop {
            let page = vault.grants_to_renew(after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, view) in page {
                let Ok(view) = view else { continue };
                let living = if lives_here(view.state) { living(&view) } else { 0 };
                if living == 0 || key.service() != service {
                    continue;
                }
                match self.services.of(&key) {
                    Some(service) => {
                        let revoker = service.revoker.unwrap_or_else(|| Arc::new(NoRevocation));
                        self.revoke_old_tokens_of(&vault, &key, revoker.as_ref(), before, &mut count).await;
                    }
                    None => count.unknown += living,
                }
            }
            if is_last {
                let Count { revoked, unsupported, failed, unknown } = count;
                return Ok(SecretStep::OldTokensRevoked { revoked, unsupported, failed, unknown });
            }
        }
    }

    async fn revoke_old_tokens_of(
        &self,
        vault: &TenantVault,
        key: &GrantKey,
        revoker: &dyn Revoker,
        before: StoreTime,
        count: &mut Count,
    ) {
        let Ok(renewing) = vault.renew(key.service(), key.account()).await else {
            count.failed += 1;
            return;
        };
        let done = revoke(&renewing, revoker, before, count).await;
        renewing.finish(match done {
            Ok(()) => Outcome::ok(),
            Err(error) => {
                count.failed += 1;
                Outcome::failed(error.kind().as_str())
            }
        });
    }
}

async fn revoke(
    renewing: &Renewing,
    revoker: &dyn Revoker,
    before: StoreTime,
    count: &mut Count,
) -> Result<(), Error> {
    for _ in 0..MOST_CONFLICTS {
        let Some(stored) = renewing.grant().await? else { return Ok(()) };
        let now = stored.version.read_at();
        let is_old = |kept: &StoredAccessToken| {
            kept.obtained < before && kept.expires.is_none_or(|expires| now < expires)
        };
        let (old, others): (Vec<_>, Vec<_>) = stored.access_tokens().iter().partition(|kept| is_old(kept));
        // With some servers an access token takes its refresh token along: the grant is to live on.
        if stored.refresh_token().is_some() && !revoker.spares_refresh_tokens() {
            count.unsupported += old.len();
            return Ok(());
        }
        let standing = standing(&stored)?;
        // In doubt the access token is what bridges the time until the last chance.
        if standing.intent.is_some() || standing.outstanding.is_some() || standing.is_in_doubt() {
            count.failed += old.len();
            return Ok(());
        }
        let mut left: GrantRecord = stored.value.clone().without_access_tokens();
        let mut found = Count::default();
        let mut kept = others;
        for old in old {
            match in_time(revoker.revoke_access_token(&old.token)).await {
                Ok(Revoked::AtServer) => {
                    found.revoked += 1;
                    continue;
                }
                Ok(Revoked::Unsupported) => found.unsupported += 1,
                Err(_) => found.failed += 1,
            }
            kept.push(old);
        }
        left = kept.into_iter().cloned().fold(left, GrantRecord::with_access_token);
        if found.revoked > 0 {
            match renewing.store(left, &stored.version, stored.version.generation()).await {
                Ok(_) => {}
                // What is revoked is still in the record; the first who uses it renews.
                Err(error) if error.kind() == ErrorKind::Conflict => continue,
                Err(error) => return Err(error),
            }
        }
        count.revoked += found.revoked;
        count.unsupported += found.unsupported;
        count.failed += found.failed;
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, Stage::Revoke, "others keep writing the grant's record"))
}

/// How many of its access tokens have not expired.
fn living(view: &Stored<GrantView>) -> usize {
    let now = view.version.read_at();
    view.access_tokens.iter().filter(|(_, expires)| expires.is_none_or(|expires| now < expires)).count()
}

fn lives_here(state: GrantState) -> bool {
    !matches!(state, GrantState::Revoked | GrantState::Moved)
}
