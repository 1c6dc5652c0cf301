//! grantry against real authorization servers. Each test starts one of its own.

mod client_authentication;
mod harness;
mod support;
