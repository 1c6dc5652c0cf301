//! A machine that gives less than was hoped for: no home, no space, nothing to write to, nobody who reads.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use grantry_testkit::Endpoint;

use crate::fixture::{Home, NEW_SECRET, Ran, ran, server};

const TOKEN: &[&str] = &["auth", "token", "--service", "crm"];
const REFRESH: &[&str] = &["auth", "refresh", "--service", "crm"];

fn mode(path: impl AsRef<Path>, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_is_refused_where_text_is_meant_and_goes_through_elsewhere() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let odd = OsStr::from_bytes(b"odd-\xff\xfe");
    for name in ["--service", "--tenant"] {
        let mut command = home.command(&["auth", "token"]);
        let refused = ran(command.arg(name).arg(odd).output()).await.ends(2);
        assert!(refused.stderr.contains("UTF-8"), "{}", refused.stderr);
        let mut command = home.command(&["--json", "auth", "token"]);
        let refused = ran(command.arg(name).arg(odd).output()).await.ends(2);
        let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
        assert_eq!(error["error"]["kind"], "usage");
    }
    let mut command = home.command(&["auth", "list"]);
    ran(command.env("GRANTRY_TENANT", odd).output()).await.ends(2);
    // A folder and the arguments of another program may be called anything.
    let folder = home.folder.path().join(odd);
    for arguments in [["vault", "init"], ["vault", "status"], ["audit", "verify"]] {
        let mut command = home.command(&arguments);
        ran(command.arg("--vault").arg(&folder).output()).await.ends(0);
    }
    assert!(folder.join("grantry.db").exists());
    let mut command = home.command(&["run", "--service", "crm", "--", "printf", "%s"]);
    let output = command.arg(odd).output().await.unwrap();
    assert_eq!(output.stdout, odd.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_arguments_as_the_system_takes_are_no_more_than_many() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let shell = ["run", "--service", "crm", "--", "sh", "-c", "echo $#"];
    for (start, code) in [(shell.as_slice(), 0), (&["auth", "list"], 2)] {
        let mut count = 1_000_000;
        let ran = loop {
            let many = std::iter::repeat_n("x", count);
            match home.command(start).args(many).output().await {
                Err(error) if error.kind() == std::io::ErrorKind::ArgumentListTooLong => {
                    count = count / 8 * 7
                }
                output => break ran(std::future::ready(output)).await.ends(code),
            }
        };
        assert!(count > 10_000, "{count}");
        if code == 0 {
            assert_eq!(ran.stdout.trim(), (count - 1).to_string());
        }
        assert!(ran.stderr.len() < 1000, "{start:?} says {} bytes", ran.stderr.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_home_and_with_one_that_is_none_nobody_guesses() {
    let home = Home::new();
    for (name, value) in [("HOME", ""), ("HOME", "relative"), ("XDG_DATA_HOME", "relative")] {
        for command in [["auth", "list"].as_slice(), &["vault", "init"], &["doctor"], REFRESH] {
            let mut command = home.command(command);
            let ran = ran(command.env_remove("HOME").env(name, value).output()).await.ends(2);
            assert!(ran.stderr.contains("GRANTRY_VAULT"), "{}", ran.stderr);
        }
    }
    for command in
        [["completions", "bash"].as_slice(), &["providers", "list"], &["config", "schema"], &["--version"]]
    {
        ran(home.command(command).env_remove("HOME").output()).await.ends(0);
    }
    assert_eq!(std::fs::read_dir(home.folder.path()).unwrap().count(), 0, "nothing was made anywhere");
}

/// Fails unless it says that the vault is the reason, and where it is.
#[track_caller]
fn names_the_vault(ran: Ran) {
    let ran = ran.ends(6);
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("grantry"), "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_said_before_a_server_is_asked_and_nothing_is_lost() {
    let (home, server) = (Home::of_nobody(), server().await);
    home.set(&server).await.ends(0);
    let token = home.run(TOKEN).await.ends(0).stdout;
    let asked = server.ledger().count(Endpoint::Token);
    let vault = home.vault();
    let files = || std::fs::read_dir(&vault).unwrap().map(|entry| entry.unwrap().path());
    let (files, modes): (Vec<_>, Vec<_>) =
        files().map(|path| (path.clone(), path.metadata().unwrap().permissions())).unzip();
    for path in &files {
        mode(path, if path.is_dir() { 0o500 } else { 0o400 });
    }
    mode(&vault, 0o500);
    let rotate = ["auth", "rotate", "--service", "crm", "--client-secret-stdin"];
    names_the_vault(home.set(&server).await);
    names_the_vault(home.run(REFRESH).await);
    names_the_vault(home.run_with_stdin(&rotate, NEW_SECRET).await);
    names_the_vault(home.run(&["auth", "remove", "--service", "crm"]).await);
    names_the_vault(home.run(&["vault", "rotate-keys"]).await);
    names_the_vault(home.run(&["vault", "shred-tenant", "default", "--yes"]).await);
    names_the_vault(home.run(&["vault", "migrate", "--to", "new"]).await);
    home.run(&["doctor"]).await.ends(1);
    home.run(&["man", vault.to_str().unwrap()]).await.ends(1);
    assert_eq!(server.ledger().count(Endpoint::Token), asked, "what could not be kept was not asked for");
    mode(&vault, 0o700);
    for (path, permissions) in files.iter().zip(modes) {
        std::fs::set_permissions(path, permissions).unwrap();
    }
    assert_eq!(home.run(TOKEN).await.ends(0).stdout, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_where_none_can_be_is_refused_with_its_place() {
    let home = Home::new();
    std::fs::write(home.folder.path().join("file"), "").unwrap();
    std::fs::create_dir_all(home.folder.path().join("odd/grantry.db")).unwrap();
    // Nobody makes a folder there, not even root.
    for place in ["/proc/grantry", "/dev/null/grantry", "file", "odd"] {
        let init = home.run(&["vault", "init", "--vault", place]).await.ends(6);
        assert!(init.stderr.contains(place), "{}", init.stderr);
        let set = ["auth", "set", "--service", "crm", "--client-id", "x", "--public", "--vault", place];
        names_the_vault(home.run(&set).await);
    }
    let key = ["vault", "init", "--vault", "new", "--key-file", "/proc/grantry/key"];
    names_the_vault(home.run(&key).await);
    home.run(&["man", "/proc/grantry"]).await.ends(1);
    home.run(&["man", "file"]).await.ends(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_cannot_be_written_is_an_error_unless_nobody_reads_it() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(TOKEN).await.ends(0);
    for command in [
        TOKEN,
        &["auth", "list"],
        &["auth", "list", "--json"],
        &["auth", "status"],
        &["auth", "diagnose", "--service", "crm"],
        &["credential-process", "--service", "crm"],
        &["vault", "status"],
        &["audit", "show"],
        &["audit", "verify"],
        &["doctor"],
        &["config", "schema"],
        &["providers", "show", "okta"],
        &["completions", "zsh"],
        &["--help"],
        &["--version"],
    ] {
        let mut child = home.command(command).spawn().unwrap();
        drop(child.stdout.take());
        let unread = ran(child.wait_with_output()).await.ends(0);
        assert!(!unread.stderr.contains("error"), "{command:?}: {unread:?}");
        ran(home.through_shell("exec \"$0\" \"$@\" >&-", command).output()).await.ends(0);
        ran(home.through_shell("exec \"$0\" \"$@\" 2>/dev/full", command).output()).await.ends(0);
        ran(home.through_shell("exec \"$0\" \"$@\" 2>&-", command).output()).await.ends(0);
        if !command[0].starts_with("--") {
            let full =
                ran(home.through_shell("exec \"$0\" \"$@\" >/dev/full", command).output()).await.ends(1);
            assert!(full.stderr.contains("the output cannot be written"), "{command:?}: {full:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_their_owners_whatever_the_mask_and_output_changes_no_permission() {
    let (home, server) = (Home::new(), server().await);
    let open = "umask 0; exec \"$0\" \"$@\"";
    ran(home.through_shell(open, &["vault", "init"]).output()).await.ends(0);
    home.set(&server).await.ends(0);
    ran(home.through_shell(open, REFRESH).output()).await.ends(0);
    ran(home.through_shell(open, &["vault", "rotate-keys"]).output()).await.ends(0);
    ran(home.through_shell(open, &["vault", "migrate", "--to", "new"]).output()).await.ends(0);
    let mut folders = vec![home.vault(), home.folder.path().join("new")];
    while let Some(folder) = folders.pop() {
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", folder.display());
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    let kept = home.folder.path().join("token");
    std::fs::write(&kept, "").unwrap();
    mode(&kept, 0o600);
    let to = std::fs::File::options().write(true).open(&kept).unwrap();
    let status =
        home.command(TOKEN).arg("--vault").arg("new").stdout(Stdio::from(to)).status().await.unwrap();
    assert!(status.success() && kept.metadata().unwrap().len() > 20);
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
