//! The vault in PostgreSQL, for many replicas.
//!
//! ```no_run
//! use grantry_vault_postgres::PostgresVault;
//! # async fn example() -> Result<(), grantry_vault::VaultError> {
//! // Once for each release, with the rights of the database's owner:
//! PostgresVault::builder("postgresql://owner:password@127.0.0.1/acme").migrate().await?;
//! // In each replica, as a login that is a member of grantry_app:
//! let vault = PostgresVault::connect("postgresql://acme:password@127.0.0.1/acme").await?;
//! # Ok(())
//! # }
//! ```
//!
//! It needs PostgreSQL 15 or newer, a database with the encoding UTF8, and sessions of the server: a pooler in between
//! that hands connections out by transaction does not do.
//!
//! # What it promises
//!
//! Every promise of [`Vault`](grantry_vault::Vault), for all handles of all processes, on one primary.
//!
//! * **One statement for each call, or for several writes.** The tenant, the condition and the write are one function
//!   call, in a transaction of its own: one round trip, and nothing that could be left open. Deadlocks cannot arise
//!   among vaults.
//! * **Waiting has an end.** Connecting, waiting for a connection and each statement have a bound each (10 seconds
//!   unless said otherwise); the server itself stops a statement that is stuck.
//! * **Calls run in tasks of their own.** A future that is dropped, or not polled any more, keeps no connection and
//!   leaves none half-used. A write whose caller left before it had a connection is not sent.
//! * **Nothing has to be opened again** after a restart, a failover, or a night without a server.
//!
//! # Writes that go together
//!
//! Up to four calls that store are under way without waiting for anything but a connection. Whoever stores meanwhile
//! waits until one of them is answered, for 5 ms at most; then everything that waits goes as one call, with one commit
//! for all of it. Nothing is ever held back for company while fewer calls are under way: a lone caller is as fast as
//! ever. A batch has 128 writes or 4 MiB at most.
//!
//! * **Each write has its own answer.** A conflict of one leaves the others alone. Several for one key are done in the
//!   order in which they came.
//! * **What the server undid is sent again, each write by itself**: one of them may be what it refuses. Only what was
//!   lost on the way is [`InDoubt`](grantry_vault::VaultError::InDoubt), and then it is so for each.
//! * **Rows are locked in the order of their keys**, so that batches of any vaults wait for each other in line, never
//!   in a circle. A row that somebody else keeps locked holds the others of its batch up for 200 ms at most; after that
//!   its writer waits alone.
//! * **Each write is done under the name of its own tenant**, whatever else is in the batch (see below).
//!
//! The function for this came after the first tables. Where it is missing, writes go one by one, until
//! [`migrate`](PostgresVaultBuilder::migrate) was run again. Older replicas do not mind it.
//!
//! # Durability, replicas and failover
//!
//! A write is answered after its commit was synced: sessions raise `synchronous_commit` to `on` where the server or the
//! role has it lower, and a server with `fsync` or `full_page_writes` off is refused
//! ([`accept_unsafe_durability`](PostgresVaultBuilder::accept_unsafe_durability) is for tests). This is checked on each
//! new connection.
//!
//! A crash loses nothing that was confirmed. A **failover** loses nothing where the standby that takes over is
//! synchronous (`synchronous_standby_names`), and the old primary cannot go on. To an asynchronous standby it may lose
//! the last writes: then a rotated refresh token is gone, and its predecessor is used up. A commit that waits for a
//! synchronous standby that is away is not stopped by the server; the call ends as
//! [`InDoubt`](grantry_vault::VaultError::InDoubt). Never cancel such a wait (`pg_cancel_backend`): PostgreSQL then
//! says that it committed, with a warning only.
//!
//! A standby is refused, also for reading: it may be behind. Name several hosts in the configuration, with
//! `target_session_attrs=read-write`, and the one that is the primary is found.
//!
//! Revisions are numbers of a sequence with 20 random bits behind them. Where writes were lost, by a failover or by
//! restoring a backup, a number may be given again; that a revision from before then fits has a chance of one in a
//! million. Restart the processes after restoring a backup.
//!
//! # Errors
//!
//! What is lost after a write was sent is `InDoubt`: the connection, the answer in time, a session that the operator
//! ended. What the server undid (a statement that took too long, a deadlock, no room) was certainly not written, and
//! has the error that says so. A write is sent again only after the server said that it did nothing; a reading whose
//! connection was lost is made again.
//!
//! # Its clock
//!
//! A reading is the server's clock in steps of 10 ms, held up by the last reading of any session and by a ceiling that
//! is durable in the table `clock`. Three things hold: no reading is above the last that is noted in the sequence
//! `ticks`, which never goes back; that is never above the ceiling that is committed; and where the sequence began
//! anew, after a crash or on another machine, it goes on from the ceiling. So of two calls in two sessions, the second
//! begun after the first has returned, the second never reads an earlier moment; neither does it after a crash, after
//! somebody set the server's clock back, or after a failover that lost no commit. After one that did, each handle still
//! holds up its own.
//!
//! A clock that is set back by more than a second goes on from where it was, ahead of the server's. After a crash it
//! leaps ahead by four seconds at most: less than the allowance that custody gives an owner whose lease is over, so that a
//! leap takes nobody's grant away. A reading is at most a second behind; where the ceiling cannot be raised (once in two
//! seconds, by a write) readings fail with `Unavailable` after those two seconds, as writes do.
//!
//! # Roles and row-level security
//!
//! A second wall between tenants, behind the sealing. [`migrate`](PostgresVaultBuilder::migrate) makes the role
//! `grantry_app`, which has no login. Its members have rows of one tenant at a time: of the one that the transaction
//! names in `grantry.tenant`, which each call does for itself and which ends with it. Of several writes in one call,
//! the function names the tenant of each before it touches the row, and the policies are asked row by row. Whoever
//! forgets a condition in SQL by hand sees or changes nothing of other tenants, and cannot take the place of their
//! records. What the wall does not hold is a process that was broken into: it can name any tenant. Against that there
//! is only the sealing, or a schema and a login for each tenant.
//!
//! ```sql
//! CREATE ROLE acme LOGIN PASSWORD '...' IN ROLE grantry_app;
//! ```
//!
//! A superuser, a role with BYPASSRLS and whoever may act as the owner is refused: the wall would not hold it. The
//! listing over all tenants, which rotation needs, is a function with the owner's rights. Take it from a role that has
//! no business with all tenants: `REVOKE EXECUTE ON FUNCTION grantry.list_all FROM grantry_app`, after each migration.
//!
//! The owner itself reads all rows and writes none. Dump as a superuser (`pg_dump` refuses to dump part of a table).
//!
//! **In clear** are the keys (tenant, kind, service, account), the sizes of the records and the times of the clock.
//! Hints carry keys, and PostgreSQL lets whoever may connect to a database listen in it: give the vault a database of
//! its own where keys are nobody else's business.
//!
//! # Connections
//!
//! [`connections`](PostgresVaultBuilder::connections) bounds them: so many calls are under way at once. Reads that come while
//! others are under way go together in one call, and so do writes, which then share a transaction and its sync. One more listens for changes, from the moment on when somebody first waits
//! for one. Other handles are told a few milliseconds after a write, for many writes at once and only if anybody
//! listens: a `NOTIFY` in the write's own transaction would make all writers of the server wait for each other. A hint
//! is lost with the process that wrote.
//!
//! Without TLS it speaks to loopback addresses and Unix sockets only; use [`tls`](PostgresVaultBuilder::tls), or
//! [hand in a pool](PostgresVault::from_pool).
//!
//! # Invariants
//!
//! * A connection goes back to the pool only after the whole answer to a statement that ended its transaction.
//! * No write is sent twice, but after an answer that says that nothing was done.
//! * Of records that are read together each is read under the name of its own tenant, after the one reading of the clock.
//! * No write is answered by what became of another's precondition; all of a batch is committed, or none of it.
//! * No call runs in a session without its settings: they carry a mark, and each function asks for it.
//! * The name of the tenant ends with the transaction that set it.
//! * Names of schemas and roles are checked; everything else goes as a parameter.
//! * No error, log line or `Debug` holds a statement, a password, a text of the server or a byte of a record.

mod answer;
mod builder;
mod changes;
mod dial;
mod failure;
mod hub;
mod identifier;
mod lanes;
mod link;
mod parameter;
mod queue;
mod reader;
mod reading;
mod schema;
mod session;
mod store;
mod vault;
mod writer;

pub use builder::PostgresVaultBuilder;
pub use vault::PostgresVault;
