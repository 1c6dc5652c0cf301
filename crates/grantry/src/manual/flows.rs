//! Flows: which one is yours, and what each of them looks like.
//!
//! | who acts | flow | feature | here |
//! |---|---|---|---|
//! | the service itself | client credentials (RFC 6749 section 4.4) | `client-credentials` | [below](#the-service-itself) |
//! | a person, through a web application | authorization code with PKCE (RFC 6749 section 4.1, RFC 7636) | `authorization-code` | [below](#a-person-through-a-web-application) |
//! | a person, at a program on their own machine | the same, over a loopback listener (RFC 8252) | `loopback`, `browser` | [`logins`](super::logins); from a shell `grantry auth login` |
//! | a person, and a machine without a browser | device authorization (RFC 8628) | `device-authorization` | [below](#a-machine-without-a-browser) |
//! | a service that was called, for whoever called it | token exchange (RFC 8693) | `token-exchange` | [below](#on-behalf-of-a-caller) |
//! | a service account with a key | the JWT bearer grant (RFC 7523) | `token-exchange` | [below](#a-service-account-with-a-key) |
//! | whoever consented before | the refresh token (RFC 6749 section 6) | `custody` | [`custody`](super::custody) |
//!
//! There is no implicit flow and no password flow, and there will be none: the first hands tokens to whoever reads the address
//! bar, the second hands a person's password to the client. RFC 9700 tells against both.
//!
//! Each flow is a [`Grant`](crate::Grant): one call, at most one token request. A [`ManagedSource`](crate::ManagedSource) around
//! it keeps the token fresh, whichever flow it is.
//!
//! # The service itself
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let server = test.authorization_server()?;
//! use grantry::TokenSource;
//!
//! let source = grantry::client_credentials(server, "billing", "s3cret")
//!     .scope("orders.read")
//!     .audience("https://api.example.com")
//!     .build()?;
//! assert_eq!(source.token().await?.scope().as_str(), "orders.read");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a [configuration](super::configuration):
//!
//! ```jsonc
//! // itself.json
//! {
//!   "auth": {
//!     "flow": "client_credentials",
//!     "tokenUrl": "https://as.example.com/token",
//!     "clientId": "billing",
//!     "clientSecret": "${BILLING_SECRET}",
//!     "scopes": ["orders.read"],
//!     "additionalParams": { "audience": "https://api.example.com" },
//!   },
//! }
//! ```
//!
//! Such a client needs no refresh token: it has its secret, and asks again. Instead of the secret take a key
//! ([`client_authentication`](super::client_authentication)).
//!
//! # A person, through a web application
//!
//! On axum `grantry-axum` has the routes, and `examples/gateway.rs` is a whole program: [`logins`](super::logins). Elsewhere a
//! handler sends the browser off, and another takes what it brings back:
//!
//! ```
//! # #[cfg(all(feature = "pantry", feature = "authorization-code"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use grantry::vault::access::{AccessPolicy, Principal};
//! # use grantry::vault::{LocalKey, MemoryVault};
//! # let callback = "https://app.example.com/callback";
//! # let client = grantry_testkit::RegisteredClient::with_secret("crm", "s3cret").redirect_uri(callback);
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let server = test.authorization_server()?;
//! # let folder = tempfile::tempdir()?;
//! # let me = Principal::workload("app")?;
//! use grantry::authorization_code::{Callback, UserAgentBinding};
//! use grantry::pantry::{Flow, Grantry, Service};
//! use grantry::{SystemEntropy, TokenSource};
//!
//! let crm = Service::builder("crm", server)
//!     .flow(Flow::AuthorizationCode)
//!     .client_id("crm")
//!     .secret("s3cret")
//!     .redirect_uri("https://app.example.com/callback")
//!     .scope("contacts.read")
//!     .build()?;
//! # let pantry = Grantry::builder()
//! #     .vault(MemoryVault::new())
//! #     .keys(LocalKey::generate(folder.path().join("grantry.key"))?)
//! #     .lifeboats(folder.path().join("lifeboats"))
//! #     .access(AccessPolicy::sole(&me))
//! #     .services([crm])
//! #     .open()
//! #     .await?;
//! # let mine = pantry.as_principal(me);
//! # mine.create_tenant("acme").await?;
//! let acme = mine.tenant("acme")?;
//!
//! // Ann clicks "connect". The value becomes a cookie of her browser: `__Host-login`, Secure, HttpOnly, SameSite=Lax.
//! let browser = UserAgentBinding::new(&SystemEntropy);
//! let (redirect, pending) = acme.authorize(("crm", "ann")).begin(&browser).await?;
//! let location = redirect.into_location()?;
//! # let query = test.visit(&location).await.ok_or("nobody came back")?;
//! # let query = query.split_once('?').ok_or("no query")?.1;
//!
//! // She consents, and comes back with her cookie and a query.
//! let granted = pending.finish(&browser, Callback::from_query(query)?).await.map_err(|failed| failed.error)?;
//! assert_eq!(granted.scope().as_str(), "contacts.read");
//!
//! // From now on there are tokens for her, also after a restart.
//! acme.source(("crm", "ann")).await?.token().await?;
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `pending` is finished by the process that began. Where any replica may get the answer, keep what is pending in the vault:
//! [`PendingInVault`](crate::PendingInVault), which `grantry-axum` does by itself.
//!
//! ```jsonc
//! // person.json
//! {
//!   "auth": {
//!     "flow": "authorization_code",
//!     "provider": "google",
//!     "clientId": "app.apps.googleusercontent.com",
//!     "clientSecret": "${GOOGLE_SECRET}",
//!     "redirectUri": "https://app.example.com/callback",
//!     "scopes": ["https://www.googleapis.com/auth/drive.readonly"],
//!   },
//! }
//! ```
//!
//! A code challenge (S256) goes with every request, whether the client has a secret or not. It is left out only where the service
//! says so (`"pkce": false`) and its provider is known to ignore or refuse it, as LinkedIn does.
//!
//! # A machine without a browser
//!
//! ```
//! # #[cfg(feature = "device-authorization")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! # use std::sync::Arc;
//! # let clock = Arc::new(grantry_testkit::ManualClock::following_tokio());
//! # let client = grantry_testkit::RegisteredClient::public("tv");
//! # let test = grantry_testkit::TestServer::builder().client(client).clock(clock.clone()).build();
//! # let (server, transport) = (test.authorization_server()?, Arc::new(test.transport()));
//! # struct Screen;
//! # impl Screen { fn show(&self, _: &str) {} }
//! # let screen = Screen;
//! use grantry::device_authorization::DeviceAuthorization;
//! use grantry::{Client, ClientAuthentication, TokenEndpoint};
//!
//! let client = Client::new("tv", ClientAuthentication::none())?;
//! let endpoint = TokenEndpoint::builder(server, client, transport);
//! # let endpoint = endpoint.clock(clock);
//! let flow = DeviceAuthorization::builder(endpoint.build()?).scope("films.read").build()?;
//!
//! let pending = flow.begin().await?;
//! screen.show(&format!("Open {} and type {}", pending.verification_uri(), pending.user_code()));
//! # assert!(test.approve(pending.user_code()));
//! let granted = pending.finish().await?;
//! assert_eq!(granted.scope().as_str(), "films.read");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `finish` polls as the server wants it, slower where it is told to, and ends when the codes expire. Show the person nothing
//! but the address and the code: whoever types a code in at another's bidding gives them the account.
//!
//! # On behalf of a caller
//!
//! ```
//! # #[cfg(feature = "token-exchange")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use std::sync::Arc;
//! # let client = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let (server, transport) = (test.authorization_server()?, Arc::new(test.transport()));
//! # let first = grantry::client_credentials(server.clone(), "gateway", "s3cret").transport(transport.clone()).build()?;
//! # let came = grantry::TokenSource::token(&first).await?.expose().to_owned();
//! use grantry::token_exchange::{SubjectToken, TokenExchange, TokenType};
//! use grantry::{Attempt, Client, ClientAuthentication, Grant, TokenEndpoint};
//!
//! let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
//! let endpoint = TokenEndpoint::new(server, client, transport)?;
//!
//! // `came` is the token that a request arrived with. What is called for its sender wants another one.
//! let exchange = TokenExchange::builder(endpoint, SubjectToken::new(came), TokenType::ACCESS_TOKEN)
//!     .audience("https://orders.example.com")
//!     .scope("orders.read")
//!     .build()?;
//! let set = exchange.obtain(Attempt::first()).await.map_err(|failure| failure.error)?;
//! assert_eq!(set.token().scope().as_str(), "orders.read");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A token is for one caller and one audience, so keep the exchanged one no longer than that call, or under a source whose
//! [`GrantKey`](crate::GrantKey) names the caller.
//!
//! In a configuration the service says everything but the subject, which the program hands in:
//!
//! ```jsonc
//! // exchange.json
//! {
//!   "service": "orders",
//!   "auth": {
//!     "flow": "token_exchange",
//!     "tokenUrl": "https://as.example.com/token",
//!     "clientId": "gateway",
//!     "clientSecret": "${GATEWAY_SECRET}",
//!     "subjectTokenType": "urn:ietf:params:oauth:token-type:access_token",
//!     "scopes": ["orders.read"],
//!     "additionalParams": { "audience": "https://orders.example.com" },
//!   },
//! }
//! ```
//!
//! ```
//! # #[cfg(all(feature = "pantry", feature = "authorization-code", feature = "token-exchange"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use std::sync::Arc;
//! # use grantry::authorization_code::{Callback, UserAgentBinding};
//! # use grantry::pantry::{Flow, Grantry, Service};
//! # let callback = "https://app.example.com/callback";
//! # let client = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret").redirect_uri(callback);
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let server = test.authorization_server()?;
//! # let service = |name| Service::builder(name, server.clone()).client_id("gateway").secret("s3cret");
//! # let crm = service("crm").flow(Flow::AuthorizationCode).redirect_uri(callback).scope("contacts.read").build()?;
//! # let orders = service("orders").flow(Flow::TokenExchange).scope("orders.read").build()?;
//! # let folder = tempfile::tempdir()?;
//! # let me = grantry::vault::access::Principal::workload("app")?;
//! # let pantry = Grantry::builder()
//! #     .vault(grantry::vault::MemoryVault::new())
//! #     .keys(grantry::vault::LocalKey::generate(folder.path().join("grantry.key"))?)
//! #     .lifeboats(folder.path().join("lifeboats"))
//! #     .access(grantry::vault::access::AccessPolicy::sole(&me))
//! #     .transport(Arc::new(test.transport()))
//! #     .services([crm, orders])
//! #     .open()
//! #     .await?;
//! # let mine = pantry.as_principal(me);
//! # mine.create_tenant("acme").await?;
//! # let acme = mine.tenant("acme")?;
//! # let browser = UserAgentBinding::new(&grantry::SystemEntropy);
//! # let (redirect, pending) = acme.authorize(("crm", "ann")).begin(&browser).await?;
//! # let back = test.visit(&redirect.into_location()?).await.ok_or("nobody came back")?;
//! # let query = back.split_once('?').ok_or("no query")?.1;
//! # pending.finish(&browser, Callback::from_query(query)?).await.map_err(|failed| failed.error)?;
//! # let came = grantry::TokenSource::token(&*acme.source(("crm", "ann")).await?).await?.expose().to_owned();
//! use grantry::TokenSource;
//! use grantry::token_exchange::{FromSource, SubjectToken};
//!
//! // For this call: the token that it came with.
//! let orders = acme.exchange(("orders", "ann"), SubjectToken::new(came)).source().await?;
//! assert_eq!(orders.token().await?.scope().as_str(), "orders.read");
//!
//! // For as long as Ann's consent to the tenant's crm holds: each time a token of that is exchanged.
//! let crm = acme.source(("crm", "ann")).await?;
//! let orders = acme.exchange(("orders", "ann"), FromSource::new(crm)).source().await?;
//! orders.token().await?;
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing of it is kept in the vault: [`exchange`](crate::pantry::TenantPantry::exchange).
//!
//! # A service account with a key
//!
//! The client signs a statement about a subject, and the server answers with a token for that subject. Google's service
//! accounts and Salesforce's JWT flow are of this kind.
//!
//! ```
//! # #[cfg(feature = "token-exchange")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use std::sync::Arc;
//! # let key = grantry::SigningKey::generate_es256()?;
//! # let client = grantry_testkit::RegisteredClient::with_key("reports", key.verifying_key());
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let (server, transport) = (test.authorization_server()?, Arc::new(test.transport()));
//! use grantry::token_exchange::{JwtBearer, SignedAssertions};
//! use grantry::{Client, ClientAuthentication, GrantKey, ManagedSource, Profile, Scheduler, TokenEndpoint, TokenSource};
//!
//! let client = Client::new("reports", ClientAuthentication::private_key(key.clone()))?;
//! let endpoint = TokenEndpoint::new(server, client, transport)?;
//! let assertions = SignedAssertions::builder(&endpoint, key, "reports", "ann@example.com").build()?;
//! let grant = JwtBearer::builder(endpoint, assertions).scope("reports.read").build()?;
//!
//! let profile = Profile::builder("https://as.example.com/token", "reports", &Scheduler::new()).build();
//! let source = ManagedSource::new(GrantKey::new("acme", "reports", "ann")?, Arc::new(grant), &profile);
//! source.token().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each attempt signs a statement of its own, which is good for a minute.
