//! The key file.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::key_set::LocalKeySet;
use crate::keys::KeyError;

/// A key file is at most this long, in bytes: hundreds of versions.
const MOST_BYTES: u64 = 64 * 1024;

/// A file with the versions of a key.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes the file, which must not be there, durably and at once: nobody ever sees half of it.
    pub(super) fn create(&self, keys: &LocalKeySet) -> Result<(), KeyError> {
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => KeyError::configuration(format!(
                "there is a file {} already, which was left as it is: choose another name, or use that key",
                self.path.display()
            )),
            _ => self.failed("made", &error),
        };
        let _lock = self.lock().map_err(failed)?;
        let next = self.write_next(keys).map_err(failed)?;
        // A link, unlike a rename, fails where the name is taken.
        let linked = fs::hard_link(&next, &self.path);
        let _ = fs::remove_file(&next);
        linked.and_then(|()| sync_folder(&self.path)).map_err(failed)
    }

    /// The keys in it.
    pub(super) fn read(&self) -> Result<LocalKeySet, KeyError> {
        let file = File::open(&self.path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => KeyError::configuration(format!(
                "there is no key file {}: `LocalKey::generate` makes one; if there was one, bring its copy back",
                self.path.display()
            )),
            _ => self.failed("opened", &error),
        })?;
        self.check_owner_only(&file)?;
        let mut text = Zeroizing::new(String::with_capacity(4096));
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => KeyError::configuration(format!(
                "the key file {} holds no key of a vault: bring its copy back",
                self.path.display()
            )),
            _ => self.failed("read", &error),
        })?;
        LocalKeySet::from_text(&text, &format!("the key file {}", self.path.display()))
    }

    /// Changes the keys, durably: one process at a time, and a crash leaves the file as it was or as it becomes.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut LocalKeySet) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let failed = |error: std::io::Error| self.failed("changed", &error);
        let _lock = self.lock().map_err(failed)?;
        let mut keys = self.read()?;
        let changed = change(&mut keys)?;
        let next = self.write_next(&keys).map_err(failed)?;
        fs::rename(&next, &self.path).and_then(|()| sync_folder(&self.path)).map_err(failed)?;
        Ok(changed)
    }

    /// One at a time, over all processes, until it is dropped.
    fn lock(&self) -> std::io::Result<File> {
        let lock = private(OpenOptions::new().create(true)).open(self.beside("lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    /// Writes what the file becomes into one beside it, durably.
    fn write_next(&self, keys: &LocalKeySet) -> std::io::Result<PathBuf> {
        let next = self.beside("next");
        // Whoever crashed here before left a file that nobody reads.
        let _ = fs::remove_file(&next);
        let mut file = private(OpenOptions::new().create_new(true)).open(&next)?;
        file.write_all(keys.to_text().as_bytes())?;
        file.sync_all()?;
        Ok(next)
    }

    #[cfg(unix)]
    fn check_owner_only(&self, file: &File) -> Result<(), KeyError> {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata().map_err(|error| self.failed("looked at", &error))?;
        let mode = metadata.permissions().mode() & 0o777;
        let path = self.path.display();
        if metadata.is_dir() {
            return Err(KeyError::configuration(format!("{path} is a folder: name the key file in it")));
        }
        if mode & 0o077 != 0 {
            return Err(KeyError::refused(format!(
                "others than its owner may use the key file {path} (mode {mode:04o}): `chmod 600 {path}`, and \
                 rotate the key if somebody may have read it"
            )));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn check_owner_only(&self, _file: &File) -> Result<(), KeyError> {
        Ok(())
    }

    /// A file of the same folder, with the key file's name before it.
    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{ending}"));
        self.path.with_file_name(name)
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> KeyError {
        let text = format!("the key file {} could not be {what}: {}", self.path.display(), error.kind());
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => KeyError::refused(text),
            _ => KeyError::unavailable(text),
        }
    }
}

/// Nobody but its owner can use the file, from the moment that it is there.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.write(true).mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true)
}

/// Makes the name durable, not only what is in the file.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
