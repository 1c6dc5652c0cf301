//! The device authorization grant of OAuth 2.0 (RFC 8628), for programs on machines without a browser.
//!
//! The program shows a person an address and a short code; the person opens the address on any other device, types
//! the code in and approves; meanwhile the program asks the server, again and again, whether it is done.
//! [`DeviceAuthorization`] begins, a [`PendingDevice`] is what to show and what to wait with, and [`DeviceGranted`] is
//! what came of it.
//!
//! Here against a server of the testkit, in whose place a person would be:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use grantry_device_authorization::DeviceAuthorization;
//! use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
//! use grantry_testkit::{ManualClock, RegisteredClient, TestServer};
//!
//! let clock = Arc::new(ManualClock::following_tokio());
//! let server =
//!     TestServer::builder().client(RegisteredClient::public("tv")).clock(clock.clone()).build();
//!
//! let client = Client::new("tv", ClientAuthentication::none())?;
//! let facts = server.authorization_server()?;
//! let endpoint =
//!     TokenEndpoint::builder(facts, client, Arc::new(server.transport())).clock(clock).build()?;
//! let flow = DeviceAuthorization::builder(endpoint).scope("films.read").build()?;
//!
//! let pending = flow.begin().await?;
//! println!("Open {} and type {}", pending.verification_uri(), pending.user_code());
//! # assert!(server.approve(pending.user_code()));
//! // The person approves, somewhere else.
//!
//! let granted = pending.finish_telling(|waiting| println!("{waiting}")).await?;
//! assert_eq!(granted.scope().as_str(), "films.read");
//! # Ok(())
//! # }
//! ```
//!
//! # How it polls
//!
//! | the server says | then |
//! |---|---|
//! | `authorization_pending` | the next poll comes after the interval: 5 s, unless the server names another |
//! | `slow_down` | the interval is 5 s longer from now on |
//! | nothing (no connection, no answer in time), 408, 425, 429, 5xx | the wait is doubled each time, up to a minute or the interval; `Retry-After` is kept to |
//! | `access_denied`, `expired_token` | it is over: [`DeviceEnding`] says which |
//! | anything else | it ends with that error, and with the [`PendingDevice`] where its codes may still be good |
//!
//! # Invariants
//!
//! * A poll leaves no sooner than the interval after the answer to the one before, or to the device authorization
//!   request, however quickly the server answers, by the clock of the endpoint and by tokio's timers both.
//! * No poll leaves after the codes have expired, by the clock of the endpoint, which counts suspended time. So it
//!   ends, within a day at most.
//! * One poll at a time. It goes on polling only where the table above says so.
//! * Dropping the future of `finish` ends the polling at once, and leaves nothing that runs.
//! * What a person is shown is bounded and harmless: see [`PendingDevice::user_code`] and
//!   [`VerificationUri`](grantry_endpoint::VerificationUri). No text of the server's is passed on but these.
//! * No error, `Debug` or event holds the device code or the user code.
//! * No clock but that of the [`TokenEndpoint`](grantry_endpoint::TokenEndpoint), no randomness, no task of its own.
//!   Waiting needs a tokio runtime with its timer.

mod begin;
mod builder;
mod granted;
mod pending;
mod polling;
mod unfinished;
mod verdict;
mod waiting;

pub use begin::DeviceAuthorization;
pub use builder::DeviceAuthorizationBuilder;
pub use granted::DeviceGranted;
pub use pending::PendingDevice;
pub use unfinished::{DeviceEnding, DeviceUnfinished};
pub use waiting::{Waiting, WaitingFor};

/// Where it goes wrong.
const STAGE: grantry_core::Stage = grantry_core::Stage::Device;
