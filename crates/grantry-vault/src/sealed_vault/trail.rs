//! Reading and verifying the audit trail that is kept in the vault's own store, and in files beside it.

use std::path::{Path, PathBuf};

use grantry_core::{Error, ErrorKind, Stage};

use super::PrincipalVault;
use super::audit_sink::VaultAuditSink;
use crate::access::Permission;
use crate::audit::{Checkpoint, Lines, Report, Verifier};
use crate::backend::RecordKey;
use crate::store::StoreError;

/// How many records are read at a time.
const PAGE: usize = 64;

impl PrincipalVault {
    /// What reports call the vault's own store.
    pub const OWN_STORE: &str = "the vault's own store";

    /// Verifies the whole trail in the vault's own store: that nothing was edited, deleted, inserted, reordered, or cut
    /// off. `kept` are checkpoints that were kept elsewhere: the trail has to reach up to them. Needs `audit.read`.
    ///
    /// It reads a page of records at a time; what it holds in memory are about 60 bytes for each line, and the attempts that
    /// have no outcome yet.
    ///
    /// # Errors
    /// `Damaged` where a record of the trail does not open, and those of every call. What the trail itself shows is in
    /// the report.
    pub async fn verify_audit(&self, kept: impl IntoIterator<Item = Checkpoint>) -> Result<Report, Error> {
        self.verify_audit_in(kept, []).await
    }

    /// Verifies the trail in the vault's own store together with that in files, a writer's in the order in which they were
    /// written, as [`JsonLines::files`](crate::audit::JsonLines::files) lists them. What is in both places is compared. In the
    /// report a file is called by its path.
    ///
    /// Files are read by a thread for what blocks, which goes on to the end of its file when the future is dropped.
    ///
    /// # Errors
    /// As [`verify_audit`](PrincipalVault::verify_audit), and `Storage` for a file that cannot be read.
    pub async fn verify_audit_in(
        &self,
        kept: impl IntoIterator<Item = Checkpoint>,
        files: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Report, Error> {
        let mut kept: Vec<Checkpoint> = kept.into_iter().collect();
        let mut files: Vec<PathBuf> = files.into_iter().collect();
        let work = async {
            let in_store = |error: StoreError| error.into_error("the audit trail");
            let trail = VaultAuditSink::new(self.inner.keyring.clone());
            let mut verifier = Verifier::new(trail.root_key().await.map_err(in_store)?);
            kept.drain(..).for_each(|checkpoint| verifier.has_to_reach(checkpoint));
            verifier.begin(Self::OWN_STORE);
            let mut after: Option<RecordKey> = None;
            loop {
                let (lines, next) = trail.lines(after.as_ref(), PAGE).await.map_err(in_store)?;
                lines.iter().for_each(|line| verifier.text(line));
                match next {
                    Some(_) => after = next,
                    None => break,
                }
            }
            for file in files.drain(..) {
                let read = move || read_file(verifier, &file);
                let read = tokio::task::spawn_blocking(read).await;
                verifier = read.map_err(|_| unreadable("the runtime is shutting down".to_owned()))??;
            }
            Ok(verifier.finish())
        };
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

fn read_file(mut verifier: Verifier, path: &Path) -> Result<Verifier, Error> {
    let lines = Lines::open(path).and_then(|lines| verifier.read_lines(&path.display().to_string(), lines));
    // The file's own name alone: whoever asked knows the folder.
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    lines.map_err(|error| unreadable(format!("the file {name} cannot be read: {}", error.kind())))?;
    Ok(verifier)
}

fn unreadable(fact: String) -> Error {
    Error::new(ErrorKind::Storage, Stage::Vault, format!("the audit trail: {fact}"))
}
