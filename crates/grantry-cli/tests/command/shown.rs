//! What a person sees, held still.

use std::os::unix::fs::PermissionsExt;

use grantry_testkit::{Endpoint, Fault, RegisteredClient, TestServer};

use serde_json::Value;

use crate::browser::{Login, follow};
use crate::fixture::{Home, NEW_SECRET, Ran, SECRET, server, server_with};
use crate::tree;

/// Without what differs from run to run: folders, ports, moments, lengths of time, and how wide columns are by them.
pub(crate) fn still(home: &Home, text: &str) -> String {
    let text = text.replace(home.folder.path().to_str().unwrap(), "[home]");
    let mut lines = Vec::new();
    for line in text.lines() {
        // Deeper ones are columns, and as wide as what stands in them.
        let indent: String = line.chars().take_while(|c| *c == ' ').take(8).collect();
        let mut words: Vec<String> =
            line.split(' ').filter(|word| !word.is_empty()).map(still_word).collect();
        for at in 1..words.len() {
            if matches!(words[at].trim_end_matches(':'), "s" | "min" | "h" | "days" | "lines")
                && words[at - 1].parse::<u64>().is_ok()
            {
                words[at - 1] = "[N]".to_owned();
            }
        }
        lines.push(indent + &words.join(" "));
    }
    lines.join("\n")
}

fn still_word(word: &str) -> String {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    if word.len() == 20 && word.ends_with('Z') && digits(word) == 14 {
        return "[moment]".to_owned();
    }
    // A quick machine is done within the second.
    if let "now" | "now," | "now:" = word {
        return word.replace("now", "[N] s ago");
    }
    let Some((before, after)) = word.split_once("127.0.0.1:") else { return word.to_owned() };
    format!("{before}127.0.0.1:[port]{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_of_every_command_is_as_it_was() {
    let helps = tree::helps(&Home::new()).await;
    assert!(helps.len() > 30, "{}", helps.len());
    for (name, help) in helps {
        insta::assert_snapshot!(format!("help {name}").trim().replace([' ', '-'], "_"), help);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_are_as_they_were() {
    let home = Home::new();
    let described = ["--token-url", "https://as.example.com/token", "--scope", "contacts.read"];
    for (service, client) in [("crm", "billing"), ("payroll-of-the-company", "0oa1b2c3d4")] {
        let set = ["auth", "set", "--service", service, "--client-id", client, "--public"];
        home.run(&[set.as_slice(), &described].concat()).await.ends(0);
    }
    insta::assert_snapshot!("list", home.run(&["auth", "list"]).await.ends(0).stdout);
    insta::assert_snapshot!("providers", home.run(&["providers", "list"]).await.ends(0).stdout);
    insta::assert_snapshot!("provider", home.run(&["providers", "show", "microsoft"]).await.ends(0).stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_a_vault_in_use_are_as_they_were() {
    let (home, server) = (Home::new(), server().await);
    home.run(&["vault", "init"]).await.ends(0);
    home.set(&server).await.ends(0);
    // Later on it depends on how often something was tried.
    let trail = home.run(&["audit", "show"]).await.ends(0).stdout;
    insta::assert_snapshot!("audit_show", still(&home, &trail));
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
    server.inject(Endpoint::Token, Fault::status(400).with_body(r#"{"error":"invalid_scope"}"#));
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(5);
    for (name, command) in [
        ("list_in_use", ["auth", "list", "--all-tenants"].as_slice()),
        ("status", &["auth", "status"]),
        ("diagnose", &["auth", "diagnose", "--service", "crm"]),
        ("vault_status", &["vault", "status"]),
        ("audit_verify", &["audit", "verify"]),
        ("doctor_in_use", &["doctor"]),
    ] {
        let ran = home.run(command).await.ends(0);
        insta::assert_snapshot!(name, still(&home, &format!("{}{}", ran.stdout, ran.stderr)));
    }
}

/// A home with a service to which people consent.
pub(crate) async fn with_calendar() -> (Home, TestServer) {
    let client = RegisteredClient::public("native").redirect_uri("http://127.0.0.1/callback");
    let (home, server) = (Home::new(), server_with(client).await);
    let issuer = server.issuer();
    let set = ["auth", "set", "--service", "calendar", "--client-id", "native", "--public"];
    home.run(&[&set[..], &["--issuer", &issuer, "--scope", "calendar.read"]].concat()).await.ends(0);
    (home, server)
}

const OF_ANA: &[&str] = &["--service", "calendar", "--account", "ana"];

/// Both streams, one after the other.
fn both(home: &Home, ran: &Ran) -> String {
    still(home, &format!("{}{}", ran.stdout, ran.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_and_the_diagnosis_of_its_end_are_as_they_were() {
    let (home, server) = with_calendar().await;
    let mut login = Login::start(&home, &[OF_ANA, &["--no-browser"]].concat());
    let url = login.url().await;
    follow(&url).await;
    let ran = login.end().await.ends(0);
    insta::assert_snapshot!("login", both(&home, &ran).replace(&still(&home, &url), "[url]"));
    server.with_authority(|authority, _| {
        authority.settings_mut().device_interval = Some(std::time::Duration::from_secs(1));
    });
    let mut login = Login::start(&home, &[OF_ANA, &["--device"]].concat());
    let code = login.code().await;
    assert!(server.approve(&code));
    let ran = login.end().await.ends(0);
    insta::assert_snapshot!(
        "login_on_device",
        both(&home, &ran).replace(&code, "[code]").replace("in 1 s, for", "in 0 s, for")
    );
    let late = home.run(&[&["auth", "login", "--timeout", "1"], OF_ANA, &["--no-browser"]].concat()).await;
    let said = both(&home, &late.ends(4));
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("  http")).collect();
    insta::assert_snapshot!("login_too_late", said.join("\n"));

    server.inject(Endpoint::Token, Fault::drop_after_handling().until_cleared());
    home.run(&[&["auth", "refresh"], OF_ANA].concat()).await.ends(5);
    let diagnosed = home.run(&[&["auth", "diagnose"], OF_ANA].concat()).await.ends(0);
    insta::assert_snapshot!("diagnose_in_doubt", both(&home, &diagnosed));
    server.clear_faults(Endpoint::Token);
    let mut login = Login::start(&home, &[OF_ANA, &["--no-browser"]].concat());
    follow(&login.url().await).await;
    login.end().await.ends(0);

    let status = home.run(&["auth", "status"]).await.ends(0);
    insta::assert_snapshot!("status_of_consent", both(&home, &status));
    let refused = Fault::status(400).with_body(r#"{"error":"invalid_grant"}"#).until_cleared();
    server.inject(Endpoint::Token, refused);
    let refresh = home.run(&[&["auth", "refresh"], OF_ANA].concat()).await.ends(4);
    insta::assert_snapshot!("refresh_refused", both(&home, &refresh));
    let diagnosed = home.run(&[&["auth", "diagnose"], OF_ANA].concat()).await.ends(4);
    insta::assert_snapshot!("diagnose_refused", both(&home, &diagnosed));
    insta::assert_snapshot!("status_refused", both(&home, &home.run(&["auth", "status"]).await.ends(0)));
    let elsewhere =
        [&["auth", "set", "--tenant", "acme", "--service", "calendar"], &["--client-id", "x"][..]];
    home.run(&[&elsewhere.concat()[..], &["--public"]].concat()).await.ends(0);
    insta::assert_snapshot!("doctor_refused", both(&home, &home.run(&["doctor", "--offline"]).await.ends(1)));
    let all = home.run(&["doctor", "--offline", "--all-tenants"]).await.ends(1);
    insta::assert_snapshot!("doctor_of_all_tenants", both(&home, &all));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_got_a_token_is_not_said_to_have_been_renewed() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    server.inject(
        Endpoint::Token,
        Fault::status(401).with_body(r#"{"error":"invalid_client"}"#).until_cleared(),
    );
    home.run(&["auth", "token", "--service", "crm"]).await.ends(5);
    let diagnose = ["auth", "diagnose", "--service", "crm"];
    let ran = home.run(&diagnose).await.ends(0);
    let begins = "crm (default): active, but no token was obtained yet\nasked for first [N] s ago";
    assert!(both(&home, &ran).starts_with(begins) && !ran.stdout.contains("renewed"), "{}", ran.stdout);
    let json = home.run(&[&diagnose[..], &["--json"]].concat()).await.ends(0).json();
    assert_eq!((&json["had_token"], &json["how_to_authorize"]), (&false.into(), &Value::Null));
    let status = home.run(&["auth", "status"]).await.ends(0);
    assert!(
        both(&home, &status).contains("crm default active, no token was obtained yet"),
        "{}",
        status.stdout
    );
    // One that has had a token is said to have one.
    server.clear_faults(Endpoint::Token);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let ran = home.run(&diagnose).await.ends(0);
    let says = |text: &str| ran.stdout.contains(text);
    assert!(says("renewed once") && !says("no token was obtained"), "{}", ran.stdout);
    let status = home.run(&["auth", "status"]).await.ends(0);
    assert!(!status.stdout.contains("no token"), "{}", status.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_secrets_keys_and_vaults_are_exchanged_is_as_it_was() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let rotate = ["auth", "rotate", "--service", "crm"];
    insta::assert_snapshot!("rotate_without_secret", both(&home, &home.run(&rotate).await.ends(0)));
    let with_secret = [&rotate[..], &["--client-secret-stdin"]].concat();
    let refused = home.run_with_stdin(&with_secret, NEW_SECRET).await.ends(5);
    insta::assert_snapshot!("rotate_refused", both(&home, &refused));
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", SECRET).or_secret(NEW_SECRET));
    });
    let kept = home.run_with_stdin(&[&with_secret[..], &["--keep-old"]].concat(), NEW_SECRET).await.ends(0);
    insta::assert_snapshot!("rotate_and_keep_old", both(&home, &kept));
    let done = home.run(&[&rotate[..], &["--continue"]].concat()).await.ends(0);
    insta::assert_snapshot!("rotate_continued", both(&home, &done));

    // How many records there are depends on how often something was tried.
    let counts = |text: String| {
        let words = text.split(' ').map(|word| if word.parse::<u64>().is_ok() { "[N]" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let keys = home.run(&["vault", "rotate-keys"]).await.ends(0);
    insta::assert_snapshot!("rotate_keys", counts(both(&home, &keys)));
    let due = home.run(&["vault", "rotate-keys", "--due"]).await.ends(0);
    insta::assert_snapshot!("rotate_keys_due", counts(both(&home, &due)));

    let migrate = ["vault", "migrate", "--to", "new"];
    let dry = home.run(&[&migrate[..], &["--dry-run"]].concat()).await.ends(0);
    insta::assert_snapshot!("migrate_dry_run", both(&home, &dry));
    insta::assert_snapshot!("migrate", both(&home, &home.run(&migrate).await.ends(0)));
    insta::assert_snapshot!("migrate_again", both(&home, &home.run(&migrate).await.ends(0)));
    let other = ["auth", "set", "--service", "crm", "--client-id", "other", "--public", "--vault", "new"];
    home.run(&other).await.ends(0);
    insta::assert_snapshot!("migrate_obstacle", both(&home, &home.run(&migrate).await.ends(6)));
    let same = home.run(&["vault", "migrate", "--from", "new", "--to", "new"]).await.ends(2);
    insta::assert_snapshot!("migrate_to_itself", both(&home, &same));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_configuration_is_as_it_was() {
    let home = Home::new();
    let good = r#"{ "services": {
  "crm": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "billing" },
  "mail": { "provider": "google", "clientId": "web" } },
  "tenants": { "acme": { "services": { "crm": { "clientId": "other" } } } } }"#;
    let wrong = r#"{ "services": { "crm": { "tokenURL": "https://as.example.com/token", "scopes": 7, "pkce": "\u001b[2J" } } }"#;
    for (name, text, code) in [("good", good, 0), ("wrong", wrong, 2)] {
        std::fs::write(home.folder.path().join("grantry.json"), text).unwrap();
        let ran = home.run(&["config", "check", "grantry.json"]).await.ends(code);
        insta::assert_snapshot!(
            format!("config_{name}"),
            still(&home, &format!("{}{}", ran.stdout, ran.stderr))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_doctor_says_is_as_it_was() {
    let home = Home::new();
    let config = r#"{ "services": {
  "one": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "same" },
  "two": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "same" } } }"#;
    let path = home.folder.path().join("grantry.json");
    std::fs::write(&path, config).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ran = home.run(&["doctor", "--offline", "--config", "grantry.json", "--vault", "kept"]).await.ends(0);
    insta::assert_snapshot!("doctor", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_errors_are_as_they_were() {
    let home = Home::new();
    let said = |ran: Ran| still(&home, &ran.stderr);
    insta::assert_snapshot!("no_vault", said(home.run(&["auth", "list"]).await.ends(6)));
    insta::assert_snapshot!("no_arguments", said(home.run(&["auth", "set"]).await.ends(2)));
    let unknown = home.run(&["auth", "set", "--colour", "green", "--json"]).await.ends(2);
    insta::assert_snapshot!("no_arguments_as_json", said(unknown));
    insta::assert_snapshot!("made", said(home.run(&["vault", "init"]).await.ends(0)));
    insta::assert_snapshot!("made_already", said(home.run(&["vault", "init"]).await.ends(0)));
    insta::assert_snapshot!(
        "no_tenant",
        said(home.run(&["auth", "token", "--service", "crm"]).await.ends(3))
    );
    let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--public"];
    insta::assert_snapshot!("set", said(home.run(&set).await.ends(0)));
    insta::assert_snapshot!(
        "no_server",
        said(home.run(&["auth", "token", "--service", "crm"]).await.ends(2))
    );
    insta::assert_snapshot!(
        "no_service",
        said(home.run(&["auth", "token", "--service", "erp"]).await.ends(3))
    );
    let person = ["auth", "set", "--service", "mail", "--client-id", "app", "--public"];
    let urls =
        ["--token-url", "https://as.example.com/token", "--authorization-url", "https://as.example.com/ask"];
    let asked = home.run(&[person.as_slice(), &urls].concat()).await.ends(0);
    insta::assert_snapshot!("set_for_a_person", said(asked));
    let no_consent = home.run(&["auth", "token", "--service", "mail"]).await.ends(4);
    insta::assert_snapshot!("no_consent", said(no_consent));
    insta::assert_snapshot!("no_provider", said(home.run(&["providers", "show", "nobody"]).await.ends(3)));
    insta::assert_snapshot!("slipped", said(home.run(&["auth", "list", "s3cret"]).await.ends(2)));
    insta::assert_snapshot!(
        "no_terminal",
        said(home.run(&["vault", "shred-tenant", "default"]).await.ends(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_errors_that_a_server_brings_about_are_as_they_were() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let said = |ran: Ran| still(&home, &ran.stderr);
    let refresh = ["auth", "refresh", "--service", "crm"];
    for (name, code, fault) in [
        ("invalid_client", 5, Fault::status(401).with_body(r#"{"error":"invalid_client"}"#)),
        ("broken", 5, Fault::status(503).until_cleared()),
        ("garbage", 5, Fault::garbage()),
        ("cut", 5, Fault::drop_before_handling().until_cleared()),
    ] {
        server.inject(Endpoint::Token, fault);
        insta::assert_snapshot!(format!("server_{name}"), said(home.run(&refresh).await.ends(code)));
        server.clear_faults(Endpoint::Token);
    }
    let run = ["run", "--service", "crm", "--", "/no/such/program"];
    insta::assert_snapshot!("no_program", said(home.run(&run).await.ends(1)));
    insta::assert_snapshot!(
        "no_program_as_json",
        said(home.run(&[&["--json"], &run[..]].concat()).await.ends(1))
    );
    insta::assert_snapshot!("removed", said(home.run(&["auth", "remove", "--service", "crm"]).await.ends(0)));
}
