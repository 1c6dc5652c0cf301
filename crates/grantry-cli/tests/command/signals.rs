//! Whoever wants it to end, at any step.

use std::time::Duration;

use grantry_testkit::{Endpoint, Fault, RegisteredClient, TestServer};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use crate::browser::{Login, follow};
use crate::fixture::{Home, NEW_SECRET, SECRET, ran, server, server_with};

const TOKEN: &[&str] = &["auth", "token", "--service", "crm"];

fn signal(child: &Child, signal: Signal) {
    let Some(id) = child.id() else { return };
    kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal).unwrap();
}

/// Signals a command while the server has its request, lets the server answer, and sees it end with 130.
async fn ended_while_asked(
    home: &Home,
    server: &TestServer,
    command: &[&str],
    endpoint: Endpoint,
    with: Signal,
) {
    server.inject(endpoint, Fault::delay(Duration::from_millis(1_500)));
    let before = server.ledger().count(endpoint);
    let child = home.command(command).spawn().unwrap();
    server.ledger().wait_for(endpoint, before + 1, Duration::from_secs(20)).await.unwrap();
    signal(&child, with);
    let ended = ran(child.wait_with_output()).await.ends(130);
    assert!(ended.stdout.is_empty() && !ended.stderr.contains("error"), "{command:?}: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_waits_for_a_server_ends_with_130_and_goes_on_another_time() {
    let client = || RegisteredClient::with_secret("billing", SECRET);
    let (home, server) = (Home::new(), server_with(client().or_secret(NEW_SECRET)).await);
    home.set(&server).await.ends(0);
    home.run(TOKEN).await.ends(0);
    std::fs::write(home.folder.path().join("new.txt"), NEW_SECRET).unwrap();
    let of = ["--service", "crm"];
    let rotate = ["auth", "rotate", "--service", "crm", "--client-secret-file", "new.txt"];
    for with in [Signal::INT, Signal::TERM] {
        for command in [["auth", "refresh"].as_slice(), &["auth", "rotate"]] {
            ended_while_asked(&home, &server, &[command, &of].concat(), Endpoint::Token, with).await;
            home.run(TOKEN).await.ends(0);
        }
        // A new secret that nobody has proved yet stands beside the old one, and another run goes on.
        ended_while_asked(&home, &server, &rotate, Endpoint::Token, with).await;
        home.run(TOKEN).await.ends(0);
        home.run(&["auth", "rotate", "--service", "crm", "--continue"]).await.ends(0);
        home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
        std::fs::write(home.folder.path().join("new.txt"), SECRET).unwrap();
    }
    for (command, with) in [("revoke", Signal::INT), ("remove", Signal::TERM)] {
        home.run(TOKEN).await.ends(0);
        ended_while_asked(
            &home,
            &server,
            &[&["auth", command], &of[..]].concat(),
            Endpoint::Revocation,
            with,
        )
        .await;
        home.run(&[&["auth", command], &of[..]].concat())
            .await
            .code
            .filter(|code| [0, 3].contains(code))
            .unwrap();
    }
    home.run(TOKEN).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_input_that_never_comes_ends_with_130() {
    let home = Home::new();
    let pipe = home.folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let set = ["auth", "set", "--service", "crm", "--client-id", "x"];
    let keeps = std::fs::File::options().read(true).write(true).open(&pipe).unwrap();
    for with in [Signal::INT, Signal::TERM] {
        for more in [["--client-secret-stdin"].as_slice(), &["--client-secret-file", "pipe"]] {
            let mut command = home.command(&[&set[..], more].concat());
            let child = command.stdin(keeps.try_clone().unwrap()).spawn().unwrap();
            is_waiting_for(&child, &pipe).await;
            signal(&child, with);
            ran(child.wait_with_output()).await.ends(130);
        }
    }
    assert!(!home.vault().exists());
}

/// Until the program reads from a file, and heeds signals.
async fn is_waiting_for(child: &Child, path: &std::path::Path) {
    let id = child.id().unwrap();
    let waits = async {
        loop {
            let open = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap();
            let has_it = open.flatten().any(|entry| entry.path().read_link().is_ok_and(|open| open == path));
            if has_it && heeds(id, Signal::TERM) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
}

/// Whether a process has said what it does with a signal.
fn heeds(id: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
    u64::from_str_radix(&caught, 16).unwrap() & (1 << (signal.as_raw() - 1)) != 0
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_insists_does_not_wait_for_the_server() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(60)).until_cleared());
    let mut child = home.command(TOKEN).spawn().unwrap();
    server.ledger().wait_for(Endpoint::Token, 1, Duration::from_secs(20)).await.unwrap();
    let insists = async {
        loop {
            signal(&child, Signal::INT);
            if let Ok(status) = tokio::time::timeout(Duration::from_millis(50), child.wait()).await {
                return status.unwrap();
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), insists).await.unwrap();
    assert_eq!(ended.code(), Some(130));
    server.clear_faults(Endpoint::Token);
    home.run(TOKEN).await.ends(0);
}

/// Ends a command after longer and longer times, until it is done before that. Whatever step it was at, it ends with 130, or by the
/// signal itself before it heeds any, and `afterwards` holds.
async fn ended_anywhere(home: &Home, command: &[&str], with: Signal, afterwards: &[&str]) {
    use std::os::unix::process::ExitStatusExt;
    let (mut interrupted, mut done) = (0, 0);
    for step in 0..60 {
        let child = home.command(command).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(step * 3)).await;
        signal(&child, with);
        let output =
            tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match (output.status.code(), output.status.signal()) {
            (None, Some(by)) if by == with.as_raw() => {}
            (Some(130), None) => interrupted += 1,
            (Some(0), None) => done += 1,
            // The one before was ended at it.
            (Some(6), None) if said.contains("another process is rotating") => {}
            _ => panic!("{command:?} after {} ms: {:?} {said}", step * 3, output.status),
        }
        if step % 5 == 0 {
            home.run(afterwards).await.ends(0);
        }
        if done == 3 {
            break;
        }
    }
    home.run(afterwards).await.ends(0);
    assert!(interrupted + done > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_the_vault_may_end_at_any_moment() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(TOKEN).await.ends(0);
    let set = ["auth", "set", "--service", "crm", "--audience", "https://api.example.com"];
    ended_anywhere(&home, &set, Signal::TERM, TOKEN).await;
    home.run(&set).await.ends(0);
    home.run(TOKEN).await.ends(0);
    let asked = server.ledger().count(Endpoint::Token);
    ended_anywhere(&home, &["vault", "rotate-keys"], Signal::INT, TOKEN).await;
    home.run(&["audit", "verify"]).await.ends(0);
    assert_eq!(server.ledger().count(Endpoint::Token), asked, "the token was never lost");
    let of_new = [TOKEN, &["--vault", "new"]].concat();
    ended_anywhere(&home, &["vault", "migrate", "--to", "new"], Signal::INT, TOKEN).await;
    home.run(&["vault", "migrate", "--to", "new"]).await.ends(0);
    home.run(&of_new).await.ends(0);
    home.run(&["audit", "verify", "--vault", "new"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_neither_lose_anything_nor_wait_for_ever() {
    let client = RegisteredClient::with_secret("billing", SECRET).redirect_uri("http://127.0.0.1/callback");
    let (home, server) = (Home::new(), server_with(client).await);
    home.set(&server).await.ends(0);
    let issuer = server.issuer();
    let mail = [
        "--service",
        "mail",
        "--client-id",
        "billing",
        "--client-secret",
        SECRET,
        "--no-browser",
        "--issuer",
        &issuer,
    ];
    let mut login = Login::start(&home, &mail);
    follow(&login.url().await).await;
    login.end().await.ends(0);
    let refresh = ["auth", "refresh", "--service", "mail"];
    let (one, two) = tokio::join!(home.run(&refresh), home.run(&refresh));
    one.ends(0);
    two.ends(0);
    let keys = ["vault", "rotate-keys"];
    let (one, two) = tokio::join!(home.run(&keys), home.run(&keys));
    assert!(one.code == Some(0) || two.code == Some(0), "{one:?} {two:?}");
    for ran in [one, two].into_iter().filter(|ran| ran.code != Some(0)) {
        assert!(ran.ends(6).stderr.contains("another process is rotating"));
    }
    let of_mail = ["auth", "token", "--service", "mail"];
    let (one, two, three) = tokio::join!(home.run(&keys), home.run(&refresh), home.run(TOKEN));
    for ran in [one, two, three] {
        ran.ends(0);
    }
    home.run(&of_mail).await.ends(0);
    let remove = ["auth", "remove", "--service", "crm"];
    let (one, two) = tokio::join!(home.run(&remove), home.run(&remove));
    for ran in [&one, &two] {
        assert!([Some(0), Some(3)].contains(&ran.code), "{one:?} {two:?}");
    }
    home.run(TOKEN).await.ends(3);
    home.run(&of_mail).await.ends(0);
    home.run(&["audit", "verify"]).await.ends(0);
}
