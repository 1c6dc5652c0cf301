//! For scripts: run, credential-process, pipes, signals.

use std::process::Stdio;
use std::time::Duration;

use grantry_testkit::{Endpoint, Fault};

use crate::fixture::{Home, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_child_has_the_token_in_its_environment_and_its_exit_code_is_ours() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let shell = ["run", "--service", "crm", "--", "sh", "-c", "echo $GRANTRY_TOKEN; exit 7"];
    let ran = home.run(&shell).await.ends(7);
    assert_eq!(ran.stdout, token.stdout);
    let named = ["run", "--service", "crm", "--env", "CRM", "--", "sh", "-c", "echo $CRM-$GRANTRY_TOKEN"];
    assert_eq!(home.run(&named).await.ends(0).stdout, format!("{}-\n", token.stdout.trim()));
    home.run(&["run", "--service", "crm", "--", "/no/such/program"]).await.ends(1);
    home.run(&["run", "--service", "crm"]).await.ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_asks_for_credentials_gets_an_object() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let json = home.run(&["credential-process", "--service", "crm"]).await.ends(0).json();
    assert!(json["access_token"].is_string() && json["expires_at"].is_string());
    assert_eq!(
        (json["token_type"].as_str(), json["scope"].as_str()),
        (Some("Bearer"), Some("contacts.read"))
    );
    let kubernetes = ["credential-process", "--service", "crm", "--format", "kubernetes"];
    let ran = home.run(&kubernetes).await.ends(0);
    let credential: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(credential["kind"], "ExecCredential");
    assert_eq!(credential["status"]["token"], json["access_token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_is_closed_is_no_error() {
    let home = Home::new();
    home.run(&["vault", "init"]).await.ends(0);
    for arguments in [["completions", "bash"].as_slice(), &["providers", "list"], &["audit", "show"]] {
        let mut child = home.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_with_130_and_what_was_received_is_stored() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)));
    let child = home.command(&["auth", "token", "--service", "crm"]).spawn().unwrap();
    server.ledger().wait_for(Endpoint::Token, 1, Duration::from_secs(20)).await.unwrap();
    let id = child.id().unwrap().to_string();
    let killed = std::process::Command::new("kill").args(["-INT", &id]).stderr(Stdio::null()).status();
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_eq!(server.ledger().count(Endpoint::Token), 1, "the answer that came after the interrupt is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_make_one_vault_and_ask_for_one_token() {
    let (home, server) = (Home::new(), server().await);
    let (one, two) = tokio::join!(home.set(&server), home.set(&server));
    one.ends(0);
    two.ends(0);
    let token = ["auth", "token", "--service", "crm"];
    let (one, two, three) = tokio::join!(home.run(&token), home.run(&token), home.run(&token));
    let (one, two, three) = (one.ends(0), two.ends(0), three.ends(0));
    assert!(one.stdout == two.stdout && two.stdout == three.stdout);
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_manual_pages_are_written() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.run(&["completions", shell]).await.ends(0).stdout.contains("grantry"));
    }
    let folder = home.folder.path().join("man");
    std::fs::create_dir(&folder).unwrap();
    home.run(&["man", folder.to_str().unwrap()]).await.ends(0);
    assert!(folder.join("grantry-auth-set.1").exists());
}
