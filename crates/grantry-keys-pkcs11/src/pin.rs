//! The PIN, and where it comes from.

use std::fmt;
use std::path::PathBuf;

use grantry_vault::KeyError;
use zeroize::Zeroizing;

/// The user's PIN of a token, or where it is read when the token is logged into.
///
/// `Debug` never shows it. From a file or the environment it is read again at each login, so that a new one is found
/// without a restart.
pub struct Pin(Source);

enum Source {
    Given(Zeroizing<String>),
    File(PathBuf),
    Variable(String),
}

/// A PIN is at most this long.
const MOST_BYTES: u64 = 1024;

impl Pin {
    /// The PIN itself.
    pub fn new(pin: impl Into<String>) -> Self {
        Self(Source::Given(Zeroizing::new(pin.into())))
    }

    /// Reads it from a file, without the end of line. Only its owner and its group may read the file.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// Reads it from an environment variable of this process.
    pub fn from_env(variable: impl Into<String>) -> Self {
        Self(Source::Variable(variable.into()))
    }

    pub(crate) fn read(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let pin = match &self.0 {
            Source::Given(pin) => Zeroizing::new(pin.as_bytes().to_vec()),
            Source::File(path) => read_file(path)?,
            Source::Variable(name) => {
                std::env::var(name).map(|pin| Zeroizing::new(pin.into_bytes())).map_err(|_| {
                    KeyError::configuration(format!("set the environment variable {name} to the token's PIN"))
                })?
            }
        };
        let end = pin.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        if end == 0 {
            return Err(KeyError::configuration(format!("the PIN is empty: {self:?}")));
        }
        Ok(Zeroizing::new(pin.iter().copied().take(end).collect()))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Given(_) => f.write_str("Pin([redacted])"),
            Source::File(path) => write!(f, "Pin(file {})", path.display()),
            Source::Variable(name) => write!(f, "Pin(variable {name})"),
        }
    }
}

fn read_file(path: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    use std::io::Read;
    let failed = |error: std::io::Error| {
        KeyError::configuration(format!(
            "the file {} with the token's PIN cannot be read: {}",
            path.display(),
            error.kind()
        ))
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    check_mode(path, &file.metadata().map_err(failed)?)?;
    // The buffer never grows, so that no copy of the PIN stays behind.
    let mut pin = Zeroizing::new(Vec::with_capacity(usize::try_from(MOST_BYTES).unwrap_or(0) + 64));
    file.take(MOST_BYTES).read_to_end(&mut pin).map_err(failed)?;
    Ok(pin)
}

#[cfg(unix)]
fn check_mode(path: &std::path::Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(KeyError::refused(format!(
            "everybody may use the file {0} with the token's PIN (mode {mode:04o}): `chmod 400 {0}`",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_path: &std::path::Path, _metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_without_its_end_of_line_and_again_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        let pin = Pin::from_file(&path);
        assert!(matches!(pin.read(), Err(KeyError::Configuration(_))));
        for text in ["1234", "5678\n", "with spaces \r\n"] {
            std::fs::write(&path, text).unwrap();
            make_private(&path);
            assert_eq!(pin.read().unwrap().as_slice(), text.trim_end_matches(['\r', '\n']).as_bytes());
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(pin.read(), Err(KeyError::Configuration(_))));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_everybody_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        std::fs::write(&path, "1234").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Pin::from_file(&path).read(), Err(KeyError::Refused(_))));
    }

    #[test]
    fn debug_shows_no_pin() {
        assert_eq!(format!("{:?}", Pin::new("48151623")), "Pin([redacted])");
    }

    #[cfg(unix)]
    fn make_private(path: &std::path::Path) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o400)).unwrap();
        // Its owner may write it again.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[cfg(not(unix))]
    fn make_private(_path: &std::path::Path) {}
}
