//! A home, the program, and a server.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use grantry_testkit::{RegisteredClient, TestServer};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub(crate) const SECRET: &str = "c4nary-s3cret-of-the-client";
pub(crate) const NEW_SECRET: &str = "an0ther-c4nary-of-the-client";

pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    /// What is in the environment of each run besides.
    pub(crate) variables: Vec<(&'static str, String)>,
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
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.folder.path().join(".local/share/grantry")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grantry"));
        command
            .args(arguments)
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
        command
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

async fn ran(output: impl Future<Output = std::io::Result<Output>>) -> Ran {
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
