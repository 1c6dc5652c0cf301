//! What is traced, field by field, as the manual's page on observing has it.
#![allow(missing_docs, clippy::unwrap_used)]

mod ear;
mod kept;
mod logins;
mod sources;
