//! A tenant's client registrations.

use grantry_core::{Error, ServiceName};

use super::tenant::name;
use super::{ClientView, RecordVersion, Stored, TenantVault};
use crate::access::Permission;
use crate::backend::RecordKey;
use crate::records::{ClientRecord, Kept};

impl TenantVault {
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
}
