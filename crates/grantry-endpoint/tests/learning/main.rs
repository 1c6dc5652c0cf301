//! What is learned at run time: where it may lead, and what it has to say to be believed.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod resources;
mod urls;
