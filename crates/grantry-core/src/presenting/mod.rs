//! Whether a token may go on a request, and what to do after the answer: pure decisions that the reqwest and
//! tower wrappers both obey.

mod origin;

pub use origin::Origin;
