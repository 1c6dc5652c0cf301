//! Renewal: when, how often, and what callers get meanwhile.
//!
//! [`RefreshPolicy`](crate::RefreshPolicy) says all of it. Its [defaults](crate::RefreshPolicy::default): a buffer
//! of 300 s, 3 retries that start at 1000 ms, a cool-down of 30 s, callers queue for up to 30 s.
//!
//! # When a token is renewed
//!
//! * **Buffer.** A token is renewed before its last `buffer` begins. A buffer of 0 renews at expiry.
//! * **Share of life.** The buffer takes at most half of a token's life: one of 10 s under a buffer of 300 s is
//!   renewed after 5 s.
//! * **The server's wish.** A `refresh_in` in the answer counts where it names an earlier moment, but no renewal
//!   comes before a tenth of the life.
//! * **The server's limit.** Where the server refuses renewals as too early
//!   ([`earliest_renewal`](crate::RefreshPolicy::earliest_renewal), which presets name), neither buffer nor spread leads to a
//!   sooner one.
//! * **Spread.** The moment is drawn from the last twentieth of the time between the request and the buffer. Where
//!   many renewals are booked around it already (more than a fifth over the mean, counted in blocks of 6.4 s, and
//!   at least 16), it is the emptier of two draws from all the time between the first tenth of the life and the
//!   buffer. First tokens are not spread: a start obtains them as soon as the cap on renewals at one token endpoint
//!   lets it, and callers who wait before those that are only [warmed](crate::ManagedSource::warm).
//! * **On demand.** The scheduler finds what is due every 200 ms. A caller who finds a token that is due while the
//!   scheduler has not come to it starts the renewal and gets the held token.
//! * **Unknown lifetime.** A token of which nobody said when it expires is used until a resource server refuses it.
//!
//! With [`enabled(false)`](crate::RefreshPolicyBuilder::enabled) nothing happens ahead of expiry, and a failed
//! attempt is not repeated by itself: after the cool-down the next caller tries.
//!
//! # When an attempt fails
//!
//! A failure never displaces a token that is still fit. Retries follow: before the first one a time between zero
//! and `retry_delay` (full jitter), then between zero and twice that, and so on up to `longest_delay` (60 s). A
//! `Retry-After` is waited for in full, whoever asks meanwhile, with the draw on top; more than an hour counts as an
//! hour. An attempt that sent nothing uses no retry up while somebody waits.
//!
//! After `max_retries`, or at once where the diagnosis says [`Retry::Never`](crate::Retry::Never), the source rests
//! for `cool_down`, or for the `Retry-After` if that is longer. It is never the end: the next demand afterwards
//! tries again. While the held token outlasts the rest, the scheduler tries again by itself, but not after a
//! definite verdict of the server (`invalid_grant`, `invalid_scope` and the like).
//!
//! `invalid_client` says nothing about a grant. It opens the breaker of the [`Profile`](crate::Profile): for the
//! cool-down all its sources fail without asking, whenever in it they come, then one of them tries; others that come
//! meanwhile fail, and look again after 5 s. While the endpoint has another client secret to try, the next attempt follows at once, whatever `max_retries` says (once in a row), and no breaker
//! opens; see [`client_authentication`](super::client_authentication).
//!
//! # What the fallback words mean
//!
//! `queue`, `fail` and `use-expired` ([`Fallback`](crate::Fallback)) differ only where no fit token is held.
//!
//! | held | what is going on | `queue` | `fail` | `use-expired` |
//! |---|---|---|---|---|
//! | fit | nothing due, or a renewal runs, or one failed | the token | the token | the token |
//! | fit, in its buffer | due | the token; one renewal starts | the same | the same |
//! | nothing, or expired | an attempt is due or in flight | waits for it | waits for it | waits for it, or for half of the grace that is left |
//! | nothing | it failed, a retry is to come | waits on, up to its patience | the error | the error |
//! | expired | it failed, a retry is to come | waits on, up to its patience | the error | the expired token, within its grace |
//! | nothing | cooling down | the error | the error | the error |
//! | expired | cooling down | the error | the error | the expired token, within its grace |
//! | nothing, or expired | cooling down after a definite verdict | the error | the error | the error |
//!
//! * The error is that of the last attempt that failed. Where patience ends and none has, it is `Interrupted`, and
//!   the renewal goes on.
//! * Patience counts for one caller from when it asked. Where the next attempt lies beyond it (a long
//!   `Retry-After`), the error comes at once. With `fail` and `use-expired` a caller waits for one attempt, and for
//!   the next where that follows at once (with another client secret, say), for a minute at most; the transport's own
//!   timeouts end it sooner.
//! * Grace counts from the token's expiry. A caller waits for an attempt through at most half of what is left of it, and
//!   gets the expired token where the attempt has not ended by then: a server that hangs uses no grace up. The token
//!   is marked: [`is_past_expiry`](crate::Token::is_past_expiry), and an observer is told each time.
//! * Callers who wait share one renewal. Beyond `max_waiting` (1,000,000) the next gets `Overloaded`.
//! * A caller who gives up cuts nothing off: the renewal is a task of its own.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! # use std::sync::Arc;
//! # use grantry_testkit::{Endpoint, Fault, ManualClock, RegisteredClient, TestServer};
//! # let clock = Arc::new(ManualClock::following_tokio());
//! # let client = RegisteredClient::with_secret("billing", "s3cret");
//! # let test = TestServer::builder().client(client).clock(clock.clone()).build();
//! # let scheduler = grantry::Scheduler::builder().clock(clock).build();
//! use std::time::Duration;
//! use grantry::{ErrorKind, Fallback, RefreshPolicy, TokenSource};
//!
//! let ten_minutes = Duration::from_secs(600);
//! let policy = RefreshPolicy::builder().fallback(Fallback::UseExpired { grace: ten_minutes }).build()?;
//! let source = grantry::client_credentials(test.authorization_server()?, "billing", "s3cret")
//!     .policy(policy)
//! #   .scheduler(&scheduler)
//! #   .transport(Arc::new(test.transport()))
//!     .build()?;
//! source.token().await?;
//!
//! // The authorization server goes down, and stays down beyond the token's hour.
//! test.inject(Endpoint::Token, Fault::status(503).until_cleared());
//! tokio::time::sleep(Duration::from_secs(3_660)).await;
//! assert!(source.token().await?.is_past_expiry());
//! tokio::time::sleep(ten_minutes).await;
//! assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Unavailable);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Refusals by a resource server
//!
//! [`reject`](crate::TokenSource::reject) says that a resource server refused this very token. It goes by identity:
//! a late 401 about an old token discards nothing. The refused token is withdrawn at once, is given to nobody any
//! more by any fallback, and the next caller starts a renewal. That is honoured once in
//! [`between_rejections`](crate::RefreshPolicy::between_rejections) (5 s): a token that is refused sooner after the
//! one before stays until that time is over and is renewed then, so that a resource server that refuses everything
//! causes one token request in five seconds and not one a call.
//!
//! # Clocks and sleep
//!
//! A lifetime counts from when its request left, on the boot clock, which no person and no time server sets and
//! which on Linux and Android goes on while the machine sleeps. The fast path compares two cheaper clocks, the
//! coarse monotonic and the coarse wall clock; where either calls for a look the boot clock decides. So a wall
//! clock that jumps costs a look and no token. After a sleep the wall clock sends a caller to look, and the
//! scheduler, which never sleeps longer than 10 s at a time, finds what became due. It also finds that the machine
//! slept: where the wall clock had been set back before by more than the sleep, which hides it from the fast path, a
//! token that expired meanwhile is handed out for 10 s at most, as long as the scheduler runs.
//!
//! On other systems [`SystemClock`](crate::SystemClock) reads the system's monotonic clock. Where that one stands
//! still in sleep, a token that expired meanwhile is found out by the first 401.
//!
//! # What servers say of `expires_in`
//!
//! | the answer has | it is taken for |
//! |---|---|
//! | `3600`, `"3600"`, `3600.0`, `3.6e3` | an hour; parts of a second are dropped |
//! | nothing, `null`, a negative number, words | what [`missing_expires_in`](crate::AuthorizationServerBuilder::missing_expires_in) says: unknown if nothing is said |
//! | `0` | the same; or "does not expire" where [`zero_means_never`](crate::AuthorizationServerBuilder::zero_means_never) says so |
//! | more than ten years | ten years |
//! | less than the request took | an unusable answer (`InvalidAnswer`), tried again like other failures |
