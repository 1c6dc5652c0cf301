//! Client authentication: how a client proves who it is.
//!
//! # Seven methods
//!
//! | method | constructor | what goes over the wire |
//! |---|---|---|
//! | `client_secret_basic` | [`secret_basic`](crate::ClientAuthentication::secret_basic) | id and secret, each form-encoded, in the `Authorization` header (RFC 6749 section 2.3.1) |
//! | `client_secret_post` | [`secret_post`](crate::ClientAuthentication::secret_post) | id and secret in the body |
//! | `client_secret_jwt` | [`secret_jwt`](crate::ClientAuthentication::secret_jwt) | an assertion under HMAC-SHA-256; the secret, of 32 bytes or more, stays here |
//! | `private_key_jwt` | [`private_key`](crate::ClientAuthentication::private_key) | an assertion signed with a private key (RFC 7523) |
//! | `tls_client_auth` | [`tls`](crate::ClientAuthentication::tls) | the client id; the connection presents a certificate of an authority that the server trusts (RFC 8705) |
//! | `self_signed_tls_client_auth` | [`self_signed_tls`](crate::ClientAuthentication::self_signed_tls) | the same with a certificate that is registered at the server |
//! | `none` | [`none`](crate::ClientAuthentication::none) | the client id alone: a public client, which client credentials are not for |
//!
//! [`client_credentials`](crate::client_credentials()) takes a plain text for a secret and chooses among the first
//! three by what the server is known to accept: basic where it does or nothing is known, else post, else the
//! assertion. A [`SigningKey`](crate::SigningKey) is taken for `private_key_jwt`. A method that the server is known
//! not to accept is refused when the source is built, with the methods that it does accept. Certificates are presented by
//! the transport: see [`binding`](super::binding), also for how a configuration names them.
//!
//! # Exchanging a secret
//!
//! Give both secrets, and no moment of the exchange is critical:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "the old secret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let server = test.authorization_server()?;
//! use grantry::{ClientAuthentication, TokenSource};
//!
//! // The server does not know the new secret yet.
//! let both = ClientAuthentication::secret_basic("the new secret").or_secret("the old secret");
//! let source = grantry::client_credentials(server, "billing", both)
//! #   .transport(std::sync::Arc::new(test.transport()))
//!     .build()?;
//! source.token().await?;
//! assert_eq!(source.health().failures, 1, "the new one was tried first");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each request is made with exactly one secret and is sent once. When the server answers `invalid_client`, the
//! next request uses the next secret, after the last one the first again; a secret that works is kept. Until each
//! was refused in turn the error's diagnosis says [`Retry::Now`](crate::Retry::Now), and the source tries again at
//! once, whatever `max_retries` says; a third secret is reached by the retries after that. Clones of a
//! [`Client`](crate::Client), and of the endpoint that has it, share which secret works.
//!
//! So: deploy with new and old; exchange the secret at the server; deploy with the new one alone.
//!
//! # Keys
//!
//! ```
//! use grantry::{Algorithm, SigningKey};
//! # let pem = "-----BEGIN PRIVATE KEY-----\n\
//! #     MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
//! #     -----END PRIVATE KEY-----\n";
//! let key = SigningKey::from_pem(pem)?.with_key_id("2026-11");
//! assert_eq!(key.algorithm(), Algorithm::EdDsa);
//! // Register this with the authorization server: it holds the public half alone.
//! assert!(key.public_jwk().to_json().contains(r#""kid":"2026-11""#));
//!
//! # let jwk = r#"{"kty":"OKP","crv":"Ed25519","kid":"2026-11",
//! #     "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
//! #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
//! let key = SigningKey::from_jwk(jwk)?;
//! assert_eq!(key.key_id(), Some("2026-11"), "the key says its own id");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! PEM may be PKCS#8, SEC 1 or PKCS#1; keys are P-256 (ES256), Ed25519 (EdDSA) or RSA of 2048 to 4096 bits (RS256,
//! or PS256 with [`with_algorithm`](crate::SigningKey::with_algorithm)). An encrypted key, a certificate, several
//! keys in one text and whatever else are refused with what was found. For Microsoft Entra ID name the certificate
//! too: [`with_certificate`](crate::SigningKey::with_certificate). The text that a key was read from is yours to
//! erase.
//!
//! To exchange a key, register the new one beside the old, then deploy with the new one.
//!
//! # A key in an HSM or a KMS
//!
//! [`Signer`](crate::Signer) is three methods. The key never comes here; only the message goes there, and a
//! signature comes back in the form that RFC 7518 gives it (`r || s` for ES256, not DER).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use async_trait::async_trait;
//! use grantry::{Algorithm, ClientAuthentication, SignError, Signer, SigningKey, TokenSource};
//!
//! /// A slot of an HSM. Here a key in memory stands in for it.
//! #[derive(Debug)]
//! struct Slot(SigningKey);
//!
//! #[async_trait]
//! impl Signer for Slot {
//!     fn algorithm(&self) -> Algorithm {
//!         Algorithm::Es256
//!     }
//!     fn key_id(&self) -> Option<&str> {
//!         Some("slot-7")
//!     }
//!     async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
//!         self.0.sign(message).await.map_err(|_| SignError::new("the HSM does not answer"))
//!     }
//! }
//!
//! let hsm = SigningKey::generate_es256()?.with_key_id("slot-7");
//! # let client = grantry_testkit::RegisteredClient::with_key("billing", hsm.verifying_key());
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let server = test.authorization_server()?;
//! let source = grantry::client_credentials(server, "billing", ClientAuthentication::private_key(Slot(hsm)))
//! #   .transport(std::sync::Arc::new(test.transport()))
//!     .build()?;
//! source.token().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A signer that fails, or takes longer than 10 s, is an outage and no verdict: the error is `Unreachable`, nothing
//! was sent, and the source tries again.
//!
//! # What an assertion says
//!
//! `iss` and `sub` are the client id; `jti` is 128 random bits; `iat` and `nbf` are now and `exp` is 60 s later, by
//! the server's clock as far as the `Date` of its answers tells. A difference of less than 10 s counts as none, and one
//! of more than a day is not believed, so that no answer has a client sign for another year.
//! When a refusal is the first to show such a difference, the next request is made by the server's clock at once.
//!
//! The audience is the issuer, so a server that a client signs for has to have one: discover it, or name it. A server
//! that accepts only its token endpoint needs
//! [`AssertionAudience::TokenEndpoint`](crate::AssertionAudience::TokenEndpoint), which the presets for Okta and
//! Microsoft set. It is one text and never a list: an assertion that is good at two places can be carried from one
//! to the other.
