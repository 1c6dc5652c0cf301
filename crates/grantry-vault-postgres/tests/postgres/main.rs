//! The vault on a real PostgreSQL, which the tests start themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod batched_reads;
mod batches;
mod batches_lost;
mod clock;
mod conformance;
mod ground;
mod hints;
mod lost_answers;
mod migrations;
mod pools;
mod proxy;
mod restarts;
mod roles;
