//! The vault on a real PostgreSQL, which the tests start themselves.

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
