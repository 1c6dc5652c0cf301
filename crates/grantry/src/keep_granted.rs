//! From a person's consent into the vault.

use grantry_authorization_code::Granted;
use grantry_core::{AccessToken, Clock, Error, ErrorKind, Stage, Target};
use grantry_vault::{GrantRecord, RecordVersion, StoredAccessToken, TenantVault};

/// How often another writer may come first.
const ATTEMPTS: usize = 8;

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
    let (tokens, wall) = (&granted.token_set, clock.wall());
    // Read in this order, so that on the store's clock nothing is younger, and nothing lives longer, than it does here.
    let (store, now) = (tenant.now().await?, clock.now());
    let token = tokens.token();
    let obtained = store.before(now.since(tokens.obtained()));
    let access_token = AccessToken::new(token.expose());
    let mut kept =
        StoredAccessToken::new(Target::default(), access_token, obtained).granted(token.scope().clone());
    if let Some(expires) = token.expires() {
        kept = kept.expiring(store.after(expires.since(now)));
    }
    let mut record = GrantRecord::new(wall).with_access_token(kept);
    if let Some(refresh_token) = tokens.refresh_token() {
        record = record.with_refresh_token(refresh_token.clone(), wall);
    }
    let mut last = Error::new(ErrorKind::Conflict, Stage::Vault, "others keep writing the grant");
    let mut over = None;
    for _ in 0..ATTEMPTS {
        match tenant.replace_grant(service, account, record.clone(), over.as_ref()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => last = error,
            outcome => return outcome,
        }
        over = tenant.grant(service, account).await?.map(|stored| stored.version);
    }
    Err(last)
}
