//! The trail, wherever it is kept: in the vault, and in the files of a folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use grantry::vault::PrincipalVault;
use grantry::vault::audit::{JsonLines, LineRead, Lines};

use crate::console::Console;
use crate::failed::{Failed, VAULT};
use crate::session::Session;

/// So many lines of a file are read before anything else has its turn, such as an interrupt.
const TURN: usize = 1024;

pub(super) struct Trail {
    pub(super) vault: PrincipalVault,
    pub(super) folder: Option<PathBuf>,
}

impl Trail {
    pub(super) async fn of(session: &Session) -> Result<Self, Failed> {
        let vault = session.vault().await?;
        let folder = session.place.trail.as_ref().and_then(|trail| trail.folder.clone());
        Ok(Self { vault, folder })
    }

    /// Hands out each line, as JSON: first those of the vault, a page at a time, then those of the files. Says how many texts of
    /// the files are no lines.
    pub(super) async fn each(&self, mut take: impl FnMut(&str)) -> Result<u64, Failed> {
        let mut after = None;
        loop {
            let (lines, next) = self.vault.audit_lines(after.as_ref()).await?;
            lines.iter().for_each(|line| take(line));
            match next {
                Some(_) => after = next,
                None => break,
            }
        }
        let (mut unreadable, mut read) = (0, 0_usize);
        for path in self.files()?.unwrap_or_default() {
            for line in Lines::open(&path).map_err(|error| cannot_be_read(&path, &error))? {
                match line.map_err(|error| cannot_be_read(&path, &error))? {
                    LineRead::Line(line) => take(&line.to_json()),
                    // A crash leaves it, and a process that writes.
                    LineRead::Torn => {}
                    _ => unreadable += 1,
                }
                read += 1;
                if read.is_multiple_of(TURN) {
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(unreadable)
    }

    /// The files of the folder, each of which can be read; `None` where the folder is not there.
    pub(super) fn files(&self) -> Result<Option<Vec<PathBuf>>, Failed> {
        let Some(folder) = &self.folder else { return Ok(Some(Vec::new())) };
        let files = match JsonLines::files(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            listed => listed.map_err(|error| cannot_be_read(folder, &error))?,
        };
        for path in &files {
            Lines::open(path).map_err(|error| cannot_be_read(path, &error))?;
        }
        Ok(Some(files))
    }

    /// Says that the folder is not there: what is told of the rest would pass for all of it.
    pub(super) fn tell_gone(&self, console: &Console) {
        if let Some(folder) = &self.folder {
            let folder = folder.display();
            console.warn(&format!(
                "the folder {folder}, where the configuration keeps the trail, is not there: nothing was written yet, or it was \
                 taken away"
            ));
        }
    }
}

fn cannot_be_read(path: &Path, error: &std::io::Error) -> Failed {
    let failed = Failed::new(VAULT, format!("the trail in {} cannot be read: {error}", path.display()));
    failed.with_remedy(match error.kind() {
        ErrorKind::PermissionDenied => {
            "run it as the user whose programs write the trail, or as one who may read it"
        }
        ErrorKind::InvalidInput | ErrorKind::NotADirectory => {
            "look at what lies there: a trail is a folder of files that are called audit-...jsonl"
        }
        _ => "see that the disk can be read, then run it again",
    })
}
