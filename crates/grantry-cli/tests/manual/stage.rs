//! Where a page plays: a home, a shell, and servers.

use std::error::Error;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use grantry::vault::LocalKey;
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::{Grantry, RefreshToken, SqliteVault};
use grantry_config::{Config, FixedSurroundings, Source};
use grantry_testkit::{ProtectedResource, RegisteredClient, TestServer};
use tokio::process::Command;

/// What pages call the servers.
const SERVER: &str = "https://as.example.com";
const RESOURCE: &str = "https://api.example.com";

/// The client that pages have, and its secrets.
pub(crate) const CLIENT: &str = "billing";
pub(crate) const SECRET: &str = "s3cret";
pub(crate) const NEW_SECRET: &str = "a-newer-s3cret";

/// The files that pages find in their home: whoever registers a client is given its secret in some such way.
const FILES: &[(&str, &str)] = &[("secret.txt", SECRET), ("new-secret.txt", NEW_SECRET)];

/// A browser whose person consents to everything: the server sends it back by itself.
const BROWSER: &str = "#!/bin/sh\nexec curl --silent --location --output /dev/null \"$1\"\n";

/// A home, and what answers.
pub(crate) struct Stage {
    home: tempfile::TempDir,
    pub(crate) server: TestServer,
    resource: ProtectedResource,
    /// The refresh token that the last consent brought.
    pub(crate) consented: Option<RefreshToken>,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let home = tempfile::tempdir().unwrap();
        let client = RegisteredClient::with_secret(CLIENT, SECRET)
            .redirect_uri("https://app.example.com/callback")
            .redirect_uri("http://127.0.0.1/callback");
        let rotation = grantry::Rotation::Strict { revokes_family: true };
        let server = TestServer::builder().client(client).rotation(rotation).start().await.unwrap();
        let resource = ProtectedResource::start(&server).await.unwrap();
        for (name, text) in FILES {
            std::fs::write(home.path().join(name), text).unwrap();
            std::fs::set_permissions(home.path().join(name), Permissions::from_mode(0o600)).unwrap();
        }
        std::fs::create_dir(home.path().join(".shell")).unwrap();
        let browser = home.path().join(".shell/browser");
        std::fs::write(&browser, BROWSER).unwrap();
        std::fs::set_permissions(&browser, Permissions::from_mode(0o700)).unwrap();
        Self { home, server, resource, consented: None }
    }

    /// Runs a command in the shell of this home, in which variables stay exported and `$?` is the last code; returns its
    /// code and all that it printed.
    pub(crate) async fn run(&self, command: &str) -> (i32, String) {
        let state = self.home.path().join(".shell/state");
        if !state.exists() {
            std::fs::write(&state, "true\n").unwrap();
        }
        let script = format!(
            "exec 2>&1\n. .shell/state\n{}\ncode=$?\n{{ export -p; echo \"(exit $code)\"; }} > .shell/state\nexit $code\n",
            self.with_places(command)
        );
        let programs = PathBuf::from(env!("CARGO_BIN_EXE_grantry"));
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &script])
            .env_clear()
            .env("HOME", self.home.path())
            .env("USER", "ana")
            .env("BROWSER", self.home.path().join(".shell/browser"))
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.parent().unwrap().display()))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(60), shell.output()).await.unwrap().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap_or(-1), self.without_places(&printed))
    }

    /// Loads a configuration, with a value for each variable that it names and a certificate in a file, and keeps it under the
    /// name in its first line.
    pub(crate) fn configuration(&self, text: &str) -> Result<(), String> {
        let first = text.lines().next().unwrap_or_default();
        let name = first.strip_prefix("// ").filter(|name| name.ends_with(".json"));
        let name = name.ok_or_else(|| format!("a configuration begins with its name, not with {first:?}"))?;
        let text = self.with_places(text);
        let pem = |label: &str| format!("-----BEGIN {label}-----\nAA==\n-----END {label}-----");
        let mut surroundings = FixedSurroundings::new()
            .with_file("client.pem", pem("CERTIFICATE"))
            .with_file("client.key", pem("PRIVATE KEY"));
        for variable in text.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next()) {
            surroundings = surroundings.with_variable(variable, "a value for the variable");
        }
        Config::load([Source::text(name, text.as_str())], &surroundings)
            .map_err(|errors| format!("{errors:#?}"))?;
        std::fs::write(self.home.path().join(name), text).map_err(|error| error.to_string())
    }

    /// The vault of this home, as a program opens it for the person whose home it is.
    pub(crate) async fn pantry(&self) -> Result<(Grantry, Principal), Box<dyn Error>> {
        let folder = self.home.path().join(".local/share/grantry");
        let ana = Principal::person("ana")?;
        let pantry = Grantry::builder()
            .vault(SqliteVault::open(folder.join("grantry.db")).await?)
            .keys(LocalKey::from_file(folder.join("grantry.key"))?)
            .lifeboats(folder.join("lifeboats"))
            .access(AccessPolicy::sole(&ana))
            .open()
            .await?;
        Ok((pantry, ana))
    }

    fn with_places(&self, text: &str) -> String {
        text.replace(SERVER, &self.server.issuer()).replace(RESOURCE, self.resource.origin())
    }

    fn without_places(&self, text: &str) -> String {
        let home = self.home.path().display().to_string();
        text.replace(&self.server.issuer(), SERVER)
            .replace(self.resource.origin(), RESOURCE)
            .replace(&home, "/home/ana")
    }
}
