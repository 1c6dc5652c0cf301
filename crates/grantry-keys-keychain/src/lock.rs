//! One change at a time, over all processes.

use std::fs::{File, OpenOptions};
use std::path::Path;

use grantry_vault::KeyError;

/// Waits until nobody else changes the entry; ends when it is dropped, or its process ends.
///
/// # Errors
/// The file cannot be made.
pub(crate) fn lock(path: &Path) -> Result<File, KeyError> {
    let failed = |error: std::io::Error| {
        KeyError::configuration(format!(
            "the lock file {} cannot be used: {}: name one in a folder that can be written to",
            path.display(),
            error.kind()
        ))
    };
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}
