//! The servers that stores are on, which the driver starts, and kills in the midst of a race.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_tests::postgres::{self, Postgres};
use grantry_tests::redis::{self, Redis};
use grantry_vault_postgres::PostgresVault;

use crate::{Fallible, kill_plan};

const OWNER: &str = "owner";
const LOGIN: &str = "races";
const DATABASE: &str = "races";

/// A server that a contestant's store is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "these are what the driver can start")]
pub enum Database {
    /// PostgreSQL, with the tables of the vault. It does not sync.
    Postgres,
    /// Redis, which syncs each write.
    Redis,
}

/// A server that runs. Dropping it ends it.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    server: Arc<Mutex<Server>>,
    /// What workers are told.
    pub(crate) url: String,
}

#[derive(Debug)]
enum Server {
    Postgres(Box<Postgres>),
    Redis(Box<Redis>),
}

impl Running {
    /// Starts one. Redis syncs each write. PostgreSQL leaves that out, as its recovery would sync thousands of files:
    /// processes are killed here, not machines. Workers reach it by its socket, where no password is asked for: what one
    /// costs in a debug build is a good part of a token's life.
    pub(crate) async fn start(database: Database) -> Fallible<Self> {
        match database {
            Database::Postgres => {
                let server =
                    Postgres::launch(postgres::Settings { fsync: false, ..postgres::Settings::default() })?;
                server.create_role(OWNER, "CREATEROLE")?;
                server.create_role(LOGIN, "")?;
                server.create_database(DATABASE, OWNER)?;
                PostgresVault::builder(&server.url(OWNER, DATABASE)).migrate().await?;
                server.sql("postgres", &format!("GRANT grantry_app TO {LOGIN}"))?;
                let (folder, port) = (server.socket_folder().display(), server.port());
                let url = format!("postgresql://{LOGIN}@/{DATABASE}?host={folder}&port={port}");
                Ok(Self { server: Arc::new(Mutex::new(Server::Postgres(Box::new(server)))), url })
            }
            Database::Redis => {
                let server = Redis::start(redis::Settings::default())?;
                let url = server.url();
                Ok(Self { server: Arc::new(Mutex::new(Server::Redis(Box::new(server)))), url })
            }
        }
    }

    /// Kills it with SIGKILL and starts it again so many times, at random moments of the first four fifths of a race:
    /// so that it is there again before the end.
    pub(crate) async fn restart(self, seed: u64, restarts: usize, lasts: Duration) -> Fallible<u64> {
        let mut done = 0;
        let mut before = Duration::ZERO;
        for kill in kill_plan(!seed, restarts, 1, lasts * 4 / 5) {
            // What starting took is not made up for: the moments are random anyway.
            tokio::time::sleep(kill.after.saturating_sub(before)).await;
            before = kill.after;
            let server = Arc::clone(&self.server);
            tokio::task::spawn_blocking(move || {
                server.lock().unwrap_or_else(PoisonError::into_inner).kill_and_start()
            })
            .await??;
            done += 1;
        }
        Ok(done)
    }
}

impl Server {
    fn kill_and_start(&mut self) -> Fallible<()> {
        match self {
            Self::Postgres(server) => {
                server.kill()?;
                server.start()
            }
            Self::Redis(server) => server.restart(),
        }
    }
}
