//! People: their consent in a browser, from the click to the vault.
//!
//! A person's account at another service is connected by sending their browser to that service's authorization server, and
//! waiting for it to come back with a code (RFC 6749 section 4.1). Whoever else can make a browser load an address can
//! make it come back, too; most of what follows is about telling the two apart.
//!
//! | you write | use |
//! |---|---|
//! | a program on the person's own machine | [`Loopback`](crate::authorization_code::Loopback) (feature `loopback`) |
//! | a web application on axum | `Logins` of the crate `grantry-axum` |
//! | a web application on something else | [`AuthorizationCodes`](crate::authorization_code::AuthorizationCodes) and [`PendingInVault`](crate::PendingInVault) |
//! | a program without a browser, such as on a television | [`device_authorization`](crate::device_authorization) |
//!
//! # A program
//!
//! ```
//! # #[cfg(feature = "loopback")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # use grantry_testkit::{RegisteredClient, TestServer};
//! # use std::sync::Arc;
//! use grantry::authorization_code::{AuthorizationCode, Loopback};
//! use grantry::{Client, ClientAuthentication, TokenEndpoint};
//!
//! // The port is part of the redirect URI, so listen first.
//! let loopback = Loopback::listen().await?;
//! # let registered = RegisteredClient::public("desktop").redirect_uri(loopback.redirect_uri());
//! # let test = Arc::new(TestServer::builder().client(registered).build());
//! # let (server, transport) = (test.authorization_server()?, Arc::new(test.transport()));
//! let client = Client::new("desktop", ClientAuthentication::none())?;
//! let endpoint = TokenEndpoint::new(server, client, transport)?;
//! let flow = AuthorizationCode::builder(endpoint, loopback.redirect_uri()).scope("calendar.read").build()?;
//!
//! # let person = Arc::clone(&test);
//! # let open_browser = |url: &str| {
//! #     let url = url.to_owned();
//! #     let browser = reqwest::Client::builder().no_proxy().build().unwrap();
//! #     tokio::spawn(async move { browser.get(person.visit(&url).await.unwrap()).send().await.unwrap().status() });
//! # };
//! let granted = loopback
//!     .login(&flow, |url| {
//!         println!("To log in, open {url}");
//!         open_browser(url);
//!     })
//!     .await?;
//! assert_eq!(granted.scope().as_str(), "calendar.read");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The port is open from `listen` until the login ends, times out, or its future is dropped, and only on the loopback
//! interface. Whatever else comes to it is answered and ignored: a wrong `Host` (a name that somebody points to 127.0.0.1), a
//! wrong path, another method, a TLS or HTTP/2 hello, a head that never ends, a thousand connections. A response without the
//! state of this login, which is 256 random bits that only the person's browser and the server have seen, is one of these: it
//! neither ends the login nor reaches the token endpoint. What browsers fetch in advance is asked to come again.
//!
//! Register such a client as native, with `http://127.0.0.1/callback`; servers that follow RFC 8252 let any port be used. It
//! has no secret: PKCE is what ties the code to it.
//!
//! # A web application
//!
//! `grantry-axum` brings the routes. The application says who is at the browser, and links to `/oauth/start/{service}`.
//!
//! | what could go wrong | what holds |
//! |---|---|
//! | somebody slips a response that they began to another person | a `__Host-` cookie ties the response to the browser: Secure, HttpOnly, SameSite=Lax |
//! | somebody else logs in at the same browser in between | tenant and account are kept with the login, and compared when it comes back |
//! | a tenant brings the response of another | each tenant's logins are sealed under its own keys; the other finds nothing |
//! | the response comes back twice, or to two replicas at once | it is taken out of the vault by compare-and-swap before its code is used |
//! | one server wants the codes of another (mix-up) | issuer, client, token endpoint and redirect URI are kept with the login; `iss` is compared; a server that does not send it needs a redirect URI of its own, or the configuration is refused |
//! | the browser goes away while the code is redeemed | the redemption is a task of its own, which ends in the vault |
//! | the request to the token endpoint never left | the login is in the store again, and the person loads the page again |
//! | the request left, and its answer was lost | the code is never sent twice; the person begins again |
//! | the page leaks the code | it loads nothing, sends no referrer, is not stored, and takes the query out of the address bar |
//!
//! What a person sees in the end is a plain page in words of ours, or the application's own (`ResultPages`).
//!
//! # Who logged in
//!
//! With `openid` in the scope the server adds an ID token, a signed statement of who the person is (OpenID Connect Core). It is
//! checked before anything else of the answer is used: [`Granted::claims`](crate::authorization_code::Granted::claims) is there,
//! and right, or there are no tokens.
//!
//! | what could go wrong | what holds |
//! |---|---|
//! | somebody else than the server made the token | its signature is by a key that the server publishes; the algorithm is the registered one, RS256 unless [`id_token_algorithms`](crate::authorization_code::AuthorizationCodeBuilder::id_token_algorithms) says otherwise; `none` and HMAC are no signatures |
//! | it is of another server, tenant or client | `iss`, `aud` and `azp` are compared to the last character; another audience has to be named (`trusted_audience`) |
//! | a code or an answer of another login was injected | the nonce is that of this login, compared in constant time; a nonce that nobody sent is refused too |
//! | the access token beside it is another's | `at_hash`, where the server sends one |
//! | it is old, or the clocks differ | `exp`, `iat` and `nbf` by the server's clock, as its answers tell it, with 60 s of leeway; `auth_time`, where `max_age` was asked for |
//! | the server exchanges its keys | a token whose key is not known has them fetched again, once a minute at most, whatever tokens come |
//! | the server gives out no keys, or nonsense | the keys at hand serve for a day; without any nothing is spent, and the same response can be finished later |
//!
//! A wrong ID token ends the login: the tokens that came along are revoked, and given to nobody. The server's issuer and JWKS URI
//! have to be known: from its metadata ([`Discovery`](crate::Discovery)), or named
//! ([`issuer`](crate::AuthorizationServerBuilder::issuer), [`jwks_uri`](crate::AuthorizationServerBuilder::jwks_uri); in a
//! configuration `issuer` and `jwksUri`). Where
//! `openid` is asked for and only the access token is of interest, `without_id_token` says so. Services of a `Grantry` whose
//! server has neither are treated like that by themselves.
//!
//! A person is the pair of issuer and subject. [`UserInfoEndpoint`](crate::UserInfoEndpoint) tells more of them, and only of the
//! same subject.
//!
//! # After the consent
//!
//! [`keep_granted`](crate::keep_granted) puts what came into the vault as the grant of a service and account; `grantry-axum` does
//! it by itself. From there [`custody`](super::custody) renews it. A later consent takes the place of the earlier one and
//! begins a new line of descent; the earlier tokens are not revoked, since many servers would revoke the new ones with them.
//!
//! Logins that nobody finishes are removed by the vault's rotation, or by
//! [`sweep_pending`](crate::vault::TenantVault::sweep_pending) where rotations are rare.
//!
//! # Logging out
//!
//! The end of a person's session is not the end of their consent by itself: a report that runs at night may still need the grant.
//! Where it is meant to be the end, when they disconnect the account, leave, or ask for everything to be forgotten, one call stops
//! the grant in every process, has each of its tokens revoked at the server (RFC 7009), and deletes it:
//!
//! ```
//! # #[cfg(feature = "pantry")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # let client = grantry_testkit::RegisteredClient::public("desktop").redirect_uri("http://127.0.0.1/callback");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let calendar = grantry::pantry::Service::builder("calendar", test.authorization_server()?)
//! #     .flow(grantry::pantry::Flow::AuthorizationCode)
//! #     .client_id("desktop")
//! #     .redirect_uri("http://127.0.0.1/callback")
//! #     .scope("calendar.read")
//! #     .build()?;
//! # use grantry::vault::access::{AccessPolicy, Principal};
//! # use grantry::vault::{GrantRecord, LocalKey, MemoryVault};
//! # let folder = tempfile::tempdir()?;
//! # let me = Principal::workload("app")?;
//! # let pantry = grantry::Grantry::builder()
//! #     .vault(MemoryVault::new())
//! #     .keys(LocalKey::generate(folder.path().join("grantry.key"))?)
//! #     .lifeboats(folder.path().join("lifeboats"))
//! #     .access(AccessPolicy::sole(&me))
//! #     .transport(std::sync::Arc::new(test.transport()))
//! #     .services([calendar])
//! #     .open()
//! #     .await?;
//! # let mine = pantry.as_principal(me);
//! # mine.create_tenant("acme").await?;
//! # let acme = mine.tenant("acme")?;
//! # let now = grantry::Clock::wall(&grantry::SystemClock::new());
//! # let seeded = grantry_testkit::SeededGrant::new("desktop", grantry::Scope::parse("calendar.read")?);
//! # let consent = GrantRecord::new(now).with_refresh_token(test.seed_grant(seeded), now);
//! # acme.vault().create_grant("calendar", "user-17", consent).await?;
//! use grantry::custody::Revocation;
//! use grantry::{ErrorKind, TokenSource};
//!
//! let source = acme.source(("calendar", "user-17")).await?;
//! source.token().await?;
//!
//! let report = acme.revoke(("calendar", "user-17"), Revocation::AtServerThenHere).await?;
//! assert!(report.deleted && report.is_revoked_at_server());
//! // Whoever still holds a source of it gets nothing more.
//! assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::InvalidGrant);
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The report tells of each token what became of it. Where the server does not answer, the grant is stopped all the same, and the
//! server is asked again for seven days, by whichever process lives then; `report.is_queued()` says so, and there is nothing for
//! the application to do. The person can consent anew at any time. `Revocation::HereOnly` asks no server.
//!
//! # When a resource wants more
//!
//! A resource server may say later that a request needs more scope (`insufficient_scope`, RFC 6750), or another login
//! (`insufficient_user_authentication`, RFC 9470). The client's error carries its challenge, and two lines make a request of
//! it: for what the flow asks for, what was granted, and what is needed.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # use grantry_testkit::{ProtectedResource, RegisteredClient, TestServer};
//! # use std::sync::Arc;
//! # let callback = "https://app.example.com/callback";
//! # let registered = RegisteredClient::public("shop").redirect_uri(callback);
//! # let test = TestServer::builder().client(registered).start().await?;
//! # let needed = grantry::Scope::parse("orders.read orders.write")?;
//! # let resource = ProtectedResource::start_requiring(&test, needed).await?;
//! # let client = grantry::Client::new("shop", grantry::ClientAuthentication::none())?;
//! # let server = test.authorization_server()?;
//! # let endpoint = grantry::TokenEndpoint::new(server, client, Arc::new(test.transport()))?;
//! # use grantry::authorization_code::{AuthorizationCode, Callback};
//! # let flow = AuthorizationCode::builder(endpoint, callback).scope("orders.read").build()?;
//! # let user_agent = flow.user_agent();
//! # let log_in = async |flow: &AuthorizationCode| {
//! #     let (redirect, pending) = flow.begin(&user_agent).await?;
//! #     let back = test.visit(&redirect.into_location()?).await.unwrap();
//! #     Ok::<_, grantry::Error>(pending.finish(flow, &user_agent, &Callback::from_url(&back)?).await?)
//! # };
//! # let granted = log_in(&flow).await?;
//! # #[derive(Debug)]
//! # struct Held(grantry::Token);
//! # #[async_trait::async_trait]
//! # impl grantry::TokenSource for Held {
//! #     fn ready(&self) -> Option<grantry::Token> { Some(self.0.clone()) }
//! #     async fn token(&self) -> Result<grantry::Token, grantry::Error> { Ok(self.0.clone()) }
//! #     fn reject(&self, _: &grantry::Token) {}
//! # }
//! # let api = |granted: &grantry::authorization_code::Granted| {
//! #     let held = Held(granted.token_set.token().clone());
//! #     grantry::AuthorizedClient::from_builder(reqwest::Client::builder(), held, [resource.origin()])
//! # };
//! use grantry::RequestError;
//! use grantry::authorization_code::StepUps;
//!
//! // One for the process: it counts, so that nobody is sent in circles.
//! let steps = StepUps::new();
//!
//! let url = resource.url("/orders");
//! let Err(RequestError::Token(refusal)) = api(&granted)?.get(&url).send().await else { panic!("it was enough") };
//! let more = steps.flow("ada at the shop", &flow, &refusal, granted.scope())?;
//! let (redirect, pending) = more.begin(&user_agent).await?;
//! # drop((redirect, pending));
//! // .. the person consents, and comes back ..
//! # let granted = log_in(&more).await?;
//! assert_eq!(granted.scope().as_str(), "orders.read orders.write");
//! assert_eq!(api(&granted)?.get(&url).send().await?.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A web application has [`AuthorizationCodes::step_up`](crate::authorization_code::AuthorizationCodes::step_up), which counts for
//! each browser. Where the server grants no more than before, the person is asked twice for the same, eight times in all in a
//! quarter of an hour, and then the refusal stays one.
//!
//! # Which server, if nobody knows
//!
//! A resource says whose tokens it takes (RFC 9728). [`ResourceDiscovery`](crate::ResourceDiscovery) reads it, from the address
//! that the refusal's challenge names or the well-known one, and leads on to the authorization server. It is believed for
//! the very resource that was asked about and for no other, and what it names stays away from private addresses.
