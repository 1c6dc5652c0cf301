//! Talks to an OAuth 2.0 authorization server.
//!
//! | to | read |
//! |---|---|
//! | send requests, bounded and verified | [`HttpTransport`], or a [`Transport`] of your own |
//! | say who the client is | [`Client`], [`ClientAuthentication`] |
//! | bind tokens to a key | [`Dpop`], [`DpopKey`] |
//! | write a flow | [`TokenEndpoint`], [`TokenRequest`] |
//! | renew with a refresh token, without custody | [`RefreshTokenGrant`], [`Keeper`] |
//! | learn a server's endpoints from its issuer | [`Discovery`] |
//! | learn from a resource whose tokens it takes | [`ResourceDiscovery`] |
//! | revoke or introspect tokens | [`RevocationEndpoint`], [`IntrospectionEndpoint`] |
//! | push an authorization request | [`PushedAuthorizationRequest`] |
//! | have a person approve on another device | [`DeviceAuthorizationRequest`] |
//! | learn who logged in | [`IdTokenVerifier`], [`IdTokenClaims`], [`ServerKeys`], [`UserInfoEndpoint`] |
//! | get a token that is no access token | [`TokenEndpoint::issue`], [`IssuedToken`] |
//!
//! # What became of the credential
//!
//! Every failed token request says what became of the credential that it spent, because a refresh token or a code
//! may work only once:
//!
//! | what happened | [`Consumed`](grantry_core::Consumed) |
//! |---|---|
//! | no name, no connection, no TLS, a proxy that refused, too late to send | `No`, and nothing was sent |
//! | `invalid_grant` | `Refused` |
//! | any other OAuth error but `server_error`; 429; 503 | `No` |
//! | no answer in time, a broken or cut answer, any other status, an answer that cannot be used | `Unknown` |
//!
//! An OAuth error that comes with a 5xx is no verdict: there it is the status that counts. A 401 is a verdict on the
//! client only where it says `invalid_client`; a gateway may have answered.
//!
//! A refresh token that can be found in an unusable or partial answer comes with the failure: anywhere in a success
//! (2xx), elsewhere only beside an access token at the answer's top. It may be none, so [`RefreshTokenGrant`] tries
//! it first and lets the one before it go only when it works.
//!
//! # Features
//!
//! `rustls` (default): [`HttpTransport`] with rustls on ring. `native-tls`: with the platform's TLS library. With
//! both, rustls is used. With neither there is no [`HttpTransport`], and everything else is as it is.
//!
//! # Invariants
//!
//! * The only crate that names `oauth2`, and that in one file (`answer/granted.rs`): it is given successful
//!   answers in canonical form. Requests are built here, since `oauth2` knows no assertions, adds the client
//!   where it does not belong, and copies secrets into plain strings. Its types are on no public item.
//! * A transport sends a request at most once; a [`TokenEndpoint`] sends at most one request a call, and one more where the
//!   server asks for a nonce in the proof, which says that it did nothing else (RFC 9449 section 8).
//! * A nonce goes to the server that named it, in the role in which it named it, and to no other.
//! * A URL that was learned at run time leads to public addresses only, unless the transport was told otherwise, and the
//!   address that was checked is the one that is connected to. The server's facts know which URLs were learned.
//! * Metadata is used only if it is of the very issuer, or resource, that was asked for.
//! * Nothing follows a redirect or reads more than 256 KiB of a body. Interim answers (1xx) without end are skipped
//!   one by one and kept nowhere; the read timeout ends them.
//! * Nothing waits without a limit but for the [`Keeper`], which may take as long as it needs: no token is given out
//!   before its refresh token is kept. A signature is waited for 10 s, an answer as long as the transport says.
//! * Nothing of an ID token is read as a claim before its signature is found right, by a key of its server, and nothing is
//!   handed out before all of it is. HMAC and `none` are no signatures of one.
//! * A server is asked for its keys once a minute at most, whatever tokens come.
//! * There is no way to switch the verification of certificates or host names off.
//! * Answers are classified by status and content before anything parses them as a token.
//! * No error, `Debug`, span or event holds a byte of a token, a secret, or an answer's body, but for error codes:
//!   registered ones, the server's known ones, and others of `[a-z0-9_]` that have nothing of the request's secrets.
//! * Secrets are zeroized, but for the length of a conversion: `oauth2` holds the tokens of a parsed answer in plain
//!   strings, and its result is dropped in the function that makes ours of it (`answer/granted.rs`); `serde_json`
//!   unescapes strings in memory of its own.
//! * An observer or a subscriber that panics takes nothing along: it is told when what came is stored, and its panic
//!   ends there.
//! * No clock and no randomness but those handed in. No cryptography but through `grantry-jose` and TLS.

mod address_guard;
mod answer;
mod asked;
mod assertion;
mod channel;
mod client;
mod client_authentication;
mod device_authorization_request;
mod device_codes;
mod discovery;
mod dpop;
mod failure;
mod form;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod http_transport;
mod id_token;
mod introspection;
mod issued_token;
mod keeper;
mod pushed_authorization_request;
mod quiet;
mod refresh_token_grant;
mod refresh_token_redemption;
mod resource;
mod resource_discovery;
mod revocation;
mod server_clock;
mod server_keys;
mod token_endpoint;
mod token_request;
mod traced;
mod transport;
mod user_info;
mod well_known;
mod zeroized;

pub use address_guard::{AddressClass, is_public};
pub use asked::{check_parameter_value, check_parameters, checked_target};
pub use client::Client;
pub use client_authentication::ClientAuthentication;
pub use device_authorization_request::DeviceAuthorizationRequest;
pub use device_codes::{DeviceCodes, VerificationUri};
pub use discovery::{Discovered, Discovery};
pub use dpop::{Dpop, DpopKey, DpopProvers};
pub use grantry_core::FurtherParameters;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
pub use http_transport::{HttpTransport, HttpTransportBuilder};
pub use id_token::{ExpectedIdToken, IdToken, IdTokenClaims, IdTokenFlaw, IdTokenVerifier, OriginalLogin};
pub use introspection::{ActiveToken, IntrospectionEndpoint};
pub use issued_token::IssuedToken;
pub use keeper::{KeepError, Keeper, Kept};
pub use pushed_authorization_request::{PushedAuthorizationRequest, RequestUri};
pub use refresh_token_grant::{RefreshTokenGrant, RefreshTokenGrantBuilder};
pub use refresh_token_redemption::RefreshTokenRedemption;
pub use resource::check_resource;
pub use resource_discovery::{DiscoveredResource, ResourceDiscovery};
pub use revocation::RevocationEndpoint;
pub use server_keys::ServerKeys;
pub use token_endpoint::{Redeemed, TokenEndpoint, TokenEndpointBuilder};
pub use token_request::TokenRequest;
pub use transport::{Answer, Request, Transport, TransportCause, TransportFailure};
pub use user_info::{UserInfo, UserInfoEndpoint};
