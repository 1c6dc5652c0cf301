//! An authorization server built on Authlib, in Python, on a loopback port of its own.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Fallible;
use crate::server::Server;

/// Where its program is.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/authlib");
/// Where `cargo xtask install` puts the packages that it needs.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/authlib-venv/bin/python");

/// A running server, whose access tokens live for an hour unless said otherwise. Dropping it ends its process.
#[derive(Debug)]
pub struct Authlib {
    server: Mutex<Server>,
    ready: Ready,
}

/// What it says when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    issuer: String,
}

impl Authlib {
    /// Starts a server and waits until it serves.
    ///
    /// # Errors
    /// Python or the packages are missing, or the server does not start; the text says which.
    pub fn start() -> Fallible<Self> {
        Self::start_with_tokens_for(3600)
    }

    /// The same with access tokens that live for so many seconds.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_tokens_for(seconds: u32) -> Fallible<Self> {
        if !Path::new(PYTHON).exists() {
            return Err("Authlib is not installed: `cargo xtask interop` installs it".into());
        }
        let mut command = Command::new(PYTHON);
        command.args(["-B", "server.py"]).current_dir(FOLDER).env("ACCESS_TTL", seconds.to_string());
        let (server, ready) = Server::start(&mut command)?;
        Ok(Self { server: Mutex::new(server), ready: serde_json::from_str(&ready)? })
    }

    /// Its issuer, without a trailing slash.
    pub fn issuer(&self) -> &str {
        &self.ready.issuer
    }

    /// The URL of a path of it, such as `/me`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready.issuer)
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

    /// A person types a user code in, and approves.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn approve(&self, user_code: &str) -> Fallible<()> {
        self.ask(&json!({"do": "approve", "user_code": user_code})).map(drop)
    }

    /// A person types a user code in, and declines.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn deny(&self, user_code: &str) -> Fallible<()> {
        self.ask(&json!({"do": "deny", "user_code": user_code})).map(drop)
    }

    /// Takes the device's next poll for one that comes too soon.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn hurry(&self, user_code: &str) -> Fallible<()> {
        self.ask(&json!({"do": "hurry", "user_code": user_code})).map(drop)
    }

    fn ask(&self, asked: &Value) -> Fallible<Value> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(serde_json::from_str(&server.ask(&asked.to_string())?)?)
    }
}
