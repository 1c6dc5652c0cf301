//! The protocol by which a stored grant is renewed, as pure code.
//!
//! Nothing here reads a clock, waits, or touches a secret: [`Redemption::step`] takes what happened and says what to do
//! next. The same code runs in production, in the simulation, and in the exhaustive search of the test suite.
//!
//! ```text
//!             intent written                        answer, accepted by its descent
//!   active ------------------> redeeming ----------------------------------> active, one generation on
//!     ^                          |  |
//!     |   provably not spent     |  |  the outcome is not known, or the owner vanished
//!     +--------------------------+  v
//!     |                          in doubt ---- again: within the server's window, or the last chance
//!     |                             |
//!     |                             v  refused for good, and nothing else is left to try
//!     +---- a late successor --- a person is needed
//!     any ---- somebody revokes ---- revoked
//! ```
//!
//! # Why the write is not fenced by an epoch
//!
//! The thing that a redemption consumes is the refresh token at the authorization server, which knows nothing of our
//! epochs. An owner that comes back late, with the only live successor in its hands, must be let in. So a successor is
//! accepted if it descends from a token that the record still holds, whoever brings it. Epochs only order siblings, and
//! keep two owners from sending at once.

mod candidate;
mod claim;
mod land;
mod settle;
mod standing;
mod step;
mod terms;

pub use candidate::{Candidate, Doubt};
pub use claim::{Asked, Claim, Decision};
pub use land::{Landing, Proceeds};
pub use settle::{Outcome, Settled};
pub use standing::{AttemptId, Intent, Outstanding, Snapshot, Standing, Verdict};
pub use step::{Change, Effect, End, Event, Redemption};
pub use terms::{InvalidTerms, Terms};
