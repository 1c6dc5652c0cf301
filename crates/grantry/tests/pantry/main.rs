//! The pantry: everything wired, against a server in memory.
#![cfg(feature = "pantry")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod administering;
mod changing;
#[cfg(all(feature = "config", feature = "rustls", feature = "sqlite"))]
mod configured;
#[cfg(feature = "authorization-code")]
mod consenting;
mod fixture;
#[cfg(feature = "authorization-code")]
mod keeping;
mod opening;
mod using;
