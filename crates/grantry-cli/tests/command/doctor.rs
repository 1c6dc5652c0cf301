//! What `doctor` finds.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use grantry_testkit::{RegisteredClient, ScopePolicy, TestServer};
use serde_json::Value;

use crate::fixture::{Home, SECRET, server};

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The findings of one kind, as severity and text.
fn of(document: &Value, check: &str) -> Vec<(String, String)> {
    let all = document["findings"].as_array().unwrap().iter();
    let of = all.filter(|finding| finding["check"] == check);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    of.map(|finding| {
        (text(finding, "severity"), format!("{} {}", text(finding, "where"), text(finding, "what")))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_is_well_draws_notes_at_most_and_works_without_anything() {
    let (home, server) = (Home::new(), server().await);
    let empty = home.run(&["doctor", "--offline"]).await.ends(0);
    assert!(empty.stdout.contains("there is no vault yet") && empty.stderr.contains("0 broken"), "{empty:?}");
    home.set(&server).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    for arguments in [["doctor"].as_slice(), &["doctor", "--offline"]] {
        let ran = home.run(&[arguments, &["--json"]].concat()).await.ends(0);
        let json = ran.json();
        assert_eq!((json["broken"].as_u64(), json["warnings"].as_u64()), (Some(0), Some(0)), "{json}");
        assert!(!ran.stdout.contains(token.stdout.trim()));
    }
    let shown = home.run(&["doctor"]).await.ends(0);
    assert!(shown.stdout.contains("-> keep it elsewhere with --key-file"), "{}", shown.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_others_can_read_and_a_key_that_is_gone_are_broken() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let key = home.vault().join("grantry.key");
    mode(&key, 0o644);
    mode(&home.vault().join("grantry.db"), 0o640);
    let json = home.run(&["doctor", "--offline", "--json"]).await.ends(1).json();
    let found = of(&json, "permissions");
    assert!(
        found.iter().any(|(severity, what)| severity == "broken" && what.contains("grantry.key")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|(severity, what)| severity == "warning" && what.contains("grantry.db")),
        "{found:?}"
    );
    let shown = home.run(&["doctor", "--offline"]).await.ends(1);
    assert!(shown.stdout.contains(&format!("-> chmod 600 {}", key.display())), "{}", shown.stdout);
    std::fs::remove_file(&key).unwrap();
    let json = home.run(&["doctor", "--offline", "--json"]).await.ends(1).json();
    assert!(of(&json, "vault").iter().any(|(severity, _)| severity == "broken"), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_configuration_should_not_do_is_told_with_its_place() {
    let home = Home::new();
    let path = home.folder.path().join("grantry.json");
    let text = format!(
        r#"{{ "services": {{
  "one": {{ "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "same",
            "clientSecret": "{SECRET}", "refreshToken": {{ "enabled": false }} }},
  "two": {{ "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "same" }},
  "web": {{ "flow": "authorization_code", "tokenUrl": "https://as.example.com/token",
            "authorizationUrl": "https://as.example.com/authorize", "clientId": "web",
            "redirectUri": "http://localhost/callback" }}
}} }}"#
    );
    std::fs::write(&path, &text).unwrap();
    mode(&path, 0o600);
    let config = ["doctor", "--offline", "--config", "grantry.json"];
    let json = home.run(&[config.as_slice(), &["--json"]].concat()).await.ends(0).json();
    assert!(
        of(&json, "configuration").iter().any(|(severity, what)| {
            severity == "warning"
                && what.starts_with("grantry.json:3:")
                && what.contains("stands in the configuration")
        }),
        "{json}"
    );
    assert_eq!(of(&json, "renewal").len(), 1);
    assert!(of(&json, "shared_client")[0].1.starts_with("one, two they share the client same"), "{json}");
    assert_eq!(of(&json, "redirect_uri")[0].0, "note");
    home.run(&config).await.ends(0);

    std::fs::write(&path, r#"{"auth": {"tokenURL": "https://as.example.com/t", "pkce": 7}}"#).unwrap();
    let json = home.run(&[config.as_slice(), &["--json"]].concat()).await.ends(1).json();
    let mistakes = of(&json, "configuration");
    assert_eq!(mistakes.iter().filter(|(severity, _)| severity == "broken").count(), 2, "{mistakes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_live_long_and_scopes_that_are_not_granted_are_found_and_a_server_that_is_gone() {
    let home = Home::new();
    let client = RegisteredClient::with_secret("billing", SECRET);
    let server = TestServer::builder()
        .client(client)
        .token_lifetime(Duration::from_secs(3 * 86_400))
        .scope_policy(ScopePolicy::Narrowed(grantry::Scope::parse("contacts.read").unwrap()))
        .start()
        .await
        .unwrap();
    home.set(&server).await.ends(0);
    let wider = ["auth", "set", "--service", "crm", "--scope", "contacts.read contacts.write"];
    home.run(
        &[wider.as_slice(), &["--issuer", &server.issuer(), "--token-url", &server.token_endpoint()]]
            .concat(),
    )
    .await
    .ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let json = home.run(&["doctor", "--json"]).await.ends(0).json();
    assert!(of(&json, "lifetime")[0].1.contains("live for 3 days"), "{json}");
    assert!(of(&json, "scope")[0].1.contains("never granted: contacts.write"), "{json}");
    assert!(of(&json, "server").is_empty() && of(&json, "clock").is_empty(), "{json}");
    assert!(of(&json, "metadata").is_empty(), "{json}");
    // The metadata says otherwise.
    let other = format!("{}/elsewhere", server.issuer());
    home.run(&["auth", "set", "--service", "crm", "--revocation-url", &other]).await.ends(0);
    let json = home.run(&["doctor", "--json"]).await.ends(0).json();
    assert!(of(&json, "metadata")[0].1.contains("revocation endpoint is another one"), "{json}");
    server.shutdown().await;
    let json = home.run(&["doctor", "--json"]).await.ends(1).json();
    assert_eq!(of(&json, "server")[0].0, "broken", "{json}");
    home.run(&["doctor", "--offline"]).await.ends(0);
}
