//! The pantry: everything wired, against a server in memory.
#![cfg(feature = "pantry")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod administering;
mod background;
#[cfg(all(feature = "authorization-code", feature = "token-exchange"))]
mod bound;
#[cfg(feature = "rustls")]
mod certificates;
mod changing;
#[cfg(feature = "config")]
mod completing;
#[cfg(all(feature = "config", feature = "reqwest", feature = "rustls", feature = "sqlite"))]
mod configured;
#[cfg(feature = "authorization-code")]
mod consenting;
#[cfg(feature = "token-exchange")]
mod exchanging;
mod explaining;
mod failing;
mod fixture;
#[cfg(all(feature = "config", feature = "rustls", feature = "sqlite"))]
mod itself;
#[cfg(feature = "authorization-code")]
mod keeping;
mod opening;
mod proving;
mod sparing;
mod telling;
mod using;
