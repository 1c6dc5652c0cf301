//! From a token answer into the vault, as a grant of its own.

use grantry_core::{AccessToken, Clock, Error, ErrorKind, Stage, Target, TokenSet};
use grantry_vault::{GrantRecord, RecordVersion, StoredAccessToken, TenantVault};

/// How often another writer may come first: each time it has got what it wanted, so this only bounds a store that is out of
/// its mind.
const ATTEMPTS: usize = 1_000;

/// Keeps a token set as the grant of this service and account, in place of an earlier one, with what it is bound to and what
/// the server said beside it.
///
/// # Errors
/// Of the vault. Nothing was kept then.
pub(crate) async fn keep_token_set(
    tenant: &TenantVault,
    service: &str,
    account: &str,
    tokens: &TokenSet,
    target: Target,
    clock: &dyn Clock,
) -> Result<RecordVersion, Error> {
    let wall = clock.wall();
    // Read in this order, so that on the store's clock nothing is younger, and nothing lives longer, than it does here.
    let (store, now) = (tenant.now().await?, clock.now());
    let token = tokens.token();
    let obtained = store.before(now.since(tokens.obtained()));
    let access_token = AccessToken::new(token.expose());
    let mut kept = StoredAccessToken::new(target, access_token, obtained)
        .granted(token.scope().clone())
        .bound(token.binding().into());
    if let Some(expires) = token.expires() {
        kept = kept.expiring(store.after(expires.since(now)));
    }
    let mut record = GrantRecord::new(wall)
        .with_key_of(token.binding())
        .with_access_token(kept)
        .with_further(tokens.further().clone());
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
