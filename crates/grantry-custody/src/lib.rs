//! How a stored grant is renewed and never lost.
//!
//! A refresh token that rotates can be used once. Two processes that use it at once, a crash between its use and the
//! write of its successor, an answer that the network loses: each ends the grant, and a person has to consent again.
//! [`CustodyGrant`] wraps the grant that redeems such tokens, and keeps them in a vault so that none of this happens where
//! it can be avoided.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::sync::Arc;
//! # use grantry_core::{Clock as _, Scope, SystemClock};
//! # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
//! # use grantry_vault::access::{AccessPolicy, Principal};
//! # use grantry_vault::{GrantRecord, LocalKey, MemoryVault, SealedVault};
//! # let temporary = tempfile::tempdir()?;
//! # let folder = temporary.path();
//! # let registered = grantry_testkit::RegisteredClient::with_secret("crm", "s3cret");
//! # let rotation = Rotation::Strict { revokes_family: true };
//! # let test = grantry_testkit::TestServer::builder().client(registered).rotation(rotation).build();
//! # let consented = test.seed_grant(grantry_testkit::SeededGrant::new("crm", Scope::parse("contacts.read")?));
//! # let me = Principal::workload("billing")?;
//! # let key = LocalKey::generate(folder.join("grantry.key"))?;
//! # let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
//! # let mine = vault.as_principal(me);
//! # mine.create_tenant("acme").await?;
//! # let now = SystemClock::new().wall();
//! # let record = GrantRecord::new(now).with_refresh_token(consented, now);
//! # mine.tenant("acme")?.create_grant("crm", "user-17", record).await?;
//! # let client = Client::new("crm", ClientAuthentication::secret_basic("s3cret"))?;
//! # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
//! use grantry_core::{Attempt, Grant, GrantKey, Rotation};
//! use grantry_custody::{Custody, FolderLifeboat};
//! use grantry_endpoint::RefreshTokenRedemption;
//!
//! let lifeboat = FolderLifeboat::open(folder.join("lifeboats"))?;
//! let custody = Custody::builder(&vault, lifeboat).open().await?;
//! let grant = custody
//!     .grant(GrantKey::new("acme", "crm", "user-17")?, RefreshTokenRedemption::new(endpoint))
//!     .rotation(Rotation::Strict { revokes_family: true })
//!     .build()?;
//!
//! // It is a `Grant`: a managed source renews by it, in as many processes as there are.
//! let set = grant.obtain(Attempt::first()).await.map_err(|failure| failure.error)?;
//! assert_eq!(set.token().scope().as_str(), "contacts.read");
//! # custody.close().await;
//! # vault.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What no client can avoid
//!
//! On a server that refuses a used token at once, a grant is lost when the only answer with its successor is lost on the
//! way, or with the process that had received it and not yet written it to the lifeboat (one sync of the disk). Where such
//! a server revokes the family as well, it is also lost when an owner stands still for longer than its lease and the
//! allowance, with the successor in its hands. Servers with a window for repeats lose nothing to any one of these; two of
//! them inside one window may be one too many.
//!
//! # Invariants
//!
//! * Nothing is sent before the record says that it will be; the audit trail, the keys and a seat in the lifeboat come first.
//! * No caller sees a token before the record or a lifeboat holds what came with it.
//! * A refresh token is never replaced by an ancestor, nor by one of another line of descent.
//! * A successor that was received is not given up while its parent is current, whether its answer could be used or not.
//! * One process redeems a refresh token once at a time, however long it stood still in between.
//! * A store that lost a successor gets it again from every process that has seen it, before anything is sent.
//! * A grant that was removed or revoked is not brought back.
//! * A grant that was moved to another vault is not renewed, revoked or changed here.
//! * A doubt is resolved on a schedule of its own, which no policy of a source can delay; that of a grant which nobody has opened
//!   here, where there is an [`Opener`].
//! * A source over custody never holds a refresh token.
//! * A revocation begins with a record that nobody renews any more. A token whose revocation the server has not confirmed
//!   stays in it, for seven days at most.
//! * What custody revokes by itself, orphans and tokens of an old secret, takes no living grant along.
//! * What a record tells of a grant's history and use is written only with writes that happen anyway.

mod adoption;
mod afloat;
mod attention;
mod brought;
mod chronicle;
mod counting;
mod custody;
mod diagnosis;
mod grant;
mod health;
mod history;
mod keepsake;
mod lifeboat;
mod lifetimes;
mod looking;
mod opener;
mod openings;
pub mod protocol;
mod reap;
mod recovery;
mod relocation;
mod revocation;
mod secret_rotation;
mod services;
mod spoken;
mod standing_codec;
mod store_clock;
mod stored_grant;
mod tasks;
mod traced;
mod usage;
mod voyage;

pub use custody::{Custody, CustodyBuilder, Release};
pub use diagnosis::{Cause, CauseKind};
pub use grant::{CustodyGrant, CustodyGrantBuilder};
pub use health::{GrantHealth, HealthState, LastError};
pub use history::{Happened, HistoryEntry, ProcessName, Refusal};
pub use lifeboat::{
    Adopted, AdoptedId, Adoption, Cargo, FolderLifeboat, FolderLifeboatBuilder, Lifeboat, LifeboatError,
    NoLifeboat, Seat,
};
pub use lifetimes::Lifetimes;
pub use opener::Opener;
pub use reap::{Reaped, ReapedOutcome};
pub use relocation::{NotMovable, relocated};
pub use revocation::{
    NoRevocation, Revocation, RevocationReport, RevocationStep, Revoked, RevokedPart, Revoker, Sparing,
    StepOutcome,
};
pub use secret_rotation::{Prover, SecretRotation, SecretRotationReport, SecretStep};
pub use usage::Usage;
