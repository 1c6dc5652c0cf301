//! From a person's consent into the vault.

use grantry_authorization_code::Granted;
use grantry_core::{Clock, Error, Target};
use grantry_vault::{RecordVersion, TenantVault};

use crate::keep_token_set::keep_token_set;

/// Keeps what a person consented to as the grant of this service and account, in place of an earlier one. It begins a new
/// line of descent, so a renewal of the earlier one that is still under way does not come back. From here on `custody`
/// renews it.
///
/// Needs `grant.create`, and `grant.read` where there was a grant before. The tokens of the earlier grant are not revoked:
/// many servers would revoke the new ones with them.
///
/// # Errors
/// Of the vault. The tokens are still in `granted` then: keep them again, or revoke them.
pub async fn keep_granted(
    tenant: &TenantVault,
    service: &str,
    account: &str,
    granted: &Granted,
    clock: &dyn Clock,
) -> Result<RecordVersion, Error> {
    keep_token_set(tenant, service, account, &granted.token_set, Target::default(), clock).await
}
