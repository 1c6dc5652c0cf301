//! A store that a program might have already: blobs under names in one JSON file, written on condition.
//!
//! It knows nothing of a vault. Several processes may share its folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A folder with a lock and a file.
#[derive(Debug)]
pub(crate) struct Store(PathBuf);

/// A blob, when it was written, and what the time is now, in nanoseconds that never go back.
pub(crate) struct Blob {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) written: u64,
    pub(crate) now: u64,
}

/// What the file says: the highest time that was given out, and each blob with the time of its write.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    now: u64,
    blobs: BTreeMap<String, (u64, String)>,
}

impl Store {
    pub(crate) fn open(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    pub(crate) fn get(&self, name: &str) -> io::Result<Option<Blob>> {
        self.locked(|content| content.blob(name))
    }

    /// Writes a blob if the one that stands there was written at `stands`; `None` where none should stand. Returns when
    /// it was written, or `None` where the condition does not hold.
    pub(crate) fn put_if(&self, name: &str, stands: Option<u64>, bytes: &[u8]) -> io::Result<Option<u64>> {
        self.locked(|content| {
            let holds = content.blobs.get(name).map(|(written, _)| *written) == stands;
            holds.then(|| {
                content.blobs.insert(name.to_owned(), (content.now, STANDARD.encode(bytes)));
                content.now
            })
        })
    }

    /// Deletes a blob if it was written at `stands`; says whether it did.
    pub(crate) fn delete_if(&self, name: &str, stands: u64) -> io::Result<bool> {
        self.locked(|content| {
            let holds = content.blobs.get(name).is_some_and(|(written, _)| *written == stands);
            holds && content.blobs.remove(name).is_some()
        })
    }

    /// At most so many blobs whose names begin with `prefix` and come after `after`, in the order of their bytes.
    pub(crate) fn range(&self, prefix: &str, after: &str, most: usize) -> io::Result<Vec<Blob>> {
        self.locked(|content| {
            let names = content.blobs.keys().filter(|name| name.starts_with(prefix) && name.as_str() > after);
            names.take(most).filter_map(|name| content.blob(name)).collect()
        })
    }

    pub(crate) fn now(&self) -> io::Result<u64> {
        self.locked(|content| content.now)
    }

    /// Does `work` while no other handle and no other process does anything, and keeps what it leaves, durably: the new
    /// file takes the place of the old one whole, or not at all.
    fn locked<T>(&self, work: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let lock = File::options().create(true).append(true).open(self.0.join("lock"))?;
        lock.lock()?;
        let mut content = match fs::read(self.0.join("blobs")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            text => serde_json::from_slice(&text?)?,
        };
        #[allow(clippy::disallowed_methods, reason = "a store of its own has a clock of its own")]
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        content.now = u64::try_from(wall).unwrap_or(0).max(content.now + 1);
        let done = work(&mut content);
        let mut file = File::create(self.0.join("next"))?;
        file.write_all(&serde_json::to_vec(&content)?)?;
        file.sync_all()?;
        fs::rename(self.0.join("next"), self.0.join("blobs"))?;
        File::open(&self.0)?.sync_all()?;
        Ok(done)
    }
}

impl Content {
    fn blob(&self, name: &str) -> Option<Blob> {
        let (written, bytes) = self.blobs.get(name)?;
        let bytes = STANDARD.decode(bytes).ok()?;
        Some(Blob { name: name.to_owned(), bytes, written: *written, now: self.now })
    }
}
