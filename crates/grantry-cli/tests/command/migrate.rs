//! From one vault into another.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{GrantRecord, GrantState, LocalKey, SealedVault, TenantVault, VaultKeys};
use grantry::{Clock, Scope, SqliteVault, SystemClock};
use grantry_testkit::{Endpoint, RegisteredClient, SeededGrant, TestServer};

use crate::fixture::{Home, NEW_SECRET, SECRET, server_with};

/// A vault, opened by the library.
async fn open(folder: &Path) -> (SealedVault, TenantVault) {
    let me = Principal::person("ana").unwrap();
    let keys = VaultKeys::rotating(LocalKey::from_file(folder.join("grantry.key")).unwrap());
    let store = SqliteVault::open(folder.join("grantry.db")).await.unwrap();
    let vault = SealedVault::builder(store, keys, AccessPolicy::sole(&me)).open().await.unwrap();
    let tenant = vault.as_principal(me).tenant("default").unwrap();
    (vault, tenant)
}

/// How each account's grant is: its state and how many renewals lie behind it.
async fn states(folder: &Path) -> Vec<(String, GrantState)> {
    if !folder.join("grantry.db").exists() {
        return Vec::new();
    }
    let (vault, tenant) = open(folder).await;
    let grants = tenant.grants(None, 1000).await.unwrap_or_default();
    let states = grants.iter().map(|grant| (grant.value.key.account().to_owned(), grant.value.state));
    let states = states.collect();
    vault.close().await.unwrap();
    states
}

/// The vault of `ana`, with a registration of an interactive service and so many consents to it.
async fn home_with(server: &TestServer, consents: usize) -> Home {
    let home = Home::new();
    let facts = server.authorization_server().unwrap();
    let (token, authorize) = (server.token_endpoint(), facts.authorization_endpoint().unwrap().to_string());
    let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
    let more = ["--token-url", &token, "--authorization-url", &authorize, "--scope", "contacts.read"];
    home.run_with_stdin(&[flags.as_slice(), &more].concat(), SECRET).await.ends(0);
    let (vault, tenant) = open(&home.vault()).await;
    for number in 0..consents {
        let refresh_token =
            server.seed_grant(SeededGrant::new("billing", Scope::parse("contacts.read").unwrap()));
        let wall = SystemClock::new().wall();
        let record = GrantRecord::new(wall).with_refresh_token(refresh_token, wall);
        tenant.create_grant("crm", format!("user-{number}"), record).await.unwrap();
    }
    vault.close().await.unwrap();
    home
}

async fn server() -> TestServer {
    server_with(RegisteredClient::with_secret("billing", SECRET)).await
}

fn new_folder(home: &Home) -> PathBuf {
    home.folder.path().join("new")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_under_new_keys_and_the_old_vault_renews_nothing_any_more() {
    let server = server().await;
    let home = home_with(&server, 3).await;
    let token = ["auth", "token", "--service", "crm", "--account", "user-1"];
    home.run(&token).await.ends(0);
    let of_new = |arguments: &[&'static str]| [arguments, &["--vault", "new"]].concat();
    let dry = home.run(&["vault", "migrate", "--to", "new", "--dry-run", "--json"]).await.ends(0).json();
    assert_eq!((dry["moved"].as_u64(), dry["dry_run"].as_bool()), (Some(3), Some(true)));
    assert!(!new_folder(&home).exists());

    let json = home.run(&["vault", "migrate", "--to", "new", "--json"]).await.ends(0).json();
    assert_eq!((json["moved"].as_u64(), json["registrations"].as_u64()), (Some(3), Some(1)));
    let moved = home.run(&token).await.ends(3);
    assert!(moved.stderr.contains("moved to another vault"), "{}", moved.stderr);
    let status = home.run(&["auth", "status", "--json"]).await.ends(0).json();
    assert!(status["grants"].as_array().unwrap().iter().all(|grant| grant["state"] == "moved"), "{status}");

    let before = server.ledger().count(Endpoint::Token);
    home.run(&of_new(&token)).await.ends(0);
    assert_eq!(server.ledger().count(Endpoint::Token), before, "its access token came along");
    home.run(&of_new(&["auth", "refresh", "--service", "crm", "--account", "user-1"])).await.ends(0);
    home.run(&of_new(&["auth", "token", "--service", "crm", "--account", "user-2"])).await.ends(0);
    for folder in [home.vault(), new_folder(&home)] {
        let trail = ["audit", "show", "--json", "--vault", folder.to_str().unwrap()];
        let shown = home.run(&trail).await.ends(0);
        assert!(shown.stdout.contains("token.read_refresh") && !shown.stdout.contains(SECRET));
        home.run(&["audit", "verify", "--vault", folder.to_str().unwrap()]).await.ends(0);
    }
    // Once more there is nothing to do; and what was moved can be moved back.
    let again = home.run(&["vault", "migrate", "--to", "new", "--json"]).await.ends(0).json();
    assert_eq!((again["moved"].as_u64(), again["there_already"].as_u64()), (Some(0), Some(4)));
    let old = home.vault();
    let back = ["vault", "migrate", "--from", "new", "--to", old.to_str().unwrap(), "--json"];
    assert_eq!(home.run(&back).await.ends(0).json()["moved"], 3);
    home.run(&["auth", "refresh", "--service", "crm", "--account", "user-1"]).await.ends(0);
    home.run(&of_new(&token)).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told_before_anything_is_changed() {
    let server = server().await;
    let home = home_with(&server, 2).await;
    let old = home.vault();
    home.run(&["vault", "migrate", "--to", old.to_str().unwrap()]).await.ends(2);
    home.run(&["vault", "migrate", "--from", "nowhere", "--to", "new"]).await.ends(6);
    // A configuration that is not there is no folder with a new vault.
    let absent = home.run(&["vault", "migrate", "--to", "absent.json"]).await.ends(2);
    assert!(absent.stderr.contains("there is no configuration absent.json"), "{}", absent.stderr);
    assert!(!home.folder.path().join("absent.json").exists());
    let other = [
        "auth",
        "set",
        "--service",
        "crm",
        "--client-id",
        "other",
        "--client-secret-stdin",
        "--vault",
        "new",
    ];
    home.run_with_stdin(&other, NEW_SECRET).await.ends(0);
    let refused = home.run(&["vault", "migrate", "--to", "new"]).await.ends(6);
    assert!(refused.stderr.contains("registration crm of default is another one"), "{}", refused.stderr);
    assert!(states(&old).await.iter().all(|(_, state)| *state == GrantState::Active));
    home.run(&["auth", "remove", "--service", "crm", "--vault", "new", "--local-only"]).await.ends(0);
    home.run(&["vault", "migrate", "--to", "new"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_of_the_configurations_that_are_moved_between_are_counted() {
    let home = Home::new();
    for (file, folder, secret) in [("old.json", "old", "literal"), ("new.json", "new", "${file:secret.txt}")]
    {
        let text = format!(
            r#"{{ "vault": {{ "type": "sqlite", "path": "{folder}/store.db" }},
                  "auth": {{ "clientId": "billing", "clientSecret": "{secret}", "tokenUrl": "https://as.example.com/token" }} }}"#
        );
        std::fs::write(home.folder.path().join(file), text).unwrap();
    }
    let secret = home.folder.path().join("secret.txt");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    home.run(&["vault", "init", "--vault", "old"]).await.ends(0);
    std::fs::rename(home.folder.path().join("old/grantry.db"), home.folder.path().join("old/store.db"))
        .unwrap();
    let migrate = ["vault", "migrate", "--from", "old.json", "--to", "new.json"];
    let told = "1 warning in old.json: see grantry config check old.json";
    let ran = home.run(&migrate).await.ends(0);
    assert_eq!(
        ran.stderr.lines().filter(|line| line.contains("warning")).collect::<Vec<_>>(),
        [format!("warning: {told}")]
    );
    // Once, also of a file that is named twice.
    let again = home.run(&[&migrate[..], &["--config", "./old.json"]].concat()).await.ends(0);
    assert_eq!(again.stderr.matches("see grantry config check").count(), 1, "{}", again.stderr);
    let back =
        home.run(&["vault", "migrate", "--from", "new.json", "--to", "old.json", "--json"]).await.ends(0);
    let event: serde_json::Value = serde_json::from_str(back.stderr.lines().next().unwrap()).unwrap();
    assert_eq!((&event["event"], &event["message"]), (&"warning".into(), &told.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_anywhere_is_gone_on_with_and_no_grant_lives_twice_or_nowhere() {
    const CONSENTS: usize = 60;
    let server = server().await;
    let home = home_with(&server, CONSENTS).await;
    let (old, new) = (home.vault(), new_folder(&home));
    for delay in [60, 150, 250, 350, 500] {
        let mut child = home.command(&["vault", "migrate", "--to", "new"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        let (left, arrived) = (states(&old).await, states(&new).await);
        assert_eq!(left.len(), CONSENTS, "nothing is deleted");
        for (account, state) in left {
            let lives_there = arrived.iter().any(|(other, _)| *other == account);
            assert!(state == GrantState::Moved || !lives_there, "{account} lives twice");
        }
    }
    home.run(&["vault", "migrate", "--to", "new"]).await.ends(0);
    assert!(states(&old).await.iter().all(|(_, state)| *state == GrantState::Moved));
    let arrived = states(&new).await;
    assert!(arrived.len() == CONSENTS && arrived.iter().all(|(_, state)| *state == GrantState::Active));
    for account in ["user-0", "user-31", "user-59"] {
        home.run(&["auth", "token", "--service", "crm", "--account", account, "--vault", "new"])
            .await
            .ends(0);
    }
    assert_eq!(server.ledger().count(Endpoint::Token), 3);
}
