//! Deleting a grant without a word to the server.

use grantry_core::{Error, Event, GrantKey};
use grantry_vault::TenantVault;

use super::{RevocationReport, RevokedPart, StepOutcome};
use crate::custody::Shared;

impl Shared {
    /// Deletes it as `by`, and names what lives on.
    pub(super) async fn delete(&self, by: &TenantVault, key: &GrantKey) -> Result<RevocationReport, Error> {
        let deleted = by.delete_grant(key.service(), key.account()).await?;
        // Whoever was revoking it has nothing left to do.
        self.queue.remove(key);
        let mut report = RevocationReport::new(key.clone());
        report.deleted = true;
        let Some(deleted) = deleted else { return Ok(report) };
        for _ in 0..deleted.other_refresh_tokens {
            report.add(RevokedPart::OtherRefreshToken, StepOutcome::NotAsked);
        }
        if deleted.has_refresh_token {
            report.add(RevokedPart::RefreshToken, StepOutcome::NotAsked);
        }
        let now = deleted.version.read_at();
        let live =
            deleted.access_tokens.iter().filter(|(_, expires)| expires.is_none_or(|expires| now < expires));
        for (target, _) in live {
            report.add(RevokedPart::AccessToken(target.clone()), StepOutcome::NotAsked);
        }
        report.add(RevokedPart::Record, StepOutcome::Revoked);
        self.tell(&Event::revoked(key.clone(), report.is_revoked_at_server()));
        Ok(report)
    }
}
