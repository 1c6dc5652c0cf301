//! Custody against an authorization server that rotates, with replicas that share a store.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod bound;
mod doubts;
mod failover;
mod faults;
mod fixture;
mod further;
mod hanging;
mod healths;
mod histories;
mod moving;
mod observing;
mod opener;
mod orphans;
mod pace;
mod process;
mod queueing;
mod replicas;
mod revoking;
mod secrets;
mod unread;
