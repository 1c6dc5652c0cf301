//! Reading and verifying the audit trail that is kept in the vault's own store.

use grantry_core::Error;

use super::PrincipalVault;
use super::audit_sink::VaultAuditSink;
use crate::access::Permission;
use crate::audit::{Checkpoint, Report, Verifier};
use crate::backend::RecordKey;
use crate::store::StoreError;

/// How many records are read at a time.
const PAGE: usize = 64;

impl PrincipalVault {
    /// Verifies the whole trail in the vault's own store: that nothing was edited, deleted, inserted, reordered, or cut
    /// off. `kept` are checkpoints that were kept elsewhere: the trail has to reach up to them. Needs `audit.read`.
    ///
    /// It reads a page of records at a time; what it holds in memory are the attempts that have no outcome yet.
    ///
    /// # Errors
    /// `Damaged` where a record of the trail does not open, and those of every call. What the trail itself shows is in
    /// the report.
    pub async fn verify_audit(&self, kept: impl IntoIterator<Item = Checkpoint>) -> Result<Report, Error> {
        let mut kept: Vec<Checkpoint> = kept.into_iter().collect();
        let work = async {
            let trail = VaultAuditSink::new(self.inner.keyring.clone());
            let mut verifier = Verifier::new(trail.root_key().await?);
            kept.drain(..).for_each(|checkpoint| verifier.has_to_reach(checkpoint));
            verifier.begin("the vault's own store");
            let mut after: Option<RecordKey> = None;
            loop {
                let (lines, next) = trail.lines(after.as_ref(), PAGE).await?;
                lines.iter().for_each(|line| verifier.text(line));
                match next {
                    Some(_) => after = next,
                    None => return Ok(verifier.finish()),
                }
            }
        };
        let work = async { work.await.map_err(|error: StoreError| error.into_error("the audit trail")) };
        self.inner.guarded(self.asked(Permission::AuditRead, None, "audit"), work).await
    }

    /// The lines of the trail in the vault's own store, as JSON, a page at a time. The second of what it returns goes
    /// into the next call; it is `None` at the end. Needs `audit.read`.
    ///
    /// # Errors
    /// As [`verify_audit`](PrincipalVault::verify_audit).
    pub async fn audit_lines(
        &self,
        after: Option<&RecordKey>,
    ) -> Result<(Vec<String>, Option<RecordKey>), Error> {
        let trail = VaultAuditSink::new(self.inner.keyring.clone());
        let work =
            async { trail.lines(after, PAGE).await.map_err(|error| error.into_error("the audit trail")) };
        self.inner.guarded(self.asked(Permission::AuditRead, None, "audit"), work).await
    }
}
