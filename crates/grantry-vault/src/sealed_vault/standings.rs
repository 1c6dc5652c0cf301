//! How grants stand, for whoever watches over their renewal: no call here releases a token.

use grantry_core::{Clock, Diagnosis, Error, ErrorKind, GrantKey, Party, Retry, ServiceName, Stage};

use super::tenant::{Line, name, names};
use super::{GrantView, RecordVersion, Stored, TenantVault};
use crate::access::Permission;
use crate::backend::RecordKey;
use crate::records::{ClientRecord, GrantRecord, GrantState, Kept};
use crate::sealing::LineageId;

/// What is looked at, in the audit trail: told apart from grants that are renewed.
const KIND: &str = "grant_state";

/// A grant of a list, or why its record is refused.
pub type Listed = (GrantKey, Result<Stored<GrantView>, Error>);

impl TenantVault {
    /// Grants without their tokens, as [`grants`](TenantVault::grants) gives them, but one whose record is refused stands
    /// among the others with its error. Fewer than `limit` are the last. Needs `grant.read` for the whole tenant.
    ///
    /// # Errors
    /// As every call.
    pub async fn grants_one_by_one(
        &self,
        after: Option<&GrantKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        self.listed(Permission::GrantRead, after, limit).await
    }

    /// The same for whoever renews grants. Needs `grant.renew` for the whole tenant.
    ///
    /// # Errors
    /// As every call.
    pub async fn grants_to_renew(
        &self,
        after: Option<&GrantKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        self.listed(Permission::GrantRenew, after, limit).await
    }

    async fn listed(
        &self,
        permission: Permission,
        after: Option<&GrantKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, Error> {
        let after = after.map(RecordKey::grant);
        let asked = self.asked(permission, None, None, KIND);
        let work = async {
            let found = self.list_one_by_one::<GrantRecord>(after, limit).await?;
            let views = found.into_iter().filter_map(|(record, stored)| {
                let key = record.as_grant_key()?;
                let view = stored.map(|stored| stored.map(|grant| GrantView::of(key.clone(), &grant)));
                Some((key, view))
            });
            Ok(views.collect())
        };
        self.inner.guarded(asked, work).await
    }

    /// A grant without its tokens, for whoever renews it. Needs `grant.renew`.
    ///
    /// # Errors
    /// As every call.
    pub async fn grant_to_renew(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<Option<Stored<GrantView>>, Error> {
        self.grant_for(Permission::GrantRenew, service, account).await
    }

    /// A grant without its tokens, for whoever uses them: it tells what the server said beside them. Needs `token.use`.
    ///
    /// # Errors
    /// As every call.
    pub async fn grant_in_use(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<Option<Stored<GrantView>>, Error> {
        self.grant_for(Permission::TokenUse, service, account).await
    }

    async fn grant_for(
        &self,
        permission: Permission,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<Option<Stored<GrantView>>, Error> {
        let (service, account) = names(service, account)?;
        let key = GrantKey::from_parts(&self.tenant, &service, &account);
        let record = self.grant_record(&service, &account);
        let asked = self.asked(permission, Some(&service), Some(&account), KIND);
        let found = self.inner.guarded(asked, self.read::<GrantRecord>(&record)).await?;
        Ok(found.map(|stored| stored.map(|grant| GrantView::of(key, &grant))))
    }

    /// Decides and records that a grant's access tokens are used from now on, and reads nothing: for a handle that gives
    /// out what is renewed elsewhere. Needs `token.use`.
    ///
    /// # Errors
    /// As every call.
    pub async fn use_grant(&self, service: impl AsRef<str>, account: impl AsRef<str>) -> Result<(), Error> {
        let (service, account) = names(service, account)?;
        let asked = self.asked(Permission::TokenUse, Some(&service), Some(&account), KIND);
        self.inner.guarded(asked, async { Ok(()) }).await
    }

    /// A client registration with its secrets, for whoever renews the service's grants. Needs `grant.renew` for the whole
    /// service.
    ///
    /// # Errors
    /// As every call.
    pub async fn client_to_renew(
        &self,
        service: impl AsRef<str>,
    ) -> Result<Option<Stored<ClientRecord>>, Error> {
        let service = name(ServiceName::new(service))?;
        let record = RecordKey::client(&self.tenant, &service);
        let asked = self.asked(Permission::GrantRenew, Some(&service), None, "client");
        self.inner.guarded(asked, self.read(&record)).await
    }

    /// Makes an empty grant for a client's own tokens, to which nobody has to consent, where there is none; says whether
    /// there was none. Needs `grant.renew`: it brings nobody anything that a renewal would not.
    ///
    /// # Errors
    /// As every call.
    pub async fn create_own_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<bool, Error> {
        let (service, account) = names(service, account)?;
        let record = self.grant_record(&service, &account);
        let asked = self.asked(Permission::GrantRenew, Some(&service), Some(&account), KIND);
        let work = async {
            if self.read::<GrantRecord>(&record).await?.is_some() {
                return Ok(false);
            }
            let line = Line { id: LineageId::generate(self.inner.store.entropy.as_ref()), generation: 0 };
            let empty = Kept::Content(GrantRecord::new(self.inner.clock.wall()));
            match self.write(&record, None, Some(line), empty).await {
                Ok(_) => Ok(true),
                // Somebody else has made it.
                Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.inner.guarded(asked, work).await
    }

    /// Stops a grant: from now on nothing renews it, and what is still under way is not accepted any more. Its tokens
    /// stay in the record until they are revoked at the server. `None` where there is no grant, or where a person
    /// consented anew while it was stopped: that consent is left alone. With `over` only the grant as it was read then is
    /// stopped. Needs `grant.revoke`.
    ///
    /// # Errors
    /// As every call, and `Conflict` where the grant is not (or no longer) the one that `over` names. After any other
    /// error the call can be repeated.
    pub async fn stop_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
        over: Option<&RecordVersion>,
    ) -> Result<Option<RecordVersion>, Error> {
        let (service, account) = names(service, account)?;
        let record = self.grant_record(&service, &account);
        let asked = self.asked(Permission::GrantRevoke, Some(&service), Some(&account), "grant");
        let work = async {
            let mut first = None;
            loop {
                let Some(Stored { value, version }) = self.read::<GrantRecord>(&record).await? else {
                    return Ok(None);
                };
                if is_another(&mut first, &version) {
                    return Ok(None);
                }
                match value.state() {
                    GrantState::Revoked => return Ok(Some(version)),
                    // Its tokens are the other vault's.
                    GrantState::Moved => return Err(moved()),
                    _ => {}
                }
                // One that has changed is written over as it was read, which is a conflict.
                let (version, names_one) = over.map_or((version, false), |over| (over.clone(), true));
                let stopped = Kept::Content(value.with_state(GrantState::Revoked));
                match self.write(&record, Some(&version), None, stopped).await {
                    Err(error) if error.kind() == ErrorKind::Conflict && !names_one => {}
                    other => return other.map(Some),
                }
            }
        };
        self.inner.guarded(asked, work).await
    }

    /// Stops and deletes a grant in one write, whoever else writes it meanwhile, and leaves a tombstone: nothing that is still under
    /// way brings it back. Gives what was deleted; `None` where there is no grant, or where a person consented anew while it was
    /// deleted: that consent is left alone. Its tokens live on at the server. Needs `grant.revoke`.
    ///
    /// # Errors
    /// As every call. After any of them the call can be repeated.
    pub async fn delete_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<Option<Stored<GrantView>>, Error> {
        let (service, account) = names(service, account)?;
        let key = GrantKey::from_parts(&self.tenant, &service, &account);
        let record = self.grant_record(&service, &account);
        let asked = self.asked(Permission::GrantRevoke, Some(&service), Some(&account), "grant");
        let work = async {
            let mut first = None;
            loop {
                let Some(stored) = self.read::<GrantRecord>(&record).await? else { return Ok(None) };
                if is_another(&mut first, &stored.version) {
                    return Ok(None);
                }
                if stored.state() == GrantState::Moved {
                    return Err(moved());
                }
                match self.bury::<GrantRecord>(&record, &stored.version).await {
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    Err(error) => return Err(error),
                    Ok(()) => return Ok(Some(stored.map(|grant| GrantView::of(key, &grant)))),
                }
            }
        };
        self.inner.guarded(asked, work).await
    }
}

/// Whether it is of another consent than what was read first. What was asked for is done then, by a write whose answer was lost or
/// by somebody else.
fn is_another(first: &mut Option<LineageId>, version: &RecordVersion) -> bool {
    *first.get_or_insert(version.lineage()) != version.lineage()
}

fn moved() -> Error {
    let fact = "the grant was moved to another vault";
    let remedy = "revoke it there; here there is nothing left of it that could be used";
    let diagnosis = Diagnosis::new(Party::Application, remedy, Retry::Never);
    Error::new(ErrorKind::Removed, Stage::Vault, fact).with_diagnosis(diagnosis)
}
