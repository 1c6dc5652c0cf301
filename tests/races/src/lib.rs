//! Races of real processes for refresh tokens that rotate: whether anybody loses a grant, and at what cost.
//!
//! Several worker processes share one store and ask for fit access tokens of the same grants, all at once, again
//! and again; some are killed in the midst, some answers are lost. At the end the authorization server is asked
//! which of the refresh tokens that the store holds are live. [`race()`] does it once; the program `races` does it
//! from the command line:
//!
//! ```text
//! races run   [--contestant C]... [--peers PROGRAM] [--scenario S]... [--seed N] [--json]
//! races table [--contestant C]... [--peers PROGRAM] [--scenario S]... [--seed N]
//! races torture [--kills N] [--seed N] [--quick]
//! races page --peers PROGRAM --into FILE --results FILE [--resume] [--short] [--seed N]... [--kills N]
//! races scenarios
//! ```
//!
//! A contestant `C` is `NAME=PROGRAM ARGUMENT...`, or the name of one of this program's own workers, which take part if
//! nobody is named. `--peers` adds every kind of the program `race-worker`, which is built in `benches/peers`.
//! A scenario `S` is a [`Scenario`]'s name, such as `strict-revoke 4 processes 30 grants 2 s tokens 10 s 50 kills`.
//! `table` prints Markdown for the documentation, a table for each scenario; `run` reports after each race, with the
//! reason for each lost grant. `page` (`cargo xtask races`) makes all tables of `docs/races.md` anew;
//! each report is in the file of results as soon as it is there, and `--resume` runs only the races that are not. `torture` (`cargo xtask torture`) lets the house's own contestants race under kills, lost
//! answers and restarts of their stores, and fails where a grant is lost on a server that forgives, or where neither a
//! kill nor a dropped answer explains by name why one was lost. Both fail where a restart or a drop of the plan did not happen, and where
//! no kill hit a request on a server that forgives.
//!
//! The contestants `grantry-sqlite`, `grantry-postgres` and `grantry-redis` keep the grants in a vault and renew them by
//! custody. The driver starts the server that the store is on, and tells its URL.
//!
//! # How a worker is spoken to
//!
//! A worker is any program with three commands. Standard error is for people.
//!
//! | command | what it does |
//! |---|---|
//! | `seed --store DIR` | Reads one JSON object from standard input to its end, lays the grants down in the store, and ends. `DIR` exists and is empty. |
//! | `run --store DIR --callers M` | Opens the store, together with other processes that do so, and lets `M` callers of each grant ask. Ends when a line `stop` comes on standard input, or its end. |
//! | `show --store DIR` | Prints what the store holds, and ends. Nobody else has the store open. |
//!
//! What `seed` reads (`names`, `begins` and `grants` are in the same order; there are no access tokens yet):
//!
//! ```json
//! {
//!   "client_id": "races", "client_secret": "..", "issuer": "http://127.0.0.1:40001",
//!   "token_endpoint": "http://127.0.0.1:40002/token", "resource": "http://127.0.0.1:40003/resource",
//!   "rotation": "strict-revoke", "grace_ms": 0,
//!   "names": ["grant-0"], "begins": [1790000000000],
//!   "grants": [{"name": "grant-0", "refresh_token": ".."}]
//! }
//! ```
//!
//! Where the driver has started a server for the store, `database` is its URL; otherwise it is `null`.
//!
//! The client authenticates by `client_secret_basic` at `token_endpoint` and nowhere else: a request that goes past
//! the driver's relay is found out. A process with the environment variable `RACES_TOKEN_ENDPOINT` asks there instead: by
//! the port the driver knows which process a request came from. `rotation` and `grace_ms` are what the provider's documentation would tell. The
//! callers of a grant ask from its moment in `begins` on, in milliseconds of Unix time; the moments are spread over one
//! lifetime, so that not all tokens expire at once.
//!
//! A caller of `run` asks for a fit access token, presents it by `GET` to `resource` as a bearer token, pauses for
//! 50 ms, or for 250 ms after an error, and begins again. `run` prints JSON lines:
//!
//! ```json
//! {"event": "error", "grant": "grant-0", "error": "why the caller got no token"}
//! {"event": "end", "calls": 812, "presented": 810, "refused": 1, "errors": 1}
//! ```
//!
//! the first for each error, the second at the end. `show` prints a line for each refresh token in the store:
//!
//! ```json
//! {"grant": "grant-0", "refresh_token": ".."}
//! ```
//!
//! A grant may have several lines, or `null`, or no line. It is lost if none of its tokens is live.
//!
//! A process of `run` may keep an account, in the file that `RACES_ACCOUNT` names: a line `asked GRANT NANOSECONDS` on the boot clock
//! when it asks, `had`
//! when it has read an answer whole, `written` when the death of the process takes nothing of it any more, and `synced` when
//! that of the machine does not either.
//!
//! In Rust, implement [`worker::Contestant`] and call [`worker::serve`]: commands, callers and counters are there.
//! The folder `src/worker` knows nothing of grantry, and programs outside of this workspace take it up by its path.
//!
//! # What is counted
//!
//! All figures but the callers' errors come from the servers and from a relay before the token endpoint, which
//! reads along, adds the latency, and drops answers after the server has done what was asked. See [`Report`].
//! A worker to be killed is held still first (SIGSTOP), so that the moment is known; then it gets SIGKILL, and another one
//! starts at once. What it had received and not yet kept is known at the end:
//! [`Report::successors_killed`].
//!
//! A lost grant is put down to a kill or to a dropped answer only if nobody ever used or kept its successor, and the answer with it
//! was one that was dropped, or one of a worker that was killed before it could keep it. What a worker has written down by its
//! own account, no kill excuses. Where it had not, the kill came before the answer had left; or within twice the time that
//! the slowest of the other answers of the race took from there until it was written, and a tenth of a second at most; for
//! whoever keeps no account, within a tenth of a second. Every other loss is unexplained. [`Report::losses`] has the
//! figures of each, and who used which token after whom.
//!
//! An expiry is a request that comes when a grant has no token, or its newest is in the last quarter of its life, with those that
//! follow until a token was sent. A request that comes sooner is of no expiry, and one too many.
//!
//! # Invariants
//!
//! * Everything is on 127.0.0.1 and listens on ports that the system chose.
//! * Only processes that this crate started are ended, by their ids; when the driver dies, its workers see the end
//!   of their standard input and stop.
//! * Kills, lost answers and the testkit's tokens come of one seed, which every report shows. How processes
//!   interleave is up to the machine.
//! * No token is printed, but by `show`, whose output the driver reads.

mod accounts;
mod book;
mod custody;
mod database;
mod exchange;
mod expiries;
mod gate;
mod kill_plan;
mod losses;
mod matrix;
mod message;
mod naive;
mod process;
mod race;
mod reckoning;
mod relay;
mod report;
mod scenario;
mod server;
mod tables;
pub mod worker;

pub use accounts::{Keeping, Spans};
pub use custody::Grantry;
pub use database::Database;
pub use grantry_tests::Fallible;
pub use kill_plan::{Kill, kill_plan};
pub use naive::Naive;
pub use process::Contestant;
pub use race::race;
pub use report::Report;
pub use scenario::{InvalidScenario, SCENARIOS, Scenario, Server};
