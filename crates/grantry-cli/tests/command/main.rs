//! The command, as it is built, in a home of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod auth;
mod bound;
mod browser;
mod config;
mod configured;
mod doctor;
mod errors;
mod exchange;
mod fixture;
mod login;
mod migrate;
mod said;
mod scripts;
mod secrets;
mod shown;
mod specification;
mod vault;
