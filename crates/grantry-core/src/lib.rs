//! The words and the promises of grantry.
//!
//! Everything else in the house stands on this crate: the types that name tokens, grants and authorization
//! servers, the errors, the clocks, and the traits through which the other crates meet.
//!
//! | to | read |
//! |---|---|
//! | hold a token and put it on a request | [`Token`], [`TokenSource`] |
//! | write a flow of your own | [`Grant`], [`Attempt`], [`TokenSet`], [`Failure`] |
//! | learn what went wrong and whose move it is | [`Error`], [`Diagnosis`] |
//! | describe an authorization server | [`AuthorizationServer`] |
//! | decide whether and how a token goes on a request | [`presenting`] |
//! | watch what happens | [`Observer`], [`Event`] |
//! | hand in time and randomness | [`Clock`], [`Entropy`] |
//!
//! # Invariants
//!
//! * No network, no files, no runtime, no cryptography, no serde. The one file that asks the operating system
//!   for anything is `system.rs` ([`SystemClock`], [`SystemEntropy`]).
//! * No secret has `Display`, `Serialize` or `PartialEq`; every `Debug` prints `[redacted]`; the only way to
//!   the bytes is a method named `expose`.
//! * A [`Token`] never holds a refresh token. Only a [`Grant`] sees a [`TokenSet`].
//! * [`Instant`], [`Timestamp`] and [`StoreTime`] never convert into each other silently.
//! * No error, event or `Debug` holds a token, a secret, a code or a response body.

mod binding;
mod clock;
mod clock_skew;
mod contained_observer;
mod diagnosis;
mod error;
mod event;
mod further_parameters;
mod grant;
mod key;
mod known_scope;
pub mod presenting;
mod scope;
mod secret;
mod server;
mod shown;
mod source;
mod system;
mod token;
mod token_set;

pub use binding::{Binding, ProofRequest, Prover, Thumbprint};
pub use clock::{Clock, CoarseReading, Entropy, Instant, StoreTime, Timestamp};
pub use clock_skew::ClockSkew;
pub use contained_observer::ContainedObserver;
pub use diagnosis::{Diagnosis, Party, Retry};
pub use error::{Error, ErrorKind, Stage};
pub use event::{Event, NoObserver, Observer};
pub use further_parameters::FurtherParameters;
pub use grant::{Attempt, Consumed, Failure, Grant};
pub use key::{AccountId, GrantKey, GrantKeyRef, InvalidName, ServiceName, TenantId};
pub use presenting::Origin;
pub use scope::{InvalidScope, Scope, Target};
pub use secret::{AccessToken, ClientId, ClientSecret, PrivateKey, RefreshToken, SecretHeader};
pub use server::{
    AssertionAudience, AuthorizationServer, AuthorizationServerBuilder, ClientAuthenticationMethod,
    ErrorAlias, ErrorCause, InvalidEndpoint, Learned, Lifetime, Pkce, RefreshRate, RevocationSpares,
    Rotation, check_endpoint,
};
pub use shown::{is_echo, shown_url, shown_url_text};
pub use source::TokenSource;
pub use system::{SystemClock, SystemEntropy};
pub use token::Token;
pub use token_set::{InvalidToken, TokenSet, TokenSetBuilder};
