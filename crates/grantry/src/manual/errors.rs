//! Errors: what happened, where, and whose move it is.
//!
//! There is one error for callers, [`Error`](crate::Error): cheap to clone, without a token, a secret or a byte of
//! an answer's body in it. It says three things:
//!
//! * [`kind`](crate::Error::kind): what happened. Match on this.
//! * [`stage`](crate::Error::stage): where: building, discovery, token endpoint, waiting, resource request, ...
//! * [`diagnosis`](crate::Error::diagnosis): for a person: whose move it is, likely causes, the remedy, and whether
//!   and when to try again.
//!
//! Beside them, where there are any: [`status`](crate::Error::status), [`oauth_code`](crate::Error::oauth_code),
//! [`provider_code`](crate::Error::provider_code) (such as `AADSTS7000222`),
//! [`needed_scope`](crate::Error::needed_scope) and [`retry_after`](crate::Error::retry_after). `Display` is one
//! sentence of this layer; the cause is in `source()`.
//!
//! # The kinds
//!
//! "Again" is what [`Diagnosis::retry`](crate::Diagnosis::retry) says: `Never` until somebody changed something,
//! `After` a while. `Never` ends a source's retries and begins its cool-down; after a definite verdict the
//! scheduler does not go on by itself either. See [`renewal`](super::renewal).
//!
//! | kind | it means | whose move | again | definite |
//! |---|---|---|---|---|
//! | `Configuration` | a mistake in what was built, found before anything was sent | application | never | yes |
//! | `Unreachable` | no name, no connection, a proxy that refuses, a key that does not sign; nothing was sent | network | after | |
//! | `Untrusted` | certificate or host name do not verify; nothing was sent | application | never | |
//! | `Interrupted` | no answer in time, or one that broke off; it may have arrived | network | after | |
//! | `Unavailable` | 408, 425, 429, 5xx, `temporarily_unavailable`, `server_error`; or nothing was sent, so that the server's bound on the use of a refresh token is kept | authorization server | after | |
//! | `InvalidAnswer` | an answer that is no OAuth answer, or cannot be used | authorization server | after | |
//! | `InvalidGrant` | `invalid_grant`: the credential is invalid, expired or revoked | resource owner | never | yes |
//! | `InvalidClient` | `invalid_client`: the client or its credential is not accepted | application | never; now, while there is something else to try | yes |
//! | `InvalidScope` | `invalid_scope`, `invalid_target` | application | never | yes |
//! | `Refused` | another OAuth error code | application | never | yes |
//! | `InsufficientScope` | a resource server asks for more scope | application | never | yes |
//! | `InsufficientAuthentication` | a resource server asks for another login of the person | resource owner | never | yes |
//! | `TokenRejected` | a resource server refused a renewed token, too | resource server | never | |
//! | `OriginNotAllowed` | the token may not go there; nothing was sent | application | never | yes |
//! | `InDoubt` | an earlier exchange is being resolved | authorization server | after, or now | |
//! | `Overloaded` | too many callers wait for one renewal | application | after | |
//! | `Closed` | the scheduler was shut down | application | never | yes |
//! | `Storage` | the vault, a lifeboat or a keeper could not keep a credential; nothing was given out | store | after | |
//! | `Conflict` | somebody else changed the stored record in between; nothing was written | application | now | |
//! | `Damaged` | a stored record is refused: changed, moved, rolled back, or of a newer format | store | never | |
//! | `KeyUnavailable` | the HSM, the KMS or the key file cannot be reached or opened | store | after | |
//! | `AuditUnavailable` | the audit trail could not record what was about to happen, so it did not | store | after | |
//! | `AccessDenied` | no role of the principal allows it, or a binding denies it | application | never | yes |
//! | `Erased` | the tenant was erased, for good | application | never | yes |
//! | `NotFound` | there is no such service, grant or record | application | never | yes |
//! | `Removed` | the service was taken out of the configuration | application | never | yes |
//! | `Internal` | a mistake of ours | library | never | |
//!
//! `Untrusted` is not definite: a certificate may be mended while a service runs, so a source whose token is still
//! fit tries again after each cool-down.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let source = grantry::client_credentials(test.authorization_server()?, "billing", "another")
//! #     .transport(std::sync::Arc::new(test.transport())).build()?;
//! use grantry::{Error, ErrorKind, Party, Retry, TokenSource};
//!
//! /// The status that a service answers with when it has no token.
//! fn status_for(error: &Error) -> u16 {
//!     match (error.kind(), error.diagnosis().retry()) {
//!         (ErrorKind::Overloaded, _) => 503,
//!         (_, Retry::Now | Retry::After(_)) => 503,
//!         // Somebody has to act: this belongs in an alarm.
//!         _ => 500,
//!     }
//! }
//!
//! // The wrong secret.
//! let error = source.token().await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::InvalidClient);
//! assert_eq!(error.oauth_code(), Some("invalid_client"));
//! assert_eq!(error.diagnosis().party(), Party::Application);
//! assert_eq!(status_for(&error), 500);
//! // What to write into the log: the fact, and what to do about it.
//! let line = format!("{error}; {}", error.diagnosis());
//! assert!(line.contains("check client id, client secret or key"), "{line}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The wrappers have errors of their own around it: [`RequestError`](crate::RequestError) is `Token(Error)` or
//! `Request(reqwest::Error)`, the latter without the query of its URL; tower's is `Token(Error)` or `Inner`.
//!
//! # Invalid grant
//!
//! The authorization server does not accept the credential that was presented. With a refresh token that is an end:
//! it has expired, was revoked, was used before by another process, or belongs to another client. Look for two
//! processes that hold the same refresh token of a server that rotates them, for an account that was idle for
//! longer than the provider allows, for a password that was changed or a consent that was taken back; otherwise the
//! person has to consent again. The source never repeats it by itself. With client credentials there is no grant
//! that could be invalid: a server that says so means the client's assertion, so look at the key, the audience and
//! the machine's clock.
//!
//! A provider's own code may say which of these it is: where a preset knows what one means, that is the first cause of
//! the diagnosis. See [`providers`](super::providers).
//!
//! # Insufficient scope
//!
//! A resource server wants more than the token has. It is an error and not a reason to renew, since another token
//! would have the same scope. Compare three things: what the error's `needed_scope` asks for, what the source asks
//! for, and what [`Token::scope`](crate::Token::scope) says was granted, which may be less than was asked for;
//! [`Event::ScopeChanged`](crate::Event::ScopeChanged) tells of that when it happens.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # grantry::install_crypto_provider();
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let needed = grantry::Scope::parse("orders.write")?;
//! # let resource = grantry_testkit::ProtectedResource::start_requiring(&test, needed).await?;
//! # let server = test.authorization_server()?;
//! # let origin = resource.origin();
//! use grantry::{AuthorizedClient, ErrorKind, RequestError};
//!
//! let source = grantry::client_credentials(server, "billing", "s3cret").scope("orders.read").build()?;
//! let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source, [origin])?;
//! match api.post(format!("{origin}/orders")).send().await {
//!     Err(RequestError::Token(error)) if error.kind() == ErrorKind::InsufficientScope => {
//!         assert_eq!(error.needed_scope().map(|scope| scope.as_str()), Some("orders.write"));
//!     }
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Expiry during a request
//!
//! A token that was fit when its request left can expire on the way, or be revoked. The wrappers answer the 401
//! with one new token and one more send; you see neither, unless the body was streamed (the 401 is yours, once) or
//! the new token is refused as well (`TokenRejected`). If it happens often, the buffer is shorter than requests
//! take, the resource server's clock is ahead, or the token is meant for another resource: check audience, issuer
//! and tenant.
