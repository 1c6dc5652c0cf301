//! The key file.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::version::Version;
use crate::keys::KeyError;

/// The first line of each key file.
const HEAD: &str = "grantry key file 1";
/// What every version of this library begins such a file with.
const HEAD_OF_ANY: &str = "grantry key file ";
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
    pub(super) fn create(&self, version: Version) -> Result<(), KeyError> {
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => KeyError::configuration(format!(
                "there is a file {} already, which was left as it is: choose another name, or use that key",
                self.path.display()
            )),
            _ => self.failed("made", &error),
        };
        let _lock = self.lock().map_err(failed)?;
        let next = self.write_next(&[version]).map_err(failed)?;
        // A link, unlike a rename, fails where the name is taken.
        let linked = fs::hard_link(&next, &self.path);
        let _ = fs::remove_file(&next);
        linked.and_then(|()| sync_folder(&self.path)).map_err(failed)
    }

    /// The versions in it.
    pub(super) fn read(&self) -> Result<Vec<Version>, KeyError> {
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
            ErrorKind::InvalidData => self.none_of_ours(),
            _ => self.failed("read", &error),
        })?;
        self.parse(&text)
    }

    /// Changes the versions, durably: one process at a time, and a crash leaves the file as it was or as it becomes.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Version>) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let failed = |error: std::io::Error| self.failed("changed", &error);
        let _lock = self.lock().map_err(failed)?;
        let mut versions = self.read()?;
        let changed = change(&mut versions)?;
        let next = self.write_next(&versions).map_err(failed)?;
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
    fn write_next(&self, versions: &[Version]) -> std::io::Result<PathBuf> {
        let next = self.beside("next");
        // Whoever crashed here before left a file that nobody reads.
        let _ = fs::remove_file(&next);
        let mut file = private(OpenOptions::new().create_new(true)).open(&next)?;
        writeln!(file, "{HEAD}")?;
        writeln!(file, "# Whoever reads this opens the vault. Keep it 0600, and a copy of it elsewhere.")?;
        for version in versions {
            file.write_all(version.to_line().as_bytes())?;
            writeln!(file)?;
        }
        file.sync_all()?;
        Ok(next)
    }

    fn parse(&self, text: &str) -> Result<Vec<Version>, KeyError> {
        let mut lines = text.lines().enumerate();
        let head = lines.next().map_or("", |(_, head)| head);
        if head != HEAD {
            return Err(if head.starts_with(HEAD_OF_ANY) {
                KeyError::configuration(format!(
                    "the key file {} is of a newer format: upgrade this program",
                    self.path.display()
                ))
            } else {
                self.none_of_ours()
            });
        }
        let of_versions = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let versions = of_versions.map(|(nth, line)| {
            Version::from_line(line).ok_or_else(|| {
                KeyError::configuration(format!(
                    "line {} of the key file {} is damaged: bring the file's copy back",
                    nth + 1,
                    self.path.display()
                ))
            })
        });
        let versions = versions.collect::<Result<Vec<_>, _>>()?;
        if versions.is_empty() { Err(self.none_of_ours()) } else { Ok(versions) }
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

    fn none_of_ours(&self) -> KeyError {
        KeyError::configuration(format!(
            "{} is no key file: `LocalKey::generate` makes one",
            self.path.display()
        ))
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
