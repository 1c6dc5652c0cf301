//! Security: what is protected, and what is not.
//!
//! # What is protected, and from whom
//!
//! Client secrets and signing keys, refresh tokens, access tokens, and that a service gets a token when it needs
//! one.
//!
//! | who attacks | what holds |
//! |---|---|
//! | reads or changes traffic | https with verified certificate and host name, TLS 1.2 or newer; no switch turns it off |
//! | runs a server that we are sent to | no redirect is followed on a call to an authorization server; the address guard below |
//! | runs an authorization server | 256 KiB of an answer are read at most, in bounded time; it is classified before it is parsed; nothing of a body goes into an error |
//! | injects a code or an ID token of another login | PKCE and `state`; where `openid` is asked for, nothing is handed out before signature, issuer, audience, nonce and times of the ID token are right ([logins](super::logins)) |
//! | runs a resource server | a token goes to named origins only, and not along with a redirect to another; at most three sends a request, one renewal in five seconds because of refusals |
//! | reads logs, traces, metrics | no secret has `Display` or `Serialize`; every `Debug` prints `[redacted]` |
//! | is one tenant among several | sources are found by tenant, service and account together, hashed with a seed of the process |
//! | stops the authorization server | fit tokens are served on; retries are bounded and spread; the queue of waiters has an end |
//!
//! It does **not** protect against
//!
//! * code in the same process: types keep secrets apart so that mistakes do not compile, not so that code cannot
//!   read memory;
//! * a memory dump of a running process, or an operating system, a clock or a source of randomness that lies;
//! * an authorization server that gives tokens to whom it should not, or a certificate authority that you added;
//! * somebody who may read loopback traffic of this machine;
//! * a bearer token once it is out: who has it can use it until it expires. Keep lifetimes short, or bind
//!   tokens to a key ([`binding`](super::binding)).
//!
//! # Secrets in memory
//!
//! Client secrets, refresh tokens and access tokens are types of their own, zeroized when the last owner drops
//! them, and the only way to the bytes is a method named `expose`. A token's header value is zeroized with its last
//! clone and marked sensitive, so that HTTP/2 does not index it.
//!
//! ```
//! use grantry::{ClientAuthentication, ClientSecret, SigningKey};
//!
//! let secret = ClientSecret::new("hunter2");
//! let key = SigningKey::generate_es256()?;
//! let shown = format!("{secret:?} {:?} {key:?}", ClientAuthentication::secret_basic(secret.clone()));
//! assert!(shown.starts_with("ClientSecret([redacted])") && !shown.contains("hunter2"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Zeroizing has limits. A client's secrets and keys stay in memory for as long as the client does. What the HTTP
//! and TLS libraries, `ring` and the parsers copy inside themselves is not wiped, nor is what you read a secret
//! from: a file's text, an environment variable. Swap and core dumps are the operating system's affair.
//!
//! # Plain http
//!
//! http is accepted for loopback only (`127.0.0.0/8`, `[::1]`, `localhost`), in every build, so that tests and
//! sidecars need no certificate. There is no switch, so none can be left on.
//! [`HttpTransport`](crate::HttpTransport) and clients from `from_builder` resolve `localhost` to loopback
//! addresses themselves, and the transport sends no loopback request to a proxy.
//!
//! ```
//! use grantry::{AuthorizationServer, Origin};
//! assert!(AuthorizationServer::builder("http://127.0.0.1:8080/token").build().is_ok());
//! for url in ["http://10.0.0.1/token", "http://localhost.example.com/token", "https://u:p@as.example.com/token"] {
//!     assert!(AuthorizationServer::builder(url).build().is_err());
//!     assert!(Origin::parse(url).is_err());
//! }
//! ```
//!
//! # Learned addresses
//!
//! What a person configured may lead anywhere, a private network included. What was learned at run time may not
//! (server-side request forgery): endpoints that a metadata document names at another origin than its issuer's, and
//! everything of an issuer that was itself learned ([`Discovery::learned`](crate::Discovery::learned)). Such a URL
//! may lead to public addresses only. The address that was checked is the one that is connected to, so a name that
//! changes in between gains nothing.
//! [`allow_private_addresses`](crate::HttpTransportBuilder::allow_private_addresses) lets loopback and private
//! networks in; link-local addresses, and with them the metadata services of clouds, stay out. Behind a proxy it is
//! the proxy that resolves names, so it is the proxy that has to keep them in bounds. A
//! [`Transport`](crate::Transport) of your own has to heed [`Request::is_learned`](crate::Request::is_learned)
//! itself.
//!
//! # Proxies and the environment
//!
//! The transport to the authorization server reads nothing from the environment: a proxy is used where
//! [`proxy`](crate::HttpTransportBuilder::proxy) names it. The reqwest client that you hand in keeps its own
//! settings.
//!
//! # Logging
//!
//! Traces and events hold hosts, ports, paths, statuses, kinds and the names that you gave, never a query, a header
//! or a body. OAuth error codes are kept as data where they are registered ones, or look like codes and repeat
//! nothing of the request's secrets. An `error_description` is not kept; a provider's own code inside it is, where
//! the preset knows its prefix.
//!
//! A crate feature never makes a check weaker. Reports of weaknesses: see `SECURITY.md` in the repository.
