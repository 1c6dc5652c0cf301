//! Another library's judgement of ID tokens: `jose`, in JavaScript.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Fallible;
use crate::server::Server;

/// Where its program is, with the packages that `cargo xtask install` brings.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oidc-provider");

/// A process that judges ID tokens. Dropping it ends the process.
#[derive(Debug)]
pub struct Jose(Server);

/// What it says of a token.
#[derive(Debug, Clone, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "tests read it")]
pub struct Verdict {
    /// Whom the token is about, where it is right.
    pub subject: Option<String>,
    /// The code of what is wrong with it otherwise.
    pub refused: Option<String>,
}

impl Jose {
    /// Starts it.
    ///
    /// # Errors
    /// Node.js or the packages are missing.
    pub fn start() -> Fallible<Self> {
        if !Path::new(FOLDER).join("node_modules/jose").exists() {
            return Err("jose is not installed: `cargo xtask interop` installs it".into());
        }
        let (server, _) = Server::start(Command::new("node").arg("verify.mjs").current_dir(FOLDER))?;
        Ok(Self(server))
    }

    /// Judges a token by these keys.
    ///
    /// # Errors
    /// It does not answer.
    pub fn judge(
        &mut self,
        token: &str,
        keys: &Value,
        issuer: &str,
        audience: &str,
        algorithm: &str,
    ) -> Fallible<Verdict> {
        let asked = json!({
            "token": token, "jwks": keys, "issuer": issuer, "audience": audience, "algorithms": [algorithm],
        });
        Ok(serde_json::from_str(&self.0.ask(&asked.to_string())?)?)
    }
}
