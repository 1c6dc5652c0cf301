//! Services, a vault and keys that a configuration describes.

use std::path::PathBuf;

use grantry_testkit::{Endpoint, RegisteredClient, TestServer};

use crate::browser::{Login, follow};
use crate::fixture::{Home, SECRET, server, server_with};

fn write(home: &Home, text: &str) -> PathBuf {
    let path = home.folder.path().join("grantry.json");
    std::fs::write(&path, text).unwrap();
    path
}

fn crm(server: &TestServer, secret: &str) -> String {
    let url = server.token_endpoint();
    format!(
        r#""crm": {{ "flow": "client_credentials", "tokenUrl": "{url}", "clientId": "billing"{secret},
             "scopes": ["contacts.read"] }}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_a_configuration_are_used_beside_those_of_the_vault() {
    let (home, server) = (Home::new(), server().await);
    let secret = r#", "clientSecret": "${CRM_SECRET}""#;
    write(&home, &format!(r#"{{ "services": {{ {} }} }}"#, crm(&server, secret)));
    home.run(&["vault", "init"]).await.ends(0);
    let with = |arguments: &[&str]| {
        let mut command = home.command(&[&["--config", "grantry.json"], arguments].concat());
        command.env("CRM_SECRET", SECRET);
        command.output()
    };
    let token = with(&["auth", "token", "--service", "crm"]).await.unwrap();
    assert!(token.status.success(), "{}", String::from_utf8_lossy(&token.stderr));
    let again = with(&["auth", "token", "--service", "crm"]).await.unwrap();
    assert_eq!(again.stdout, token.stdout);
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    for arguments in [
        ["auth", "refresh", "--service", "crm"].as_slice(),
        &["auth", "status", "--service", "crm"],
        &["auth", "diagnose", "--service", "crm"],
        &["run", "--service", "crm", "--", "true"],
        &["credential-process", "--service", "crm"],
    ] {
        let ran = with(arguments).await.unwrap();
        assert!(ran.status.success(), "{arguments:?} {}", String::from_utf8_lossy(&ran.stderr));
    }
    let list = with(&["auth", "list"]).await.unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("crm") && list.contains("configured"), "{list}");
    // By the environment, and as an object.
    let mut command = home.command(&["auth", "list", "--json"]);
    command.env("CRM_SECRET", SECRET).env("GRANTRY_CONFIG", home.folder.path().join("grantry.json"));
    let json: serde_json::Value = serde_json::from_slice(&command.output().await.unwrap().stdout).unwrap();
    let service = &json["services"][0];
    assert!(service["described_in"].as_str().unwrap().contains("grantry.json"), "{service}");
    assert_eq!((service["client_id"].as_str(), service["grants"].as_u64()), (Some("billing"), Some(1)));
    // Without its variable it cannot be used.
    let unset = home.run(&["auth", "list", "--config", "grantry.json"]).await.ends(2);
    assert!(unset.stderr.contains("CRM_SECRET") && unset.stderr.contains("one mistake"), "{}", unset.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_leaves_out_is_in_the_vault_and_a_secret_in_both_is_refused() {
    let (home, server) = (Home::new(), server().await);
    write(&home, &format!(r#"{{ "services": {{ {} }} }}"#, crm(&server, "")));
    home.set(&server).await.ends(0);
    let token = ["auth", "token", "--service", "crm", "--config", "grantry.json"];
    home.run(&token).await.ends(0);
    let list = home.run(&["auth", "list", "--config", "grantry.json", "--json"]).await.ends(0).json();
    assert_eq!(list["services"].as_array().unwrap().len(), 1);
    write(&home, &format!(r#"{{ "services": {{ {} }} }}"#, crm(&server, r#", "clientSecret": "x7-other""#)));
    let both = home.run(&token).await.ends(2);
    assert!(
        both.stderr.contains("grantry.json") && both.stderr.contains("registration crm"),
        "{}",
        both.stderr
    );
    assert!(!both.stderr.contains("x7-other"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_and_the_keys_of_a_configuration_are_used_unless_others_are_named() {
    let (home, server) = (Home::new(), server().await);
    write(
        &home,
        r#"{ "vault": { "type": "sqlite", "path": "kept/store.db", "lifeboats": "kept/boats", "deployment": "blue" },
             "keys": { "type": "file", "path": "kept/the.key" } }"#,
    );
    let token_url = server.token_endpoint();
    let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
    let more = ["--token-url", &token_url, "--config", "grantry.json"];
    home.run_with_stdin(&[set.as_slice(), &more].concat(), SECRET).await.ends(0);
    let kept = home.folder.path().join("kept");
    assert!(kept.join("store.db").exists() && kept.join("the.key").exists() && !home.vault().exists());
    home.run(&["auth", "token", "--service", "crm", "--config", "grantry.json"]).await.ends(0);
    home.run(&["auth", "list", "--config", "grantry.json", "--vault", "elsewhere"]).await.ends(6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_of_another_vault_than_that_of_a_configuration_is_kept_in_that_vault() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    write(
        &home,
        r#"{ "vault": { "type": "sqlite", "path": "kept/store.db" }, "audit": { "vault": false, "folder": "trail" } }"#,
    );
    let folder = home.vault();
    let other = ["--config", "grantry.json", "--vault", folder.to_str().unwrap()];
    home.run(&[&["auth", "list"], &other[..]].concat()).await.ends(0);
    home.run(&[&["auth", "token", "--service", "crm"], &other[..]].concat()).await.ends(0);
    let shown = home.run(&["audit", "show", "--service", "crm"]).await.ends(0);
    assert!(shown.stdout.contains("token.use"), "{}", shown.stdout);
    assert!(!home.folder.path().join("trail").exists());
    // And that of a vault that is moved is where its own configuration has it.
    home.run(&["vault", "migrate", "--to", "grantry.json"]).await.ends(0);
    assert!(std::fs::read_dir(home.folder.path().join("trail")).unwrap().count() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_gets_a_token_and_not_the_key_above_all_keys() {
    let (mut home, server) = (Home::new(), server().await);
    home.variables.push(("THE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()));
    write(&home, r#"{ "keys": { "type": "environment", "variable": "THE_KEY" } }"#);
    let token_url = server.token_endpoint();
    let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
    let more = ["--token-url", &token_url, "--config", "grantry.json"];
    home.run_with_stdin(&[set.as_slice(), &more].concat(), SECRET).await.ends(0);
    let run = ["run", "--service", "crm", "--config", "grantry.json", "--", "env"];
    let environment = home.run(&run).await.ends(0).stdout;
    assert!(environment.contains("GRANTRY_TOKEN=") && !environment.contains("THE_KEY"), "{environment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_to_a_service_of_a_configuration_for_a_tenant_that_only_it_knows() {
    let client = RegisteredClient::public("native").redirect_uri("http://127.0.0.1/callback");
    let (home, server) = (Home::new(), server_with(client).await);
    let facts = server.authorization_server().unwrap();
    let service = format!(
        r#""calendar": {{ "flow": "authorization_code", "tokenUrl": "{}", "authorizationUrl": "{}", "issuer": "{}",
             "clientId": "native", "redirectUri": "http://127.0.0.1/callback", "scopes": ["calendar.read"] }}"#,
        server.token_endpoint(),
        facts.authorization_endpoint().unwrap(),
        server.issuer(),
    );
    write(&home, &format!(r#"{{ "tenants": {{ "acme": {{ "services": {{ {service} }} }} }} }}"#));
    home.run(&["vault", "init"]).await.ends(0);
    for arguments in [["auth", "list"].as_slice(), &["doctor", "--offline"]] {
        let ran =
            home.run(&[arguments, &["--tenant", "acme", "--config", "grantry.json"]].concat()).await.ends(0);
        assert!(ran.stdout.contains("calendar"), "{}", ran.stdout);
    }
    let of = ["--service", "calendar", "--tenant", "acme", "--config", "grantry.json"];
    let mut login = Login::start(&home, &[of.as_slice(), &["--no-browser"]].concat());
    follow(&login.url().await).await;
    login.end().await.ends(0);
    home.run(&[&["auth", "token"], of.as_slice()].concat()).await.ends(0);
    let all = ["auth", "list", "--all-tenants", "--config", "grantry.json"];
    assert!(home.run(&all).await.ends(0).stdout.contains("acme"));
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    home.run(&["auth", "token", "--service", "calendar", "--config", "grantry.json"]).await.ends(3);
}
