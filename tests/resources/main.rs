//! What resource servers say of themselves and ask for, and what follows from it: the facade's clients, the flow and the
//! testkit together.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod discovered;
mod held;
mod step_up;
