//! Opening grants that nobody has asked for, to finish what was left of them.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Error, GrantKey, Rotation, TenantId};

use crate::custody::{Custody, Shared};
use crate::grant::CustodyGrant;

/// How many tenants are listed at once.
const PAGE: usize = 256;
/// How long an opener may take at least: it may ask a server for its metadata.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// An opener did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TookTooLong;

/// Knows how to renew any grant of the vault, also one that nobody has opened in this process.
///
/// A process that dies may leave a renewal half done. Whoever has the grant open finishes it. A program that opens grants when they
/// are asked for gives custody an opener, so that a grant nobody asks for is finished too: where the server repeats a lost answer
/// for a while, that cannot wait.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_core::{Grant, GrantKey};
/// # use grantry_endpoint::{Client, ClientAuthentication, RefreshTokenRedemption, TokenEndpoint};
/// # use grantry_vault::access::{AccessPolicy, Principal};
/// # use grantry_vault::{LocalKey, MemoryVault, SealedVault};
/// # let registered = grantry_testkit::RegisteredClient::with_secret("crm", "s3cret");
/// # let test = grantry_testkit::TestServer::builder().client(registered).build();
/// # let me = Principal::workload("billing")?;
/// # let key = LocalKey::from_bytes(zeroize::Zeroizing::new([7; 32]));
/// # let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
/// # let client = Client::new("crm", ClientAuthentication::secret_basic("s3cret"))?;
/// # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
/// # let redemption: Arc<dyn Grant> = Arc::new(RefreshTokenRedemption::new(endpoint));
/// use async_trait::async_trait;
/// use grantry_custody::{Custody, CustodyGrant, NoLifeboat, Opener};
///
/// /// One client, whose grants are all renewed in the same way.
/// struct SameForAll {
///     custody: Custody,
///     redemption: Arc<dyn Grant>,
/// }
///
/// #[async_trait]
/// impl Opener for SameForAll {
///     async fn open(&self, key: &GrantKey) -> Option<Arc<CustodyGrant>> {
///         let grant = self.custody.grant(key.clone(), Arc::clone(&self.redemption));
///         grant.build().ok().map(Arc::new)
///     }
/// }
///
/// let custody = Custody::builder(&vault, NoLifeboat).open().await?;
/// custody.finish_with(SameForAll { custody: custody.clone(), redemption });
/// # custody.close().await;
/// # vault.close().await?;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Opener: Send + Sync + 'static {
    /// The grant under that key, ready to be renewed; `None` where this process cannot renew it. It is held until what was
    /// left of it is finished. Dropping the future gives up nothing: one that has not answered by the time of the next
    /// look, at least 10 seconds, is dropped, and the grant is asked for again later.
    async fn open(&self, key: &GrantKey) -> Option<Arc<CustodyGrant>>;
}

impl Custody {
    /// Also finishes what was left of grants that nobody opens here, in all tenants: at once, as after a restart, and then
    /// as often as the tenants are looked at whose grants are open. Another opener takes the place of the first.
    ///
    /// Each of these looks reads all records of the vault once. Where that takes a second the next comes after a hundred, and
    /// so on up to an hour. The opener is held until custody is [closed](Custody::close).
    pub fn finish_with(&self, opener: impl Opener) {
        *self.0.opener() = Some(Arc::new(opener));
        self.0.looking.look_at_all();
    }

    /// Has it look often enough for the grants of a server that does this with used refresh tokens, though none of them has been
    /// opened here yet: what a process that died had sent can be asked for again inside the server's window only.
    pub fn look_in_time_for(&self, rotation: Rotation) {
        self.0.looking.note(rotation);
    }
}

impl Shared {
    /// The tenants whose grants this process can finish: all, where somebody opens them, or those of which something is open.
    pub(crate) async fn tenants_within_reach(&self) -> Result<Vec<TenantId>, Error> {
        if self.opener().is_none() { Ok(self.services.tenants()) } else { self.all_tenants().await }
    }

    /// All tenants of the vault.
    pub(crate) async fn all_tenants(&self) -> Result<Vec<TenantId>, Error> {
        let (mut tenants, mut after) = (Vec::new(), None);
        loop {
            let page = self.vault.tenants_to_renew(after.as_ref(), PAGE).await?;
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => return Ok(tenants),
            }
            tenants.extend(page);
        }
    }

    pub(crate) fn opener(&self) -> MutexGuard<'_, Option<Arc<dyn Opener>>> {
        self.opener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A grant that nobody has opened here, opened; none once custody is being closed.
    ///
    /// # Errors
    /// The opener has not answered by the time of the next look.
    pub(crate) async fn opened_for(&self, key: &GrantKey) -> Result<Option<Arc<CustodyGrant>>, TookTooLong> {
        let Some(opener) = self.opener().clone() else { return Ok(None) };
        tokio::select! {
            biased;
            () = self.tasks.closing() => Ok(None),
            opened = opener.open(key) => Ok(opened),
            () = tokio::time::sleep(self.looking.pause().max(LEAST_PATIENCE)) => Err(TookTooLong),
        }
    }
}
