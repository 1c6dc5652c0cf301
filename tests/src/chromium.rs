//! Chromium, a person's browser, driven through chromedriver on a loopback port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::Fallible;

/// How long it waits between two looks whether the driver is ready, and how often it looks: a minute in all.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 3000;
/// How many looks the browser gets to leave by itself.
const LEAVING: usize = 250;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// Starts the driver beside itself and ends it, by its id, as soon as the pipe closes: with the test's process, however that
/// ends. The browser hangs on a pipe of the driver, and ends with it. Without `--allowed-ips` the driver listens on the
/// loopback interface alone.
const WATCHDOG: &str = r#"
chromedriver --port="$1" --log-path="$2" </dev/null >/dev/null 2>&1 &
driver=$!
echo "$driver"
read -r line
kill -KILL "$driver" 2>/dev/null
wait "$driver" 2>/dev/null
"#;

/// A driver, and a profile of its own for its browser. Dropping it ends both.
#[derive(Debug)]
pub struct Chromium {
    folder: TempDir,
    port: u16,
    watchdog: Child,
    pipe: Option<ChildStdin>,
}

impl Chromium {
    /// Starts the driver and waits until it listens.
    ///
    /// # Errors
    /// Browser or driver are not installed, or do not start; the text says which.
    pub fn start() -> Fallible<Self> {
        for program in ["chromium", "chromedriver"] {
            let found = Command::new(program).arg("--version").output();
            if !found.is_ok_and(|output| output.status.success()) {
                return Err(format!("{program} is not installed: `cargo xtask install` installs it").into());
            }
        }
        let folder = tempfile::Builder::new().prefix("chromium-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "sh"]).arg(port.to_string()).arg(folder.path().join("driver.log"));
        let mut watchdog = watchdog.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipe = watchdog.stdin.take();
        let said = watchdog.stdout.take().ok_or("the watchdog has no pipe")?;
        let chromium = Self { folder, port, watchdog, pipe };
        let mut id = String::new();
        BufReader::new(said).read_line(&mut id)?;
        for _ in 0..LOOKS {
            if chromium.is_ready() {
                return Ok(chromium);
            }
            std::thread::sleep(LOOK);
        }
        let log = std::fs::read_to_string(chromium.folder.path().join("driver.log"));
        Err(format!("chromedriver does not answer\n{}", log.unwrap_or_default()).into())
    }

    /// Where the driver listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a new session is to be asked for: a browser without a window that talks to nobody by itself.
    pub fn capabilities(&self) -> Map<String, Value> {
        let profile = format!("--user-data-dir={}", self.folder.path().join("profile").display());
        let mut arguments = vec![
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-dev-shm-usage",
            "--disable-sync",
            "--remote-debugging-pipe",
            "--window-size=900,600",
            profile.as_str(),
        ];
        if rustix::process::geteuid().is_root() {
            // The sandbox refuses to work for root, as whom tests in a container run.
            arguments.push("--no-sandbox");
        }
        let options = json!({"goog:chromeOptions": {"args": arguments}});
        options.as_object().cloned().unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.write_all(b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
            let mut answer = String::new();
            let mut piece = [0; 1024];
            // It keeps the connection, whatever it is asked.
            while !answer.contains("\"ready\":") {
                match stream.read(&mut piece)? {
                    0 => break,
                    some => answer.push_str(&String::from_utf8_lossy(&piece[..some])),
                }
            }
            std::io::Result::Ok(answer.contains("\"ready\":true"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The watchdog ends the driver when the pipe closes, and then itself.
        self.pipe = None;
        let _ = self.watchdog.wait();
        // The browser follows; its profile can be removed only then.
        for _ in 0..LEAVING {
            if self.browser().is_none() {
                return;
            }
            std::thread::sleep(LOOK);
        }
        if let Some(browser) = self.browser() {
            let _ = kill_process(browser, Signal::KILL);
        }
    }
}

impl Chromium {
    /// The browser that uses the profile: a link in it names the machine and the process.
    fn browser(&self) -> Option<Pid> {
        let owner = std::fs::read_link(self.folder.path().join("profile/SingletonLock")).ok()?;
        let (_, id) = owner.to_str()?.rsplit_once('-')?;
        Pid::from_raw(id.parse().ok()?)
    }
}
