//! When to renew: the pure policy, the managed source whose read never waits for a lock, and the scheduler.
//!
//! A [`ManagedSource`] wraps a [`Grant`](grantry_core::Grant) and keeps its token fresh: it hands the held token
//! out without waiting, runs at most one renewal at a time, and asks a [`Scheduler`] to renew it in the
//! background before its buffer begins. What a caller gets in which case is [`RefreshPolicy::decide`], a pure
//! function; everything else only obeys it.
//!
//! # Invariants
//!
//! * [`ready`](grantry_core::TokenSource::ready) waits for nobody, also not for a renewal that is putting its token in
//!   place, makes no system call that can block, and allocates nothing.
//! * A source has at most one renewal in flight. It is a task of its own: no caller can cut it off, and however
//!   it ends (result, panic, runtime gone), its waiters learn of it.
//! * A failure never displaces a token that is still fit, and is never final: a demand after the cool-down tries
//!   again.
//! * A refused token is withdrawn at once and never handed out again; a late refusal never discards a newer token.
//!   The one exception is a token that is refused within [`RefreshPolicy::between_rejections`] of the one before: it
//!   stays until that time is over, so that a server which refuses everything causes no storm.
//! * No thread-local holds a token. Copies of a token belong to the source and go with it.
//! * Background tasks hold sources weakly: a dropped source is renewed no more.
//! * Nothing here knows HTTP, a vault or a provider.

mod calendar;
mod clocks;
mod crowd;
mod decide;
mod directory;
mod flight;
mod gate;
mod health;
mod lane;
mod lanes;
mod near;
mod policy;
mod profile;
mod registration;
mod scheduler;
mod shards;
mod source;
mod table;
mod tally;
mod timing;

pub use decide::{Failed, Held, Verdict};
pub use directory::Directory;
pub use health::{Condition, Health};
pub use policy::{Fallback, RefreshPolicy, RefreshPolicyBuilder};
pub use profile::{Profile, ProfileBuilder};
pub use scheduler::{Scheduler, SchedulerBuilder};
pub use source::ManagedSource;
pub use timing::RenewalWindow;
