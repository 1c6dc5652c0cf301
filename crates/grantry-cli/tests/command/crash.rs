//! What a running program shows of itself, and what a crash leaves behind.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use grantry_testkit::{Endpoint, Fault, TestServer};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::fixture::{Home, server};

const TOKEN: &[&str] = &["auth", "refresh", "--service", "crm"];

/// A program that waits for a server, with the client's secret in its memory.
async fn waiting(mut command: Command, server: &TestServer) -> Child {
    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(60)));
    let before = server.ledger().count(Endpoint::Token);
    let child = command.spawn().unwrap();
    server.ledger().wait_for(Endpoint::Token, before + 1, Duration::from_secs(20)).await.unwrap();
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap()
}

/// Sends a signal until the program is gone: the first one of some kinds only ends their handling by the runtime of the language.
async fn killed_by(child: &mut Child, signal: Signal) -> std::process::ExitStatus {
    let killing = async {
        loop {
            let _ = kill_process(pid(child), signal);
            if let Ok(status) = tokio::time::timeout(Duration::from_millis(50), child.wait()).await {
                return status.unwrap();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), killing).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_writes_no_core_although_cores_are_wanted() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    for signal in [Signal::SEGV, Signal::ABORT] {
        let lines = r#"ulimit -c unlimited 2>/dev/null || ulimit -c $(ulimit -Hc); exec "$0" "$@""#;
        let mut child = waiting(home.through_shell(lines, TOKEN), &server).await;
        let status = killed_by(&mut child, signal).await;
        assert_eq!(status.signal(), Some(signal.as_raw()));
        assert!(!status.core_dumped());
        server.clear_faults(Endpoint::Token);
    }
    let names: Vec<_> =
        std::fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with("core")), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_process_of_the_same_user_reads_the_memory_and_what_it_starts_is_free_again() {
    let (home, server) = (Home::of_nobody(), server().await);
    home.set(&server).await.ends(0);
    let mut child = waiting(home.command(TOKEN), &server).await;
    let owner = |id: u32| std::fs::metadata(format!("/proc/{id}/environ")).unwrap().uid();
    // The system gives such a process to nobody but root, and asks for its privileges.
    assert_eq!(owner(child.id().unwrap()), 0);
    for file in ["mem", "environ"] {
        let path = format!("/proc/{}/{file}", child.id().unwrap());
        let read = home.through_shell("exec head -c 1 \"$1\" >/dev/null", &[&path]).output().await.unwrap();
        assert!(!read.status.success(), "{file}");
    }
    child.kill().await.unwrap();
    server.clear_faults(Endpoint::Token);
    let me = home.user.unwrap_or_else(|| rustix::process::getuid().as_raw());
    let mut started = home.command(&["run", "--service", "crm", "--", "sleep", "60"]).spawn().unwrap();
    let is_free = async {
        while owner(started.id().unwrap()) != me {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_free).await.unwrap();
    started.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_too_long_to_be_hidden_is_refused_and_the_longest_other_one_is_hidden() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let (longest, longer) = ("l".repeat(4096), "l".repeat(4097));
    for command in ["set", "rotate", "login"] {
        let ran = home.run(&["auth", command, "--service", "crm", "--client-secret", &longer]).await.ends(2);
        assert!(
            ran.stderr.contains("--client-secret-stdin") && !ran.stderr.contains("llll"),
            "{}",
            ran.stderr
        );
    }
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    home.run(&["auth", "set", "--service", "long", "--client-id", "x", "--client-secret", &longest])
        .await
        .ends(0);
    let rotate = ["auth", "rotate", "--service", "crm", "--client-secret", &longest];
    let mut child = waiting(home.command(&rotate), &server).await;
    let line = std::fs::read(format!("/proc/{}/cmdline", child.id().unwrap())).unwrap();
    assert!(String::from_utf8(line).unwrap().ends_with("\0--client-secret-stdin\0"));
    child.kill().await.unwrap();
}
