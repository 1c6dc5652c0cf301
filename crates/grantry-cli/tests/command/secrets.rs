//! Where secrets come from, and where they never go.

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
async fn a_secret_that_was_an_argument_is_not_among_those_of_the_running_program() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    // While the server takes its time, anybody can look at the program.
    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)));
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

/// Every command that shows something, but those that show tokens.
const SHOWING: &[&[&str]] = &[
    &["auth", "list"],
    &["auth", "list", "--json"],
    &["auth", "list", "--all-tenants"],
    &["auth", "status"],
    &["auth", "status", "--json"],
    &["auth", "diagnose", "--service", "crm"],
    &["auth", "diagnose", "--service", "crm", "--json"],
    &["vault", "status"],
    &["vault", "status", "--json"],
    &["audit", "show"],
    &["audit", "show", "--json"],
    &["audit", "verify"],
    &["doctor"],
    &["doctor", "--json"],
    &["providers", "list"],
    &["config", "schema"],
    &["vault", "rotate-keys"],
    &["vault", "migrate", "--to", "new", "--dry-run"],
    &["vault", "migrate", "--to", "new", "--json"],
    &["auth", "status", "--vault", "new"],
    &["auth", "revoke", "--service", "crm", "--vault", "new"],
    &["auth", "remove", "--service", "crm", "--vault", "new"],
    &["vault", "shred-tenant", "default", "--yes"],
];

#[tokio::test(flavor = "multi_thread")]
async fn no_command_shows_a_token_or_a_secret_that_was_not_asked_for() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let first = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let refreshed = home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
    let second = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let tokens = [first.stdout.trim(), second.stdout.trim()];
    let ids = ["auth", "rotate", "--service", "crm"];
    for (arguments, ran) in [(&["auth", "refresh"][..], refreshed), (&ids[..], home.run(&ids).await.ends(0))]
    {
        assert!(
            !tokens.iter().any(|token| ran.stdout.contains(token) || ran.stderr.contains(token)),
            "{arguments:?}"
        );
    }
    let third = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    for arguments in SHOWING {
        let ran = home.run(arguments).await;
        assert!(ran.code.is_some_and(|code| code < 7), "{arguments:?} {ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        for secret in [tokens[0], tokens[1], third.stdout.trim(), SECRET] {
            assert!(!said.contains(secret), "{arguments:?}: {said}");
        }
    }
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
