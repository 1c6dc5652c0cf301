//! A browser of a few lines, and a login that is under way.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr};

use crate::fixture::{Home, Ran};

/// What a page load brought.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

/// Loads a page of this machine.
pub(crate) async fn load(url: &str) -> Page {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then(|| value.to_owned())
    });
    Page { status, location, body: body.to_owned() }
}

/// Opens an address, and goes where it is sent until it is sent nowhere.
pub(crate) async fn follow(url: &str) -> Page {
    let mut page = load(url).await;
    while let Some(next) = page.location.take() {
        page = load(&next).await;
    }
    page
}

/// `auth login` while it waits for the person.
pub(crate) struct Login {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// What was said so far.
    said: String,
}

impl Login {
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::of(home.command(&[&["auth", "login"], arguments].concat()))
    }

    pub(crate) fn of(mut command: tokio::process::Command) -> Self {
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines, said: String::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The next line that has something of this kind in it.
    pub(crate) async fn line<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await;
            let Some(line) = next.unwrap().unwrap() else {
                panic!("it ended before it said so:\n{}", self.said);
            };
            self.said.push_str(&line);
            self.said.push('\n');
            if let Some(found) = wanted(&line) {
                return found;
            }
        }
    }

    /// The address that the person has to open.
    pub(crate) async fn url(&mut self) -> String {
        self.line(|line| line.strip_prefix("  http").map(|rest| format!("http{rest}"))).await
    }

    /// Address and code for another device.
    pub(crate) async fn code(&mut self) -> String {
        self.line(|line| line.split_once("type the code ").map(|(_, code)| code.to_owned())).await
    }

    /// For whoever does not want to wait.
    pub(crate) async fn interrupts_until_gone(&mut self) {
        let gone = async {
            while let Some(id) = self.child.id() {
                let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
                let _ = tokio::time::timeout(Duration::from_millis(50), self.child.wait()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    }

    pub(crate) async fn end(mut self) -> Ran {
        let rest = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said.push_str(&line);
                self.said.push('\n');
            }
            let output = self.child.wait_with_output().await.unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let (code, stdout) = tokio::time::timeout(Duration::from_secs(60), rest).await.unwrap();
        Ran { code, stdout, stderr: self.said }
    }
}

pub(crate) fn interrupt(id: u32) {
    let killed = std::process::Command::new("kill").args(["-INT", &id.to_string()]).status();
    assert!(killed.unwrap().success());
}
