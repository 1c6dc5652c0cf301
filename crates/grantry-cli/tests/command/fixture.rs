//! A home, the program, and a server.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use grantry_testkit::{RegisteredClient, TestServer};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub(crate) const SECRET: &str = "c4nary-s3cret-of-the-client";
pub(crate) const NEW_SECRET: &str = "an0ther-c4nary-of-the-client";

/// What only looks.
pub(crate) const SHOWS: &[&[&str]] = &[
    &["auth", "list"],
    &["auth", "list", "--json"],
    &["auth", "status"],
    &["auth", "status", "--json"],
    &["auth", "diagnose", "--service", "crm"],
    &["vault", "status"],
    &["vault", "status", "--json"],
    &["audit", "show"],
    &["audit", "verify"],
];

pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    /// What is in the environment of each run besides.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) program: PathBuf,
    /// Who runs the program, where it is not whoever runs the tests.
    pub(crate) user: Option<u32>,
}

/// What a run of the program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_grantry"));
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new(), program, user: None }
    }

    /// One of a user without privileges, so that permissions bind whoever runs the tests.
    pub(crate) fn of_nobody() -> Self {
        const NOBODY: u32 = 65_534;
        let mut home = Self::new();
        if rustix::process::geteuid().is_root() {
            // The program may lie where only root gets at it.
            let program = home.folder.path().join("grantry");
            if std::fs::hard_link(&home.program, &program).is_err() {
                std::fs::copy(&home.program, &program).unwrap();
            }
            std::os::unix::fs::chown(home.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            (home.program, home.user) = (program, Some(NOBODY));
        }
        home
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.folder.path().join(".local/share/grantry")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    /// The same, started by lines of a shell that end with `exec "$0" "$@"`.
    pub(crate) fn through_shell(&self, lines: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        self.prepare(&mut command);
        command.args(["-c", lines]).arg(&self.program).args(arguments);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("USER", "ana")
            .env("PATH", "/usr/bin:/bin")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output()).await
    }

    pub(crate) async fn run_with_stdin(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(stdin.as_bytes()).await.unwrap();
        drop(pipe);
        ran(child.wait_with_output()).await
    }

    /// Stores the service `crm` of the test server.
    pub(crate) async fn set(&self, server: &TestServer) -> Ran {
        let revoke = revocation_url(server);
        let token_url = server.token_endpoint();
        let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
        let more = ["--token-url", &token_url, "--revocation-url", &revoke, "--scope", "contacts.read"];
        self.run_with_stdin(&[flags.as_slice(), &more].concat(), SECRET).await
    }
}

pub(crate) async fn ran(output: impl Future<Output = std::io::Result<Output>>) -> Ran {
    let output = tokio::time::timeout(Duration::from_secs(60), output).await.unwrap().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// Fails with all that was said where the exit code is another one.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        for secret in [SECRET, NEW_SECRET] {
            assert!(!self.stdout.contains(secret) && !self.stderr.contains(secret), "{self:?}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(&self.stdout).unwrap();
        assert_eq!(value["version"], 1);
        value
    }
}

pub(crate) async fn server() -> TestServer {
    server_with(RegisteredClient::with_secret("billing", SECRET)).await
}

pub(crate) async fn server_with(client: RegisteredClient) -> TestServer {
    TestServer::builder().client(client).start().await.unwrap()
}

pub(crate) fn revocation_url(server: &TestServer) -> String {
    server.authorization_server().unwrap().revocation_endpoint().unwrap().to_string()
}
