//! A tenant's grants.

use grantry_core::{AccountId, Error, GrantKey, ServiceName, Target};

use super::tenant::{Line, names};
use super::{AccessTokenView, GrantView, RecordVersion, Renewing, Stored, TenantVault};
use crate::access::Permission;
use crate::backend::RecordKey;
use crate::records::{GrantRecord, Kept};
use crate::sealing::LineageId;

impl TenantVault {
    /// Keeps a new grant, which begins a new line of descent. Needs `grant.create`.
    ///
    /// # Errors
    /// `Conflict` where there is a grant already.
    pub async fn create_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
        grant: GrantRecord,
    ) -> Result<RecordVersion, Error> {
        self.replace_grant(service, account, grant, None).await
    }

    /// Keeps a new grant in place of one that stands, as after a new consent; `None` where there is none. It begins a
    /// new line of descent: whatever of the old one is still under way is not accepted any more. Needs `grant.create`.
    ///
    /// # Errors
    /// `Conflict` where the grant is not (or no longer) the one that `over` names.
    pub async fn replace_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
        grant: GrantRecord,
        over: Option<&RecordVersion>,
    ) -> Result<RecordVersion, Error> {
        let (service, account) = names(service, account)?;
        let record = self.grant_record(&service, &account);
        let asked = self.asked(Permission::GrantCreate, Some(&service), Some(&account), "grant");
        let line = Line { id: LineageId::generate(self.inner.store.entropy.as_ref()), generation: 0 };
        let work = self.write(&record, over, Some(line), Kept::Content(grant));
        self.inner.guarded(asked, work).await
    }

    /// A grant without its tokens. Needs `grant.read`.
    ///
    /// # Errors
    /// As every call.
    pub async fn grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<Option<Stored<GrantView>>, Error> {
        let (service, account) = names(service, account)?;
        let key = GrantKey::from_parts(&self.tenant, &service, &account);
        let found = self.read_grant(&service, &account, Permission::GrantRead, "grant").await?;
        Ok(found.map(|stored| stored.map(|grant| GrantView::of(key, &grant))))
    }

    /// The access token that is kept for a target, expired or not. Needs `token.use`.
    ///
    /// # Errors
    /// As every call.
    pub async fn access_token(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
        target: &Target,
    ) -> Result<Option<Stored<AccessTokenView>>, Error> {
        let (service, account) = names(service, account)?;
        let found = self.read_grant(&service, &account, Permission::TokenUse, "access_token").await?;
        Ok(found.and_then(|Stored { value, version }| {
            let value = AccessTokenView::of(value.access_token(target)?);
            Some(Stored { value, version })
        }))
    }

    /// A grant with its tokens. Needs `token.read_refresh`, which no ready-made role has.
    ///
    /// # Errors
    /// As every call.
    pub async fn reveal_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<Option<Stored<GrantRecord>>, Error> {
        let (service, account) = names(service, account)?;
        self.read_grant(&service, &account, Permission::TokenReadRefresh, "refresh_token").await
    }

    async fn read_grant(
        &self,
        service: &ServiceName,
        account: &AccountId,
        permission: Permission,
        kind: &'static str,
    ) -> Result<Option<Stored<GrantRecord>>, Error> {
        let record = self.grant_record(service, account);
        let asked = self.asked(permission, Some(service), Some(account), kind);
        self.inner.guarded(asked, self.read(&record)).await
    }

    /// Deletes a grant, and leaves a tombstone: nothing that is still under way brings it back. Revoke its tokens at the
    /// server first. Needs `grant.revoke`.
    ///
    /// # Errors
    /// As [`replace_grant`](TenantVault::replace_grant).
    pub async fn remove_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
        over: &RecordVersion,
    ) -> Result<(), Error> {
        let (service, account) = names(service, account)?;
        let record = self.grant_record(&service, &account);
        let asked = self.asked(Permission::GrantRevoke, Some(&service), Some(&account), "grant");
        self.inner.guarded(asked, self.bury::<GrantRecord>(&record, over)).await
    }

    /// Grants without their tokens, at most `limit`, in the order of service and account, after `after`. Needs
    /// `grant.read` for the whole tenant.
    ///
    /// # Errors
    /// As every call; `Damaged` for the first record that is refused, which names it.
    pub async fn grants(
        &self,
        after: Option<&GrantKey>,
        limit: usize,
    ) -> Result<Vec<Stored<GrantView>>, Error> {
        let after = after.map(RecordKey::grant);
        let asked = self.asked(Permission::GrantRead, None, None, "grant");
        let work = async {
            let found = self.list::<GrantRecord>(after, limit).await?;
            let views = found.into_iter().filter_map(|(record, stored)| {
                let key = record.as_grant_key()?;
                Some(stored.map(|grant| GrantView::of(key, &grant)))
            });
            Ok(views.collect())
        };
        self.inner.guarded(asked, work).await
    }

    /// Begins a renewal: one decision and one intent for all that it reads and writes, and one outcome. Needs
    /// `grant.renew`, which only `system:renewal` has by itself.
    ///
    /// # Errors
    /// As every call.
    pub async fn renew(&self, service: impl AsRef<str>, account: impl AsRef<str>) -> Result<Renewing, Error> {
        let (service, account) = names(service, account)?;
        let asked = self.asked(Permission::GrantRenew, Some(&service), Some(&account), "grant");
        let attempt = self.inner.begin(asked).await?;
        Renewing::begin(self.clone(), service, &account, attempt).await
    }
}
