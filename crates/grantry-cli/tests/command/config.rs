//! `config check` and `config schema`, `providers show`.

use crate::fixture::{Home, SECRET};

fn write(home: &Home, name: &str, text: &str) {
    std::fs::write(home.folder.path().join(name), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_checked_and_what_was_chosen_and_is_missing_is_said() {
    let home = Home::new();
    write(
        &home,
        "grantry.json",
        r#"{
  "auth": {
    "type": "oauth2",
    "provider": "microsoft",
    "tenantId": "contoso.onmicrosoft.com",
    "clientId": "billing",  // registered in May
    "scopes": ["https://graph.microsoft.com/.default"],
  }
}"#,
    );
    let ran = home.run(&["config", "check", "grantry.json"]).await.ends(0);
    assert!(ran.stdout.contains("client_credentials"), "{}", ran.stdout);
    assert!(ran.stdout.contains("login.microsoftonline.com/contoso.onmicrosoft.com"), "{}", ran.stdout);
    assert!(ran.stdout.contains("clientSecret"), "{}", ran.stdout);
    assert!(ran.stderr.contains("grantry.json:"), "{}", ran.stderr);
    let ran = home.run(&["config", "check", "--complete", "grantry.json"]).await.ends(2);
    assert!(ran.stderr.contains("clientSecret"), "{}", ran.stderr);
    assert!(!home.vault().exists(), "no vault is needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_told_with_its_place_and_no_secret() {
    let home = Home::new();
    let text = format!(
        r#"{{"auth": {{"tokenURL": "https://as.example.com/t", "clientSecret": "{SECRET}", "pkce": 7}}}}"#
    );
    write(&home, "wrong.json", &text);
    let ran = home.run(&["config", "check", "wrong.json"]).await.ends(2);
    assert!(ran.stderr.contains("wrong.json:1:11") && ran.stderr.contains("tokenUrl"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 mistakes"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET));
    let ran = home.run(&["config", "check", "wrong.json", "--json"]).await.ends(2);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["version"], document["errors"].as_array().unwrap().len()), (&1.into(), 2));
    assert_eq!(
        (&document["errors"][0]["line"], &document["errors"][0]["nearest"]),
        (&1.into(), &"tokenUrl".into())
    );
    assert!(!ran.stdout.contains(SECRET));
    let ran = home.run(&["config", "check", "not-there.json"]).await.ends(2);
    assert_eq!(ran.stderr.matches("mistake").count(), 1, "how many there are is said once: {}", ran.stderr);
    write(&home, "nothing.json", "{}");
    let ran = home.run(&["config", "check", "nothing.json"]).await.ends(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "it describes no service\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_are_checked_together_and_the_schema_is_printed() {
    let home = Home::new();
    write(
        &home,
        "base.json",
        r#"{"auth": {"tokenUrl": "https://as.example.com/t", "flow": "client_credentials"}}"#,
    );
    write(&home, "more.json", r#"{"auth": {"clientId": "billing", "clientSecret": "${BILLING_SECRET}"}}"#);
    let unset = home.run(&["config", "check", "base.json", "more.json"]).await.ends(2);
    assert!(unset.stderr.contains("BILLING_SECRET"), "{}", unset.stderr);
    let mut command = home.command(&["config", "check", "--complete", "base.json", "more.json"]);
    let output = command.env("BILLING_SECRET", SECRET).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let schema = home.run(&["config", "schema"]).await.ends(0);
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    assert!(schema["$schema"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_refresh_tokens_is_said_of_every_provider_in_words() {
    let home = Home::new();
    let list = home.run(&["providers", "list", "--json"]).await.ends(0).json();
    for provider in list["providers"].as_array().unwrap() {
        let name = provider["name"].as_str().unwrap();
        let shown = home.run(&["providers", "show", name]).await.ends(0).stdout;
        let line = shown.lines().find_map(|line| line.trim().strip_prefix("refresh tokens ")).unwrap();
        let words = ["none", "stay as they are", "rotate, and the old one "];
        assert!(words.iter().any(|words| line.trim().starts_with(words)), "{name}: {line}");
    }
}
