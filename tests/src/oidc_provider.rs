//! oidc-provider, a certified authorization server in JavaScript, on a loopback port of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{Certificates, Fallible};

/// Where its program is, with the packages that `cargo xtask install` brings.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oidc-provider");

/// What a server is started with.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "tests fill it by hand")]
pub struct Settings {
    /// How long its access tokens live, in seconds.
    pub access_ttl: u32,
    /// Whether a refresh token is exchanged for a new one at each use.
    pub rotate: bool,
    /// Whether proofs of possession need the server's nonces.
    pub dpop_nonces: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { access_ttl: 3600, rotate: true, dpop_nonces: false }
    }
}

/// A private key of the client `private-key-jwt`, made when the server started.
#[derive(Debug, Clone, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "tests read it")]
pub struct ClientKey {
    /// Its id, as registered.
    pub kid: String,
    /// PKCS#8 in PEM.
    pub pem: String,
    /// A private JWK, with `kid`, `alg` and `use`.
    pub jwk: String,
}

/// Something that goes wrong at one path, for the next requests to it.
#[derive(Debug, Clone, Serialize)]
#[allow(clippy::exhaustive_structs, reason = "tests fill it by hand")]
pub struct Fault {
    /// The path, such as `/token`.
    pub path: &'static str,
    /// `status`, `html`, `delay`, `drop` or `drop_after`.
    pub mode: &'static str,
    /// The status of `status` and `html`.
    pub status: u16,
    /// The value of `Retry-After` with `status`; empty for none.
    pub retry_after: &'static str,
    /// How long it waits first, in milliseconds.
    pub delay_ms: u64,
    /// How many requests it happens to.
    pub count: u32,
}

impl Default for Fault {
    fn default() -> Self {
        Self { path: "/token", mode: "status", status: 503, retry_after: "", delay_ms: 0, count: 1 }
    }
}

/// A running server. Dropping it ends its process.
#[derive(Debug)]
pub struct OidcProvider {
    server: Mutex<Server>,
    ready: Ready,
}

/// What it says when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    issuer: String,
    keys: BTreeMap<String, ClientKey>,
}

impl OidcProvider {
    /// Starts a server and waits until it serves.
    ///
    /// # Errors
    /// Node.js or the packages are missing, or the server does not start; the text says which.
    pub fn start(settings: Settings) -> Fallible<Self> {
        Self::start_with(settings, None)
    }

    /// The same over https, with these certificates. It has a second port, which asks clients for certificates.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_secure(settings: Settings, certificates: &Certificates) -> Fallible<Self> {
        Self::start_with(settings, Some(certificates.folder()))
    }

    fn start_with(settings: Settings, certificates: Option<&Path>) -> Fallible<Self> {
        if !Path::new(FOLDER).join("node_modules/oidc-provider").exists() {
            return Err("oidc-provider is not installed: `cargo xtask interop` installs it".into());
        }
        let mut command = Command::new("node");
        command
            .arg("server.mjs")
            .current_dir(FOLDER)
            .env("ACCESS_TTL", settings.access_ttl.to_string())
            .env("ROTATE", if settings.rotate { "1" } else { "0" })
            .env("DPOP_NONCE", if settings.dpop_nonces { "1" } else { "0" });
        if let Some(folder) = certificates {
            command.env("TLS_FOLDER", folder);
        }
        let (server, ready) = Server::start(&mut command)?;
        Ok(Self { server: Mutex::new(server), ready: serde_json::from_str(&ready)? })
    }

    /// Its issuer, without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.ready.issuer
    }

    /// The URL of a path of it, such as `/token`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready.issuer)
    }

    /// The key of the client `private-key-jwt` for an algorithm: ES256, RS256, PS256 or EdDSA.
    ///
    /// # Errors
    /// There is no key for it.
    pub fn client_key(&self, algorithm: &str) -> Fallible<&ClientKey> {
        Ok(self.ready.keys.get(algorithm).ok_or_else(|| format!("there is no key for {algorithm}"))?)
    }

    /// How many requests it has seen of that method and path, such as `POST /token`, or how many of those it has
    /// answered with a status, as in `POST /token 200`.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn requests(&self, method_and_path: &str) -> Fallible<u64> {
        let counts = self.ask(&json!({"do": "counts"}))?;
        Ok(counts.get(method_and_path).and_then(Value::as_u64).unwrap_or(0))
    }

    /// Makes something go wrong.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn break_with(&self, fault: &Fault) -> Fallible<()> {
        let mut asked = serde_json::to_value(fault)?;
        asked["do"] = "fault".into();
        self.ask(&asked).map(drop)
    }

    /// A refresh token of the client `refreshing`, as if a person had just consented to `openid offline_access read`.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn refresh_token(&self) -> Fallible<String> {
        let answer = self.ask(&json!({"do": "refresh_token"}))?;
        Ok(answer["refresh_token"].as_str().ok_or_else(|| format!("no refresh token: {answer}"))?.to_owned())
    }

    /// Has it sign with other keys from now on; those before are published no more.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn rotate_keys(&self) -> Fallible<()> {
        self.ask(&json!({"do": "rotate_keys"})).map(drop)
    }

    /// Whether a refresh token would be accepted. Nothing is spent by asking.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn is_live(&self, refresh_token: &str) -> Fallible<bool> {
        let answer = self.ask(&json!({"do": "is_live", "refresh_token": refresh_token}))?;
        Ok(answer["is_live"].as_bool().ok_or_else(|| format!("neither live nor dead: {answer}"))?)
    }

    fn ask(&self, asked: &Value) -> Fallible<Value> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(serde_json::from_str(&server.ask(&asked.to_string())?)?)
    }
}
