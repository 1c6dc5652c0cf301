//! Routes for an axum application that send people to an authorization server and bring their consent back.
//!
//! [`Logins`] serves `/oauth/start/{service}`, which sends a browser off, and `/oauth/callback`, to which it comes back. Who
//! the person is the application says ([`People`]); what they granted goes into the vault, or wherever the application
//! wants it ([`GrantKeeper`]); what they see in the end is a plain page, or one of the application's own ([`ResultPages`]).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use axum::http::{StatusCode, request::Parts};
//! use axum::response::{IntoResponse, Response};
//! use grantry::authorization_code::AuthorizationCode;
//! use grantry::vault::access::{AccessPolicy, Principal};
//! use grantry::vault::{LocalKey, MemoryVault, SealedVault};
//! use grantry::{Client, ClientAuthentication, TokenEndpoint};
//! use grantry_axum::{Logins, People, Person};
//! # let callback = "https://gateway.example.com/oauth/callback";
//! # let registered = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret").redirect_uri(callback);
//! # let test = grantry_testkit::TestServer::builder().client(registered).build();
//! # let (server, transport) = (test.authorization_server()?, Arc::new(test.transport()));
//! # let key = LocalKey::from_bytes(zeroize::Zeroizing::new([7; 32]));
//!
//! /// Who is logged in, by the gateway's own session: here a header that stands for it.
//! #[derive(Debug)]
//! struct Sessions;
//!
//! #[async_trait]
//! impl People for Sessions {
//!     async fn person(&self, request: &Parts) -> Result<Person, Response> {
//!         let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
//!         let person = user.and_then(|user| Person::new("acme", user).ok());
//!         person.ok_or_else(|| StatusCode::UNAUTHORIZED.into_response())
//!     }
//! }
//!
//! let me = Principal::workload("gateway")?;
//! let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
//! let mine = vault.as_principal(me);
//! mine.create_tenant("acme").await?;
//!
//! let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
//! let endpoint = TokenEndpoint::new(server, client, transport)?;
//! let crm = AuthorizationCode::builder(endpoint, "https://gateway.example.com/oauth/callback")
//!     .scope("contacts.read")
//!     .build()?;
//! let logins = Logins::in_vault(Sessions, mine.clone()).service("crm", crm).build()?;
//! let app = axum::Router::new().merge(logins.router());
//!
//! // A person clicks "connect", consents at the server, and comes back:
//! use axum::body::Body;
//! use axum::http::Request;
//! use tower::ServiceExt;
//!
//! let click = Request::get("/oauth/start/crm").header("x-user", "ada").body(Body::empty())?;
//! let sent = app.clone().oneshot(click).await?;
//! let back = test.visit(sent.headers()["location"].to_str()?).await.ok_or("nobody came back")?;
//! let cookie = sent.headers()["set-cookie"].to_str()?.split(';').next().unwrap_or_default();
//! let returns =
//!     Request::get(back).header("x-user", "ada").header("cookie", cookie).body(Body::empty())?;
//! assert_eq!(app.oneshot(returns).await?.status(), StatusCode::OK);
//! assert!(mine.tenant("acme")?.grant("crm", "ada").await?.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! * A browser is bound to what it began by a `__Host-` cookie (Secure, HttpOnly, SameSite=Lax), and a person by their
//!   tenant and account: whoever else brings the response back spends nothing and takes nothing away.
//! * Where the pending authorizations are in the vault, a tenant cannot find those of another.
//! * A response is taken out of the store before its code is used. Once it is, it is finished and kept even if the browser
//!   goes away.
//! * No `Location` is made of anything that a request says.
//! * No page holds a text unescaped, loads anything, or is stored or framed; none holds a code, a state or a token.
//! * A request that only looks (fetched in advance, an image, a frame) begins nothing and finishes nothing.

mod callback;
mod cookies;
mod keeping;
mod logins;
mod outcome;
mod pending;
mod people;
mod requests;
mod start;

pub use keeping::{GrantKeeper, VaultKeeper};
pub use logins::{Logins, LoginsBuilder};
pub use outcome::{Outcome, PlainPages, ResultPages, respond};
pub use pending::PendingPlace;
pub use people::{People, Person};
