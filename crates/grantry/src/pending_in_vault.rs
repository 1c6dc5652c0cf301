//! Pending authorizations in a tenant's part of the vault.

use std::time::Duration;

use async_trait::async_trait;
use grantry_authorization_code::{PendingAuthorizations, PendingKey, PendingStoreError};
use grantry_vault::TenantVault;
use zeroize::Zeroizing;

/// Keeps pending authorizations sealed in a tenant's part of the vault, so that any replica can finish them: each is taken
/// out once, by compare-and-swap, and another tenant finds none of them.
///
/// What nobody finishes is removed by the vault's rotation, or by [`TenantVault::sweep_pending`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # use grantry::authorization_code::{AuthorizationCode, Callback};
/// # use grantry::vault::access::{AccessPolicy, Principal};
/// # use grantry::vault::{LocalKey, MemoryVault, SealedVault};
/// # let callback = "https://app.example.com/callback";
/// # let registered = grantry_testkit::RegisteredClient::with_secret("app", "s3cret").redirect_uri(callback);
/// # let test = grantry_testkit::TestServer::builder().client(registered).build();
/// # let client = grantry::Client::new("app", grantry::ClientAuthentication::secret_basic("s3cret"))?;
/// # let server = test.authorization_server()?;
/// # let endpoint = grantry::TokenEndpoint::new(server, client, Arc::new(test.transport()))?;
/// # let crm = AuthorizationCode::builder(endpoint, callback).scope("contacts.read").build()?;
/// # let user_agent = crm.user_agent();
/// # let folder = tempfile::tempdir()?;
/// # let me = Principal::workload("app")?;
/// # let key = LocalKey::generate(folder.path().join("grantry.key"))?;
/// # let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
/// # let mine = vault.as_principal(me);
/// # mine.create_tenant("acme").await?;
/// # let acme = mine.tenant("acme")?;
/// use std::sync::Arc;
///
/// use grantry::PendingInVault;
/// use grantry::authorization_code::AuthorizationCodes;
///
/// let replica = || {
///     let pending = PendingInVault::new(acme.clone());
///     AuthorizationCodes::new(Arc::new(pending), [("crm", crm.clone())])
/// };
/// let (one, another) = (replica()?, replica()?);
/// let location = one.begin("crm", &user_agent).await?.into_location()?;
/// # let back = test.visit(&location).await.ok_or("nobody came back")?;
///
/// // The browser comes back, to any of them:
/// let (name, granted) = another.finish(&user_agent, &Callback::from_url(&back)?).await?;
/// assert_eq!((name, granted.scope().as_str()), ("crm", "contacts.read"));
/// # vault.close().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PendingInVault(TenantVault);

impl PendingInVault {
    /// In this tenant's part, as its principal, who needs `grant.create` for the whole tenant.
    pub fn new(tenant: TenantVault) -> Self {
        Self(tenant)
    }
}

fn unusable(error: grantry_core::Error) -> PendingStoreError {
    PendingStoreError::Unusable(error.to_string())
}

#[async_trait]
impl PendingAuthorizations for PendingInVault {
    async fn keep(
        &self,
        key: PendingKey,
        pending: Zeroizing<Vec<u8>>,
        lifetime: Duration,
    ) -> Result<(), PendingStoreError> {
        self.0.keep_pending(key.to_string(), pending, lifetime).await.map_err(unusable)
    }

    async fn take(&self, key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
        self.0.take_pending(key.to_string()).await.map_err(unusable)
    }
}
