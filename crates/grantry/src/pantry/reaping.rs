//! Grants that nobody uses.

use std::time::Duration;

use grantry_core::Error;
use grantry_custody::Reaped;

use super::handles::TenantPantry;

impl TenantPantry {
    /// Finds the grants that nobody used for so long, and revokes them unless it is a dry run, which lists them alone.
    /// [`GrantryBuilder::reap_unused`](super::GrantryBuilder::reap_unused) does it each day. Needs `grant.read` for the whole tenant,
    /// and `grant.revoke` unless it is a dry run. See [`Custody::reap`](grantry_custody::Custody::reap) for what counts as a use.
    ///
    /// Dropping the future leaves the rest as it is; what was stopped is revoked nevertheless.
    ///
    /// # Errors
    /// Those of every call of the vault, where the grants cannot be listed.
    pub async fn reap(&self, unused_for: Duration, dry_run: bool) -> Result<Vec<Reaped>, Error> {
        // What this process knows of uses is not written yet.
        self.house.tell_uses();
        self.house.custody.reap(&self.vault, unused_for, dry_run).await
    }
}
