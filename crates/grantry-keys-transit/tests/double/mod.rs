//! A double of the transit engine's HTTP API, on loopback.
//!
//! It is no Vault and no OpenBao: neither can be installed where the tests run. Paths, members, states, statuses and the
//! texts of errors are those that the API is documented to have and that the sources of both servers show. It encrypts
//! nothing: a ciphertext is a handle into a table, which gives a plaintext back only with the same version, associated data
//! and context, so that it answers as AES-GCM would.

#![allow(clippy::unwrap_used, reason = "a test fails where the double does")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// The token that is good to begin with.
pub(crate) const TOKEN: &str = "hvs.canary-token-of-the-tests";

/// What happens to the next request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// A status with a page that is no JSON and holds whatever a server might tell.
    Status(u16),
    /// A status and a body.
    Answer(u16, String),
    /// The request is done, and the connection closes without an answer.
    Lose,
    /// The connection closes before anything is done.
    Close,
    /// Nothing ever comes.
    Hang,
}

/// A key of the engine.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) kind: &'static str,
    pub(crate) derived: bool,
    pub(crate) exportable: bool,
    pub(crate) latest: u32,
    pub(crate) min_decryption: u32,
    pub(crate) min_encryption: u32,
    pub(crate) min_available: u32,
}

impl Default for Key {
    fn default() -> Self {
        Self {
            kind: "aes256-gcm96",
            derived: false,
            exportable: false,
            latest: 1,
            min_decryption: 1,
            min_encryption: 0,
            min_available: 0,
        }
    }
}

/// What a ciphertext stands for.
#[derive(Debug, Clone, PartialEq)]
struct Sealed {
    plaintext: String,
    aad: String,
    context: String,
    version: u32,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) tokens: BTreeSet<String>,
    /// Paths without `/v1/` that the token's policy does not allow.
    pub(crate) denied: BTreeSet<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) mount: String,
    pub(crate) keys: BTreeMap<String, Key>,
    pub(crate) faults: VecDeque<Fault>,
    /// A server from before associated data was known.
    pub(crate) ignores_aad: bool,
    /// A server from before a rotation answered with the key.
    pub(crate) rotates_silently: bool,
    /// Runs once, before the next encryption: what another process does just then.
    pub(crate) before_encrypt: Option<fn(&mut Key)>,
    /// `METHOD path` of each request.
    pub(crate) requests: Vec<String>,
    /// Every body that was sent.
    pub(crate) bodies: Vec<String>,
    sealed: BTreeMap<String, Sealed>,
}

type Shared = Arc<Mutex<State>>;

/// A running double. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Double {
    state: Shared,
    address: SocketAddr,
    running: Option<JoinHandle<()>>,
}

impl Double {
    /// With an engine at `transit` that has the key `grantry`.
    pub(crate) async fn start() -> Self {
        let state = State {
            tokens: BTreeSet::from([TOKEN.to_owned()]),
            denied: BTreeSet::new(),
            namespace: None,
            mount: "transit".to_owned(),
            keys: BTreeMap::from([("grantry".to_owned(), Key::default())]),
            faults: VecDeque::new(),
            ignores_aad: false,
            rotates_silently: false,
            before_encrypt: None,
            requests: Vec::new(),
            bodies: Vec::new(),
            sealed: BTreeMap::new(),
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut double = Self { state: Arc::new(Mutex::new(state)), address, running: None };
        double.start_again().await;
        double
    }

    /// Serves again, at the same address.
    pub(crate) async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        self.running = Some(tokio::spawn(accept(listener, Arc::clone(&self.state))));
    }

    /// Closes everything.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes the key `grantry`.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Key)) {
        change(self.state().keys.get_mut("grantry").unwrap());
    }

    pub(crate) fn key(&self) -> Key {
        self.state().keys["grantry"].clone()
    }

    /// The requests since the last look.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    pub(crate) fn break_with(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn accept(listener: TcpListener, state: Shared) {
    // Its connections end with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| serve(request, Arc::clone(&state)));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The connection is closed instead of an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed")
    }
}

impl std::error::Error for Closed {}

async fn serve(request: Request<Incoming>, state: Shared) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let path = head.uri.path().strip_prefix("/v1/").unwrap_or_default().to_owned();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let fault = {
        let mut state = state.lock().unwrap();
        state.requests.push(format!("{} {path}", head.method));
        state.bodies.push(String::from_utf8_lossy(&body).into_owned());
        state.faults.pop_front()
    };
    let (status, answer) = match fault {
        Some(Fault::Status(status)) => (status, "<html>canary-of-a-page</html>".to_owned()),
        Some(Fault::Answer(status, answer)) => (status, answer),
        Some(Fault::Close) => return Err(Closed),
        Some(Fault::Hang) => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return Err(Closed);
        }
        lost @ (None | Some(Fault::Lose)) => {
            let sent = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let mut state = state.lock().unwrap();
            let token = header("x-vault-token").unwrap_or_default();
            let done = state.answer(head.method.as_str(), &path, &token, header("x-vault-namespace"), &sent);
            if lost.is_some() {
                return Err(Closed);
            }
            done
        }
    };
    let response = Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(Full::new(answer.into())).unwrap())
}

type Answered = (u16, String);

fn error(text: &str) -> Answered {
    (400, json!({ "errors": [text] }).to_string())
}

fn success(data: &Value) -> Answered {
    (200, json!({ "request_id": "1", "lease_id": "", "data": data, "warnings": null }).to_string())
}

impl State {
    fn answer(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        namespace: Option<String>,
        sent: &Value,
    ) -> Answered {
        if !self.tokens.contains(token) || self.denied.contains(path) {
            return (403, json!({ "errors": ["1 error occurred:\n\t* permission denied\n\n"] }).to_string());
        }
        let no_route = || {
            let text = format!("no handler for route \"{path}\". route entry not found.");
            (404, json!({ "errors": [text] }).to_string())
        };
        if namespace != self.namespace {
            return no_route();
        }
        let Some(rest) = path.strip_prefix(&self.mount).and_then(|rest| rest.strip_prefix('/')) else {
            return no_route();
        };
        let rest = rest.to_owned();
        match (method, rest.split('/').collect::<Vec<_>>().as_slice()) {
            ("GET", ["keys", key]) => match self.keys.get(*key) {
                Some(found) => success(&found.describe(key)),
                None => (404, json!({ "errors": [] }).to_string()),
            },
            ("POST", ["encrypt", key]) => self.encrypt(key, sent),
            ("POST", ["decrypt", key]) => self.decrypt(key, sent),
            ("POST", ["keys", name, "rotate"]) => {
                let silently = self.rotates_silently;
                let Some(key) = self.keys.get_mut(*name) else { return error("key not found") };
                key.latest += 1;
                if silently { (204, String::new()) } else { success(&key.describe(name)) }
            }
            ("POST", ["keys", name, "config"]) => {
                let Some(key) = self.keys.get_mut(*name) else {
                    return error(&format!("no existing key named {name} could be found"));
                };
                key.configure(sent).unwrap_or_else(|| success(&self.keys[*name].describe(name)))
            }
            ("POST", ["keys", name, "trim"]) => {
                let Some(key) = self.keys.get_mut(*name) else { return error("invalid key name") };
                key.trim(sent).unwrap_or_else(|| success(&self.keys[*name].describe(name)))
            }
            _ => (405, json!({ "errors": ["1 error occurred:\n\t* unsupported operation\n\n"] }).to_string()),
        }
    }

    fn encrypt(&mut self, name: &str, sent: &Value) -> Answered {
        let change = self.before_encrypt.take();
        let Some(key) = self.keys.get_mut(name) else { return error("encryption key not found") };
        if let Some(change) = change {
            change(key);
        }
        let plaintext = text(sent, "plaintext");
        if STANDARD.decode(&plaintext).is_err() {
            return error("illegal base64 data at input byte 0");
        }
        let version = match number(sent, "key_version").unwrap_or(0) {
            0 => key.latest,
            version if version > key.latest => {
                return error("requested version for encryption is higher than the latest key version");
            }
            version if version < key.min_encryption => {
                return error(
                    "requested version for encryption is less than the minimum encryption key version",
                );
            }
            version => version,
        };
        if let Some(refused) = key.refuse(sent) {
            return refused;
        }
        let sealed = Sealed { plaintext, aad: self.aad(sent), context: text(sent, "context"), version };
        // As long as what AES-GCM makes of 32 bytes, with its nonce and tag.
        let handle = STANDARD.encode(format!("{:060}", self.sealed.len()));
        self.sealed.insert(handle.clone(), sealed);
        success(&json!({ "ciphertext": format!("vault:v{version}:{handle}"), "key_version": version }))
    }

    fn decrypt(&mut self, name: &str, sent: &Value) -> Answered {
        let Some(key) = self.keys.get(name) else { return error("encryption key not found") };
        let ciphertext = text(sent, "ciphertext");
        let Some(rest) = ciphertext.strip_prefix("vault:v") else {
            return error("invalid ciphertext: no prefix");
        };
        let Some((version, handle)) = rest.split_once(':') else {
            return error("invalid ciphertext: wrong number of fields");
        };
        let Ok(version) = version.parse::<u32>() else {
            return error("invalid ciphertext: version number could not be decoded");
        };
        if version > key.latest {
            return error("invalid ciphertext: version is too new");
        }
        if version < key.min_decryption {
            return error("ciphertext or signature version is disallowed by policy (too old)");
        }
        if STANDARD.decode(handle).is_err() {
            return error("invalid ciphertext: could not decode base64");
        }
        if let Some(refused) = key.refuse(sent) {
            return refused;
        }
        let asked = |sealed: &&Sealed| {
            (&sealed.aad, &sealed.context, sealed.version)
                == (&self.aad(sent), &text(sent, "context"), version)
        };
        match self.sealed.get(handle).filter(asked) {
            Some(sealed) => success(&json!({ "plaintext": sealed.plaintext })),
            None => error("cipher: message authentication failed"),
        }
    }

    fn aad(&self, sent: &Value) -> String {
        if self.ignores_aad { String::new() } else { text(sent, "associated_data") }
    }
}

impl Key {
    fn describe(&self, name: &str) -> Value {
        let keys: serde_json::Map<_, _> = (self.min_decryption.max(1)..=self.latest)
            .map(|version| (version.to_string(), json!(1_700_000_000 + version)))
            .collect();
        json!({
            "name": name, "type": self.kind, "derived": self.derived, "deletion_allowed": false,
            "exportable": self.exportable, "allow_plaintext_backup": false, "keys": keys,
            "latest_version": self.latest, "min_available_version": self.min_available,
            "min_decryption_version": self.min_decryption, "min_encryption_version": self.min_encryption,
            "supports_encryption": true, "supports_decryption": true, "imported_key": false,
        })
    }

    fn refuse(&self, sent: &Value) -> Option<Answered> {
        if !matches!(self.kind, "aes256-gcm96" | "chacha20-poly1305") && sent.get("associated_data").is_some()
        {
            let text = format!("'[0].associated_data' provided for non-AEAD cipher suite {}", self.kind);
            return Some(error(&text));
        }
        (self.derived && text(sent, "context").is_empty()).then(|| {
            error("missing 'context' for key derivation; the key was created using a derived key, which means more")
        })
    }

    fn configure(&mut self, sent: &Value) -> Option<Answered> {
        let decryption = number(sent, "min_decryption_version").unwrap_or(self.min_decryption).max(1);
        let encryption = number(sent, "min_encryption_version").unwrap_or(self.min_encryption);
        if decryption > self.latest || encryption > self.latest {
            return Some(error("cannot set min version, latest key version is lower"));
        }
        if encryption > 0 && encryption < decryption {
            return Some(error("cannot set min encryption/decryption values"));
        }
        if self.min_available > encryption || self.min_available > decryption {
            return Some(error("min encryption version should not be less than min available version"));
        }
        (self.min_decryption, self.min_encryption) = (decryption, encryption);
        None
    }

    fn trim(&mut self, sent: &Value) -> Option<Answered> {
        let Some(available) = number(sent, "min_available_version") else {
            return Some(error("missing min_available_version"));
        };
        if self.min_encryption == 0 {
            return Some(error(
                "minimum available version cannot be set when minimum encryption version is not set",
            ));
        }
        if available < self.min_available || available > self.min_encryption.min(self.min_decryption) {
            return Some(error(
                "minimum available version cannot be greater than minimum decryption version",
            ));
        }
        self.min_available = available;
        None
    }
}

fn text(sent: &Value, member: &str) -> String {
    sent.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(sent: &Value, member: &str) -> Option<u32> {
    sent.get(member).and_then(Value::as_u64).map(|number| u32::try_from(number).unwrap())
}
