//! The command, as it is built, in a home of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod auth;
mod beside;
mod bound;
mod browser;
mod canaries;
mod clocks;
mod config;
mod configured;
mod crash;
mod doctor;
mod documents;
mod errors;
mod exchange;
mod fixture;
mod flags;
mod forms;
#[cfg(target_os = "linux")]
mod full_disk;
mod login;
mod migrate;
mod newer;
mod pty;
mod removal;
mod said;
mod scripts;
mod secrets;
mod shown;
mod signals;
mod specification;
mod surroundings;
mod terminal;
mod together;
mod trail;
mod tree;
mod vault;
