//! PostgreSQL, in a folder and on a loopback port of its own.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::Fallible;

/// Where Debian puts each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// What helps where it is missing.
const MISSING: &str = "PostgreSQL 15 or newer is not installed: on Debian, `apt-get install postgresql`";

/// The user that everything is done as, inside and, where this runs as root, outside.
const SUPERUSER: &str = "postgres";

/// How long it waits between two looks whether the server is ready, and how often it looks: a minute in all.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 3000;

/// How often it is started again while the processes of one that was killed are still leaving.
const STARTS: usize = 50;

/// Ends the server, by its id, and removes its folder, when the pipe closes without a word. It closes with the test's
/// process, however that ends.
const WATCHDOG: &str = r#"
if read -r word; then exit; fi
kill -QUIT "$1"
for look in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "$1" || break
    sleep 0.2
done
rm -rf "$2"
"#;

/// What a server is started with.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs, reason = "tests fill it by hand")]
pub struct Settings {
    /// Whether it syncs what it writes. Off is faster, and enough where durability is not what is tested.
    pub fsync: bool,
    /// Further lines of the configuration.
    pub lines: Vec<String>,
}

impl Default for Settings {
    /// As durable as it gets.
    fn default() -> Self {
        Self { fsync: true, lines: Vec::new() }
    }
}

/// A server. Dropping it ends its process and removes its folder.
///
/// The superuser `postgres` needs no password on the socket, which only the owner of the folder reaches. Everybody
/// needs one on the port.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    binaries: PathBuf,
    port: u16,
    settings: Settings,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    server: Child,
    watchdog: Child,
    pipe: ChildStdin,
}

impl Postgres {
    /// Makes a server, starts it and waits until it serves.
    ///
    /// # Errors
    /// It is not installed, or does not start; the text says which.
    pub fn launch(settings: Settings) -> Fallible<Self> {
        let binaries = binaries()?;
        let folder = tempfile::Builder::new().prefix("pg-").tempdir()?.keep();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut postgres = Self { folder, binaries, port, settings, running: None };
        if is_root() {
            finished(Command::new("chown").arg(SUPERUSER).arg(&postgres.folder))?;
        }
        let initdb = postgres.program("initdb").display().to_string();
        let data = postgres.data().display().to_string();
        let options = "--no-sync --no-instructions --encoding=UTF8 --locale=C --username=postgres \
                       --auth-local=trust --auth-host=scram-sha-256";
        let mut command = as_owner(&initdb);
        finished(command.args(options.split_whitespace()).arg("--pgdata").arg(data))?;
        std::fs::write(postgres.data().join("postgresql.conf"), postgres.configuration()?)?;
        postgres.start()?;
        Ok(postgres)
    }

    /// Starts it after [`stop`](Postgres::stop) or [`kill`](Postgres::kill), on the same port and with the same files.
    ///
    /// # Errors
    /// It does not get ready; the text has its log.
    pub fn start(&mut self) -> Fallible<()> {
        for _ in 0..STARTS {
            self.start_once()?;
            if self.gets_ready()? {
                return Ok(());
            }
            self.end(Signal::QUIT)?;
            std::thread::sleep(LOOK);
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("PostgreSQL does not get ready:\n{log}").into())
    }

    /// Stops it the orderly way; those who are connected are cut off.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn stop(&mut self) -> Fallible<()> {
        self.end(Signal::INT)
    }

    /// Ends its first process with SIGKILL; the others follow. What a crash does.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(&mut self) -> Fallible<()> {
        self.end(Signal::KILL)
    }

    /// Stops it and starts it again.
    ///
    /// # Errors
    /// As [`start`](Postgres::start).
    pub fn restart(&mut self) -> Fallible<()> {
        self.stop()?;
        self.start()
    }

    /// Its port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its socket. Only root and its owner reach it.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Its URL on the port for a user, whose password is [`password`] of its name.
    pub fn url(&self, user: &str, database: &str) -> String {
        self.url_with_password(user, &password(user), database)
    }

    /// Its URL on the port for a user with this password.
    pub fn url_with_password(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgresql://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database that belongs to a user, unless it is there.
    ///
    /// # Errors
    /// As [`sql`](Postgres::sql).
    pub fn create_database(&self, name: &str, owner: &str) -> Fallible<()> {
        let there = self.sql(SUPERUSER, &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'"))?;
        if there.is_empty() {
            self.sql(SUPERUSER, &format!("CREATE DATABASE \"{name}\" OWNER \"{owner}\""))?;
        }
        Ok(())
    }

    /// Makes a role that may log in, with [`password`] of its name and attributes such as `CREATEROLE`, unless it is
    /// there.
    ///
    /// # Errors
    /// As [`sql`](Postgres::sql).
    pub fn create_role(&self, name: &str, attributes: &str) -> Fallible<()> {
        let is_there = || -> Fallible<bool> {
            let rows = self.sql(SUPERUSER, &format!("SELECT 1 FROM pg_roles WHERE rolname = '{name}'"))?;
            Ok(!rows.is_empty())
        };
        if is_there()? {
            return Ok(());
        }
        let password = password(name);
        let made =
            self.sql(SUPERUSER, &format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}' {attributes}"));
        // Another test may have made it in between.
        if made.is_err() && is_there()? { Ok(()) } else { made.map(drop) }
    }

    /// Runs SQL as the superuser; returns the rows, a line for each, with `|` between the columns.
    ///
    /// # Errors
    /// The server does not answer, or answers with an error.
    pub fn sql(&self, database: &str, sql: &str) -> Fallible<String> {
        let mut psql = Command::new(self.program("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            SUPERUSER,
            "-d",
            database,
            "-c",
            sql,
        ])
        .args(["-p", &self.port.to_string(), "-h"])
        .arg(&self.folder);
        let output = finished(&mut psql)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// One of the programs that came with the server, such as `pgbench`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn configuration(&self) -> Fallible<String> {
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n\
             fsync = {}\nmax_connections = 500\nshared_buffers = 64MB\nlog_min_messages = warning\n",
            self.port,
            self.folder.display(),
            if self.settings.fsync { "on" } else { "off" },
        );
        for line in &self.settings.lines {
            writeln!(text, "{line}")?;
        }
        Ok(text)
    }

    fn start_once(&mut self) -> Fallible<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let server = as_owner(&self.program("postgres").display().to_string())
            .arg("-D")
            .arg(self.data())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh", &server.id().to_string()])
            .arg(&self.folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = watchdog.stdin.take().ok_or("the watchdog has no pipe")?;
        self.running = Some(Running { server, watchdog, pipe });
        Ok(())
    }

    /// Whether it serves, after some time. It ends at once where processes of its predecessor hold the memory.
    fn gets_ready(&mut self) -> Fallible<bool> {
        for _ in 0..LOOKS {
            let Some(running) = &mut self.running else { return Ok(false) };
            if running.server.try_wait()?.is_some() {
                return Ok(false);
            }
            let mut ready = Command::new(self.program("pg_isready"));
            let ready = ready.arg("-q").args(["-p", &self.port.to_string(), "-h"]).arg(&self.folder);
            if ready.status().is_ok_and(|status| status.success()) {
                return Ok(true);
            }
            std::thread::sleep(LOOK);
        }
        Ok(false)
    }

    fn end(&mut self, signal: Signal) -> Fallible<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        // It may have ended by itself: then there is nothing to end.
        if running.server.try_wait()?.is_none() {
            kill_process(Pid::from_child(&running.server), signal)?;
            running.server.wait()?;
        }
        let told = writeln!(running.pipe, "ended");
        drop(running.pipe);
        running.watchdog.wait()?;
        Ok(told?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Nothing can be done about an error here, and the watchdog ends with its pipe in any case.
        let _ = self.end(Signal::QUIT);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The password of every role that [`Postgres::create_role`] makes.
pub fn password(user: &str) -> String {
    format!("password-of-{user}")
}

/// The newest version that Debian has put here, or the one on the path.
fn binaries() -> Fallible<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| Path::new(DEBIAN).join(format!("{version}/bin/initdb")).exists())
        .max();
    if let Some(version) = newest {
        return if version >= 15 {
            Ok(Path::new(DEBIAN).join(format!("{version}/bin")))
        } else {
            Err(MISSING.into())
        };
    }
    let output = Command::new("pg_config").arg("--bindir").output().map_err(|_| MISSING)?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end());
    if folder.join("initdb").exists() { Ok(folder) } else { Err(MISSING.into()) }
}

fn is_root() -> bool {
    geteuid().is_root()
}

/// The command, as the user `postgres` where this runs as root, which the server refuses.
fn as_owner(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", SUPERUSER, "--regid", SUPERUSER, "--init-groups", program]);
    command
}

/// Runs a program to its end.
fn finished(command: &mut Command) -> Fallible<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.current_dir("/").output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim_end()).into())
}
