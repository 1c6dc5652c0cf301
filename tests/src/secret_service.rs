//! GNOME Keyring, a keychain that answers as the Secret Service, on a D-Bus and in a home of its own.
//!
//! Whoever talks to it finds it by the environment, and a test cannot set a variable of its own process. So a test calls
//! [`in_child`] first: it runs itself again in a child process that has the variables.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Fallible;
use crate::child;

/// How long it waits between two looks whether it is ready, and how often it looks.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 1000;
/// Set in the child, to the folder that the parent made.
const FOLDER: &str = "GRANTRY_TESTS_SECRET_SERVICE_FOLDER";
const SERVICE: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
/// The collection that is made by unlocking it for the first time.
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";

/// Starts a program beside itself and ends it, by its id, as soon as the pipe closes: with the test's process, however that
/// ends. The first argument is what the program reads.
const WATCHDOG: &str = r#"
input=$1
shift
"$@" <"$input" >/dev/null 2>&1 &
server=$!
read -r line
kill -KILL "$server" 2>/dev/null
wait "$server"
"#;

/// What the keychain is like when it has been started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "tests match it")]
pub enum State {
    /// A person has logged in, and it is unlocked.
    Unlocked,
    /// It runs, and nobody has ever made a place for secrets in it.
    Empty,
}

/// A bus, and a keychain on it. Dropping it ends both.
#[derive(Debug)]
pub struct SecretService {
    folder: PathBuf,
    bus: Option<Watched>,
    keychain: Option<Watched>,
    _own: Option<TempDir>,
}

#[derive(Debug)]
struct Watched {
    watchdog: Child,
    pipe: ChildStdin,
}

impl SecretService {
    /// A bus, without a keychain.
    ///
    /// # Errors
    /// D-Bus or GNOME Keyring is not installed; the text says what to install.
    pub fn bus() -> Fallible<Self> {
        for program in ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"] {
            if Command::new(program).arg("--version").output().is_err() {
                let install = "apt-get install dbus-daemon dbus-bin gnome-keyring libsecret-tools";
                return Err(format!("{program} is missing: on Debian, `{install}`").into());
            }
        }
        let own = tempfile::Builder::new().prefix("keychain-").tempdir()?;
        let mut this = Self { folder: own.path().to_owned(), bus: None, keychain: None, _own: Some(own) };
        DirBuilder::new().mode(0o700).create(this.folder.join("run"))?;
        let configuration = this.folder.join("bus.conf");
        std::fs::write(&configuration, this.configuration())?;
        std::fs::write(this.folder.join("password"), "correct horse")?;
        let daemon = format!("--config-file={}", configuration.display());
        this.bus = Some(this.watch(Path::new("/dev/null"), &["dbus-daemon", &daemon, "--nofork"])?);
        wait("dbus-daemon", || UnixStream::connect(this.socket()).is_ok())?;
        Ok(this)
    }

    /// A bus with a keychain on it.
    ///
    /// # Errors
    /// As [`bus`](Self::bus), or it does not start.
    pub fn start(state: State) -> Fallible<Self> {
        let mut this = Self::bus()?;
        this.start_again(state)?;
        Ok(this)
    }

    /// Ends the keychain, if it runs, and starts it with the files that it has. Unlocked, it knows the password.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_again(&mut self, state: State) -> Fallible<()> {
        self.stop()?;
        let daemon = ["gnome-keyring-daemon", "--foreground", "--components=secrets"];
        let started = match state {
            State::Unlocked => {
                self.watch(&self.folder.join("password"), &[&daemon[..], &["--unlock"]].concat())
            }
            State::Empty => self.watch(Path::new("/dev/null"), &daemon),
        };
        self.keychain = Some(started?);
        wait("gnome-keyring-daemon", || match state {
            State::Unlocked => self.alias("default").is_ok_and(|path| path.contains(LOGIN)),
            State::Empty => self.alias("default").is_ok(),
        })
    }

    /// Ends the keychain, and leaves the bus.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn stop(&mut self) -> Fallible<()> {
        end(self.keychain.take())
    }

    /// Locks it. There is nobody who could be asked for the password.
    ///
    /// # Errors
    /// It does not answer.
    pub fn lock(&self) -> Fallible<()> {
        self.send(PATH, "org.freedesktop.Secret.Service.Lock", &[&format!("array:objpath:{LOGIN}")]).map(drop)
    }

    /// The paths of the entries with that value of the attribute `service`.
    ///
    /// # Errors
    /// It does not answer.
    pub fn entries(&self, service: &str) -> Fallible<Vec<String>> {
        let wanted = format!("dict:string:string:service,{service}");
        let answer = self.send(PATH, "org.freedesktop.Secret.Service.SearchItems", &[&wanted])?;
        let paths = answer.lines().filter_map(|line| line.trim().strip_prefix("object path \""));
        Ok(paths.map(|path| path.trim_end_matches('"').to_owned()).collect())
    }

    /// What a person sees of an entry.
    ///
    /// # Errors
    /// It does not answer.
    pub fn label(&self, entry: &str) -> Fallible<String> {
        let wanted = ["string:org.freedesktop.Secret.Item", "string:Label"];
        let answer = self.send(entry, "org.freedesktop.DBus.Properties.Get", &wanted)?;
        Ok(answer.split('"').nth(1).unwrap_or_default().to_owned())
    }

    /// Removes them.
    ///
    /// # Errors
    /// It does not answer.
    pub fn remove(&self, service: &str) -> Fallible<()> {
        for path in self.entries(service)? {
            self.send(&path, "org.freedesktop.Secret.Item.Delete", &[])?;
        }
        Ok(())
    }

    /// Writes what the only such entry holds into a file that only its owner can read.
    ///
    /// # Errors
    /// It does not answer.
    pub fn copy(&self, service: &str, to: &Path) -> Fallible<()> {
        let mut command = Command::new("secret-tool");
        let output = command.args(["lookup", "service", service]).envs(self.command_env()).output()?;
        if !output.status.success() {
            return Err(format!("secret-tool: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        std::fs::write(to, output.stdout)?;
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// A folder that only its owner can use, for whatever a test needs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a process needs in its environment to find it.
    pub fn command_env(&self) -> [(&'static str, String); 1] {
        [("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", self.socket().display()))]
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("bus")
    }

    fn alias(&self, name: &str) -> Fallible<String> {
        self.send(PATH, "org.freedesktop.Secret.Service.ReadAlias", &[&format!("string:{name}")])
    }

    fn send(&self, path: &str, method: &str, arguments: &[&str]) -> Fallible<String> {
        let mut command = Command::new("dbus-send");
        command.args([
            "--session",
            "--print-reply",
            "--reply-timeout=10000",
            &format!("--dest={SERVICE}"),
            path,
            method,
        ]);
        let output = command.args(arguments).envs(self.command_env()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        Err(format!("{method}: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
    }

    fn watch(&self, input: &Path, program: &[&str]) -> Fallible<Watched> {
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh"])
            .arg(input)
            .args(program)
            .env("HOME", &self.folder)
            .env("XDG_RUNTIME_DIR", self.folder.join("run"))
            .env_remove("XDG_DATA_HOME")
            .envs(self.command_env())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = watchdog.stdin.take().ok_or("the watchdog has no pipe")?;
        Ok(Watched { watchdog, pipe })
    }

    /// A bus that starts nothing by itself.
    fn configuration(&self) -> String {
        format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
            self.socket().display()
        )
    }
}

impl Drop for SecretService {
    fn drop(&mut self) {
        // Nothing can be done about an error here, and the watchdogs end with their pipes in any case.
        let _ = end(self.keychain.take());
        let _ = end(self.bus.take());
    }
}

fn end(watched: Option<Watched>) -> Fallible<()> {
    let Some(Watched { mut watchdog, pipe }) = watched else { return Ok(()) };
    drop(pipe);
    watchdog.wait()?;
    Ok(())
}

fn wait(what: &str, is_ready: impl Fn() -> bool) -> Fallible<()> {
    for _ in 0..LOOKS {
        if is_ready() {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(format!("{what} does not get ready").into())
}

/// Runs a test's body in a child process that finds a bus of its own, with a keychain in that state, or with none. The body
/// gets what it may do to the keychain.
///
/// # Errors
/// It cannot be started, or the child failed.
pub fn in_child(test: &str, state: Option<State>, body: impl FnOnce(SecretService)) -> Fallible<()> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        body(SecretService { folder: folder.into(), bus: None, keychain: None, _own: None });
        return Ok(());
    }
    let service = match state {
        Some(state) => SecretService::start(state)?,
        None => SecretService::bus()?,
    };
    let folder = [(FOLDER, service.folder.display().to_string())];
    child::run_again(test, service.command_env().into_iter().chain(folder))
}
