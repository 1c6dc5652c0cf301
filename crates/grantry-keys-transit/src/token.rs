//! The token that requests are made with, and where it comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantry_vault::KeyError;
use zeroize::Zeroizing;

/// A token of Vault or OpenBao, or where it is read.
///
/// Nothing here renews a token: an agent does (`vault agent`, `bao agent`), and writes it to a file. That file is read for
/// each call, so that a new token is found without a restart; where a call is refused and the file has another token by
/// then, the call is made once more with that.
///
/// `Debug` never shows it. Clones share what they read.
#[derive(Clone)]
pub struct TransitToken(Source);

type Read = dyn Fn() -> Result<Zeroizing<String>, KeyError> + Send + Sync;

#[derive(Clone)]
enum Source {
    Given(Arc<Zeroizing<String>>),
    File(Arc<Path>),
    Function(Arc<Read>),
}

/// A token is at most this long.
const MOST_BYTES: u64 = 8 * 1024;

impl TransitToken {
    /// The token itself. When it has expired every call is refused until the program is started with another one.
    pub fn new(token: impl Into<String>) -> Self {
        Self(Source::Given(Arc::new(Zeroizing::new(token.into()))))
    }

    /// Reads it from a file on this machine, without the end of line, for each call. Only its owner and its group may read
    /// the file.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into().into()))
    }

    /// Asks a function for it, for each call, on a thread where it may block. Its errors are handed on.
    ///
    /// ```
    /// use grantry_keys_transit::TransitToken;
    /// use grantry_vault::KeyError;
    /// let token = TransitToken::from_fn(|| {
    ///     std::env::var("VAULT_TOKEN")
    ///         .map(Into::into)
    ///         .map_err(|_| KeyError::configuration("set the environment variable VAULT_TOKEN"))
    /// });
    /// assert_eq!(format!("{token:?}"), "TransitToken(function)");
    /// ```
    pub fn from_fn(read: impl Fn() -> Result<Zeroizing<String>, KeyError> + Send + Sync + 'static) -> Self {
        Self(Source::Function(Arc::new(read)))
    }

    /// Whether another look may find another token.
    pub(crate) fn may_change(&self) -> bool {
        !matches!(self.0, Source::Given(_))
    }

    /// The token as it is now.
    pub(crate) async fn read(&self) -> Result<Zeroizing<String>, KeyError> {
        let read: Box<dyn FnOnce() -> Result<Zeroizing<String>, KeyError> + Send> = match self.0.clone() {
            Source::Given(token) if token.is_empty() => {
                return Err(KeyError::configuration("the token is empty"));
            }
            Source::Given(token) => return Ok(Zeroizing::clone(&token)),
            Source::File(path) => Box::new(move || read_file(&path)),
            Source::Function(function) => Box::new(move || function()),
        };
        let read = tokio::task::spawn_blocking(read).await;
        let token = read.map_err(|_| KeyError::unavailable("the token could not be read"))??;
        let trimmed = token.trim_end_matches(['\r', '\n']);
        if trimmed.is_empty() {
            // Whoever writes it may have emptied it just before.
            return Err(KeyError::unavailable(format!("the token is empty: {self:?}")));
        }
        Ok(Zeroizing::new(trimmed.to_owned()))
    }
}

impl fmt::Debug for TransitToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Given(_) => f.write_str("TransitToken([redacted])"),
            Source::File(path) => write!(f, "TransitToken(file {})", path.display()),
            Source::Function(_) => f.write_str("TransitToken(function)"),
        }
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    use std::io::{ErrorKind, Read};
    let failed = |error: std::io::Error| {
        let text = format!("the file {} with the token cannot be read: {}", path.display(), error.kind());
        match error.kind() {
            // An agent that was started at the same time has not written it yet.
            ErrorKind::NotFound => KeyError::unavailable(text),
            ErrorKind::PermissionDenied => KeyError::refused(text),
            _ => KeyError::configuration(text),
        }
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    check_mode(path, &file.metadata().map_err(failed)?)?;
    // The buffer never grows, so that no copy of the token stays behind.
    let mut token = Zeroizing::new(String::with_capacity(usize::try_from(MOST_BYTES).unwrap_or(0) + 64));
    file.take(MOST_BYTES).read_to_string(&mut token).map_err(failed)?;
    Ok(token)
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(KeyError::refused(format!(
            "everybody may use the file {0} with the token (mode {mode:04o}): `chmod 640 {0}`, and `mode = 0640` in the \
             agent's sink",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn a_file_is_read_without_its_end_of_line_and_again_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = TransitToken::from_file(&path);
        assert!(matches!(token.read().await, Err(KeyError::Unavailable(_))));
        for text in ["hvs.1", "hvs.2\n", "hvs.3\r\n"] {
            write(&path, text, 0o640);
            assert_eq!(token.read().await.unwrap().as_str(), text.trim_end());
        }
        write(&path, "\n", 0o600);
        assert!(matches!(token.read().await, Err(KeyError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_file_that_everybody_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, "hvs.canary", 0o644);
        let error = TransitToken::from_file(&path).read().await.unwrap_err();
        assert!(matches!(error, KeyError::Refused(_)) && !error.to_string().contains("canary"), "{error}");
        assert!(error.to_string().contains("chmod 640"), "{error}");
    }

    #[tokio::test]
    async fn a_function_that_panics_takes_nothing_along() {
        let token = TransitToken::from_fn(|| panic!("a token source of this test panics"));
        assert!(matches!(token.read().await, Err(KeyError::Unavailable(_))));
    }
}
