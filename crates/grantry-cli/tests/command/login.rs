//! A person authorizes: in a browser, and on another device.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use grantry_testkit::{
    Decision, DeviceDecision, Endpoint, Entry, Fault, Outcome, RegisteredClient, TestServer,
};

use crate::browser::{Login, follow, interrupt, load};
use crate::fixture::{Home, SECRET, server_with};

async fn native_server() -> TestServer {
    server_with(RegisteredClient::public("native").redirect_uri("http://127.0.0.1/callback")).await
}

/// Stores the service `calendar`, to which people consent.
async fn stored(server: &TestServer) -> Home {
    let home = Home::new();
    let facts = server.authorization_server().unwrap();
    let urls = [
        ("--token-url", server.token_endpoint()),
        ("--authorization-url", facts.authorization_endpoint().unwrap().to_string()),
        ("--device-url", facts.device_authorization_endpoint().unwrap().to_string()),
        ("--issuer", server.issuer()),
    ];
    let mut flags = vec!["auth", "set", "--service", "calendar", "--client-id", "native", "--public"];
    flags.extend(urls.iter().flat_map(|(flag, url)| [*flag, url.as_str()]));
    flags.extend(["--scope", "calendar.read"]);
    home.run(&flags).await.ends(0);
    home
}

const TOKEN: &[&str] = &["auth", "token", "--service", "calendar", "--account", "ana"];
const LOGIN: &[&str] = &["--service", "calendar", "--account", "ana", "--no-browser"];

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_and_the_token_is_there_without_a_renewal() {
    let server = native_server().await;
    let home = stored(&server).await;
    home.run(TOKEN).await.ends(4);
    let mut login = Login::start(&home, LOGIN);
    let url = login.url().await;
    assert!(url.contains("code_challenge_method=S256") && url.contains("state="), "{url}");
    let page = follow(&url).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let ran = login.end().await.ends(0);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("logged in to calendar (ana)"), "{ran:?}");
    let token = home.run(TOKEN).await.ends(0);
    assert!(!ran.stderr.contains(token.stdout.trim()));
    assert_eq!(server.ledger().count(Endpoint::Token), 1, "what the login brought is used");
    home.run(&["auth", "refresh", "--service", "calendar", "--account", "ana"]).await.ends(0);
    assert_ne!(home.run(TOKEN).await.ends(0).stdout, token.stdout);
    let status = home.run(&["auth", "status", "--json"]).await.ends(0).json();
    assert_eq!(status["grants"][0]["account"], "ana");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_token_before_the_login_is_told_the_command() {
    let server = native_server().await;
    let home = stored(&server).await;
    let of = ["--service", "calendar", "--account", "ana o'brien"];
    let login =
        r"to do: have the person authorize: grantry auth login --service calendar --account 'ana o'\''brien'";
    for command in [
        [["auth", "token"].as_slice(), &of].concat(),
        [["auth", "refresh"].as_slice(), &of].concat(),
        [["auth", "diagnose"].as_slice(), &of].concat(),
        [["run"].as_slice(), &of, &["--", "true"]].concat(),
        [["credential-process"].as_slice(), &of].concat(),
    ] {
        let ran = home.run(&command).await.ends(4);
        assert!(ran.stderr.contains(login) && ran.stdout.is_empty(), "{command:?} {ran:?}");
    }
    let json = home.run(&[["auth", "token", "--json"].as_slice(), &of].concat()).await.ends(4);
    let json: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(json["error"]["exit_code"], 4);
    assert!(
        json["error"]["remedy"].as_str().unwrap().contains("grantry auth login --service calendar"),
        "{json}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_withdrawn_names_the_command_too() {
    let server = native_server().await;
    let home = stored(&server).await;
    let mut login = Login::start(&home, LOGIN);
    follow(&login.url().await).await;
    login.end().await.ends(0);
    server.inject(
        Endpoint::Token,
        Fault::status(400).with_body(r#"{"error":"invalid_grant"}"#).until_cleared(),
    );
    let refresh = ["auth", "refresh", "--service", "calendar", "--account", "ana"];
    let ran = home.run(&refresh).await.ends(4);
    assert!(
        ran.stderr.contains("; run: grantry auth login --service calendar --account ana"),
        "{}",
        ran.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_registers_and_logs_in_and_a_program_is_told_by_objects() {
    let server =
        server_with(RegisteredClient::with_secret("web", SECRET).redirect_uri("http://127.0.0.1/oauth/back"))
            .await;
    let home = Home::new();
    let issuer = server.issuer();
    let flags =
        ["--service", "mail", "--client-id", "web", "--client-secret", SECRET, "--no-browser", "--json"];
    let more = ["--issuer", &issuer];
    let redirect = ["--redirect-uri", "http://127.0.0.1/oauth/back", "--scope", "mail.read"];
    let mut login = Login::start(&home, &[flags.as_slice(), &more, &redirect].concat());
    let url = login
        .line(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["version"], 1);
            if event["event"] == "warning" {
                // That of the secret on the command line.
                assert!(
                    event["message"].as_str().unwrap().contains("other users of this machine"),
                    "{event}"
                );
                return None;
            }
            assert_eq!(event["event"], "open_url");
            Some(event["url"].as_str().unwrap().to_owned())
        })
        .await;
    let line = std::fs::read(format!("/proc/{}/cmdline", login.id())).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains(SECRET));
    follow(&url).await;
    let json = login.end().await.ends(0).json();
    assert_eq!((json["account"].as_str(), json["renewable"].as_bool()), (Some("default"), Some(true)));
    assert_eq!((json["scope"].as_str(), json["missing_scope"].as_str()), (Some("mail.read"), Some("")));
    home.run(&["auth", "token", "--service", "mail"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_anew_takes_the_place_of_the_one_before() {
    let server = native_server().await;
    let home = stored(&server).await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut login = Login::start(&home, LOGIN);
        follow(&login.url().await).await;
        login.end().await.ends(0);
        tokens.push(home.run(TOKEN).await.ends(0).stdout);
    }
    assert_ne!(tokens[0], tokens[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_is_told_so_and_a_foreign_answer_changes_nothing() {
    let server = native_server().await;
    let home = stored(&server).await;
    let mut login = Login::start(&home, LOGIN);
    let url = login.url().await;
    let back = load(&url).await.location.unwrap();
    let foreign = load(&back.replace("state=", "state=x")).await;
    assert_eq!(foreign.status, 400);
    server.with_authority(|authority, _| authority.settings_mut().decision = Decision::Deny);
    let page = follow(&url).await;
    assert_eq!(page.status, 403);
    let ran = login.end().await.ends(4);
    assert!(ran.stderr.contains("refused") && ran.stderr.contains("declined"), "{}", ran.stderr);
    assert_eq!(server.ledger().count(Endpoint::Token), 0);
    home.run(TOKEN).await.ends(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_come_back_in_time_and_what_the_server_refuses_say_so() {
    let server = native_server().await;
    let home = stored(&server).await;
    let ran = home.run(&[&["auth", "login", "--timeout", "1"], LOGIN].concat()).await.ends(4);
    assert!(ran.stderr.contains("in time"), "{}", ran.stderr);
    server.inject(Endpoint::Token, Fault::status(503));
    let mut login = Login::start(&home, LOGIN);
    let page = follow(&login.url().await).await;
    assert!(page.status >= 500, "the browser knows it too: {}", page.status);
    login.end().await.ends(5);
    home.run(TOKEN).await.ends(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_waiting_and_loses_no_code_that_came_before() {
    let server = native_server().await;
    let home = stored(&server).await;
    let mut login = Login::start(&home, LOGIN);
    login.url().await;
    interrupt(login.id());
    login.end().await.ends(130);
    home.run(TOKEN).await.ends(4);

    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)));
    let mut login = Login::start(&home, LOGIN);
    let url = login.url().await;
    let browser = tokio::spawn(async move { follow(&url).await });
    server.ledger().wait_for(Endpoint::Token, 1, Duration::from_secs(20)).await.unwrap();
    interrupt(login.id());
    login.end().await.ends(130);
    browser.await.unwrap();
    home.run(TOKEN).await.ends(0);
    assert_eq!(server.ledger().count(Endpoint::Token), 1, "its tokens were kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_approves_on_another_device() {
    let server = native_server().await;
    server.with_authority(|authority, _| {
        authority.settings_mut().device_interval = Some(Duration::from_secs(1));
    });
    let home = stored(&server).await;
    let device = ["--service", "calendar", "--account", "ana", "--device"];
    let mut login = Login::start(&home, &device);
    assert!(server.approve(&login.code().await));
    let ran = login.end().await.ends(0);
    assert!(ran.stderr.contains("waiting for approval") && ran.stdout.is_empty(), "{ran:?}");
    home.run(TOKEN).await.ends(0);
    // A poll before the approval, of a busy machine, brings nothing.
    let brings = |entry: &&Entry| {
        entry.endpoint == Endpoint::Token
            && matches!(entry.outcome, Outcome::Answered { status, .. } if status.is_success())
    };
    assert_eq!(server.ledger().entries().iter().filter(brings).count(), 1);

    let mut login = Login::start(&home, &device);
    assert!(server.deny(&login.code().await));
    let ran = login.end().await.ends(4);
    assert!(ran.stderr.contains("declined"), "{}", ran.stderr);
    home.run(TOKEN).await.ends(0);

    server.with_authority(|authority, _| authority.settings_mut().device_decision = DeviceDecision::Approve);
    let json = home.run(&[&["auth", "login", "--json"], device.as_slice()].concat()).await.ends(0);
    let event: serde_json::Value = serde_json::from_str(json.stderr.lines().next().unwrap()).unwrap();
    assert!(event["event"] == "enter_code" && event["user_code"].is_string(), "{event}");
    assert_eq!(json.json()["renewable"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_to_consent_to_and_what_leads_elsewhere_is_refused_with_a_way_out() {
    let server = native_server().await;
    let home = stored(&server).await;
    home.run(&["auth", "login", "--service", "erp", "--no-browser"]).await.ends(3);
    home.run(&["auth", "set", "--service", "calendar", "--flow", "client_credentials"]).await.ends(0);
    let ran = home.run(&[&["auth", "login"], LOGIN].concat()).await.ends(2);
    assert!(ran.stderr.contains("--flow authorization_code"), "{}", ran.stderr);
    let gateway = "https://gateway.example.com/oauth/callback";
    let flags = ["auth", "set", "--service", "calendar", "--flow", "authorization_code"];
    home.run(&[flags.as_slice(), &["--redirect-uri", gateway]].concat()).await.ends(0);
    let ran = home.run(&[&["auth", "login"], LOGIN].concat()).await.ends(2);
    assert!(ran.stderr.contains("http://127.0.0.1/callback"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_systems_browser_gets_the_address_and_no_secret() {
    let server = native_server().await;
    let home = stored(&server).await;
    let (script, told) = (home.folder.path().join("browser.sh"), home.folder.path().join("told"));
    std::fs::write(
        &script,
        format!("#!/bin/sh\n(echo \"$1\"; env) > {0}.new; mv {0}.new {0}\n", told.display()),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = home.command(&["auth", "login", "--service", "calendar", "--account", "ana"]);
    command.env("BROWSER", &script);
    let mut login = Login::of(command);
    let url = login.url().await;
    let opened = tokio::time::timeout(Duration::from_secs(30), async {
        while !told.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    opened.await.unwrap();
    let told = std::fs::read_to_string(&told).unwrap();
    assert_eq!(told.lines().next(), Some(url.as_str()));
    follow(&url).await;
    login.end().await.ends(0);
}
