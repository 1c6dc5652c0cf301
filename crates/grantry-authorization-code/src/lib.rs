//! The authorization code flow of OAuth 2.0 (RFC 6749 section 4.1) with PKCE (RFC 7636).
//!
//! A person's browser is sent to the authorization server, and comes back with a code; the code is redeemed for
//! tokens. [`AuthorizationCode`] begins, a [`PendingAuthorization`] is what to remember meanwhile, a [`Callback`] is
//! what the browser brings, and [`Granted`] is what came of it.
//!
//! | to | read |
//! |---|---|
//! | connect one server | [`AuthorizationCode`], [`UserAgentBinding`] |
//! | finish in another process than began | [`PendingAuthorizations`], [`PendingInMemory`] |
//! | connect several servers at one redirect URI | [`AuthorizationCodes`] |
//! | keep the request out of the browser | [`AuthorizationCodeBuilder::pushed`] |
//! | have a person log in to a program on their own machine | `Loopback` (feature `loopback`) |
//! | know who logged in | [`Granted::claims`], [`AuthorizationCodeBuilder::id_token_algorithms`] |
//! | ask for more when a resource server wants more | [`StepUps`], [`AuthorizationCodes::step_up`] |
//! | show what went wrong | [`Unfinished`], [`Page`] |
//!
//! Here against a server of the testkit, in whose place a person would be:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use grantry_authorization_code::{AuthorizationCode, Callback};
//! use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
//! use grantry_testkit::{RegisteredClient, TestServer};
//!
//! let callback = "https://app.example.com/callback";
//! let registered = RegisteredClient::with_secret("calendar", "s3cret").redirect_uri(callback);
//! let server = TestServer::builder().client(registered).build();
//!
//! let client = Client::new("calendar", ClientAuthentication::secret_basic("s3cret"))?;
//! let endpoint =
//!     TokenEndpoint::new(server.authorization_server()?, client, Arc::new(server.transport()))?;
//! let flow = AuthorizationCode::builder(endpoint, callback).scopes(["openid", "calendar.read"]).build()?;
//!
//! // Somebody clicks "connect": this value becomes a cookie of the browser, and the browser is sent off.
//! let user_agent = flow.user_agent();
//! let (redirect, pending) = flow.begin(&user_agent).await?;
//! let back = server.visit(&redirect.into_location()?).await.ok_or("nobody came back")?;
//!
//! // The browser comes back to the redirect URI, with its cookie:
//! let granted = pending.finish(&flow, &user_agent, &Callback::from_url(&back)?).await?;
//! assert_eq!(granted.scope().as_str(), "calendar.read openid");
//! assert!(granted.refresh_token().is_some());
//!
//! // `openid` brought an ID token, which was checked before anything else of the answer was used:
//! let claims = granted.claims.ok_or("nobody logged in")?;
//! assert_eq!((claims.issuer(), claims.subject()), ("https://as.test", "resource-owner"));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! `loopback` adds `Loopback`, the redirect URI of a program on the person's own machine; `browser` adds `open_browser`,
//! which opens the system's browser.
//!
//! # Invariants
//!
//! * There is no implicit grant and no password grant, and no request without a code challenge by S256 but where three agree: the
//!   application left it out, the server's facts say that it ignores or refuses one, and the client authenticates.
//! * Verifier, state and nonce are 256 random bits each, new for every authorization, and hold nothing else.
//! * A pending authorization is finished once: by value in memory, and taken out of its store before its code is
//!   looked at. It comes back only if nothing was spent.
//! * A code is posted at most once, unless the request was provably never sent; and only to the token endpoint of
//!   the server that was asked.
//! * Nothing that a response says is used or shown before its user agent, its state and its issuer are found right,
//!   in this order. They are compared to the last character, and state and user agent in constant time.
//! * Where `openid` is asked for, no token is handed out before the ID token that came along was checked whole; the server's
//!   keys are at hand before the code is posted. Tokens whose ID token is not right are revoked, and given to nobody.
//! * The redirect URI is sent as it was given, to both endpoints.
//! * No error, `Debug` or event holds a code, a verifier, a state, a nonce, or a text that a server sent, but for
//!   error codes of `[a-z0-9_]`; [`Unfinished::said`] is the one place for its text.
//! * A resource server that asks for more is answered with a request a bounded number of times; no scope that was granted
//!   or asked for before is given up by it.
//! * No clock and no randomness but those of the [`TokenEndpoint`](grantry_endpoint::TokenEndpoint). No timers and
//!   no runtime of its own, but for `Loopback`, which needs tokio.
//! * `Loopback` listens on the loopback interface only, from `listen` until its login ends or its future is dropped, and
//!   spawns nothing. What is no response of its login neither ends it nor reaches the token endpoint.
//! * A [`Page`] loads nothing, is not stored, and shows no text unescaped.

mod builder;
mod callback;
mod codes;
mod flow;
mod granted;
mod id_tokens;
#[cfg(feature = "loopback")]
mod loopback;
mod page;
mod parameters;
mod pending;
mod pending_in_memory;
mod pending_key;
mod pending_store;
mod pkce;
mod random;
mod redirect_uri;
mod redirect_url;
mod refusal;
mod response;
mod seen_codes;
mod step_up;
mod unfinished;
mod user_agent;

pub use builder::AuthorizationCodeBuilder;
pub use callback::Callback;
pub use codes::AuthorizationCodes;
pub use flow::AuthorizationCode;
pub use granted::Granted;
#[cfg(feature = "browser")]
pub use loopback::open_browser;
#[cfg(feature = "loopback")]
pub use loopback::{Loopback, LoopbackBuilder};
pub use page::Page;
pub use pending::PendingAuthorization;
pub use pending_in_memory::PendingInMemory;
pub use pending_key::PendingKey;
pub use pending_store::{PendingAuthorizations, PendingStoreError};
pub use redirect_uri::check as check_redirect_uri;
pub use redirect_url::RedirectUrl;
pub use step_up::StepUps;
pub use unfinished::Unfinished;
pub use user_agent::UserAgentBinding;

/// Where it goes wrong between `begin` and the token endpoint.
const STAGE: grantry_core::Stage = grantry_core::Stage::Authorize;
