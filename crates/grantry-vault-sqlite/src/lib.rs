//! The vault in a SQLite file: the embedded default, for several processes on one machine.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let folder = temporary.path();
//! use grantry_vault_sqlite::SqliteVault;
//!
//! let vault = SqliteVault::open(folder.join("grantry.db")).await?;
//! // ... hand it to whatever keeps credentials ...
//! vault.close().await;
//! # assert!(folder.join("grantry.db").is_file());
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! Every promise of [`Vault`](grantry_vault::Vault), for all handles of all processes that open the file.
//!
//! * **Durable.** A write is answered after its commit was synced to the disk (`synchronous=FULL`; on macOS with
//!   `F_FULLFSYNC`). It survives a crash of the process, and of the machine where its disk does not lie about syncing.
//! * **Many at once.** Writes that wait are committed together, with one sync for all of them; a lone write waits for
//!   nobody. Each has its own precondition and its own answer.
//! * **Reads do not wait for writes.** Two threads read, each from the snapshot that was current when it began.
//! * **Waiting has an end.** A lock that another process holds is waited for up to the patience (10 seconds), then the
//!   call fails with [`Unavailable`](grantry_vault::VaultError::Unavailable). Nothing has to be opened again after
//!   that, nor after a full disk or one that could not be written for a while.
//!
//! A commit that failed in the disk is [`InDoubt`](grantry_vault::VaultError::InDoubt): it may still be found in the
//! log if all processes die before the next write. So is a write whose future was dropped.
//!
//! A handle has three threads and three connections, and needs no runtime. Do not `fork` while one is open: start
//! processes instead, each with a handle of its own.
//!
//! # The file
//!
//! It has to be on a disk of this machine: the log works by memory that the processes share, which **no network file
//! system gives** (NFS, SMB, most mounts into virtual machines). Beside it are `-wal`, the log, which holds the latest
//! writes, and `-shm`, which is rebuilt; the last handle to be closed removes both. Never copy, move or remove one of
//! the three alone.
//!
//! All have mode 0600. A file that others can read or write, a link to one, or a folder that others can write to is
//! refused, with the command that helps. Ancestors of the folder are not looked at. On systems without permission bits
//! nothing of this is checked: put the file where only its user can reach it.
//!
//! **In clear** are the keys (tenant, kind, service, account: who has grants for what), the sizes of the records, the
//! order of the last writes and the times of the clock. Records are sealed before they come here. A removed record's
//! sealed bytes may stay in free pages until these are used again; the file does not shrink by itself.
//!
//! The file says that it is ours (`application_id`) and in which format (`user_version`). A file of another program is
//! never written to, a newer format is refused, and a file that is cut short or whose pages are damaged is neither
//! repaired nor overwritten. Opening checks the file's length and its tables;
//! [`check`](SqliteVault::check) reads it all.
//!
//! # Backups
//!
//! While it is in use, with the `sqlite3` program:
//!
//! ```sh
//! (umask 077; sqlite3 grantry.db "VACUUM INTO 'backup.db'")
//! ```
//!
//! or with its `.backup` command. Both take one snapshot and need no process to stop. A plain copy is whole only after
//! every handle was closed. To restore, stop all processes, remove `grantry.db-wal` and `grantry.db-shm`, put the backup
//! in the place of the file with mode 0600, and start them. A handle that was open meanwhile refuses to write. A text
//! dump (`.dump`) loses the marks by which the file is known to be ours.
//!
//! # Its clock
//!
//! The store's time is the machine's boot clock (`CLOCK_BOOTTIME`) after a base that is kept in the file, together with
//! the kernel's boot id. Who opens the file first after a restart chooses a new base, above every moment that was ever
//! given out: the file keeps a ceiling, up to an hour ahead, that is raised before a reading would exceed it. So at a
//! restart the clock leaps ahead by up to an hour, or by the time that the machine was off where that is longer and the
//! wall clock tells; it never goes back. While nothing can be written the clock goes on for at least half an hour;
//! after that reads fail as writes do.
//!
//! A file that is opened under another boot id while a handle is open (on another machine, or in a Linux time namespace
//! of its own) makes that handle refuse to write.
//!
//! Where there is no boot id (systems other than Linux and Android) the wall clock is read instead, held up by the
//! highest reading of the handle and by the time of the last write. It does not go back for one handle, nor before what
//! is stored; but if somebody sets the clock back, two processes may read different times until it has caught up.
//!
//! # Invariants
//!
//! * Nothing is answered `Ok` before its commit was synced.
//! * A write is tried once. Only what certainly was not written is tried again, alone, when it failed in a group.
//! * The file is never opened but by SQLite, so no lock is lost by closing it.
//! * Nothing of a file is changed before it is known to be ours, whole, and of a format that this version knows.
//! * A vault appears in its place whole, or not at all.
//! * Revisions come from one counter that moves in the transaction of the write: none is given out twice.
//! * No moment is given out above the ceiling that is durable in the file.
//! * No type of `rusqlite` is in the interface, and no statement and no byte of a record is in an error.

mod builder;
mod ceiling;
mod connection;
mod failure;
mod format;
mod handle;
mod hints;
mod patience;
mod place;
mod queue;
mod reader;
mod store_clock;
mod transaction;
mod vault;
mod writer;

pub use builder::SqliteVaultBuilder;
pub use vault::SqliteVault;
