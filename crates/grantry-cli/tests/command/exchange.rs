//! Tokens for other tokens (RFC 8693).

use grantry_testkit::Endpoint;

use crate::fixture::{Home, SECRET, server};

const TOKEN: &[&str] = &["auth", "token", "--service", "orders"];

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_exchanged_for_one_of_the_service_and_nothing_of_it_is_kept() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let came = home.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout;
    let url = server.token_endpoint();
    let set = ["auth", "set", "--service", "orders", "--client-id", "billing", "--client-secret-stdin"];
    let more = ["--token-url", &url, "--flow", "token_exchange"];
    home.run_with_stdin(&[set.as_slice(), &more].concat(), SECRET).await.ends(0);

    let from_stdin = [TOKEN, &["--subject-token-stdin"]].concat();
    let first = home.run_with_stdin(&from_stdin, &came).await.ends(0);
    std::fs::write(home.folder.path().join("came.txt"), &came).unwrap();
    let from_file = [TOKEN, &["--subject-token-file", "came.txt", "--json"]].concat();
    let second = home.run(&from_file).await.ends(0).json();
    let tokens = [came.trim(), first.stdout.trim(), second["access_token"].as_str().unwrap()];
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "each exchange brings another one");
    assert_eq!(server.ledger().count(Endpoint::Token), 3);
    let sent = server.ledger().last(Endpoint::Token).unwrap();
    assert_eq!(sent.request.form().expose("subject_token"), Some(tokens[0]));
    let status = home.run(&["auth", "status", "--json"]).await.ends(0).json();
    assert_eq!(status["grants"].as_array().unwrap().len(), 1, "that of crm");

    for (stdin, code) in [("stolen-t0ken", 5), ("", 2), ("two\nlines", 2)] {
        let refused = home.run_with_stdin(&from_stdin, stdin).await.ends(code);
        assert!(!refused.stderr.contains("stolen-t0ken"), "{}", refused.stderr);
    }
    home.run(&[TOKEN, &["--subject-token-file", "nowhere.txt"]].concat()).await.ends(2);
    home.run_with_stdin(&[TOKEN, &["--subject-token", "x"]].concat(), "").await.ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_no_token_to_exchange_is_told_the_flag_and_so_is_who_gives_one_for_nothing() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let url = server.token_endpoint();
    let set = ["auth", "set", "--service", "orders", "--client-id", "gateway", "--public"];
    home.run(&[set.as_slice(), &["--token-url", &url, "--flow", "token_exchange"]].concat()).await.ends(0);
    for command in [
        TOKEN,
        &["auth", "refresh", "--service", "orders"],
        &["run", "--service", "orders", "--", "true"],
        &["credential-process", "--service", "orders"],
    ] {
        let ran = home.run(command).await.ends(2);
        assert!(ran.stderr.contains("--subject-token-stdin"), "{command:?}: {}", ran.stderr);
    }
    let crm = ["auth", "token", "--service", "crm", "--subject-token-stdin"];
    let ran = home.run_with_stdin(&crm, "a-token").await.ends(2);
    assert!(ran.stderr.contains("its flow is client_credentials"), "{}", ran.stderr);
    assert_eq!(server.ledger().total(), 0);
}
