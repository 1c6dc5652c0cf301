//! Redis, in a folder and on a loopback port of its own.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Fallible;

/// How long it waits between two looks whether the server is ready, and how often it looks: a minute in all.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 6000;

/// How many ports it tries: between the look for a free one and its use another process may take it.
const PORTS: usize = 8;

/// Starts the server beside itself and ends it, by its id, as soon as the pipe closes: with the test's process, however
/// that ends.
const WATCHDOG: &str = r#"
redis-server "$1" </dev/null >/dev/null 2>&1 &
server=$!
read -r line
kill -KILL "$server" 2>/dev/null
wait "$server"
"#;

/// What a server is started with.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs, reason = "tests fill it by hand")]
pub struct Settings {
    /// Whether it writes an append-only file.
    pub appendonly: bool,
    /// When that file is synced: `always`, `everysec` or `no`.
    pub appendfsync: &'static str,
    /// The most memory, such as `64mb`; empty for no bound.
    pub maxmemory: &'static str,
    /// What it does when that is reached, such as `noeviction`.
    pub maxmemory_policy: &'static str,
    /// The password of the user `default`; empty for none.
    pub password: &'static str,
    /// Users, each a line as in an ACL file, without the word `user`.
    pub users: Vec<String>,
    /// Further lines of the configuration.
    pub lines: Vec<String>,
}

impl Default for Settings {
    /// As durable as it gets.
    fn default() -> Self {
        Self {
            appendonly: true,
            appendfsync: "always",
            maxmemory: "",
            maxmemory_policy: "noeviction",
            password: "",
            users: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// A server. Dropping it ends its process.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: u16,
    settings: Settings,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    watchdog: Child,
    pipe: ChildStdin,
}

impl Redis {
    /// Starts a server and waits until it serves.
    ///
    /// # Errors
    /// It is not installed, or does not start; the text says which.
    pub fn start(settings: Settings) -> Fallible<Self> {
        for _ in 0..PORTS {
            let folder = tempfile::Builder::new().prefix("redis-").tempdir()?;
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let mut redis = Self { folder, port, settings: settings.clone(), running: None };
            match redis.start_again() {
                // Somebody took it since it was looked for.
                Err(_) if redis.has_no_port() => {}
                started => return started.map(|()| redis),
            }
        }
        Err("others took every port that was free".into())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("redis.log")).unwrap_or_default()
    }

    /// Whether it gave up since another process has its port.
    fn has_no_port(&self) -> bool {
        self.log().contains("Failed listening on port")
    }

    /// Starts it after [`kill`](Redis::kill) or [`stop`](Redis::stop), on the same port and with the same files.
    ///
    /// # Errors
    /// As [`start`](Redis::start).
    pub fn start_again(&mut self) -> Fallible<()> {
        let installed = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if !installed.is_ok_and(|status| status.success()) {
            return Err("redis-server is not installed: on Debian, `apt-get install redis-server`".into());
        }
        let configuration = self.folder.path().join("redis.conf");
        std::fs::write(&configuration, self.configuration()?)?;
        // What a server that was killed has left.
        let _ = std::fs::remove_file(self.socket());
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh"])
            .arg(&configuration)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = watchdog.stdin.take().ok_or("the watchdog has no pipe")?;
        self.running = Some(Running { watchdog, pipe });
        for _ in 0..LOOKS {
            if self.has_no_port() {
                break;
            }
            // Another server may answer at its port, but at its socket none.
            if self.socket().exists() && self.command(&["PING"]).is_ok_and(|answer| answer == "PONG") {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Err(format!("redis-server does not get ready:\n{}", self.log()).into())
    }

    /// Stops it the orderly way: what it has is in its file.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn stop(&mut self) -> Fallible<()> {
        // There is no answer but the end of the connection. Whatever still runs then is ended.
        let _ = self.command(&["SHUTDOWN", "NOSAVE", "NOW", "FORCE"]);
        self.kill()
    }

    /// Ends it with SIGKILL: what a crash of its process does.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(&mut self) -> Fallible<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        drop(running.pipe);
        running.watchdog.wait()?;
        Ok(())
    }

    /// Kills it and starts it again.
    ///
    /// # Errors
    /// As [`start`](Redis::start).
    pub fn restart(&mut self) -> Fallible<()> {
        self.kill()?;
        self.start_again()
    }

    /// Its port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, for the user `default`.
    pub fn url(&self) -> String {
        match self.settings.password {
            "" => format!("redis://127.0.0.1:{}", self.port),
            password => self.url_of("default", password),
        }
    }

    /// Its URL for a user.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.port)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The folder with its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs one command as the user `default`. The parts of an array are joined with line feeds; nothing is empty.
    ///
    /// # Errors
    /// The server does not answer, or answers with an error.
    pub fn command(&self, parts: &[&str]) -> Fallible<String> {
        self.command_as("default", self.settings.password, parts)
    }

    /// Runs one command as a user; without a password it does not log in.
    ///
    /// # Errors
    /// As [`command`](Redis::command).
    pub fn command_as(&self, user: &str, password: &str, parts: &[&str]) -> Fallible<String> {
        let mut stream = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?);
        stream.get_ref().set_read_timeout(Some(Duration::from_secs(30)))?;
        if !password.is_empty() {
            stream.get_mut().write_all(&encode(&["AUTH", user, password]))?;
            read_answer(&mut stream)?;
        }
        stream.get_mut().write_all(&encode(parts))?;
        read_answer(&mut stream)
    }

    fn configuration(&self) -> Fallible<String> {
        let Settings { appendonly, appendfsync, maxmemory, maxmemory_policy, password, users, lines } =
            &self.settings;
        let mut text = format!(
            "bind 127.0.0.1\nport {}\nunixsocket {}\ndir {}\nlogfile redis.log\nsave \"\"\ndaemonize no\n",
            self.port,
            self.socket().display(),
            self.folder.path().display(),
        );
        writeln!(text, "appendonly {}", if *appendonly { "yes" } else { "no" })?;
        writeln!(text, "appendfsync {appendfsync}\nmaxmemory-policy {maxmemory_policy}")?;
        if !maxmemory.is_empty() {
            writeln!(text, "maxmemory {maxmemory}")?;
        }
        if !password.is_empty() {
            writeln!(text, "requirepass {password}")?;
        }
        for user in users {
            writeln!(text, "user {user}")?;
        }
        for line in lines {
            writeln!(text, "{line}")?;
        }
        Ok(text)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Nothing can be done about an error here, and the watchdog ends with its pipe in any case.
        let _ = self.kill();
    }
}

fn encode(parts: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        bytes.extend_from_slice(format!("${}\r\n{part}\r\n", part.len()).as_bytes());
    }
    bytes
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> Fallible<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.trim_end();
    let (mark, rest) = line.split_at_checked(1).ok_or("the server closed the connection")?;
    match mark {
        "+" | ":" => Ok(rest.to_owned()),
        "-" => Err(rest.into()),
        "$" => {
            let Ok(length) = usize::try_from(rest.parse::<i64>()?) else { return Ok(String::new()) };
            let mut bytes = vec![0; length + 2];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" => {
            let length = rest.parse::<i64>()?.max(0);
            let parts: Fallible<Vec<_>> = (0..length).map(|_| read_answer(stream)).collect();
            Ok(parts?.join("\n"))
        }
        _ => Err(format!("unknown answer: {line}").into()),
    }
}
