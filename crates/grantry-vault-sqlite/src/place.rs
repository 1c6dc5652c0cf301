//! Where the file is, and whether others could have had their hands on it.
//!
//! The file is never opened here: closing any descriptor of it would give up the locks that SQLite holds in this
//! process (POSIX). Looking at it by name is enough.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use grantry_vault::VaultError;

use crate::failure;

/// What SQLite puts beside the file.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What stands behind the name of a vault that is being made.
const UNFINISHED: &str = ".new-";

/// The path of the file, its folder resolved, so that every handle names the files beside it alike.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
    folder: PathBuf,
}

/// Which file it is, under whatever name.
pub(crate) type FileId = (u64, u64);

impl Place {
    /// Resolves the folder, which must be nobody else's to write.
    pub(crate) fn find(path: &Path) -> Result<Self, VaultError> {
        let Some(name) = path.file_name() else {
            return Err(VaultError::refused(format!("{} does not name a file", path.display())));
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))
            .map_err(|error| failure::of_file(&error, path))?;
        let place = Self { path: folder.join(name), folder };
        let about = fs::metadata(&place.folder).map_err(|error| failure::of_file(&error, &place.path))?;
        if !about.is_dir() {
            return Err(VaultError::refused(format!("{} is not a folder", place.folder.display())));
        }
        rights::check_folder(&about, &place.folder)?;
        Ok(place)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file of this name with something behind it.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    /// Checks the file and those beside it. `None` where there is no file.
    pub(crate) fn check(&self) -> Result<Option<Metadata>, VaultError> {
        // The file comes before those beside it, so they are looked at first: another process may just be making both.
        let mut beside = None;
        for suffix in BESIDE {
            let path = self.beside(suffix);
            beside = beside.or(self.check_one(&path)?.map(|_| path));
        }
        let main = match self.check_one(&self.path) {
            Err(_) if rights::has_other_names(&self.path) => {
                self.drop_unfinished_name();
                self.check_one(&self.path)?
            }
            other => other?,
        };
        if let (Some(beside), None) = (&beside, &main) {
            return Err(VaultError::damaged(format!(
                "{} is there without {}, whose last writes it may hold; put the file back, or move both away",
                beside.display(),
                self.path.display()
            )));
        }
        let Some(main) = main else { return Ok(None) };
        if main.len() == 0 {
            // A vault is whole from its first moment on, so this was never one, or was cut to nothing.
            return Err(VaultError::damaged(format!(
                "{} is empty, which a vault never is; put a backup in its place, or remove it to begin anew",
                self.path.display()
            )));
        }
        rights::check_owner(&main, &self.folder, &self.path)?;
        Ok(Some(main))
    }

    /// Which file is there now.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        fs::symlink_metadata(&self.path).ok().map(|about| rights::file_id(&about))
    }

    /// Whether nobody has written since.
    pub(crate) fn is_unchanged(&self, since: &Metadata) -> bool {
        let same = |now: Metadata| now.len() == since.len() && now.modified().ok() == since.modified().ok();
        self.is_without_log() && fs::symlink_metadata(&self.path).is_ok_and(same)
    }

    /// Whether the log beside it has nothing, so that the file alone is the whole store.
    pub(crate) fn is_without_log(&self) -> bool {
        fs::symlink_metadata(self.beside("-wal")).map_or(true, |about| about.len() == 0)
    }

    fn check_one(&self, path: &Path) -> Result<Option<Metadata>, VaultError> {
        let file = path.display();
        let about = match fs::symlink_metadata(path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure::of_file(&error, path)),
        };
        if about.is_symlink() {
            return Err(VaultError::refused(format!("{file} is a symbolic link; name the file itself")));
        }
        if !about.is_file() {
            return Err(VaultError::refused(format!("{file} is not a file; choose another path")));
        }
        rights::check_mode(&about, path)?;
        rights::check_names(&about, path)?;
        Ok(Some(about))
    }

    /// A name for a new vault that is not whole yet.
    pub(crate) fn unfinished(&self, nth: u64) -> Self {
        let path = self.beside(&format!("{UNFINISHED}{}-{nth}", std::process::id()));
        Self { path, folder: self.folder.clone() }
    }

    /// Takes the second name away that a process leaves which dies while it puts a new vault in its place.
    fn drop_unfinished_name(&self) {
        let Some(id) = self.file_id() else { return };
        let start = self.beside(UNFINISHED);
        let start = start.file_name().unwrap_or_default().as_encoded_bytes();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_ours = entry.file_name().as_encoded_bytes().starts_with(start)
                && fs::symlink_metadata(entry.path()).is_ok_and(|about| rights::file_id(&about) == id);
            if is_ours {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(unix)]
mod rights {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use grantry_vault::VaultError;

    use super::FileId;

    /// Whoever may write into the folder may put another file, or another log, in the place of ours.
    pub(super) fn check_folder(about: &Metadata, folder: &Path) -> Result<(), VaultError> {
        if about.mode() & 0o022 == 0 {
            return Ok(());
        }
        let folder = folder.display();
        Err(VaultError::refused(format!(
            "others may write into the folder {folder}; forbid it with `chmod go-w {folder}`, or choose another"
        )))
    }

    pub(super) fn check_owner(file: &Metadata, folder: &Path, path: &Path) -> Result<(), VaultError> {
        let owner = std::fs::metadata(folder).map_err(|error| crate::failure::of_file(&error, path))?.uid();
        if owner == file.uid() || owner == 0 {
            return Ok(());
        }
        let (folder, path) = (folder.display(), path.display());
        Err(VaultError::refused(format!(
            "the folder {folder} belongs to somebody else than {path}; give both to one user with `chown`"
        )))
    }

    pub(super) fn check_mode(about: &Metadata, path: &Path) -> Result<(), VaultError> {
        let path = path.display();
        if about.mode() & 0o077 != 0 {
            return Err(VaultError::refused(format!(
                "others may read or write {path}; forbid it with `chmod 600 {path}`"
            )));
        }
        if about.mode() & 0o600 != 0o600 {
            return Err(VaultError::refused(format!(
                "{path} may not be written; allow it with `chmod 600 {path}`"
            )));
        }
        Ok(())
    }

    /// Each name would have a log of its own, and each log would spoil what the other wrote.
    pub(super) fn check_names(about: &Metadata, path: &Path) -> Result<(), VaultError> {
        if about.nlink() < 2 {
            return Ok(());
        }
        let path = path.display();
        Err(VaultError::refused(format!(
            "{path} has a second name (a hard link); remove it, or make a copy of its own there"
        )))
    }

    pub(super) fn has_other_names(path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|about| about.is_file() && about.nlink() > 1)
    }

    pub(super) fn file_id(about: &Metadata) -> FileId {
        (about.dev(), about.ino())
    }
}

#[cfg(not(unix))]
mod rights {
    use std::fs::Metadata;
    use std::path::Path;

    use grantry_vault::VaultError;

    use super::FileId;

    // Access is the folder's affair where there are no permission bits: the crate's page says so.
    pub(super) fn check_folder(_: &Metadata, _: &Path) -> Result<(), VaultError> {
        Ok(())
    }
    pub(super) fn check_owner(_: &Metadata, _: &Path, _: &Path) -> Result<(), VaultError> {
        Ok(())
    }
    pub(super) fn check_mode(_: &Metadata, _: &Path) -> Result<(), VaultError> {
        Ok(())
    }
    pub(super) fn check_names(_: &Metadata, _: &Path) -> Result<(), VaultError> {
        Ok(())
    }
    pub(super) fn has_other_names(_: &Path) -> bool {
        false
    }
    pub(super) fn file_id(_: &Metadata) -> FileId {
        (0, 0)
    }
}
