//! Services of a configuration, and what the vault has of them.

use grantry_testkit::{Endpoint, TestServer};

use crate::fixture::{Home, NEW_SECRET, SECRET, server};

const FROM_FILE: [&str; 2] = ["--config", "grantry.json"];

/// A home with a configuration of these services, and a secret for those that want it.
fn home(services: &str) -> Home {
    let mut home = Home::new();
    home.variables.push(("CRM_SECRET", SECRET.to_owned()));
    std::fs::write(home.folder.path().join("grantry.json"), format!(r#"{{ "services": {{ {services} }} }}"#))
        .unwrap();
    home
}

fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &FROM_FILE].concat()
}

const CLIENT: &str = r#""clientId": "billing", "clientSecret": "${CRM_SECRET}""#;

fn whole(server: &TestServer) -> String {
    let url = server.token_endpoint();
    format!(r#""crm": {{ "flow": "client_credentials", "tokenUrl": "{url}", {CLIENT} }}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_configuration_leaves_out_is_the_vaults_and_whoever_looks_says_so() {
    let server = server().await;
    let home = home(r#""crm": { "scopes": ["contacts.write"] }"#);
    home.set(&server).await.ends(0);
    let token = home.run(&with(&["auth", "token", "--service", "crm", "--json"])).await.ends(0).json();
    assert_eq!(token["scope"], "contacts.write");
    let list = home.run(&with(&["auth", "list"])).await.ends(0).stdout;
    assert!(list.contains("/token") && list.contains("client_credentials"), "{list}");
    let told = home.run(&with(&["doctor", "--offline"])).await.ends(0);
    assert!(!told.stdout.contains("still lacks") && !told.stdout.contains("nothing says where"), "{told:?}");
    home.run(&with(&["auth", "remove", "--service", "crm"])).await.ends(0);
    let lacking = home.run(&with(&["auth", "token", "--service", "crm"])).await.ends(2).stderr;
    assert!(lacking.contains("crm still lacks tokenUrl"), "{lacking}");
    let told = home.run(&with(&["doctor", "--offline"])).await;
    assert!(told.stdout.contains("still lacks tokenUrl"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_both_places_is_found_by_whoever_looks() {
    let server = server().await;
    let home = home(&format!(r#""crm": {{ {CLIENT} }}"#));
    home.set(&server).await.ends(0);
    let refused = home.run(&with(&["auth", "token", "--service", "crm"])).await.ends(2).stderr;
    assert!(
        refused.contains("grantry.json:1:") && refused.contains("the vault (tenant default"),
        "{refused}"
    );
    let list = home.run(&with(&["auth", "list"])).await.ends(0).stdout;
    assert!(list.contains("in both places"), "{list}");
    let told = home.run(&with(&["doctor", "--offline"])).await.ends(1).stdout;
    assert!(told.contains("in the configuration and in the vault"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_down_stops_no_other_service_and_nothing_that_is_done_here() {
    let server = server().await;
    let down =
        r#""down": { "flow": "client_credentials", "issuer": "http://127.0.0.1:1", "clientId": "billing" }"#;
    let home = home(&format!("{}, {down}", whole(&server)));
    let secret = ["auth", "set", "--service", "down", "--client-id", "billing", "--client-secret-stdin"];
    home.run_with_stdin(&secret, SECRET).await.ends(0);
    home.run(&with(&["auth", "token", "--service", "crm"])).await.ends(0);
    let waits = home.run(&with(&["auth", "token", "--service", "down"])).await.ends(5).stderr;
    assert!(waits.contains("http://127.0.0.1:1"), "{waits}");
    home.run(&with(&["auth", "status"])).await.ends(0);
    home.run(&with(&["auth", "remove", "--service", "down"])).await.ends(5);
    home.run(&with(&["auth", "remove", "--service", "down", "--local-only"])).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_of_a_configuration_are_counted_by_every_command_and_told_by_its_check() {
    let server = server().await;
    let literal = whole(&server).replace("${CRM_SECRET}", SECRET);
    let home = home(&literal);
    home.run(&["vault", "init"]).await.ends(0);
    for arguments in [&["auth", "token", "--service", "crm"][..], &["auth", "list"], &["vault", "status"]] {
        let ran = home.run(&with(arguments)).await.ends(0);
        let told = "warning: 1 warning in grantry.json: see grantry config check grantry.json\n";
        assert_eq!(ran.stderr, told, "{arguments:?}");
        assert!(!ran.stdout.contains("warning"), "{arguments:?}");
    }
    let ran = home.run(&with(&["auth", "list", "--json"])).await.ends(0);
    ran.json();
    let event: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((event["event"].as_str(), event["version"].as_u64()), (Some("warning"), Some(1)));
    let check = home.run(&["config", "check", "grantry.json"]).await.ends(0).stderr;
    assert!(check.contains("clientSecret stands in the configuration itself"), "{check}");
    // Whoever is told everything is not told the count.
    let doctor = home.run(&with(&["doctor", "--offline"])).await;
    assert!(!doctor.stderr.contains("grantry config check"), "{doctor:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_rotated_where_the_secret_stands_in_the_configuration_alone() {
    let server = server().await;
    let home = home(&whole(&server));
    home.run(&["vault", "init"]).await.ends(0);
    let token = ["auth", "token", "--service", "crm"];
    let before = home.run(&with(&token)).await.ends(0).stdout;
    let rotated = home.run(&with(&["auth", "rotate", "--service", "crm"])).await.ends(0).stderr;
    assert!(rotated.contains("renewed 1 grant,"), "{rotated}");
    assert!(rotated.contains("itself is unchanged") && rotated.contains("grantry.json:1:"), "{rotated}");
    assert!(!rotated.contains("have a fresh data key"), "nothing of the client is stored: {rotated}");
    assert_ne!(home.run(&with(&token)).await.ends(0).stdout, before);
    let json = home.run(&with(&["auth", "rotate", "--service", "crm", "--json"])).await.ends(0).json();
    assert_eq!((json["resealed"].as_bool(), json["finished"].as_bool()), (Some(false), Some(true)));
    // A new one is put where the old one is.
    let new = with(&["auth", "rotate", "--service", "crm", "--client-secret-stdin"]);
    let refused = home.run_with_stdin(&new, NEW_SECRET).await.ends(2).stderr;
    assert!(refused.contains("exchange it there"), "{refused}");
    home.run(&with(&["auth", "rotate", "--service", "other"])).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_gets_a_token_and_not_the_variables_that_hold_secrets() {
    let server = server().await;
    let mut home = home(&whole(&server));
    home.variables.push(("SCOPE", "contacts.read".to_owned()));
    let services = whole(&server).replace("\"flow\"", r#""scopes": ["${SCOPE}"], "flow""#);
    let text = format!(r#"{{ "services": {{ {services} }} }}"#);
    std::fs::write(home.folder.path().join("grantry.json"), text).unwrap();
    home.run(&["vault", "init"]).await.ends(0);
    let run = ["run", "--service", "crm", "--config", "grantry.json", "--", "env"];
    let environment = home.run(&run).await.ends(0).stdout;
    assert!(environment.contains("GRANTRY_TOKEN=") && !environment.contains("CRM_SECRET"), "{environment}");
    assert!(environment.contains("SCOPE=contacts.read"), "what is no secret stays: {environment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_a_token_endpoint_of_its_own_is_stored_as_a_configuration_takes_it() {
    let server = server().await;
    let (home, url) = (home(""), server.token_endpoint());
    let set =
        ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-env", "CRM_SECRET"];
    let provider = ["--provider", "microsoft", "--flow", "client_credentials"];
    let without = home.run(&[&set[..], &provider].concat()).await.ends(2).stderr;
    assert!(without.contains("tenantId"), "{without}");
    home.run(&[&set[..], &provider, &["--token-url", &url]].concat()).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    let template = ["--token-url", "https://login.microsoftonline.us/{tenantId}/oauth2/v2.0/token"];
    let filled = ["--provider-param", "tenantId=contoso.onmicrosoft.com"];
    let again = [&set[..], &provider, &template, &filled].concat();
    home.run(&again).await.ends(0);
}
