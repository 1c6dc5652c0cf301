//! Workers for the races of `tests/races`: what other crates do with a refresh token that rotates, each written as
//! its documentation suggests. `--kind` says which.
//!
//! | kind | what it is |
//! |---|---|
//! | `oauth2-unlocked` | The `oauth2` crate by hand: a JSON file for each grant, read when the token is asked for, renewed when it has expired, replaced atomically. One renewal at a time in each process. |
//! | `oauth2-empties` | The same, and `invalid_grant` empties the file: the user has to log in again. |
//! | `oauth2-flock` | A careful person's: the same files, and a lock on a file beside each. Renews only if the token is still expired once the lock is held; synchronises before and after the exchange of files. |
//! | `huskarl-file` | `huskarl`'s own cache and renewal over a `RefreshTokenStore` of files, as its guide has it. |
//! | `huskarl-flock` | The same with the whole acquisition under a lock on a file, as its page on sharing a store asks for. |

#![deny(unsafe_code)]

mod by_hand;
mod by_huskarl;
mod files;
/// The contestant's half of the races, shared with every other worker.
#[path = "../../../../tests/races/src/worker/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a worker does not need all of it")]
mod worker;

use std::process::ExitCode;

use crate::by_hand::{ByHand, Empties, Flock, Unlocked};
use crate::by_huskarl::{ByHuskarl, Coordinated, Plain};
use crate::worker::{Arguments, Outcome, serve};

#[tokio::main]
async fn main() -> ExitCode {
    match act().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("race-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn act() -> Outcome<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    match arguments.kind.as_deref() {
        Some("oauth2-unlocked") => serve::<ByHand<Unlocked>>(arguments).await,
        Some("oauth2-empties") => serve::<ByHand<Empties>>(arguments).await,
        Some("oauth2-flock") => serve::<ByHand<Flock>>(arguments).await,
        Some("huskarl-file") => serve::<ByHuskarl<Plain>>(arguments).await,
        Some("huskarl-flock") => serve::<ByHuskarl<Coordinated>>(arguments).await,
        _ => {
            Err("--kind is oauth2-unlocked, oauth2-empties, oauth2-flock, huskarl-file or huskarl-flock"
                .into())
        }
    }
}
