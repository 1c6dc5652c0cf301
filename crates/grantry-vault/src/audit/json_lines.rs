//! Lines in files: JSON, one on each line, a file for each writer.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use async_trait::async_trait;

use super::{AuditError, AuditLine, AuditSink, WriterId};

/// A durable sink: a folder of files `audit-<writer>-<part>.jsonl`, readable by their owner only.
///
/// Each writer has files of its own, so that processes that share the folder never mix; each batch is one write at the
/// file's end and one `fdatasync`. Nothing is ever overwritten, cut or deleted.
///
/// After a write that failed half way, or a sync that failed, nobody knows what the end of the file will read like. It is
/// left alone, and the same lines go to the writer's next part. So at most the last line of a file is torn, by such a
/// failure or by a crash, and [`Verifier`](super::Verifier) can tell that from an edit.
///
/// Whoever collects the files may move those of writers that ended; a file that is still written to stays.
#[derive(Debug)]
pub struct JsonLines(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    writers: Mutex<BTreeMap<WriterId, Arc<Parts>>>,
}

/// The files of one writer.
#[derive(Debug, Default)]
struct Parts {
    /// The newest call: one that was given up and runs on must not write after it.
    newest: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    file: Option<File>,
}

impl JsonLines {
    /// A sink into `folder`, which is made with the first line if it is not there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Folder { path: folder.into(), writers: Mutex::default() }))
    }

    /// The files of a folder in the order that [`Verifier`](super::Verifier) needs: a writer's parts one after the
    /// other. It blocks.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if name.starts_with("audit-") && name.ends_with(".jsonl") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

#[async_trait]
impl AuditSink for JsonLines {
    fn is_durable(&self) -> bool {
        true
    }

    async fn append(&self, batch: &[AuditLine]) -> Result<(), AuditError> {
        let Some(writer) = batch.first().map(AuditLine::writer) else { return Ok(()) };
        let mut text = String::new();
        for line in batch {
            text.push_str(&line.to_json());
            text.push('\n');
        }
        let folder = Arc::clone(&self.0);
        let parts = folder.parts(writer);
        let call = parts.newest.fetch_add(1, Ordering::Relaxed) + 1;
        let write = move || folder.append(&parts, call, writer, text.as_bytes());
        let written = tokio::task::spawn_blocking(write).await;
        match written {
            Ok(Ok(())) => Ok(()),
            // The kind alone: an error of the system would tell paths.
            Ok(Err(error)) => Err(AuditError::unavailable(format!("a file: {}", error.kind()))),
            Err(_) => Err(AuditError::unavailable("the runtime is shutting down")),
        }
    }
}

impl Folder {
    fn parts(&self, writer: WriterId) -> Arc<Parts> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(writers.entry(writer).or_default())
    }

    fn append(&self, parts: &Parts, call: u64, writer: WriterId, text: &[u8]) -> io::Result<()> {
        // Not to wait here: while a disk hangs, each attempt would take another thread.
        let mut open = match parts.open.try_lock() {
            Ok(open) => open,
            Err(TryLockError::Poisoned(open)) => open.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
        };
        if call != parts.newest.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut file = match open.file.take() {
            Some(file) => file,
            None => self.create(writer, &mut open)?,
        };
        let before = file.metadata()?.len();
        match file.write_all(text) {
            Ok(()) => file.sync_data()?,
            Err(error) => {
                // Where the disk is full not a byte was written; another part would be another empty file.
                if file.metadata().is_ok_and(|m| m.len() == before) {
                    open.file = Some(file);
                }
                return Err(error);
            }
        }
        open.file = Some(file);
        Ok(())
    }

    /// The writer's next file, whose name is durable too.
    fn create(&self, writer: WriterId, open: &mut Open) -> io::Result<File> {
        self.make_folder()?;
        loop {
            let path = self.path.join(format!("audit-{writer}-{:08}.jsonl", open.next));
            open.next += 1;
            match create_new(&path) {
                Ok(file) => {
                    sync_folder(&self.path)?;
                    return Ok(file);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    // The number is free for the next attempt.
                    open.next -= 1;
                    return Err(error);
                }
            }
        }
    }

    fn make_folder(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&self.path)?;
        self.path.parent().map_or(Ok(()), sync_folder)
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.append(true).create_new(true).open(path)
}

/// A file's name is durable once its folder is synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // The parent of a relative path of one part is the empty path.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_given_up_writes_nothing_after_a_newer_one() {
        let temporary = tempfile::tempdir().unwrap();
        let writer = WriterId::from_bytes([1; 16]);
        let folder = Folder { path: temporary.path().to_owned(), writers: Mutex::default() };
        let parts = folder.parts(writer);
        parts.newest.store(2, Ordering::Relaxed);
        let refused = |call| folder.append(&parts, call, writer, b"line\n").map_err(|error| error.kind());
        assert_eq!(refused(1), Err(io::ErrorKind::TimedOut));
        assert!(JsonLines::files(temporary.path()).unwrap().is_empty());
        // While one hangs, the next does not wait for it.
        let hanging = parts.open.lock().unwrap();
        assert_eq!(refused(2), Err(io::ErrorKind::WouldBlock));
        drop(hanging);
        assert_eq!(refused(2), Ok(()));
        assert_eq!(JsonLines::files(temporary.path()).unwrap().len(), 1);
    }
}
