//! A tenant's part of the vault.

use std::fmt;
use std::sync::Arc;

use grantry_core::{AccountId, Error, InvalidName, ServiceName, TenantId};

use super::guard::Asked;
use super::open::{Inner, about};
use super::{RecordVersion, Stored};
use crate::access::{Object, Permission, Principal};
use crate::backend::{RecordKey, RecordKind, RecordPrefix};
use crate::records::{Content, Kept};
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
    pub(super) tenant: TenantId,
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

    pub(super) fn asked<'a>(
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

    pub(super) async fn bury<T: Content>(
        &self,
        record: &RecordKey,
        over: &RecordVersion,
    ) -> Result<(), Error> {
        let now = self.inner.store.backend.now().await;
        let now = now.map_err(|error| StoreError::from(error).into_error(record))?;
        self.write::<T>(record, Some(over), None, Kept::Tombstone(now)).await.map(drop)
    }

    pub(super) async fn list<T: Content>(
        &self,
        after: Option<RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Stored<T>)>, Error> {
        let found = self.list_one_by_one(after, limit).await?;
        found.into_iter().map(|(record, stored)| Ok((record, stored?))).collect()
    }

    /// The same, but a record that is refused stands among the others.
    pub(super) async fn list_one_by_one<T: Content>(
        &self,
        mut after: Option<RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Result<Stored<T>, Error>)>, Error> {
        let prefix = RecordPrefix::kind(&self.tenant, T::KIND);
        let mut keys = self.inner.keys(&self.tenant).await.map_err(about_tenant(&self.tenant))?;
        let mut found = Vec::new();
        while found.len() < limit {
            let page = self.inner.store.backend.list(&prefix, after.as_ref(), limit - found.len()).await;
            let page = page.map_err(|error| StoreError::from(error).into_error(&self.tenant))?;
            let (more, last) = (page.more, page.records.last().map(|(key, _)| key.clone()));
            for (record, stored) in page.records {
                let opened =
                    self.inner.keyring.open_listed(Some(&self.tenant), &record, &mut keys, stored).await;
                let kept =
                    opened.and_then(|opened| Ok((Kept::<T>::decode(&opened.content)?, opened.standing)));
                match kept {
                    Ok((Kept::Content(content), standing)) => {
                        found.push((record, Ok(Stored::new(content, standing))));
                    }
                    Ok((Kept::Tombstone(_), _)) => {}
                    Err(error @ StoreError::Refused(_)) => {
                        let error = error.into_error(&record);
                        found.push((record, Err(error)));
                    }
                    Err(error) => return Err(error.into_error(&record)),
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

pub(super) fn name<T>(checked: Result<T, InvalidName>) -> Result<T, Error> {
    checked.map_err(|error| Error::configuration(error.to_string()))
}

pub(super) fn names(
    service: impl AsRef<str>,
    account: impl AsRef<str>,
) -> Result<(ServiceName, AccountId), Error> {
    Ok((name(ServiceName::new(service))?, name(AccountId::new(account))?))
}
