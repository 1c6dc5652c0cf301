//! The life of a token: obtained, kept, used, renewed, revoked.
//!
//! Two things live: the access token, for minutes or an hour, and the grant behind it, for as long as somebody's consent lasts.
//! This page follows both. The numbers are defaults; [`renewal`](super::renewal) has the policy.
//!
//! # An access token
//!
#![doc = include_str!("token_life.svg")]
//!
//! * **Obtained.** The first caller starts one token request; all others wait for the same. Its lifetime counts from when the
//!   request left, so the library is never later than the server.
//! * **Kept.** Where there is a vault, the token is sealed and written before anybody sees it, and the next process finds it.
//! * **Used.** Handing it out is a shared pointer and two clock readings. A wrapper puts it on requests to the origins that you
//!   named, and nowhere else.
//! * **Renewed** before its last 300 s begin (or at half of its life, where that is shorter), in the background. What fails is
//!   tried again, and the token at hand is served meanwhile.
//! * **Refused** by a resource server: withdrawn at once. The request is sent once more with another.
//! * **Expired**: given to nobody, unless the policy says `use-expired`, and then marked and within its grace only.
//!
//! # A grant with a refresh token
//!
//! A server that rotates refresh tokens takes each of them once. The record in the vault says who is using it:
//!
#![doc = include_str!("refresh_protocol.svg")]
//!
//! | state | shown as | what callers get |
//! |---|---|---|
//! | ACTIVE | `active` | the access token; a new one when it is time |
//! | REDEEMING | `renewing` | the access token while it is fit; then they wait for what the owner brings |
//! | UNCERTAIN | `in doubt` | the access token while it is fit; then [`InDoubt`](crate::ErrorKind::InDoubt), until it is resolved |
//! | REAUTH_NEEDED | `person needed` | [`InvalidGrant`](crate::ErrorKind::InvalidGrant), until a new consent is kept |
//! | REVOKING | `revoking` | [`InvalidGrant`](crate::ErrorKind::InvalidGrant) |
//! | REVOKED | not shown | [`InvalidGrant`](crate::ErrorKind::InvalidGrant); the record is deleted, and a tombstone keeps it from coming back |
//!
//! The words of the second column are those of `grantry auth status` and of `HealthState`; while somebody is at work on a doubt
//! they say `in doubt`. The code is `crates/grantry-custody/src/protocol`: a pure function, `Redemption::step`, which production,
//! the simulation and an exhaustive search over all interleavings of two replicas share. The picture has exactly the arrows that
//! this search finds, and a test that compares them.
//!
//! # One renewal, step by step
//!
//! | step | what is durable after it | a crash right after it |
//! |---|---|---|
//! | allowed and recorded, keys at hand, a seat in the lifeboat | a line in the audit trail | nothing was sent: nothing is lost |
//! | the intent is written by compare-and-swap | who uses which refresh token, and until when | the lease ends, and another replica goes on |
//! | the request is sent | | a doubt, see below |
//! | the answer is sealed into the lifeboat, and synced | the successor, on this disk | the next process on this machine brings it home |
//! | the successor is written into the record | the successor, for all replicas | nothing is lost |
//! | callers have the access token | | nothing is lost |
//!
//! A **doubt** is an answer that nobody received. A server that does not rotate, keeps old tokens, or repeats its answer within a
//! window is simply asked again. A strict one is not: the access token at hand serves until it is nearly useless, and then
//! the old token is tried once more. If the request had never arrived, the grant is back; if it had, nobody could have saved it.
//! [`custody`](super::custody) tells how to describe a server, and `docs/races.md` what happens to grants under kills and
//! dropped answers, here and elsewhere.
//!
//! # The end of a grant
//!
//! ```
//! # #[cfg(feature = "pantry")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use grantry::pantry::{Grantry, Service};
//! # use grantry::vault::access::{AccessPolicy, Principal};
//! # use grantry::vault::{LocalKey, MemoryVault};
//! # use grantry::TokenSource;
//! # let folder = tempfile::tempdir()?;
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let crm = Service::builder("crm", test.authorization_server()?).client_id("billing").secret("s3cret").build()?;
//! # let me = Principal::workload("billing")?;
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
//! # let acme = mine.tenant("acme")?;
//! # acme.source("crm").await?.token().await?;
//! use grantry::custody::Revocation;
//!
//! // Asks the server, then deletes; what the server did not confirm is asked again later, also after a restart.
//! let report = acme.revoke("crm", Revocation::AtServerThenHere).await?;
//! assert!(report.is_revoked_at_server());
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Revocation stops renewals first, then has the server revoke the tokens, then deletes them here. A grant that ends otherwise
//! (a consent taken back, a password changed, an idle limit) is found out by its next renewal, with a diagnosis: see
//! [`troubleshooting`](super::troubleshooting).
