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
