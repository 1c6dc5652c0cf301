//! Tokens that are worth nothing to a thief: bound to a key (DPoP), or to a certificate (mutual TLS).
//!
//! A bearer token is good for whoever holds it. A bound one is good for whoever can also prove possession of a key, which
//! never leaves this process, its vault or an HSM.
//!
//! # A key (RFC 9449)
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let resource = grantry_testkit::ProtectedResource::start(&test).await?;
//! # resource.want_nonces(grantry_testkit::Nonces::EachOnce);
//! # let (server, origin) = (test.authorization_server()?, resource.origin());
//! use grantry::{AuthorizedClient, Binding, Dpop, TokenSource};
//!
//! let source = grantry::client_credentials(server, "billing", "s3cret").dpop(Dpop::es256()).build()?;
//! let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source.clone(), [origin])?;
//! // `Authorization: DPoP ..`, and a proof that is for this request alone.
//! assert_eq!(api.get(format!("{origin}/orders")).send().await?.status(), 200);
//! assert!(matches!(source.token().await?.binding(), Binding::Proof(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing else changes: every token request carries a proof, and so does every request of
//! `AuthorizedClient` and `AuthorizeLayer`, redirects inside an origin and repeats included. A proof names its method and
//! its URL without query and fragment, the hash of the token, a random id, the time, and the server's nonce where it has
//! named one. It is made anew for each send.
//!
//! **Nonces** belong to the server that named them. Those of an authorization server and of each resource server are kept
//! apart, also where both are at one origin. A server that asks for one (`use_dpop_nonce`) costs one more send of the same
//! request, with the same token; one that then asks for yet another is an error.
//!
//! **The time** in a proof is the server's, as far as the `Date` of its answers tells; a server that was not heard of yet is
//! taken to go as the authorization server does.
//!
//! **A server that answers with a bearer token** although it was shown a proof has bound nothing. That is an error, unless
//! [`or_bearer`](crate::Dpop::or_bearer) says otherwise; then the event [`NotBound`](crate::Event::NotBound) tells of it. A
//! refresh token in such an answer is salvaged.
//!
//! # Which key
//!
//! Each grant has a key of its own, made when the person is sent to the authorization server, whose code is bound to it
//! already (`dpop_jkt`). The grant keeps that key for as long as it lives, because the refresh token of a public client works
//! with no other. So keys are exchanged one consent after the other, and never under a grant that lives.
//!
//! Where grants are kept in the vault, the key lies in the grant's own record, sealed with it: what was just consented to is
//! put there by `GrantRecord::with_key_of(token_set.token().binding())`, and custody does the rest. Every replica that reads the record proves with
//! that key. Without a vault keep it beside the refresh token:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use std::sync::Arc;
//! # let client = grantry_testkit::RegisteredClient::with_secret("crm", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let client = grantry::Client::new("crm", grantry::ClientAuthentication::secret_basic("s3cret"))?;
//! # let (server, transport) = (test.authorization_server()?, Arc::new(test.transport()));
//! use grantry::{Attempt, Binding, Dpop, DpopKey, TokenEndpoint, TokenRequest};
//!
//! let endpoint = TokenEndpoint::builder(server, client, transport).dpop(Dpop::es256()).build()?;
//! let set = endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await;
//! # let set = set.map_err(|failure| failure.error)?;
//! if let Binding::Proof(prover) = set.token().binding() {
//!     // Text, to be kept as a secret is kept; `None` for a key in an HSM.
//!     let kept = prover.private_key().expect("it was made here");
//!     // In the next process: `RefreshTokenGrant::builder(..).dpop_key(..)`.
//!     let key = DpopKey::from_private_key(&kept)?;
//!     assert_eq!(key.thumbprint().len(), 43);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A key in an HSM or a KMS is a [`Signer`](crate::Signer) and its public half
//! ([`DpopKey::of_signer`](crate::DpopKey::of_signer)); it serves all grants of its endpoint.
//!
//! # A certificate (RFC 8705)
//!
//! The transport presents a certificate on every connection, and the server binds what it issues to that certificate. The
//! endpoints that the server has for it (`mtls_endpoint_aliases`) are used by themselves.
//!
//! ```
//! # grantry::install_crypto_provider();
//! # let made = rcgen::generate_simple_self_signed(["client.example.com".to_owned()])?;
//! # let pem = made.cert.pem() + &made.signing_key.serialize_pem();
//! use std::sync::Arc;
//! use grantry::{AuthorizationServer, ClientAuthentication, HttpTransport};
//!
//! let server = AuthorizationServer::builder("https://as.example.com/token")
//!     .mtls_token_endpoint("https://mtls.as.example.com/token")
//!     .build()?;
//! // A certificate and its private key, in one PEM text.
//! let transport = HttpTransport::builder().identity(pem).build()?;
//! let source = grantry::client_credentials(server, "billing", ClientAuthentication::tls())
//!     .transport(Arc::new(transport))
//!     .certificate_bound()
//!     .build()?;
//! # let _ = source;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! No answer says that a token is bound to a certificate, so
//! [`certificate_bound`](crate::TokenEndpointBuilder::certificate_bound) has to. From then on the token goes over clients
//! alone that were built with that very certificate: `AuthorizedClient::with_identity` (feature `mutual-tls`), or
//! `AuthorizeLayer::with_identity`, whose service is yours. Any other refuses it before anything is sent. When the
//! certificate is exchanged, build transport and clients anew; tokens of the old one are refused by the new ones, so renew
//! them.
//!
//! # In a configuration
//!
//! ```jsonc
//! // bound.json
//! {
//!   "services": {
//!     "crm": {
//!       "flow": "client_credentials",
//!       "tokenUrl": "https://as.example.com/token",
//!       "clientId": "billing",
//!       "clientSecret": "${CRM_SECRET}",
//!       "dpop": true,
//!     },
//!     "orders": {
//!       "flow": "client_credentials",
//!       "tokenUrl": "https://mtls.as.example.com/token",
//!       "clientId": "billing",
//!       "clientAuthentication": "tls_client_auth",
//!       "mutualTls": {
//!         "certificateFile": "client.pem",   // with those between it and its root
//!         "privateKeyFile": "client.key",    // the same file, where one holds both
//!         "boundTokens": true,               // as the client is registered
//!       },
//!     },
//!   },
//! }
//! ```
//!
//! With `dpop` nothing else changes: the sources of [`Grantry`](crate::pantry::Grantry) give out tokens with their proofs. The
//! key's curve is one that the server is known to take. A record of the vault has one key for all its tokens, whichever
//! replica renews them.
//!
//! A certificate goes over every connection to that service's server. It can go along with a secret or with an assertion; a
//! client that has nothing else authenticates by it, and `clientAuthentication` says by which of the two methods. The private
//! key may be in the vault instead (`grantry auth set --private-key-file`), where the client authenticates by the certificate.
//! A service that stands in the vault has the same by `grantry auth set`: `--dpop`, or `--tls-certificate-file client.pem
//! --private-key-file client.key --auth-method tls_client_auth`, and `--certificate-bound` where tokens are bound to it.
//! Whoever presents bound tokens asks the source what to be built with:
//!
//! ```
//! # #[cfg(all(feature = "pantry", feature = "mutual-tls"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use grantry::pantry::{Grantry, Service};
//! # grantry::install_crypto_provider();
//! # let made = rcgen::generate_simple_self_signed(["client.example.com".to_owned()])?;
//! # let folder = tempfile::tempdir()?;
//! # let server = grantry::AuthorizationServer::builder("https://mtls.as.example.com/token").build()?;
//! # let orders = Service::builder("orders", server)
//! #     .client_id("billing")
//! #     .tls_certificate(made.cert.pem())
//! #     .tls_key(made.signing_key.serialize_pem())
//! #     .certificate_bound()
//! #     .build()?;
//! # let me = grantry::vault::access::Principal::workload("app")?;
//! # let pantry = Grantry::builder()
//! #     .vault(grantry::vault::MemoryVault::new())
//! #     .keys(grantry::vault::LocalKey::generate(folder.path().join("grantry.key"))?)
//! #     .lifeboats(folder.path().join("lifeboats"))
//! #     .access(grantry::vault::access::AccessPolicy::sole(&me))
//! #     .services([orders])
//! #     .open()
//! #     .await?;
//! # let mine = pantry.as_principal(me);
//! # mine.create_tenant("acme").await?;
//! # let acme = mine.tenant("acme")?;
//! use grantry::AuthorizedClient;
//!
//! let (source, origins) = (acme.stored_source("orders").await?, ["https://api.example.com"]);
//! let builder = reqwest::Client::builder();
//! let api = match source.identity() {
//!     Some(identity) => AuthorizedClient::with_identity(builder, identity, source, origins)?,
//!     None => AuthorizedClient::from_builder(builder, source, origins)?,
//! };
//! # let _ = api;
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where the server's own certificate is of a private authority, or a proxy stands in between, say how transports are made:
//! [`http_transport`](crate::pantry::GrantryBuilder::http_transport). Certificates that do not go with their keys stop the
//! opening, and what is wrong with a file is told by `grantry config check`. A newer configuration with another certificate
//! brings new connections and new tokens; clients that present bound ones are built anew.
//!
//! Of the two, a key needs nothing of proxies and load balancers, and works for public clients; a certificate costs nothing
//! per request.
