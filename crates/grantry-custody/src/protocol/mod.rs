//! The protocol by which a stored grant is renewed, as pure code.
//!
//! Nothing here reads a clock, waits, or touches a secret: [`Redemption::step`] takes what happened and says what to do
//! next. The same code runs in production, in the simulation, and in the exhaustive search of the test suite.
//!
//! | from | to | when |
//! |---|---|---|
//! | active | renewing | an intent is written: of all replicas one wins |
//! | renewing | active | an answer is accepted by its descent, one generation on; or provably nothing was spent |
//! | renewing | in doubt | the outcome is not known, or the owner vanished |
//! | in doubt | renewing | it is sent again: within the server's window, or as the last chance |
//! | renewing | person needed | it is refused for good, nobody else is at it, and nothing is left to try |
//! | active | in doubt | an owner that was overtaken brings what may be the newer token |
//! | in doubt, person needed | active | a late successor comes home |
//! | any | revoking | somebody withdraws it; what comes after that is an orphan |
//! | revoking | revoked | the server was asked for every token: a tombstone stands in its place |
//!
//! The search of the test suite finds these changes and no others; the facade's manual has a picture of them.
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
mod pace;
mod settle;
mod standing;
mod step;
mod terms;
mod withdraw;

pub use candidate::{Candidate, Doubt};
pub use claim::{Asked, Claim, Decision, Replaced};
pub use land::{Landing, Proceeds};
pub use settle::{Outcome, Settled};
pub use standing::{AttemptId, Intent, Outstanding, Snapshot, Standing, Verdict};
pub use step::{Change, Effect, End, Event, Redemption};
pub use terms::{InvalidTerms, Terms};
