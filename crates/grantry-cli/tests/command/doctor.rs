//! What `doctor` finds.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use grantry::config::{Config, Source, SystemSurroundings};
use grantry::pantry::Grantry;
use grantry::vault::LocalKey;
use grantry::vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry::{Clock, SystemClock, TokenSource};
use grantry_testkit::{Endpoint, Fault, ManualClock, RegisteredClient, ScopePolicy, TestServer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::browser::{Login, follow};
use crate::fixture::{Home, Ran, SECRET, server, server_with};

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The findings of one kind, as severity and text. Whatever was found is in the form that the manual describes.
fn of(document: &Value, check: &str) -> Vec<(String, String)> {
    let manual = include_str!("../../../../docs/command.md");
    let row = |check: &str| format!("| `{check}` |");
    assert!(manual.contains(&row(check)), "{check}");
    let mut counts = [0_u64; 3];
    for finding in document["findings"].as_array().unwrap() {
        let fields: Vec<&str> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["check", "remedy", "severity", "what", "where"], "{finding}");
        assert!(
            fields.iter().all(|field| finding[*field].as_str().is_some_and(|text| !text.is_empty())),
            "{finding}"
        );
        assert!(manual.contains(&row(finding["check"].as_str().unwrap())), "{finding}");
        let place =
            ["broken", "warning", "note"].iter().position(|severity| finding["severity"] == *severity);
        counts[place.unwrap()] += 1;
    }
    assert_eq!(document["version"], 1);
    for (name, count) in ["broken", "warnings", "notes"].into_iter().zip(counts) {
        assert_eq!(document[name].as_u64(), Some(count), "{name}");
    }
    let all = document["findings"].as_array().unwrap().iter();
    let of = all.filter(|finding| finding["check"] == check);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    of.map(|finding| {
        (text(finding, "severity"), format!("{} {}", text(finding, "where"), text(finding, "what")))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_public_in_the_vault_lacks_no_secret_in_a_configuration_unless_it_acts_for_itself() {
    let home = Home::new();
    home.run(&["auth", "set", "--service", "crm", "--client-id", "native", "--public"]).await.ends(0);
    for (flow, lacks) in [("authorization_code", false), ("client_credentials", true)] {
        let text = format!(
            r#"{{ "services": {{ "crm": {{ "flow": "{flow}", "tokenUrl": "https://as.example.com/token" }} }} }}"#
        );
        std::fs::write(home.folder.path().join("grantry.json"), text).unwrap();
        let told = home.run(&["doctor", "--offline", "--config", "grantry.json"]).await.ends(0).stdout;
        let still = told.split("still lacks").nth(1).unwrap_or_default();
        assert_eq!(still.contains("clientSecret"), lacks, "{flow}: {told}");
    }
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
            "clientSecret": "{SECRET}", "refreshToken": {{ "enabled": false, "fallbackBehavior": "use-expired" }} }},
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
    let renewal = of(&json, "renewal");
    assert!(
        renewal[0].1.contains("are not renewed") && renewal[1].1.contains("beyond their expiry"),
        "{json}"
    );
    assert_eq!(renewal.len(), 2);
    assert!(of(&json, "shared_client")[0].1.starts_with("one, two they share the client same"), "{json}");
    assert_eq!(of(&json, "redirect_uri")[0].0, "note");
    home.run(&config).await.ends(0);

    // Its flow alone is missing.
    std::fs::write(&path, r#"{"auth": {"tokenUrl": "https://as.example.com/t", "clientId": "x"}}"#).unwrap();
    let found =
        of(&home.run(&[config.as_slice(), &["--json"]].concat()).await.ends(0).json(), "configuration");
    assert!(found.iter().any(|(_, what)| what.contains("still lacks flow")), "{found:?}");
    assert!(!found.iter().any(|(_, what)| what.contains("where its tokens come from")), "{found:?}");

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

fn configure(home: &Home, text: &str) {
    let path = home.folder.path().join("grantry.json");
    std::fs::write(&path, text).unwrap();
    mode(&path, 0o600);
}

async fn doctor(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["doctor", "--json", "--config", "grantry.json"], arguments].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_issuer_alone_is_known_is_looked_at_like_any_other() {
    let (mut home, server) = (Home::new(), server().await);
    home.variables.push(("CRM_SECRET", SECRET.to_owned()));
    let service = |name: &str, client: &str| {
        format!(
            r#""{name}": {{ "flow": "client_credentials", "issuer": "{}", "clientId": "{client}",
                 "clientSecret": "${{CRM_SECRET}}", "scopes": ["contacts.read"] }}"#,
            server.issuer()
        )
    };
    configure(&home, &format!(r#"{{ "services": {{ {} }} }}"#, service("crm", "billing")));
    home.run(&["vault", "init"]).await.ends(0);
    home.run(&["auth", "token", "--service", "crm", "--config", "grantry.json"]).await.ends(0);
    let json = doctor(&home, &[]).await.ends(0).json();
    for check in ["server", "clock", "metadata", "shared_client", "grants", "configuration", "idle", "unused"]
    {
        assert!(of(&json, check).is_empty(), "{check}: {json}");
    }
    let two = [service("crm", "billing"), service("erp", "billing")].join(", ");
    configure(&home, &format!(r#"{{ "services": {{ {two} }} }}"#));
    for arguments in [[].as_slice(), &["--offline"]] {
        let json = doctor(&home, arguments).await.ends(0).json();
        let shared = of(&json, "shared_client");
        assert_eq!(shared[0].0, "warning");
        assert!(shared[0].1.starts_with("crm, erp they share the client billing"), "{json}");
    }
    server.shutdown().await;
    let json = doctor(&home, &[]).await.ends(1).json();
    assert!(
        of(&json, "server")
            .iter()
            .any(|(severity, what)| severity == "broken" && what.contains("the issuer")),
        "{json}"
    );
    // What is kept is looked at all the same.
    let json = doctor(&home, &["--offline"]).await.ends(0).json();
    assert!(of(&json, "grants").is_empty() && of(&json, "server").is_empty(), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pkce_that_is_said_to_be_off_is_found_where_it_is_and_where_it_is_not() {
    let home = Home::new();
    let service = |provider: &str, pkce: &str| {
        format!(
            r#"{{ "services": {{ "posts": {{ "flow": "authorization_code", {provider} "clientId": "web",
                 "clientSecret": "${{file:secret}}", "redirectUri": "https://app.example.com/callback"{pkce} }} }} }}"#
        )
    };
    let secret = home.folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    mode(&secret, 0o600);
    let own = r#""tokenUrl": "https://as.example.com/token", "authorizationUrl": "https://as.example.com/authorize","#;
    let linkedin = r#""provider": "linkedin","#;
    let off = r#", "pkce": false"#;
    for (provider, pkce, expected) in [
        (own, off, Some(("not followed: PKCE stays on", "expected: true, or the key left out"))),
        (
            linkedin,
            off,
            Some((
                "PKCE is off, as this provider needs it",
                "expected: true, as soon as the provider takes it",
            )),
        ),
        (
            linkedin,
            "",
            Some(("refuse codes that are redeemed with PKCE", "in its configuration: \"pkce\": false")),
        ),
        (own, "", None),
        (own, r#", "pkce": true"#, None),
    ] {
        configure(&home, &service(provider, pkce));
        let json = doctor(&home, &["--offline"]).await.ends(0).json();
        let found = of(&json, "pkce");
        assert_eq!(found.len(), usize::from(expected.is_some()), "{json}");
        for (severity, what) in &found {
            let (fact, remedy) = expected.unwrap();
            assert!(severity == "warning" && what.contains(fact), "{json}");
            let all = json["findings"].as_array().unwrap();
            let found = all.iter().find(|finding| finding["check"] == "pkce").unwrap();
            assert_eq!(found["remedy"], remedy, "one remedy does not ask for what another forbids");
        }
        assert!(of(&json, "configuration").is_empty(), "{json}");
    }
    // And in the vault.
    let set = ["auth", "set", "--service", "posts", "--provider", "linkedin", "--client-id", "web"];
    let set =
        [set.as_slice(), &["--client-secret-stdin", "--redirect-uri", "https://app.example.com/callback"]];
    home.run_with_stdin(&set.concat(), SECRET).await.ends(0);
    let offline = ["doctor", "--offline", "--json"];
    let json = home.run(&offline).await.ends(0).json();
    assert!(of(&json, "pkce")[0].1.contains("refuse codes"), "{json}");
    home.run(&["auth", "set", "--service", "posts", "--no-pkce"]).await.ends(0);
    let json = home.run(&offline).await.ends(0).json();
    assert!(of(&json, "pkce")[0].1.contains("PKCE is off"), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_say_who_can_read_and_who_can_write() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    configure(&home, "{}");
    let found = async |arguments: &[&str]| {
        let json = doctor(&home, &[&["--offline"], arguments].concat()).await.json();
        [of(&json, "permissions"), of(&json, "configuration")].concat()
    };
    assert_eq!(found(&[]).await, []);
    let config = home.folder.path().join("grantry.json");
    for (path, bits, well, severity, what) in [
        (home.vault(), 0o775, 0o700, "warning", "can put other files there"),
        (home.vault(), 0o755, 0o700, "note", "can get at it"),
        (home.vault().join("grantry.db"), 0o644, 0o600, "warning", "can get at it"),
        (home.vault().join("grantry.key"), 0o644, 0o600, "broken", "can get at it"),
        (home.vault().join("grantry.key"), 0o620, 0o600, "broken", "can change it"),
        (config.clone(), 0o644, 0o600, "note", "can get at it"),
        (config, 0o646, 0o600, "warning", "can change it"),
    ] {
        mode(&path, bits);
        let all = found(&[]).await;
        mode(&path, well);
        let about = path.file_name().unwrap().to_str().unwrap();
        let found = all.iter().find(|(_, text)| text.contains(about) && text.contains(what));
        assert_eq!(found.map(|found| found.0.as_str()), Some(severity), "{all:?}");
    }
    // A folder with the trail, which a collector may read.
    configure(&home, r#"{ "audit": { "folder": "trail" } }"#);
    home.run(&["auth", "list", "--config", "grantry.json"]).await.ends(0);
    let trail = home.folder.path().join("trail");
    for (bits, severity) in [(0o700, None), (0o755, None), (0o777, Some("warning"))] {
        mode(&trail, bits);
        let all = found(&[]).await;
        assert_eq!(all.first().map(|found| found.0.as_str()), severity, "{bits:o} {all:?}");
    }
    configure(&home, "{}");
    // A key elsewhere, in a folder in which others can exchange it.
    let elsewhere = home.folder.path().join("the keys");
    std::fs::create_dir(&elsewhere).unwrap();
    let key = elsewhere.join("grantry.key");
    std::fs::rename(home.vault().join("grantry.key"), &key).unwrap();
    let by_key = ["--key-file", key.to_str().unwrap()];
    for (bits, severity) in [(0o755, None), (0o777, Some("warning")), (0o1777, None)] {
        mode(&elsewhere, bits);
        let all = found(&by_key).await;
        assert_eq!(all.first().map(|found| found.0.as_str()), severity, "{bits:o} {all:?}");
    }
    mode(&elsewhere, 0o777);
    let shown = home.run(&[&["doctor", "--offline"], by_key.as_slice()].concat()).await.ends(0);
    assert!(shown.stdout.contains(&format!("-> chmod go-w '{}'", elsewhere.display())), "{}", shown.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_stands_in_the_configuration_is_found_and_one_that_is_named_is_not() {
    let mut home = Home::new();
    home.variables.push(("CRM_SECRET", SECRET.to_owned()));
    for (secret, is_found) in [(SECRET, true), ("${CRM_SECRET}", false)] {
        configure(
            &home,
            &format!(
                r#"{{ "services": {{ "crm": {{ "flow": "client_credentials", "clientId": "billing",
                     "tokenUrl": "https://as.example.com/token", "clientSecret": "{secret}" }} }} }}"#
            ),
        );
        let ran = doctor(&home, &["--offline"]).await.ends(0);
        let found = of(&ran.json(), "configuration");
        assert_eq!(found.len(), usize::from(is_found), "{found:?}");
        assert!(!is_found || found[0].1.contains("stands in the configuration"), "{found:?}");
        assert!(!is_found || ran.stdout.contains("${NAME} from the environment"), "{}", ran.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_the_server_refused_or_whose_end_nobody_knows_is_found() {
    let client = RegisteredClient::public("native").redirect_uri("http://127.0.0.1/callback");
    let (home, server) = (Home::new(), server_with(client).await);
    let facts = server.authorization_server().unwrap();
    let authorize = facts.authorization_endpoint().unwrap().to_string();
    let set = ["auth", "set", "--service", "calendar", "--client-id", "native", "--public"];
    let urls = [
        "--token-url",
        &server.token_endpoint(),
        "--authorization-url",
        &authorize,
        "--issuer",
        &server.issuer(),
    ];
    home.run(&[set.as_slice(), &urls, &["--scope", "calendar.read"]].concat()).await.ends(0);
    let of_ana = ["--service", "calendar", "--account", "ana"];
    let log_in = async || {
        let mut login = Login::start(&home, &[of_ana.as_slice(), &["--no-browser"]].concat());
        follow(&login.url().await).await;
        login.end().await.ends(0);
    };
    log_in().await;
    let json = home.run(&["doctor", "--json"]).await.ends(0).json();
    assert!(of(&json, "grants").is_empty() && of(&json, "scope").is_empty(), "{json}");
    assert_eq!((json["broken"].as_u64(), json["warnings"].as_u64()), (Some(0), Some(0)), "{json}");

    server.inject(Endpoint::Token, Fault::drop_after_handling().until_cleared());
    home.run(&[&["auth", "refresh"], of_ana.as_slice()].concat()).await.ends(5);
    let json = home.run(&["doctor", "--offline", "--json"]).await.ends(0).json();
    assert_eq!(of(&json, "grants")[0].0, "warning", "{json}");
    assert!(of(&json, "grants")[0].1.contains("nobody knows how its last renewal ended"), "{json}");

    server.clear_faults(Endpoint::Token);
    log_in().await;
    let refused = Fault::status(400).with_body(r#"{"error":"invalid_grant"}"#).until_cleared();
    server.inject(Endpoint::Token, refused);
    home.run(&[&["auth", "refresh"], of_ana.as_slice()].concat()).await.ends(4);
    let ran = home.run(&["doctor", "--offline", "--json"]).await.ends(1);
    let json = ran.json();
    assert_eq!(of(&json, "grants")[0].0, "broken", "{json}");
    assert!(ran.stdout.contains("grantry auth login --service calendar --account ana; why:"), "{json}");
    // What is asked for now is less than what was granted.
    server.clear_faults(Endpoint::Token);
    home.run(&["auth", "set", "--service", "calendar", "--scope", "calendar.read calendar.write"])
        .await
        .ends(0);
    log_in().await;
    home.run(&["auth", "set", "--service", "calendar", "--scope", "calendar.read"]).await.ends(0);
    let json = home.run(&["doctor", "--offline", "--json"]).await.ends(0).json();
    assert!(of(&json, "scope")[0].1.ends_with("granted, and asked for no more: calendar.write"), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_whose_services_it_looked_at_and_looks_at_those_of_all_tenants() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let alone = home.run(&["doctor", "--offline"]).await.ends(0);
    assert!(!alone.stderr.contains("--all-tenants"), "there is nobody else: {}", alone.stderr);
    let url = server.token_endpoint();
    let set = ["auth", "set", "--client-id", "billing", "--client-secret-stdin", "--token-url", &url];
    for (tenant, service) in [("acme", "one"), ("acme", "two"), ("globex", "one")] {
        let of = ["--tenant", tenant, "--service", service];
        home.run_with_stdin(&[&set[..], &of, &["--renew-ahead", "false"]].concat(), SECRET).await.ends(0);
    }
    home.run(&["auth", "token", "--tenant", "globex", "--service", "one"]).await.ends(0);
    let said = home.run(&["doctor", "--offline"]).await.ends(0).stderr;
    let line = "only the services and grants of default were looked at; --all-tenants looks at those of 2 tenants more\n";
    assert!(said.ends_with(line), "{said}");
    let json = home.run(&["doctor", "--offline", "--json"]).await.ends(0).json();
    let lists = |json: &Value| (json["tenants"].clone(), json["tenants_left_out"].clone());
    assert_eq!(lists(&json), (serde_json::json!(["default"]), serde_json::json!(["acme", "globex"])));
    assert!(of(&json, "renewal").is_empty(), "{json}");

    let all = ["doctor", "--offline", "--all-tenants", "--json"];
    let json = home.run(&all).await.ends(0).json();
    assert_eq!(lists(&json), (serde_json::json!(["acme", "default", "globex"]), serde_json::json!([])));
    let places: Vec<String> = of(&json, "renewal").into_iter().map(|(_, text)| text).collect();
    for (place, found) in ["acme: one (in", "acme: two (in", "globex: one (in"].into_iter().zip(&places) {
        assert!(found.starts_with(place), "{found}");
    }
    assert_eq!(places.len(), 3, "{json}");
    let remedies: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["check"] == "renewal")
        .map(|finding| finding["remedy"].as_str().unwrap())
        .collect();
    assert_eq!(remedies[2], "grantry auth set --service one --tenant globex --unset refresh.enabled");
    // Clients are compared within a tenant.
    let shared = of(&json, "shared_client");
    assert!(shared.len() == 1 && shared[0].1.starts_with("acme: one, two they share"), "{json}");
    // Of one of them, by its name; and of one of whom a name is left.
    let json = home.run(&["doctor", "--offline", "--tenant", "globex", "--json"]).await.ends(0).json();
    assert!(of(&json, "renewal")[0].1.starts_with("one (in the vault)"), "{json}");
    home.run(&["vault", "shred-tenant", "acme", "--yes"]).await.ends(0);
    let json = home.run(&all).await.ends(0).json();
    assert_eq!((of(&json, "renewal").len(), of(&json, "vault").len()), (1, 0), "{json}");
    assert!(of(&json, "grants").is_empty(), "{json}");
    assert_eq!(json["tenants"], serde_json::json!(["default", "globex"]), "there is nothing to look at");

    // Each server is asked once, and what a configuration describes for every tenant is told once.
    let before = server.ledger().count(Endpoint::Token);
    configure(
        &home,
        &format!(
            r#"{{ "services": {{ "web": {{ "flow": "client_credentials", "tokenUrl": "{url}", "clientId": "web",
                 "refreshToken": {{ "enabled": false }} }} }} }}"#
        ),
    );
    let json = doctor(&home, &["--all-tenants"]).await.ends(0).json();
    let renewal = of(&json, "renewal");
    assert_eq!(renewal.iter().filter(|(_, text)| text.starts_with("web (grantry.json")).count(), 1, "{json}");
    assert!(server.ledger().count(Endpoint::Token) - before <= 1);
}

/// Everybody may do everything.
fn anybody() -> (AccessPolicy, Principal) {
    let somebody = Principal::workload("somebody").unwrap();
    let role = Role::custom("everything", Permission::ALL.iter().copied()).unwrap();
    let binding = Binding::allow(&somebody, &role, Reach::everything());
    (AccessPolicy::builder().role(role).bind(binding).build().unwrap(), somebody)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_idle_and_keys_that_are_old_are_found_in_a_vault_that_is_old() {
    let (mut home, server) = (Home::new(), server().await);
    home.variables.push(("CRM_SECRET", SECRET.to_owned()));
    let kept = home.folder.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    mode(&kept, 0o700);
    LocalKey::generate(kept.join("the.key")).unwrap();
    let secret = home.folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    mode(&secret, 0o600);
    configure(
        &home,
        &format!(
            r#"{{ "vault": {{ "type": "sqlite", "path": "kept/store.db", "lifeboats": "kept/boats", "deployment": "old" }},
                 "keys": {{ "type": "file", "path": "kept/the.key" }},
                 "services": {{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{}", "clientId": "billing",
                    "clientSecret": "${{file:secret}}", "scopes": ["contacts.read"] }} }} }}"#,
            server.token_endpoint()
        ),
    );
    let clock = ManualClock::new();
    clock.set_wall(SystemClock::new().wall().before(Duration::from_secs(100 * 86_400)));
    let source = Source::file(home.folder.path().join("grantry.json"));
    let loaded = Config::load([source], &SystemSurroundings::new()).unwrap();
    let (policy, somebody) = anybody();
    let pantry = Grantry::builder().config(loaded).access(policy).without_rotation();
    let pantry = pantry.clock(std::sync::Arc::new(clock)).open().await.unwrap();
    let mine = pantry.as_principal(somebody);
    mine.create_tenant("default").await.unwrap();
    mine.tenant("default").unwrap().source("crm").await.unwrap().token().await.unwrap();
    pantry.shutdown().await.unwrap();

    let json = doctor(&home, &["--offline"]).await.ends(0).json();
    let (idle, keys) = (of(&json, "idle"), of(&json, "key_age"));
    assert!(idle[0].0 == "warning" && idle[0].1.starts_with("crm (default) nobody has used it"), "{json}");
    assert!(keys[0].0 == "warning" && keys[0].1.contains("older than they should be"), "{json}");
    home.run(&["vault", "rotate-keys", "--due", "--config", "grantry.json"]).await.ends(0);
    home.run(&["auth", "refresh", "--service", "crm", "--config", "grantry.json"]).await.ends(0);
    let json = doctor(&home, &["--offline"]).await.ends(0).json();
    assert!(of(&json, "idle").is_empty() && of(&json, "key_age").is_empty(), "{json}");
}

/// Answers every connection alike.
async fn serve(listener: tokio::net::TcpListener, answer: String) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_server_is_told_of_without_moving_the_cursor_and_its_clock_is_compared() {
    let home = Home::new();
    let date = "Date: Thu, 01 Jan 2026 00:00:00 GMT";
    let head = format!("200 OK\r\nContent-Type: application/json\r\n{date}");
    for issuer in ["", "https://evil.example/\\u001b]0;owned\\u0007\\u202e"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let issuer = if issuer.is_empty() { origin.as_str() } else { issuer };
        let body = format!(
            r#"{{"issuer":"{issuer}","token_endpoint":"{origin}/token","authorization_endpoint":"{origin}/a",
                "revocation_endpoint":"https://evil.example/\u001b]0;owned\u0007\u202e","response_types_supported":["code"],
                "jwks_uri":"https://evil.example/\u009b31m"}}"#
        );
        let answer =
            format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let serving = tokio::spawn(serve(listener, answer));
        configure(
            &home,
            &format!(
                r#"{{ "services": {{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{origin}/token",
                     "issuer": "{origin}", "revocationUrl": "https://as.example.com/revoke", "clientId": "billing",
                     "clientSecret": "${{file:secret}}" }} }} }}"#
            ),
        );
        let secret = home.folder.path().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        mode(&secret, 0o600);
        let json = doctor(&home, &[]).await.ends(1);
        let text = home.run(&["doctor", "--config", "grantry.json"]).await.ends(1);
        for shown in [&json.stdout, &json.stderr, &text.stdout, &text.stderr] {
            let acts = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
            assert!(!shown.contains(acts), "{shown:?}");
        }
        let json = json.json();
        assert!(!of(&json, "metadata").is_empty(), "{json}");
        assert_eq!(of(&json, "clock")[0].0, "broken", "{json}");
        assert!(of(&json, "clock")[0].1.contains("ahead of 127.0.0.1"), "{json}");
        serving.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_whether_something_is_broken_and_nothing_else() {
    let home = Home::new();
    configure(&home, r#"{ "services": { "crm": { "flow": "client_credentials", "clientId": "billing" } } }"#);
    // Warnings and notes are none.
    let json = doctor(&home, &["--offline"]).await.ends(0).json();
    assert!(json["warnings"].as_u64() > Some(0) && json["broken"] == 0, "{json}");
    configure(&home, r#"{ "services": 7 }"#);
    assert!(doctor(&home, &["--offline"]).await.ends(1).json()["broken"].as_u64() > Some(0));
    doctor(&home, &["--ofline"]).await.ends(2);
}
