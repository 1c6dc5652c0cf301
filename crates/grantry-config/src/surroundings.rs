//! What a configuration may ask the machine for: environment variables and files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Environment variables and files. [`SystemSurroundings`](crate::SystemSurroundings) are the machine's;
/// [`FixedSurroundings`] are made up, for tests.
pub trait Surroundings: fmt::Debug {
    /// The value of an environment variable, `None` where it is not set.
    ///
    /// # Errors
    /// [`Unreadable::NotText`] where it is not UTF-8.
    fn variable(&self, name: &str) -> Result<Option<Zeroizing<String>>, Unreadable>;

    /// Reads a file whole, if it is an ordinary one and holds at most `most` bytes. It never waits for what is no file,
    /// such as a pipe.
    ///
    /// # Errors
    /// [`Unreadable`] says why not.
    fn file(&self, path: &Path, most: usize) -> Result<FileContent, Unreadable>;
}

/// What a file holds, and who else may use it.
#[non_exhaustive]
pub struct FileContent {
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether everybody on the machine may read it.
    pub readable_by_all: bool,
    /// Whether everybody on the machine may write it.
    pub writable_by_all: bool,
}

impl FileContent {
    /// Bytes of a file that nobody else may use.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: Zeroizing::new(bytes.into()), readable_by_all: false, writable_by_all: false }
    }
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileContent")
            .field("length", &self.bytes.len())
            .field("readable_by_all", &self.readable_by_all)
            .field("writable_by_all", &self.writable_by_all)
            .finish()
    }
}

/// Why a variable or a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// There is none.
    #[error("there is no such file")]
    NotFound,
    /// This user may not.
    #[error("this user may not read it")]
    Denied,
    /// It is a folder, a pipe, a device or a socket.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// It holds more bytes than this.
    #[error("it holds more than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotText,
    /// The operating system says so.
    #[error("it cannot be read: {0}")]
    Other(String),
}

/// Variables and files that are made up. What was not added is not there.
///
/// ```
/// use grantry_config::{Config, FixedSurroundings, Source};
/// let surroundings = FixedSurroundings::new().with_variable("CRM_SECRET", "s3cret").with_file("/run/secrets/pin", "1234\n");
/// let text = r#"{"services": {"crm": {"clientId": "billing", "clientSecret": "${CRM_SECRET}"}}}"#;
/// let loaded = Config::load([Source::text("test", text)], &surroundings)?;
/// assert!(loaded.config.service("crm").is_some());
/// # Ok::<(), grantry_config::ConfigErrors>(())
/// ```
#[derive(Default)]
pub struct FixedSurroundings {
    variables: BTreeMap<String, Zeroizing<String>>,
    files: BTreeMap<PathBuf, Result<Vec<u8>, Unreadable>>,
    open: bool,
}

impl FixedSurroundings {
    /// Without variables and files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), Zeroizing::new(value.into()));
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), Ok(content.into()));
        self
    }

    /// Adds a file that cannot be read.
    #[must_use]
    pub fn with_unreadable_file(mut self, path: impl Into<PathBuf>, why: Unreadable) -> Self {
        self.files.insert(path.into(), Err(why));
        self
    }

    /// Lets everybody on the machine read every file.
    #[must_use]
    pub fn with_files_readable_by_all(mut self) -> Self {
        self.open = true;
        self
    }
}

impl Surroundings for FixedSurroundings {
    fn variable(&self, name: &str) -> Result<Option<Zeroizing<String>>, Unreadable> {
        Ok(self.variables.get(name).cloned())
    }

    fn file(&self, path: &Path, most: usize) -> Result<FileContent, Unreadable> {
        match self.files.get(path) {
            None => Err(Unreadable::NotFound),
            Some(Err(why)) => Err(why.clone()),
            Some(Ok(bytes)) if bytes.len() > most => Err(Unreadable::TooLarge { most }),
            Some(Ok(bytes)) => {
                Ok(FileContent { readable_by_all: self.open, ..FileContent::new(bytes.clone()) })
            }
        }
    }
}

impl fmt::Debug for FixedSurroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedSurroundings")
            .field("variables", &self.variables.keys())
            .field("files", &self.files.keys())
            .finish_non_exhaustive()
    }
}
