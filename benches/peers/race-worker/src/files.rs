//! Files that are replaced as a whole, and locks beside them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names of files that are being written differ within a process by this, between processes by their ids.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Whether a write lasts when the machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    No,
    Yes,
}

/// Where something of a grant is kept.
pub(crate) fn path(store: &Path, grant: &str, ending: &str) -> PathBuf {
    store.join(format!("{grant}.{ending}"))
}

/// The content; none if there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts the content in the place of what was there: readers see the one or the other, whole.
pub(crate) fn replace(path: &Path, content: &[u8], sync: Sync) -> io::Result<()> {
    let nth = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{nth}.new", process::id()));
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    if sync == Sync::Yes {
        file.sync_all()?;
    }
    fs::rename(&beside, path)?;
    if let (Sync::Yes, Some(folder)) = (sync, path.parent()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// An exclusive lock (flock(2)) on a file; the end of the process ends it too.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Waits until it is there, on a thread that may wait.
    pub(crate) async fn take(path: PathBuf) -> io::Result<Self> {
        let taken = tokio::task::spawn_blocking(move || {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock()?;
            Ok(Self(file))
        });
        taken.await.map_err(io::Error::other)?
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file does the same.
        let _ = self.0.unlock();
    }
}
