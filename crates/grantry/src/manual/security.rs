//! Security: secrets in memory, addresses, proxies and logs.
//!
//! This page tells what the library does with secrets, addresses and logs. Who attacks, what holds and what does not is in the
//! [threat model](super::threat_model).
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
//! (server-side request forgery): endpoints that a metadata document names at another origin than its issuer's,
//! everything of an issuer that was itself learned ([`Discovery::learned`](crate::Discovery::learned)), and what a
//! resource names ([`ResourceDiscovery`](crate::ResourceDiscovery)). Such a URL may lead to public addresses only. The
//! address that was checked is the one that is connected to, so a name that changes in between gains nothing. The facts
//! know of each URL whether it was learned ([`is_learned`](crate::AuthorizationServer::is_learned)), whatever way they go.
//! [`allow_private_addresses`](crate::HttpTransportBuilder::allow_private_addresses) lets loopback and private
//! networks in; link-local addresses, and with them the metadata services of clouds, stay out. Behind a proxy it is
//! the proxy that resolves names, so it is the proxy that has to keep them in bounds. A
//! [`Transport`](crate::Transport) of your own has to heed [`Request::is_learned`](crate::Request::is_learned)
//! itself.
//!
//! # Proxies and the environment
//!
//! The transport to the authorization server takes no proxy from the environment: one is used where
//! [`proxy`](crate::HttpTransportBuilder::proxy) names it. It trusts the roots of the platform; where those are files,
//! as on Linux, `SSL_CERT_FILE` and `SSL_CERT_DIR` name others, so whoever sets the environment of your process says whom it
//! trusts. The reqwest client that you hand in keeps its own settings.
//!
//! # Logging
//!
//! Traces and events hold hosts, ports, paths, statuses, kinds and the names that you gave, never a query, a header
//! or a body. OAuth error codes are kept as data where they are registered ones, or look like codes and repeat
//! nothing of the request's secrets. An `error_description` is not kept; a provider's own code inside it is, where
//! the preset knows its prefix.
//!
//! A crate feature never makes a check weaker. Reports of weaknesses: see `SECURITY.md` in the repository.
