//! SoftHSM 2, an HSM in software, with its tokens in a folder of its own.
//!
//! SoftHSM is a library that reads where its tokens are from the environment, and a test cannot set a variable of its own
//! process. So a test calls [`in_child`] first: it runs itself again in a child process that has the variable.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Fallible;
use crate::child;

/// The variable with the path of SoftHSM's configuration.
const CONFIGURATION: &str = "SOFTHSM2_CONF";
/// Set in the child, to the folder that the parent made.
const FOLDER: &str = "GRANTRY_TESTS_SOFTHSM_FOLDER";
/// Where distributions put the library.
const LIBRARIES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// The user's PIN of each token.
pub const PIN: &str = "4815162342";
/// The security officer's.
const SO_PIN: &str = "5678567856";

/// SoftHSM with a folder of its own. Dropping it removes the folder.
#[derive(Debug)]
pub struct SoftHsm {
    folder: PathBuf,
    library: PathBuf,
    _own: Option<TempDir>,
}

impl SoftHsm {
    /// A folder without tokens.
    ///
    /// # Errors
    /// SoftHSM or OpenSC is not installed; the text says what to install.
    pub fn new() -> Fallible<Self> {
        let own = tempfile::Builder::new().prefix("softhsm-").tempdir()?;
        let mut hsm = Self::at(own.path())?;
        std::fs::create_dir(hsm.tokens())?;
        let configuration = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            hsm.tokens().display()
        );
        std::fs::write(hsm.configuration(), configuration)?;
        hsm._own = Some(own);
        Ok(hsm)
    }

    fn at(folder: &Path) -> Fallible<Self> {
        let library = LIBRARIES.iter().map(Path::new).find(|path| path.is_file());
        let library =
            library.ok_or("SoftHSM is not installed: on Debian, `apt-get install softhsm2 opensc`")?;
        for tool in ["softhsm2-util", "pkcs11-tool"] {
            if Command::new(tool).arg("--help").output().is_err() {
                return Err(format!("{tool} is missing: on Debian, `apt-get install softhsm2 opensc`").into());
            }
        }
        Ok(Self { folder: folder.to_owned(), library: library.to_owned(), _own: None })
    }

    /// The PKCS#11 module.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The folder of the tokens. A token that is moved away is gone.
    pub fn tokens(&self) -> PathBuf {
        self.folder.join("tokens")
    }

    /// A folder beside the tokens, for whatever a test needs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    /// What a process needs in its environment to see these tokens.
    pub fn command_env(&self) -> [(&'static str, PathBuf); 2] {
        [(CONFIGURATION, self.configuration()), (FOLDER, self.folder.clone())]
    }

    /// Makes a token with that label and the user's PIN [`PIN`].
    ///
    /// # Errors
    /// `softhsm2-util` says why not.
    pub fn add_token(&self, label: &str) -> Fallible<()> {
        let arguments = ["--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN];
        self.run("softhsm2-util", &arguments).map(drop)
    }

    /// What `pkcs11-tool` prints, with the module and these arguments.
    ///
    /// # Errors
    /// It fails; the text is what it printed.
    pub fn pkcs11_tool(&self, arguments: &[&str]) -> Fallible<String> {
        let module = self.library.to_string_lossy();
        self.run("pkcs11-tool", &[&["--module", &*module], arguments].concat())
    }

    /// Every attribute of the secret keys in a token, as `pkcs11-tool` prints them to the logged in user.
    ///
    /// # Errors
    /// As [`pkcs11_tool`](SoftHsm::pkcs11_tool).
    pub fn secret_keys(&self, label: &str) -> Fallible<String> {
        let arguments =
            ["--token-label", label, "--login", "--pin", PIN, "--list-objects", "--type", "secrkey"];
        self.pkcs11_tool(&arguments)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Fallible<String> {
        let output = Command::new(program).args(arguments).envs(self.command_env()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        Err(format!("{program}: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// Runs a test's body in a child process that sees a fresh SoftHSM with one token of that label.
///
/// `test` is the test's own name, as in `cargo test -- --exact`. The first call, in the test's process, starts the child and
/// fails with what the child printed if that fails; the second, in the child, runs the body.
///
/// # Errors
/// SoftHSM is missing, or the child failed.
pub fn in_child(test: &str, token: &str, body: impl FnOnce(SoftHsm)) -> Fallible<()> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        body(SoftHsm::at(Path::new(&folder))?);
        return Ok(());
    }
    let hsm = SoftHsm::new()?;
    hsm.add_token(token)?;
    child::run_again(test, hsm.command_env())
}
