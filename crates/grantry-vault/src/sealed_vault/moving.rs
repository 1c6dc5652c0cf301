//! Grants that go from one vault to another.

use grantry_core::{Error, ErrorKind, Stage};

use super::tenant::{Line, names};
use super::{RecordVersion, Stored, TenantVault};
use crate::access::Permission;
use crate::records::{GrantRecord, GrantState, Kept};

impl TenantVault {
    /// Marks a grant as moved: from now on nobody renews it here, whatever process still knows it. Its tokens stay in the
    /// record, so that another attempt can bring them to where they are to live. Mark it here before it is
    /// [adopted](TenantVault::adopt_grant) there: a grant that two vaults renew is lost to the first of them that the server
    /// takes for a thief. Needs `grant.revoke`.
    ///
    /// # Errors
    /// `Conflict` where the grant is not (or no longer) the one that `over` names.
    pub async fn mark_moved(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
        over: &RecordVersion,
    ) -> Result<RecordVersion, Error> {
        let (service, account) = names(service, account)?;
        let record = self.grant_record(&service, &account);
        let asked = self.asked(Permission::GrantRevoke, Some(&service), Some(&account), "grant_moved");
        let work = async {
            let Some(Stored { value, .. }) = self.read::<GrantRecord>(&record).await? else {
                let fact = "the grant was deleted in between";
                return Err(Error::new(ErrorKind::Conflict, Stage::Vault, fact));
            };
            // One that has changed is written over as it was read, which is a conflict.
            self.write(&record, Some(over), None, Kept::Content(value.with_state(GrantState::Moved))).await
        };
        self.inner.guarded(asked, work).await
    }

    /// Keeps a grant that another vault has [marked as moved](TenantVault::mark_moved), in the same line of descent and of the
    /// same generation, so that it is known for the one that it was; in place of `over`, as where a grant comes back. Needs
    /// `grant.create`.
    ///
    /// # Errors
    /// `Conflict` where there is a grant, and not (or no longer) the one that `over` names.
    pub async fn adopt_grant(
        &self,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
        grant: GrantRecord,
        from: &RecordVersion,
        over: Option<&RecordVersion>,
    ) -> Result<RecordVersion, Error> {
        let (service, account) = names(service, account)?;
        let record = self.grant_record(&service, &account);
        let asked = self.asked(Permission::GrantCreate, Some(&service), Some(&account), "grant");
        let line = Line { id: from.lineage(), generation: from.generation() };
        self.inner.guarded(asked, self.write(&record, over, Some(line), Kept::Content(grant))).await
    }
}
