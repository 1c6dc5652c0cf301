//! How a session is set up, and what has to be so before it is used.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use grantry_vault::VaultError;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::failure::Failure;
use crate::identifier::Identifier;
use crate::schema::{self, FORMAT, first_value, missing, newer, not_utf8};

/// The oldest version that has unlogged sequences.
const OLDEST: u32 = 150_000;

/// What somebody said that need not be so.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Accepted {
    pub(crate) unsafe_durability: bool,
    pub(crate) privileged_role: bool,
}

/// What makes a connection a session of the vault.
#[derive(Clone)]
pub(crate) struct Session {
    /// Stands in the session's setting `grantry.session`, and every function asks for it. Whatever resets the settings
    /// resets it too, so that no call runs without them.
    pub(crate) mark: String,
    sql: String,
    accepted: Accepted,
    /// Whether the newest session found the function for several writes.
    writes_together: Arc<AtomicBool>,
    /// The same for several reads.
    reads_together: Arc<AtomicBool>,
}

impl Session {
    pub(crate) fn new(
        name: &Identifier,
        role: Option<&Identifier>,
        statement_patience: Duration,
        accepted: Accepted,
    ) -> Self {
        let millis = statement_patience.as_millis().clamp(1, i32::MAX as u128);
        let role_name = role.map_or("none", Identifier::as_str);
        let is_safe = !accepted.unsafe_durability;
        let mark = format!("{FORMAT} {} {role_name} {millis} {is_safe}", name.as_str());
        let assume = role.map_or_else(String::new, |role| format!("SET ROLE {};", role.quoted()));
        // It may be higher than `on` already, with synchronous standbys.
        let commit = if is_safe {
            "SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');"
        } else {
            ""
        };
        // Every query looks something up in an index, however little the planner knows of the tables.
        let sql = format!(
            "{assume} {commit}
             SET statement_timeout = {millis};
             SET idle_in_transaction_session_timeout = {millis};
             SET default_transaction_isolation = 'read committed';
             SET row_security = on;
             SET jit = off;
             SET plan_cache_mode = force_generic_plan;
             SET enable_seqscan = off;
             SET enable_bitmapscan = off;
             SET enable_sort = off;
             SELECT current_setting('server_version_num') AS server,
                 current_setting('server_encoding') AS encoding,
                 pg_is_in_recovery() AS standby,
                 current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS synced,
                 (SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles
                     WHERE rolname IN (current_user, session_user)) AS bypasses,
                 (SELECT bool_or(pg_has_role(session_user, relowner, 'MEMBER')) FROM pg_class
                     WHERE oid = to_regclass('{schema}.records')) AS owns,
                 (SELECT relrowsecurity AND relforcerowsecurity FROM pg_class
                     WHERE oid = to_regclass('{schema}.records')) AS walled,
                 to_regprocedure('{schema}.store_each(text, text[], text[], bytea[], bigint[])') IS NOT NULL
                     AS together,
                 to_regprocedure('{schema}.load_each(text, text[], text[], bigint)') IS NOT NULL AS read_together,
                 gen_random_uuid() AS handle;
             SELECT version AS format FROM {schema}.format;
             SELECT set_config('grantry.session', '{mark}', false);",
            schema = name.quoted(),
        );
        Self { mark, sql, accepted, writes_together: Arc::default(), reads_together: Arc::default() }
    }

    /// Whether several writes may go in one call. Where a migration added the function, new connections find it.
    pub(crate) fn writes_together(&self) -> bool {
        self.writes_together.load(Ordering::Relaxed)
    }

    /// Whether several records may be read in one call.
    pub(crate) fn reads_together(&self) -> bool {
        self.reads_together.load(Ordering::Relaxed)
    }

    /// Sets a connection up and looks at the server. Returns a name that nobody else has.
    ///
    /// The connection must not be used after an error.
    pub(crate) async fn set_up(&self, client: &Client) -> Result<String, VaultError> {
        // One message and one transaction: all of it is done, or nothing.
        let rows = client.simple_query(&self.sql).await;
        let rows = rows.map_err(|error| Failure::of_statement(&error).of_reading().into_error())?;
        self.check(&rows)?;
        let is_there = |column| first_value(&rows, column).as_deref() == Some("t");
        self.writes_together.store(is_there("together"), Ordering::Relaxed);
        self.reads_together.store(is_there("read_together"), Ordering::Relaxed);
        first_value(&rows, "handle").ok_or_else(missing)
    }

    fn check(&self, rows: &[SimpleQueryMessage]) -> Result<(), VaultError> {
        let number = |column| first_value(rows, column).and_then(|value| value.parse::<u32>().ok());
        let holds = |column| first_value(rows, column).as_deref() == Some("t");
        if number("server").is_none_or(|server| server < OLDEST) {
            return Err(VaultError::refused("the vault needs PostgreSQL 15 or newer"));
        }
        if holds("standby") {
            return Err(VaultError::unavailable("it is a standby: the primary is needed"));
        }
        if first_value(rows, "encoding").as_deref() != Some("UTF8") {
            return Err(not_utf8());
        }
        match number("format").and_then(|format| i32::try_from(format).ok()) {
            Some(schema::FORMAT) => {}
            Some(format) if format > FORMAT => return Err(newer()),
            _ => return Err(missing()),
        }
        if !holds("walled") {
            return Err(VaultError::refused(
                "row-level security of the table `records` is off: turn it on again (ENABLE and FORCE ROW LEVEL SECURITY)",
            ));
        }
        if !self.accepted.privileged_role && holds("bypasses") {
            return Err(VaultError::refused(
                "the role is a superuser or has BYPASSRLS, so that row-level security does not hold it: log in as a role \
                 without, a member of the application's role, or accept a privileged role",
            ));
        }
        if !self.accepted.privileged_role && holds("owns") {
            return Err(VaultError::refused(
                "the role owns the tables or is a member of their owner, so that it could turn row-level security off: \
                 log in as another, a member of the application's role, or accept a privileged role",
            ));
        }
        if !self.accepted.unsafe_durability && !holds("synced") {
            return Err(VaultError::refused(
                "fsync or full_page_writes is off: a crash of the machine loses confirmed writes, or all of them; turn \
                 them on, or accept unsafe durability",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.mark)
    }
}
