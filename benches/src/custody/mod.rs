//! Custody: what it adds to a renewal, how many renewals it makes in a second, how soon it is back after a crash, and what
//! a crowd that expires at once does to it.

mod authority;
mod durable;
pub(crate) mod minute;
pub(crate) mod postgres;
pub(crate) mod renewal;
pub(crate) mod restart;
mod stages;
mod stand;
pub(crate) mod syncs;
mod virtual_time;
