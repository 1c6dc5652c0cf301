//! A tenant's part of the vault.

use std::fmt;
use std::sync::Arc;

use grantry_core::{AccountId, Error, GrantKey, InvalidName, ServiceName, Target, TenantId};

use super::guard::Asked;
use super::open::{Inner, about};
use super::{AccessTokenView, ClientView, GrantView, RecordVersion, Renewing, Stored};
use crate::access::{Object, Permission, Principal};
use crate::backend::{RecordKey, RecordKind, RecordPrefix};
use crate::records::{ClientRecord, Content, GrantRecord, Kept};
use crate::sealing::LineageId;
use crate::store::{Draft, Standing, StoreError};

/// One tenant's records, as one principal. It cannot name a record of another tenant: no method takes a tenant.
///
/// Names that break their rules are refused with `Configuration`. Every call may fail with `AccessDenied`,
/// `AuditUnavailable`, `Storage`, `KeyUnavailable`, `Damaged` or `Erased`; a write also with `Conflict`, after which
/// nothing was written. A future that is dropped may or may not have written.
#[derive(Clone)]
pub struct TenantVault {
    pub(super) inner: Arc<Inner>,
    pub(super) principal: Principal,
    tenant: TenantId,
    request: Option<Arc<str>>,
}

impl TenantVault {
    pub(super) fn new(inner: Arc<Inner>, principal: Principal, tenant: TenantId) -> Self {
        Self { inner, principal, tenant, request: None }
    }

    /// Whose part it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The same, and what is done through it is recorded with the caller's id of the request.
    #[must_use]
    pub fn for_request(&self, id: impl AsRef<str>) -> Self {
        Self { request: Some(id.as_ref().into()), ..self.clone() }
    }

    /// Keeps a client registration, in place of `over`; `None` where there is none yet. Needs `client.write`.
    ///
    /// # Errors
    /// `Conflict` where the registration is not (or no longer) the one that `over` names.
    pub async fn store_client(
        &self,
        service: impl AsRef<str>,
        client: ClientRecord,
        over: Option<&RecordVersion>,
    ) -> Result<RecordVersion, Error> {
        let service = name(ServiceName::new(service))?;
        let record = RecordKey::client(&self.tenant, &service);
        let asked = self.asked(Permission::ClientWrite, Some(&service), None, "client");
        let work = self.write(&record, over, None, Kept::Content(client));
        self.inner.guarded(asked, work).await
    }

    /// A client registration without its secrets. Needs `client.read`.
    ///
    /// # Errors
    /// As every call.
    pub async fn client(&self, service: impl AsRef<str>) -> Result<Option<Stored<ClientView>>, Error> {
        let service = name(ServiceName::new(service))?;
        let found = self.read_client(&service, Permission::ClientRead).await?;
        Ok(found.map(|stored| stored.map(|client| ClientView::of(service, &client))))
    }

    /// A client registration with its secrets. Needs `client.read_secret`, which no ready-made role has.
    ///
    /// # Errors
    /// As every call.
    pub async fn reveal_client(
        &self,
        service: impl AsRef<str>,
    ) -> Result<Option<Stored<ClientRecord>>, Error> {
        self.read_client(&name(ServiceName::new(service))?, Permission::ClientReadSecret).await
    }

    async fn read_client(
        &self,
        service: &ServiceName,
        permission: Permission,
    ) -> Result<Option<Stored<ClientRecord>>, Error> {
        let record = RecordKey::client(&self.tenant, service);
        let asked = self.asked(permission, Some(service), None, "client");
        self.inner.guarded(asked, self.read(&record)).await
    }

    /// Deletes a client registration, and leaves a tombstone. Needs `client.write`.
    ///
    /// # Errors
    /// As [`store_client`](TenantVault::store_client).
    pub async fn remove_client(&self, service: impl AsRef<str>, over: &RecordVersion) -> Result<(), Error> {
        let service = name(ServiceName::new(service))?;
        let record = RecordKey::client(&self.tenant, &service);
        let asked = self.asked(Permission::ClientWrite, Some(&service), None, "client");
        self.inner.guarded(asked, self.bury::<ClientRecord>(&record, over)).await
    }

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

    /// Client registrations without their secrets, at most `limit`, in the order of the services, after `after`. Needs
    /// `client.read` for the whole tenant.
    ///
    /// # Errors
    /// As [`grants`](TenantVault::grants).
    pub async fn clients(
        &self,
        after: Option<&ServiceName>,
        limit: usize,
    ) -> Result<Vec<Stored<ClientView>>, Error> {
        let after = after.map(|service| RecordKey::client(&self.tenant, service));
        let asked = self.asked(Permission::ClientRead, None, None, "client");
        let work = async {
            let found = self.list::<ClientRecord>(after, limit).await?;
            let views = found.into_iter().filter_map(|(record, stored)| {
                let service = ServiceName::new(record.service()?).ok()?;
                Some(stored.map(|client| ClientView::of(service, &client)))
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
        Ok(Renewing::new(self.clone(), service, account, attempt))
    }

    fn asked<'a>(
        &'a self,
        permission: Permission,
        service: Option<&'a ServiceName>,
        account: Option<&'a AccountId>,
        kind: &'static str,
    ) -> Asked<'a> {
        let object = Object { tenant: Some(&self.tenant), service, account };
        Asked { principal: &self.principal, permission, object, kind, request: self.request.as_deref() }
    }

    pub(super) fn grant_record(&self, service: &ServiceName, account: &AccountId) -> RecordKey {
        RecordKey::of_account(&self.tenant, RecordKind::Grant, service, account)
    }

    pub(super) async fn read<T: Content>(&self, record: &RecordKey) -> Result<Option<Stored<T>>, Error> {
        let found = self.inner.read::<T>(Some(&self.tenant), record).await.map_err(about(record))?;
        Ok(found.and_then(|(kept, standing)| match kept {
            Kept::Content(content) => Some(Stored::new(content, standing)),
            Kept::Tombstone(_) => None,
        }))
    }

    /// Writes in place of `over`. Where there should be nothing a tombstone may stand, whose line of versions goes on.
    pub(super) async fn write<T: Content>(
        &self,
        record: &RecordKey,
        over: Option<&RecordVersion>,
        line: Option<Line>,
        kept: Kept<T>,
    ) -> Result<RecordVersion, Error> {
        let write = async {
            let content = kept.encode();
            let keys = self.inner.keys(&self.tenant).await?;
            let buried = match over {
                Some(_) => None,
                None => self.tombstone::<T>(record).await?,
            };
            let over = over.map(|version| &version.0).or(buried.as_ref());
            let line = line.unwrap_or_else(|| self.line_of(over));
            let draft = Draft { lineage: line.id, generation: line.generation, content: content.as_bytes() };
            self.inner.store.write(record, &keys, over, draft).await
        };
        write.await.map(RecordVersion).map_err(about(record))
    }

    /// The tombstone that stands in a place, if one does.
    async fn tombstone<T: Content>(&self, record: &RecordKey) -> Result<Option<Standing>, StoreError> {
        let found = self.inner.read::<T>(Some(&self.tenant), record).await?;
        Ok(found.and_then(|(kept, standing)| matches!(kept, Kept::Tombstone(_)).then_some(standing)))
    }

    fn line_of(&self, over: Option<&Standing>) -> Line {
        match over {
            Some(over) => Line { id: over.stamp.lineage, generation: over.stamp.generation },
            None => Line { id: LineageId::generate(self.inner.store.entropy.as_ref()), generation: 0 },
        }
    }

    async fn bury<T: Content>(&self, record: &RecordKey, over: &RecordVersion) -> Result<(), Error> {
        let now = self.inner.store.backend.now().await;
        let now = now.map_err(|error| StoreError::from(error).into_error(record))?;
        self.write::<T>(record, Some(over), None, Kept::Tombstone(now)).await.map(drop)
    }

    async fn list<T: Content>(
        &self,
        mut after: Option<RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Stored<T>)>, Error> {
        let prefix = RecordPrefix::kind(&self.tenant, T::KIND);
        let mut keys = self.inner.keys(&self.tenant).await.map_err(about_tenant(&self.tenant))?;
        let mut found = Vec::new();
        while found.len() < limit {
            let page = self.inner.store.backend.list(&prefix, after.as_ref(), limit - found.len()).await;
            let page = page.map_err(|error| StoreError::from(error).into_error(&self.tenant))?;
            let (more, last) = (page.more, page.records.last().map(|(key, _)| key.clone()));
            for (record, stored) in page.records {
                let opened = self.inner.open_listed(&self.tenant, &record, &mut keys, stored).await;
                let opened = opened.map_err(about(&record))?;
                match Kept::<T>::decode(&opened.content).map_err(StoreError::from).map_err(about(&record))? {
                    Kept::Content(content) => {
                        found.push((record, Stored::new(content, opened.standing)));
                    }
                    Kept::Tombstone(_) => {}
                }
            }
            match last {
                Some(last) if more => after = Some(last),
                _ => break,
            }
        }
        Ok(found)
    }
}

/// Where a record stands in its line of descent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) id: LineageId,
    pub(super) generation: u64,
}

impl fmt::Debug for TenantVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantVault")
            .field("tenant", &self.tenant)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

fn about_tenant(tenant: &TenantId) -> impl FnOnce(StoreError) -> Error {
    let tenant = tenant.clone();
    move |error| error.into_error(tenant)
}

fn name<T>(checked: Result<T, InvalidName>) -> Result<T, Error> {
    checked.map_err(|error| Error::configuration(error.to_string()))
}

fn names(service: impl AsRef<str>, account: impl AsRef<str>) -> Result<(ServiceName, AccountId), Error> {
    Ok((name(ServiceName::new(service))?, name(AccountId::new(account))?))
}
