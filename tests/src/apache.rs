//! Apache with mod_oauth2, a resource server, on a loopback port of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Fallible;

/// What it is told, with the meaning of each place.
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/apache/resource.conf");
/// Where Debian has the program.
const PROGRAM: &str = "/usr/sbin/apache2";
/// Where Debian has its module.
const MODULE: &str = "/usr/lib/apache2/modules/mod_oauth2.so";

/// How long it waits between two looks whether the server is ready, and how often it looks: a minute in all.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 3000;

/// Starts the server beside itself, and ends it, by its id, as soon as the pipe closes: with the test's process, however that
/// ends. By TERM, so that the server ends its own children.
const WATCHDOG: &str = r#"
"$1" -f "$2" -DFOREGROUND </dev/null >"$3" 2>&1 &
server=$!
echo "$server"
read -r line
kill -TERM "$server" 2>/dev/null
wait "$server" 2>/dev/null
"#;

/// The authorization server whose tokens it takes. There it is the client `api` with the secret `api-secret`.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs, reason = "tests fill it by hand")]
pub struct Introspection<'a> {
    /// Its issuer.
    pub issuer: &'a str,
    /// The path of its introspection endpoint.
    pub introspection: &'a str,
    /// The path of its keys.
    pub keys: &'a str,
}

/// A running server. Dropping it ends its processes.
///
/// Its pages are `/jwt`, for tokens that it verifies itself, `/opaque`, for those that it asks about, and `/bound`, for those
/// that are bound to a key; each says its name to whoever has a good token.
#[derive(Debug)]
pub struct Apache {
    folder: TempDir,
    port: u16,
    watchdog: Child,
    pipe: Option<ChildStdin>,
}

impl Apache {
    /// Starts a server and waits until it serves.
    ///
    /// # Errors
    /// It is not installed, or does not start; the text says which.
    pub fn start(of: Introspection<'_>) -> Fallible<Self> {
        if !Path::new(PROGRAM).exists() || !Path::new(MODULE).exists() {
            return Err("Apache with mod_oauth2 is not installed: `cargo xtask interop` installs it".into());
        }
        let folder = tempfile::Builder::new().prefix("apache-").tempdir()?;
        // Its children run as somebody else.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let pages = folder.path().join("pages");
        fs::create_dir(&pages)?;
        for page in ["jwt", "opaque", "bound"] {
            fs::write(pages.join(page), page)?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHDOG, "sh", PROGRAM, CONFIGURATION])
            .arg(folder.path().join("output.log"))
            .env("FOLDER", folder.path())
            .env("PORT", port.to_string())
            .env("ISSUER", of.issuer)
            .env("INTROSPECTION", format!("{}{}", of.issuer, of.introspection))
            .env("JWKS_URI", format!("{}{}", of.issuer, of.keys));
        let mut watchdog =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (pipe, output) = (watchdog.stdin.take(), watchdog.stdout.take());
        let apache = Self { folder, port, watchdog, pipe };
        let mut line = String::new();
        BufReader::new(output.ok_or("the watchdog has no pipes")?).read_line(&mut line)?;
        for _ in 0..LOOKS {
            if apache.is_ready() {
                return Ok(apache);
            }
            std::thread::sleep(LOOK);
        }
        let said = apache.text_of("output.log") + &apache.text_of("error.log");
        Err(format!("Apache does not get ready:\n{said}").into())
    }

    /// Its scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The URL of a page of it.
    pub fn url(&self, page: &str) -> String {
        format!("{}{page}", self.origin())
    }

    /// The statuses that it has answered requests for this page with, in order, as soon as there are so many: it writes them
    /// down a little later than it answers.
    pub fn statuses(&self, page: &str, many: usize) -> Vec<u16> {
        for _ in 0..LOOKS {
            let statuses = self.statuses_so_far(page);
            if statuses.len() >= many {
                return statuses;
            }
            std::thread::sleep(LOOK);
        }
        self.statuses_so_far(page)
    }

    fn statuses_so_far(&self, page: &str) -> Vec<u16> {
        let text = self.text_of("access.log");
        let of_page = text.lines().filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            (words.next()? == page).then(|| words.next()?.parse().ok()).flatten()
        });
        of_page.collect()
    }

    /// What it has said of mistakes, for a test that fails.
    pub fn errors(&self) -> String {
        self.text_of("error.log")
    }

    fn text_of(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        let ask = || -> Fallible<bool> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.take(64 * 1024).read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The watchdog ends with its pipe in any case.
        let _ = self.watchdog.wait();
    }
}
