//! The vault and its audit trail.

use crate::fixture::{Home, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_made_once_where_it_is_wanted() {
    let home = Home::new();
    let made = home.run(&["vault", "init", "--json"]).await.ends(0).json();
    assert_eq!(made["created"], true);
    let again = home.run(&["vault", "init", "--json"]).await.ends(0).json();
    assert_eq!(again["created"], false);
    let other = home.folder.path().join("other");
    let key = home.folder.path().join("keys/other.key");
    let flags = ["--vault", other.to_str().unwrap(), "--key-file", key.to_str().unwrap()];
    home.run(&[flags.as_slice(), &["vault", "init"]].concat()).await.ends(0);
    assert!(other.join("grantry.db").exists() && key.exists() && !other.join("grantry.key").exists());
    let output = home
        .command(&["vault", "status"])
        .env("GRANTRY_VAULT", &other)
        .env("GRANTRY_KEY_FILE", &key)
        .output()
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("other.key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_of_another_vault_opens_nothing_and_changes_nothing() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let folder = home.folder.path();
    let (other, key) = (folder.join("other"), folder.join("other.key"));
    let flags = ["--vault", other.to_str().unwrap(), "--key-file", key.to_str().unwrap()];
    home.run(&[flags.as_slice(), &["vault", "init"]].concat()).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout;
    let (own, foreign) =
        (std::fs::read(home.vault().join("grantry.key")).unwrap(), std::fs::read(&key).unwrap());
    for what in [&["auth", "token", "--service", "crm"][..], &["vault", "rotate-keys"], &["vault", "init"]] {
        let refused = home.run(&[&["--key-file", key.to_str().unwrap()], what].concat()).await.ends(6);
        assert!(refused.stdout.is_empty(), "{}", refused.stdout);
        // Which key it is, and what to do.
        assert!(refused.stderr.contains("local/1/"), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("open the vault with the keys that it was made with"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(std::fs::read(home.vault().join("grantry.key")).unwrap(), own);
    assert_eq!(std::fs::read(&key).unwrap(), foreign);
    assert_eq!(home.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_everything_still_opens() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let rotated = home.run(&["vault", "rotate-keys", "--json"]).await.ends(0).json();
    assert!(rotated["new_epochs"].as_u64().unwrap() >= 2, "{rotated}");
    assert!(rotated["records_resealed"].as_u64().unwrap() >= 2, "{rotated}");
    assert_eq!(home.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout, token.stdout);
    let due = home.run(&["vault", "rotate-keys", "--due", "--json"]).await.ends(0).json();
    assert_eq!(due["new_epochs"], 0);
    let status = home.run(&["vault", "status", "--json"]).await.ends(0).json();
    assert_eq!(status["tenants"], serde_json::json!(["default"]));
    assert!(status["keys"].as_array().unwrap().iter().all(|key| key["state"] == "fresh"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_become_as_old_as_the_configuration_says() {
    let home = Home::new();
    home.run(&["vault", "init"]).await.ends(0);
    let usual = home.run(&["vault", "status", "--json"]).await.ends(0).json();
    assert_eq!(usual["due_soon_after_days"], 85);
    let text = r#"{ "keys": { "type": "file", "path": ".local/share/grantry/grantry.key", "rotation": { "every": 30, "warnBefore": 10 } } }"#;
    std::fs::write(home.folder.path().join("grantry.json"), text).unwrap();
    let with = |arguments: &[&'static str]| [&["--config", "grantry.json"], arguments].concat();
    let status = home.run(&with(&["vault", "status", "--json"])).await.ends(0).json();
    assert_eq!(status["due_soon_after_days"], 20, "{status}");
    home.run(&with(&["vault", "rotate-keys", "--due"])).await.ends(0);
    home.run(&with(&["doctor", "--offline"])).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_erased_only_when_that_is_said_and_then_for_good() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let asked = home.run(&["vault", "shred-tenant", "default"]).await.ends(2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    home.run(&["vault", "shred-tenant", "acme", "--yes"]).await.ends(3);
    home.run(&["vault", "shred-tenant", "default", "--yes"]).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(3);
    home.set(&server).await.ends(3);
    let list = home.run(&["auth", "list", "--json"]).await.ends(0).json();
    assert_eq!(list["services"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_names_who_did_what_and_betrays_nothing() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let shown = home.run(&["audit", "show"]).await.ends(0);
    assert!(shown.stdout.contains("person:ana") && shown.stdout.contains("client.write"), "{}", shown.stdout);
    assert!(!shown.stdout.contains(token.stdout.trim()));
    let json = home.run(&["audit", "show", "--json", "--last", "2"]).await.ends(0).json();
    assert_eq!(json["entries"].as_array().unwrap().len(), 2);
    let of_crm = home.run(&["audit", "show", "--json", "--service", "crm"]).await.ends(0).json();
    let entries = of_crm["entries"].as_array().unwrap();
    assert!(!entries.is_empty() && entries.iter().all(|e| e["object"].as_str().unwrap().contains("/crm")));
    assert!(entries.iter().any(|entry| entry["outcome"] == "ok"), "{of_crm}");
    // Each run of the command wrote a chain of its own.
    let times: Vec<&str> = entries.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(entries[0]["action"], "client.read_secret", "what was done first is shown first");
    let verified = home.run(&["audit", "verify", "--json"]).await.ends(0).json();
    assert_eq!(verified["intact"], true);
}

#[cfg(not(feature = "keychain"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_the_keychain_says_so_and_makes_nothing() {
    let home = Home::new();
    let refused = home.run(&["vault", "init", "--keychain"]).await.ends(2);
    assert!(refused.stderr.contains("feature `keychain` of grantry-cli"), "{}", refused.stderr);
    assert!(!home.vault().join("grantry.db").exists() && !home.vault().join("grantry.keychain").exists());
    std::fs::write(home.vault().join("grantry.keychain"), "grantry keychain 1\nentry vault-1\n").unwrap();
    let refused = home.run(&["vault", "init"]).await.ends(2);
    assert!(refused.stderr.contains("feature `keychain` of grantry-cli"), "{}", refused.stderr);
}

#[cfg(not(any(
    feature = "postgres",
    feature = "redis",
    feature = "pkcs11",
    feature = "aws-kms",
    feature = "transit"
)))]
#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_a_store_or_a_key_service_names_the_feature_that_has_it() {
    const FILE: &str = r#""type": "file", "path": "vault.key""#;
    const SQLITE: &str = r#""type": "sqlite", "path": "vault.db""#;
    let home = Home::new();
    for (vault, keys, feature) in [
        (r#""type": "postgres", "url": "postgres://127.0.0.1:1/x""#, FILE, "postgres"),
        (r#""type": "redis", "url": "redis://127.0.0.1:1""#, FILE, "redis"),
        (SQLITE, r#""type": "pkcs11", "module": "/no/such.so", "slot": 1, "pin": "1234""#, "pkcs11"),
        (SQLITE, r#""type": "aws-kms", "region": "eu-central-1", "key": "alias/k""#, "aws-kms"),
        (
            SQLITE,
            r#""type": "transit", "address": "https://127.0.0.1:1", "key": "k", "token": "t""#,
            "transit",
        ),
    ] {
        let text = format!(r#"{{ "vault": {{ {vault} }}, "keys": {{ {keys} }} }}"#);
        std::fs::write(home.folder.path().join("c.json"), text).unwrap();
        let refused = home.run(&["vault", "init", "--config", "c.json"]).await.ends(2);
        assert!(refused.stderr.contains(&format!("`{feature}`")), "{feature}: {}", refused.stderr);
        assert!(refused.stderr.contains("of grantry-cli"), "{feature}: {}", refused.stderr);
    }
    assert!(!home.folder.path().join("vault.db").exists(), "no store is made for keys that cannot be had");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_named_is_for_the_vault_that_it_is_about() {
    let home = Home::new();
    let place = ["--vault", "my vault", "--key-file", "keys/grantry.key"];
    let none = home.run(&[&["auth", "list"], &place[..2]].concat()).await.ends(6);
    assert!(none.stderr.contains("run: grantry vault init --vault 'my vault'\n"), "{}", none.stderr);
    // A configuration says where it is in words of its own.
    let vault = r#"{ "vault": { "type": "sqlite", "path": "own/store.db" }, "keys": { "type": "file", "path": "own/key" } }"#;
    std::fs::write(home.folder.path().join("grantry.json"), vault).unwrap();
    let from_file = ["--config", "grantry.json"];
    let none = home.run(&[&["auth", "list"], &from_file[..]].concat()).await.ends(6);
    assert!(none.stderr.contains("run: grantry vault init --config grantry.json\n"), "{}", none.stderr);
    home.run(&[&["vault", "init"], &from_file[..]].concat()).await.ends(0);
    home.run(&[&["auth", "list"], &from_file[..]].concat()).await.ends(0);
    let url = "https://as.example.com/token";
    let set = ["auth", "set", "--service", "mail", "--client-id", "app", "--public", "--token-url", url];
    let asks = ["--authorization-url", url];
    let told = home.run(&[&set[..], &asks, &place].concat()).await.ends(0).stderr;
    let flags = "--vault 'my vault' --key-file keys/grantry.key";
    assert!(told.contains(&format!("grantry auth set --service mail {flags} --flow")), "{told}");
    let lacking = home.run(&[&["auth", "token", "--service", "mail"], &place[..]].concat()).await.ends(4);
    assert!(
        lacking.stderr.contains(&format!("grantry auth login --service mail {flags}\n")),
        "{}",
        lacking.stderr
    );
    // What the environment says is there for that command, too.
    let mut command = home.command(&["auth", "token", "--service", "mail"]);
    command.env("GRANTRY_VAULT", "my vault").env("GRANTRY_KEY_FILE", "keys/grantry.key");
    let lacking = crate::fixture::ran(command.output()).await.ends(4);
    assert!(lacking.stderr.contains("grantry auth login --service mail\n"), "{}", lacking.stderr);
}
