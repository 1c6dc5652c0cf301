//! The file that says in which entry of the keychain a vault's key is.
//!
//! It is no secret. Without it a vault whose key is in a keychain would look like one without a key.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use grantry::{Entropy, SystemEntropy};

use crate::failed::{Failed, VAULT};

const NAME: &str = "grantry.keychain";
const HEAD: &str = "grantry keychain 1";
/// Such a file is at most this long.
const MOST_BYTES: u64 = 1024;

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// The entry's name; `None` where the folder has no such file.
///
/// # Errors
/// It cannot be read, or is something else.
pub(super) fn read(folder: &Path) -> Result<Option<String>, Failed> {
    let path = path(folder);
    let failed = |what: &str| {
        let fact = format!("the file {} says where the vault's key is, and {what}", path.display());
        Failed::new(VAULT, fact).with_remedy("bring its copy back, or name a copy of the key with --key-file")
    };
    let text = match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(file) if file.is_file() && file.len() <= MOST_BYTES => fs::read_to_string(&path),
        _ => return Err(failed("cannot be read")),
    };
    let text = text.map_err(|_| failed("cannot be read"))?;
    let mut lines = text.lines();
    let (head, entry) = (lines.next(), lines.next().and_then(|line| line.strip_prefix("entry ")));
    match (head, entry) {
        (Some(HEAD), Some(entry)) if !entry.is_empty() => Ok(Some(entry.to_owned())),
        _ => Err(failed("is damaged, or of a newer version of this command")),
    }
}

/// Writes the name down, unless another one was: whichever it is now.
///
/// # Errors
/// It cannot be written.
pub(super) fn claim(folder: &Path, entry: &str) -> Result<String, Failed> {
    let path = path(folder);
    let failed = |error: std::io::Error| {
        Failed::new(VAULT, format!("the file {} cannot be written: {error}", path.display()))
    };
    // Nobody may see half of it: it is written beside, and takes its name only where nothing else has.
    // Another one may claim the same entry at this moment, so the name beside is of this call alone.
    let next = folder.join(format!("{NAME}.{}", any_name()));
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next).and_then(|mut file| {
            writeln!(file, "{HEAD}\nentry {entry}")?;
            file.sync_all()
        });
    let linked = written.and_then(|()| fs::hard_link(&next, &path));
    let _ = fs::remove_file(&next);
    match linked {
        Ok(()) => {
            fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
            Ok(entry.to_owned())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(folder)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))
        }
        Err(error) => Err(failed(error)),
    }
}

/// A name that nothing has yet.
pub(super) fn any_name() -> String {
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_claim_at_once_get_one_name() {
        for round in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            let begins = std::sync::Barrier::new(8);
            let claim_at_once = |n: usize| {
                begins.wait();
                // Most have read the first one's name, and claim that.
                claim(folder.path(), if n == 0 { "another" } else { "one" }).unwrap()
            };
            let names: Vec<_> = std::thread::scope(|scope| {
                let claims: Vec<_> = (0..8).map(|n| scope.spawn(move || claim_at_once(n))).collect();
                claims.into_iter().map(|claim| claim.join().unwrap()).collect()
            });
            assert!(names.iter().all(|name| *name == names[0]), "{round}: {names:?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        }
    }

    #[test]
    fn the_first_name_stays_and_what_is_damaged_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        assert_eq!(claim(folder.path(), "one").unwrap(), "one");
        assert_eq!(claim(folder.path(), "other").unwrap(), "one");
        assert_eq!(read(folder.path()).unwrap().as_deref(), Some("one"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        for damaged in
            ["", "grantry keychain 2\nentry one\n", "grantry keychain 1\n", "grantry keychain 1\nentry \n"]
        {
            fs::write(path(folder.path()), damaged).unwrap();
            let failed = read(folder.path()).unwrap_err();
            assert!(failed.remedy.as_deref().unwrap_or_default().contains("--key-file"), "{damaged:?}");
        }
    }
}
