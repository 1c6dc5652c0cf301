//! Where secrets come from, and where they never go.

use std::process::Stdio;

use crate::fixture::{Home, SECRET, server};

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
    let home = Home::new();
    home.run(&["vault", "init"]).await.ends(0);
    // It waits for the lock of a store that somebody else writes into, so that it can be looked at.
    let lock = Locked::new(&home);
    let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret", SECRET];
    let mut child = home.command(&flags).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/cmdline", child.id().unwrap());
    let mut hidden = false;
    for _ in 0..200 {
        let line = std::fs::read(&path).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("--client-secret-env") {
            assert!(!line.contains(SECRET), "{line}");
            hidden = true;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(lock);
    assert!(hidden, "the program was not started anew");
    assert!(child.wait().await.unwrap().success());
}

/// Holds the store's lock.
struct Locked(std::process::Child);

impl Locked {
    fn new(home: &Home) -> Self {
        // The folder without a right to write keeps nobody from a file in it; a process that is stopped does.
        let sleeping = std::process::Command::new("sleep").arg("0.2").current_dir(home.vault()).spawn();
        Self(sleeping.unwrap())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.0.wait();
    }
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
