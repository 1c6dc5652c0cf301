//! Where secrets come from, and where they never go.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{Home, NEW_SECRET, SECRET, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_read_from_stdin_a_file_or_the_environment() {
    let (home, server) = (Home::new(), server().await);
    let token_url = server.token_endpoint();
    let path = home.folder.path().join("secret.txt");
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let base = ["auth", "set", "--service", "crm", "--client-id", "billing", "--token-url", &token_url];
    let file = ["--client-secret-file", path.to_str().unwrap()];
    home.run(&[base.as_slice(), &file].concat()).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);

    let from_env = [base.as_slice(), &["--client-secret-env", "CRM_SECRET"]].concat();
    let missing = home.run(&from_env).await.ends(2);
    assert!(missing.stderr.contains("CRM_SECRET is not set"), "{}", missing.stderr);
    let output = home.command(&from_env).env("CRM_SECRET", SECRET).output().await.unwrap();
    assert!(output.status.success());
    let empty =
        home.run_with_stdin(&[base.as_slice(), &["--client-secret-stdin"]].concat(), "").await.ends(2);
    assert!(empty.stderr.contains("empty"), "{}", empty.stderr);
    let two = [base.as_slice(), &["--client-secret-stdin", "--client-secret-env", "CRM_SECRET"]].concat();
    home.run(&two).await.ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_everybody_may_read_is_warned_of_and_one_that_everybody_may_write_is_refused() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let path = home.folder.path().join("the secret");
    std::fs::write(&path, SECRET).unwrap();
    let mode = |mode: u32| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let file = ["--client-secret-file", "the secret"];
    let set = [&["auth", "set", "--service", "crm", "--client-id", "billing"], &file[..]].concat();
    let rotate = [&["auth", "rotate", "--service", "crm"], &file[..]].concat();
    let exchange = ["auth", "token", "--service", "crm", "--subject-token-file", "the secret"];
    let key = ["auth", "set", "--service", "erp", "--client-id", "x", "--private-key-file", "the secret"];
    let commands: [(&[&str], Option<i32>); 4] =
        [(&set, Some(0)), (&rotate, None), (&exchange, None), (&key, Some(2))];
    let warning = "warning: everybody on this machine may read the secret in the file the secret: chmod 600 'the secret'\n";
    for (command, code) in commands {
        for (bits, is_warned) in
            [(0o600, false), (0o640, false), (0o660, false), (0o604, true), (0o644, true)]
        {
            mode(bits);
            let ran = home.run(command).await;
            assert_eq!(ran.stderr.contains(warning), is_warned, "{command:?} {bits:o}: {}", ran.stderr);
            assert!(code.is_none_or(|code| ran.code == Some(code)), "{command:?} {bits:o}: {}", ran.stderr);
        }
        for bits in [0o602, 0o606, 0o666] {
            mode(bits);
            let refused = home.run(command).await.ends(2);
            assert!(
                refused.stderr.contains("everybody on this machine may write the file the secret"),
                "{refused:?}"
            );
            assert!(refused.stderr.contains("chmod 600 'the secret'"), "{}", refused.stderr);
        }
    }
    // A certificate is no secret, but whoever writes it is believed; and a pipe is nobody else's.
    let certificate = [
        "auth",
        "set",
        "--service",
        "erp",
        "--client-id",
        "x",
        "--public",
        "--certificate-file",
        "the secret",
    ];
    mode(0o644);
    assert!(!home.run(&certificate).await.ends(2).stderr.contains("warning"));
    mode(0o666);
    assert!(home.run(&certificate).await.ends(2).stderr.contains("may write the file"));
    let piped = [&set[..6], &["--client-secret-file", "/dev/stdin"]].concat();
    let ran = home.run_with_stdin(&piped, SECRET).await.ends(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_an_argument_is_not_among_those_of_the_running_program() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    // While the server takes its time, anybody can look at the program.
    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(4)));
    let flags = ["auth", "rotate", "--service", "crm", "--client-secret", NEW_SECRET];
    let child = home.command(&flags).spawn().unwrap();
    server.ledger().wait_for(Endpoint::Token, 1, Duration::from_secs(20)).await.unwrap();
    let line = std::fs::read(format!("/proc/{}/cmdline", child.id().unwrap())).unwrap();
    let line = String::from_utf8_lossy(&line).into_owned();
    assert!(line.contains("--client-secret-stdin") && !line.contains(NEW_SECRET), "{line}");
    let environment = std::fs::read(format!("/proc/{}/environ", child.id().unwrap()));
    let holds = |bytes: &[u8]| bytes.windows(NEW_SECRET.len()).any(|window| window == NEW_SECRET.as_bytes());
    assert!(environment.is_err() || !holds(&environment.unwrap()), "nor in its environment");
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("warning: other users") && !said.contains(NEW_SECRET), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_files_of_the_vault_and_only_their_owner_can_read_them() {
    use std::os::unix::fs::PermissionsExt;
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let mut files = 0;
    let mut folders = vec![home.vault()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            for needle in [SECRET, token.stdout.trim()] {
                let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
    assert!(files >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_to_a_person_who_logs_in_moves_no_cursor() {
    use crate::browser::{Login, follow};
    use grantry_testkit::{Decision, RegisteredClient};
    let client = RegisteredClient::public("native").redirect_uri("http://127.0.0.1/callback");
    let (home, server) = (Home::new(), crate::fixture::server_with(client).await);
    server.with_authority(|authority, _| {
        authority.settings_mut().decision = Decision::Fail {
            code: "temporarily_unavailable".to_owned(),
            description: "so \u{1b}]0;title\u{7}\u{9b}31m sorry\u{202e}".to_owned(),
        };
    });
    let issuer = server.issuer();
    let flags =
        ["--service", "mail", "--client-id", "native", "--public", "--no-browser", "--issuer", &issuer];
    let mut login = Login::start(&home, &flags);
    follow(&login.url().await).await;
    let ran = login.end().await.ends(5);
    assert!(ran.stderr.contains("the server says: so"), "{}", ran.stderr);
    assert!(ran.stderr.chars().all(|c| !c.is_control() || c == '\n'), "{:?}", ran.stderr);
}
