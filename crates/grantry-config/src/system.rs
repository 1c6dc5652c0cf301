//! The machine's environment variables and files.

use std::env::{self, VarError};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::surroundings::{FileContent, Surroundings, Unreadable};

/// The machine's environment variables and files. Symbolic links are followed; what counts is the file at their end.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemSurroundings;

impl SystemSurroundings {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self
    }
}

impl Surroundings for SystemSurroundings {
    fn variable(&self, name: &str) -> Result<Option<Zeroizing<String>>, Unreadable> {
        match env::var(name) {
            Ok(value) => Ok(Some(Zeroizing::new(value))),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(Unreadable::NotText),
        }
    }

    fn file(&self, path: &Path, most: usize) -> Result<FileContent, Unreadable> {
        // To open a pipe may wait for its writer, and to open a device may do anything: looked at before, and once more
        // when it is open, should somebody have exchanged it.
        check(&std::fs::metadata(path).map_err(|e| refusal(&e))?)?;
        let file = open(path).map_err(|e| refusal(&e))?;
        let metadata = file.metadata().map_err(|e| refusal(&e))?;
        check(&metadata)?;
        let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if length > most {
            return Err(Unreadable::TooLarge { most });
        }
        let bytes = read(file, length, most)?;
        let (readable_by_all, writable_by_all) = open_to_all(&metadata);
        Ok(FileContent { bytes, readable_by_all, writable_by_all })
    }
}

/// Reads at most one byte more than it may hold, whatever length it says that it has.
fn read(file: File, length: usize, most: usize) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    // A buffer that grows leaves a copy behind: it is made long enough at once, and one byte longer, so that the end is
    // seen without growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|e| refusal(&e))?;
    if bytes.len() > most { Err(Unreadable::TooLarge { most }) } else { Ok(bytes) }
}

fn check(metadata: &Metadata) -> Result<(), Unreadable> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => Ok(()),
        () if kind.is_dir() => Err(Unreadable::NotAFile("a folder")),
        () => Err(Unreadable::NotAFile("a pipe, a device or a socket")),
    }
}

fn refusal(error: &io::Error) -> Unreadable {
    match error.kind() {
        ErrorKind::NotFound => Unreadable::NotFound,
        ErrorKind::PermissionDenied => Unreadable::Denied,
        ErrorKind::IsADirectory => Unreadable::NotAFile("a folder"),
        _ => Unreadable::Other(error.to_string()),
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(WITHOUT_WAITING).open(path)
}

/// `O_NONBLOCK`, which POSIX leaves to each system: for files it changes nothing, for a pipe it means not to wait.
#[cfg(unix)]
const WITHOUT_WAITING: i32 =
    if cfg!(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64")) {
        // Here the flag has other values, so that only the look before counts.
        0
    } else if cfg!(any(target_os = "linux", target_os = "android")) {
        0o4000
    } else if cfg!(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )) {
        4
    } else {
        0
    };

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
fn open_to_all(metadata: &Metadata) -> (bool, bool) {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode();
    (mode & 0o004 != 0, mode & 0o002 != 0)
}

#[cfg(not(unix))]
fn open_to_all(_metadata: &Metadata) -> (bool, bool) {
    (false, false)
}
