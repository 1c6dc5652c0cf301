//! What the service inside the layer sees.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod bodies;
mod clients;
mod grpc;
mod proofs;
mod refusals;
mod requests;
mod server;
mod upstream;
