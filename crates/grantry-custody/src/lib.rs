//! How a stored grant is renewed and never lost.
//!
//! A refresh token that rotates can be used once. Two processes that use it at once, a crash between its use and the
//! write of its successor, an answer that the network loses: each ends the grant, and a person has to consent again.
//! [`CustodyGrant`] wraps the grant that redeems such tokens, and keeps them in a vault so that none of this happens where
//! it can be avoided.
//!
//! ```no_run
//! # async fn example(vault: grantry_vault::SealedVault, endpoint: grantry_endpoint::TokenEndpoint)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use grantry_core::{GrantKey, Rotation};
//! use grantry_custody::{Custody, FolderLifeboat};
//! use grantry_endpoint::RefreshTokenRedemption;
//!
//! let lifeboat = FolderLifeboat::open("/var/lib/billing/lifeboats")?;
//! let custody = Custody::builder(&vault, lifeboat).open().await?;
//! let grant = custody
//!     .grant(GrantKey::new("acme", "crm", "user-17")?, RefreshTokenRedemption::new(endpoint))
//!     .rotation(Rotation::Strict { revokes_family: true })
//!     .build()?;
//! // `grant` is a `Grant`: a managed source renews by it, in as many processes as there are.
//! # Ok(())
//! # }
//! ```
//!
//! # What no client can avoid
//!
//! On a server that refuses a used token at once, a grant is lost when the only answer with its successor is lost on the
//! way, or with the process that had received it and not yet written it to the lifeboat (one sync of the disk). Where such
//! a server revokes the family as well, it is also lost when an owner stands still for longer than its lease and the
//! allowance, with the successor in its hands. Servers with a window for repeats lose nothing in any of these.
//!
//! # Invariants
//!
//! * Nothing is sent before the record says that it will be; the audit trail, the keys and a seat in the lifeboat come first.
//! * No caller sees a token before the record or a lifeboat holds what came with it.
//! * A refresh token is never replaced by an ancestor, nor by one of another line of descent.
//! * A successor that was received is not given up while its parent is current, whether its answer could be used or not.
//! * A store that lost a successor gets it again from every process that has seen it, before anything is sent.
//! * A grant that was removed or revoked is not brought back.
//! * A grant that was moved to another vault is not renewed, revoked or changed here.
//! * A doubt is resolved on a schedule of its own, which no policy of a source can delay.
//! * A source over custody never holds a refresh token.
//! * A revocation begins with a record that nobody renews any more. A token whose revocation the server has not confirmed
//!   stays in it, for seven days at most.
//! * What custody revokes by itself, orphans and tokens of an old secret, takes no living grant along.
//! * What a record tells of a grant's history and use is written only with writes that happen anyway.

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
mod usage;
mod voyage;

pub use custody::{Custody, CustodyBuilder, Release};
pub use diagnosis::{Cause, CauseKind};
pub use grant::{CustodyGrant, CustodyGrantBuilder};
pub use health::{GrantHealth, HealthState, LastError};
pub use history::{Happened, HistoryEntry, ProcessName, Refusal};
pub use lifeboat::{
    Adopted, AdoptedId, Cargo, FolderLifeboat, FolderLifeboatBuilder, Lifeboat, LifeboatError, NoLifeboat,
    Seat,
};
pub use lifetimes::Lifetimes;
pub use reap::{Reaped, ReapedOutcome};
pub use relocation::{NotMovable, relocated};
pub use revocation::{
    NoRevocation, Revocation, RevocationReport, RevocationStep, Revoked, RevokedPart, Revoker, Sparing,
    StepOutcome,
};
pub use secret_rotation::{Prover, SecretRotation, SecretRotationReport, SecretStep};
pub use usage::Usage;
