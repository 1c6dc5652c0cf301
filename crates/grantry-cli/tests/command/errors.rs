//! Exit codes and what is said with them.

use grantry_testkit::{Endpoint, Fault, RegisteredClient};

use crate::fixture::{Home, NEW_SECRET, server, server_with};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_vault_every_command_says_what_to_run() {
    let home = Home::new();
    for arguments in [
        ["auth", "list"].as_slice(),
        &["auth", "token", "--service", "crm"],
        &["auth", "status"],
        &["vault", "status"],
        &["audit", "verify"],
        &["auth", "remove", "--service", "crm"],
    ] {
        let ran = home.run(arguments).await.ends(6);
        assert!(ran.stderr.contains("run: grantry vault init"), "{}", ran.stderr);
        assert!(!home.vault().exists());
    }
    let elsewhere = home.run(&["auth", "list", "--vault", "/tmp/nowhere-at-all"]).await.ends(6);
    assert!(elsewhere.stderr.contains("vault init --vault /tmp/nowhere-at-all"), "{}", elsewhere.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_gone_is_said_and_no_other_one_is_made() {
    let home = Home::new();
    home.run(&["vault", "init"]).await.ends(0);
    std::fs::remove_file(home.vault().join("grantry.key")).unwrap();
    for arguments in [["auth", "list"].as_slice(), &["vault", "init"]] {
        let ran = home.run(arguments).await.ends(6);
        assert!(ran.stderr.contains("bring the key file back"), "{}", ran.stderr);
    }
    assert!(!home.vault().join("grantry.key").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_2_and_nobody_without_a_home_is_told_where_to_name_one() {
    let home = Home::new();
    home.run(&["auth", "set"]).await.ends(2);
    home.run(&["no-such-command"]).await.ends(2);
    home.run(&["auth", "token", "--service", "No Name"]).await.ends(6);
    let evil = ["auth", "set", "--service", "crm", "--client-id", "x", "--public", "--token-url"];
    let ran = home.run(&[evil.as_slice(), &["http://as.example.com/token"]].concat()).await.ends(2);
    assert!(ran.stderr.contains("https"), "{}", ran.stderr);
    assert!(!home.vault().exists(), "nothing was made for what cannot be stored");
    let output = home.command(&["auth", "list"]).env_remove("HOME").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("GRANTRY_VAULT"));
    let output = home.command(&["providers", "list"]).env_remove("HOME").output().await.unwrap();
    assert!(output.status.success(), "what needs no vault needs no home");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_or_does_not_answer_is_5() {
    let (home, server) =
        (Home::new(), server_with(RegisteredClient::with_secret("billing", NEW_SECRET)).await);
    home.set(&server).await.ends(0);
    let refused = home.run(&["auth", "token", "--service", "crm"]).await.ends(5);
    assert!(
        refused.stderr.contains("invalid_client") && refused.stderr.contains("to do:"),
        "{}",
        refused.stderr
    );
    let json = home.run(&["auth", "token", "--service", "crm", "--json"]).await.ends(5);
    let error: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(error["error"]["kind"], "invalid_client");
    assert_eq!((error["version"].as_u64(), error["error"]["exit_code"].as_u64()), (Some(1), Some(5)));
    assert!(json.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_writes_into_its_answer_never_reaches_the_terminal() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let body = r#"{"error": "evil\u001b[2J", "error_description": "\u001b]0;title\u0007\u009b31m"}"#;
    server.inject(Endpoint::Token, Fault::status(400).with_body(body).until_cleared());
    let ran = home.run(&["auth", "token", "--service", "crm"]).await.ends(5);
    assert!(ran.stderr.chars().all(|c| !c.is_control() || c == '\n'), "{:?}", ran.stderr);
    assert!(!ran.stderr.contains("title"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_has_to_authorize_is_4() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "set", "--service", "crm", "--flow", "authorization_code"]).await.ends(0);
    let ran = home.run(&["auth", "token", "--service", "crm", "--account", "user-17"]).await.ends(4);
    assert!(ran.stderr.contains("consent"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_cannot_be_one_is_refused_by_every_command() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let long = "x".repeat(1100);
    for tenant in ["..", "a/b", "", "Acme", "caf\u{e9}", &long] {
        for arguments in [
            ["auth", "list"].as_slice(),
            &["auth", "token", "--service", "crm"],
            &["auth", "status"],
            &["vault", "status"],
            &["audit", "show"],
            &["doctor", "--offline"],
        ] {
            let ran = home.run(&[arguments, &["--tenant", tenant]].concat()).await.ends(2);
            let is_short = ran.stderr.len() < 200;
            assert!(ran.stderr.contains(" is not usable: ") && is_short && ran.stdout.is_empty(), "{ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_server_could_mean_is_not_stored() {
    let (home, server) = (Home::new(), server().await);
    let set = ["auth", "set", "--service", "crm", "--public"];
    for (flags, what) in [
        (["--client-id", ""].as_slice(), "--client-id is empty"),
        (&["--client-id", " "], "--client-id is empty"),
        (&["--client-id", "billing\n"], "--client-id holds a control character"),
        (&["--client-id", "bill\u{1b}[2Jing"], "--client-id holds a control character"),
        (&["--client-id", " billing"], "--client-id has white space around it"),
        (&["--client-id", "x", "--scope", "a,b"], "a scope holds a comma"),
        (&["--client-id", "x", "--scope", "a\u{1b}[2J"], "--scope holds a control character"),
        (&["--client-id", "x", "--scope", "a\"b"], "a scope may hold only printable ASCII"),
        (&["--client-id", "x", "--token-url", ""], "--token-url is empty"),
        (&["--client-id", "x", "--token-url", "https://2130706433/"], "writes an address in another form"),
        (&["--client-id", "x", "--token-url", "https://as.example.com./"], "a dot at the end of its host"),
        (&["--client-id", "x", "--issuer", "http://as.example.com"], "issuer has to be an https URL"),
        (&["--client-id", "x", "--audience", ""], "--audience is empty"),
        (&["--client-id", "x", "--key-id", "a\tb"], "--key-id holds a control character"),
        (&["--client-id", "x", "--param", "a=b\nc"], "--param holds a control character"),
        (&["--client-id", "x", "--param", "empty="], "the parameter empty is empty"),
    ] {
        let ran = home.run(&[set.as_slice(), flags].concat()).await.ends(2);
        assert!(ran.stderr.contains(what), "{}", ran.stderr);
        assert!(ran.stderr.chars().all(|c| !c.is_control() || c == '\n'), "{ran:?}");
        assert!(!home.vault().exists(), "nothing is made for it");
    }
    let other = ["--client-id", "x", "--token-url", "https://b\u{fc}cher.example/token"];
    let ran = home.run(&[set.as_slice(), &other].concat()).await.ends(0);
    assert!(
        ran.stderr
            .contains("warning: the host of --token-url has letters beyond ASCII: it means xn--bcher-kva"),
        "{ran:?}"
    );
    // A colon is a character like any other, and several scopes may be one text.
    let url = server.token_endpoint();
    let odd = ["--client-id", "a:b", "--scope", "one two", "--param", "a=b", "--token-url", &url];
    home.run(&[set.as_slice(), &odd].concat()).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_can_get_no_token_is_told_when_it_is_stored() {
    let (home, server) = (Home::new(), server().await);
    let url = server.token_endpoint();
    let set = ["auth", "set", "--service", "crm", "--client-id", "x", "--public", "--token-url", &url];
    let ran = home.run(&set).await.ends(0);
    assert!(ran.stderr.contains("warning: the client of crm shows nothing to the server"), "{}", ran.stderr);
    let with_code = [set.as_slice(), &["--authorization-url", &url]].concat();
    let code = home.run(&[with_code.as_slice(), &["--flow", "authorization_code"]].concat()).await.ends(0);
    assert!(!code.stderr.contains("warning"), "{}", code.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_no_absolute_path_is_said_to_be_none() {
    let home = Home::new();
    for value in ["", "relative/home"] {
        let ran = home.command(&["auth", "list"]).env("HOME", value).output().await.unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(
            ran.status.code() == Some(2) && said.contains("HOME is not set, or is no absolute path"),
            "{said}"
        );
    }
}
