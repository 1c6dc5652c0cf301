//! A renewal: several reads and writes under one decision and one record in the audit trail.

use std::fmt;

use grantry_core::{AccountId, Error, ServiceName};

use super::tenant::Line;
use super::{RecordVersion, Stored, TenantVault};
use crate::audit::{AttemptId, Outcome};
use crate::backend::RecordKey;
use crate::records::{ClientRecord, GrantRecord, Kept};

/// A grant that is being renewed: for whoever redeems refresh tokens.
///
/// It was allowed and recorded when it began; [`finish`](Renewing::finish) records how it ended, and dropping it records
/// that nobody knows. What it writes goes on in the grant's line of descent.
pub struct Renewing {
    vault: TenantVault,
    service: ServiceName,
    account: AccountId,
    attempt: Option<AttemptId>,
}

impl Renewing {
    pub(super) fn new(
        vault: TenantVault,
        service: ServiceName,
        account: AccountId,
        attempt: AttemptId,
    ) -> Self {
        Self { vault, service, account, attempt: Some(attempt) }
    }

    /// The id of the attempt in the audit trail: a record can name it, so that another process can tell how it ended.
    pub fn attempt(&self) -> Option<AttemptId> {
        self.attempt
    }

    /// The grant as it stands, with its tokens.
    ///
    /// # Errors
    /// As every call of [`TenantVault`].
    pub async fn grant(&self) -> Result<Option<Stored<GrantRecord>>, Error> {
        self.vault.read(&self.vault.grant_record(&self.service, &self.account)).await
    }

    /// The client registration that it is renewed with, with its secrets.
    ///
    /// # Errors
    /// As every call of [`TenantVault`].
    pub async fn client(&self) -> Result<Option<Stored<ClientRecord>>, Error> {
        self.vault.read(&RecordKey::client(self.vault.tenant(), &self.service)).await
    }

    /// Writes the grant in place of `over`, as that generation of the same line of descent.
    ///
    /// # Errors
    /// `Conflict` where the grant is no longer the one that `over` names: read it again before anything is given up.
    pub async fn store(
        &self,
        grant: GrantRecord,
        over: &RecordVersion,
        generation: u64,
    ) -> Result<RecordVersion, Error> {
        let record = self.vault.grant_record(&self.service, &self.account);
        let line = Line { id: over.lineage(), generation };
        self.vault.write(&record, Some(over), Some(line), Kept::Content(grant)).await
    }

    /// Records how it ended.
    pub fn finish(mut self, outcome: Outcome) {
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(attempt) = self.attempt.take() {
            self.vault.inner.audit.outcome(attempt, outcome);
        }
    }
}

impl Drop for Renewing {
    fn drop(&mut self) {
        self.end(Outcome::unknown());
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing")
            .field("tenant", self.vault.tenant())
            .field("service", &self.service)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
