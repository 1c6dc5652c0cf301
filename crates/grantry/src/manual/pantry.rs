//! Everything from one object: `Grantry`.
//!
//! The other pages tell of parts. This one tells what they do together, once [`Grantry`](crate::pantry::Grantry) has wired
//! them. (Feature `pantry`.)
//!
//! # What runs while it lives
//!
//! | what | how often |
//! |---|---|
//! | the scheduler renews tokens before their buffer begins | when it is time |
//! | custody brings home what dead processes left, and resolves doubts | at the start, then each minute, or as often as a server's window asks for; for grants that nobody has opened here so often that it takes a hundredth of the time at most |
//! | custody goes on with revocations that the server did not answer | each minute, each hour for those of others |
//! | uses are told to custody, which writes them with the next renewal | each minute, and at the end |
//! | the vault's keys are looked at, and exchanged after 90 days | each hour |
//! | unused grants are revoked, if [that is wanted](crate::pantry::GrantryBuilder::reap_unused), or `reaper` in the configuration's `vault` says so | an hour after the start, then each day; `TenantPantry::reap` does it now, or lists them alone |
//! | sources that no handle holds and nobody used for an hour are closed | each minute |
//!
//! [`shutdown`](crate::pantry::Grantry::shutdown) ends all of it, in an order in which nothing is lost: first whatever could
//! begin something, then renewals, then custody, then the audit trail. Call it before the runtime ends.
//!
//! # Who may
//!
//! A handle is opened as somebody, who needs `token.use` for that account. It is decided by the policy of that moment, and
//! recorded. Each use compares one number, the policy's epoch: after a change the next use decides again, and a handle whose
//! principal lost the right gives nothing more. A binding that ends at a time ends its handles then. What goes on in the
//! background acts as `system:renewal` and `system:rotation`.
//!
//! # Two ways to describe a service
//!
//! Where a program knows its services, it describes them as [`Service`](crate::pantry::Service)s, and the registration's
//! secret may be in the vault or beside them; in both it is an error. Where it does not, as in a gateway for many tenants,
//! each tenant's registration in the vault describes its service by [attributes](crate::pantry::ATTRIBUTES), which is what
//! `grantry auth set` writes:
//!
//! ```
//! # #[cfg(all(feature = "pantry", feature = "sqlite"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let (token_url, now) = (test.token_endpoint(), grantry::Clock::wall(&grantry::SystemClock::new()));
//! use grantry::pantry::Grantry;
//! use grantry::vault::access::{AccessPolicy, Binding, Principal, Reach, Role};
//! use grantry::vault::{ClientRecord, LocalKey, VaultKeys};
//! use grantry::{SqliteVault, TokenSource};
//!
//! let (operator, gateway) = (Principal::person("ana")?, Principal::workload("gateway")?);
//! let policy = AccessPolicy::builder()
//!     .bind(Binding::allow(&operator, Role::operator(), Reach::everything()))
//!     .bind(Binding::allow(&gateway, Role::service(), Reach::everything()))
//!     .build()?;
//! let pantry = Grantry::builder()
//!     .vault(SqliteVault::open(folder.path().join("grantry.db")).await?)
//!     .keys(VaultKeys::rotating(LocalKey::generate(folder.path().join("grantry.key"))?))
//!     .lifeboats(folder.path().join("lifeboats"))
//!     .access(policy)
//!     .open()
//!     .await?;
//!
//! // Ana stores what acme's client is.
//! let ana = pantry.as_principal(operator);
//! ana.create_tenant("acme").await?;
//! let client = ClientRecord::new("billing")
//!     .with_secret("s3cret", now)
//!     .with_attribute("token_url", token_url)
//!     .with_attribute("scopes", "contacts.read");
//! ana.tenant("acme")?.vault().store_client("crm", client, None).await?;
//!
//! // The gateway uses it by name.
//! let source = pantry.as_principal(gateway).tenant("acme")?.source("crm").await?;
//! source.token().await?;
//! pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When something changes
//!
//! | what | what follows |
//! |---|---|
//! | a secret, a key, the policy of renewal | the same tokens go on; the next renewal uses it |
//! | the client, the server, a scope, a resource, the audience, a parameter | other tokens: those before are not given out any more |
//! | the service is gone | handles answer [`Removed`](crate::ErrorKind::Removed), and go on when it is back and somebody opens it |
//! | it cannot be used any more | an error to whoever changed it; what is open goes on as it was |
//! | a secret was exchanged by another process | seen when the old one is refused: that renewal is tried again with the new one |
//! | a person's grant was revoked | handles answer [`InvalidGrant`](crate::ErrorKind::InvalidGrant), until a new consent is kept |
//! | a client's own grant was revoked | its tokens are dead at the server; the next use obtains others, because the client may |
//!
//! # One vault, many programs
//!
//! All that open the same vault share grants: of all replicas one renews, and the others find what it brought. The command
//! is one more of them: `grantry auth token` gives out what a service has renewed, and the other way round. What it exchanges (a
//! secret, keys) a running service uses from its next renewal on, and what it removes that service finds
//! [`Removed`](crate::ErrorKind::Removed).
