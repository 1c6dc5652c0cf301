//! The whole form of what each command prints with `--json`: every name and every kind of value, held still, and the same names in
//! the manual's table.

use std::collections::BTreeSet;

use grantry_testkit::{Endpoint, Fault, RegisteredClient};
use serde_json::{Map, Value, json};

use crate::browser::{Login, follow};
use crate::fixture::{Home, NEW_SECRET, Ran, SECRET, server};
use crate::shown::{still, with_calendar};
use crate::tree;

/// Maps whose names are not the command's: those of fields, and what a server says.
const FREE: &[&str] = &["fields", "further"];

/// The names in a document, as the manual writes them: `keys[].state`. Where nothing is in a list, or nothing is there, what could be
/// in it is not seen: those are the second.
fn names(value: &Value, at: &str, seen: &mut BTreeSet<String>, hidden: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !FREE.iter().any(|free| at.ends_with(free)) => {
            for (name, value) in fields {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                names(value, &at, seen, hidden);
            }
        }
        Value::Array(values) => {
            let at = format!("{at}[]");
            values.iter().for_each(|value| names(value, &at, seen, hidden));
            if values.is_empty() {
                hidden.insert(at);
            }
        }
        Value::Null => {
            seen.insert(at.to_owned());
            hidden.insert(at.to_owned());
        }
        _ => {
            seen.insert(at.to_owned());
        }
    }
}

/// What the manual's table says of a document.
fn row(what: &str) -> Vec<&'static str> {
    let manual = include_str!("../../../../docs/command.md");
    let begin = format!("| {what} | ");
    let row = manual.lines().find_map(|line| line.strip_prefix(begin.as_str()));
    let row = row.unwrap_or_else(|| panic!("docs/command.md has no row for {what}"));
    row.split('`').skip(1).step_by(2).collect()
}

/// The manual has the names of the document, each of them, and no others. One that ends with `?` may be missing.
#[track_caller]
fn is_documented(what: &str, document: &Value) {
    let (mut seen, mut hidden) = (BTreeSet::new(), BTreeSet::new());
    names(document, "", &mut seen, &mut hidden);
    seen.remove("version");
    let written = row(what);
    let every: BTreeSet<&str> = written.iter().map(|name| name.trim_end_matches('?')).collect();
    for name in &seen {
        let is_nothing = hidden.contains(name);
        let is_part = |other: &&str| is_nothing && other.starts_with(&format!("{name}."));
        assert!(
            every.contains(name.as_str()) || every.iter().any(is_part),
            "{what}: {name} is not in the manual"
        );
    }
    for name in written.iter().filter(|name| !name.ends_with('?')) {
        let is_hidden = hidden.iter().any(|hidden| name.starts_with(hidden.as_str()));
        assert!(seen.contains(*name) || is_hidden, "{what}: the manual has {name}, and the document has not");
    }
}

/// What a name holds that differs from run to run.
fn is_secret(name: &str) -> bool {
    ["access_token", "token", "url", "user_code", "verification_uri_complete", "process"].contains(&name)
}

/// Numbers of that kind: lengths of time, and of a trail that grows by itself.
const NUMBERS: &[&str] = &[
    "expires_in",
    "age_seconds",
    "store_bytes",
    "lines",
    "writers",
    "line",
    "last_line",
    "records_seen",
    "records_resealed",
];

/// A document without what differs from run to run.
fn held(home: &Home, name: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let held = fields.iter().map(|(name, value)| (name.clone(), held(home, name, value)));
            Value::Object(held.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(|value| held(home, name, value)).collect(),
        Value::String(_) if is_secret(name) => json!(format!("[{name}]")),
        Value::String(_) if name == "last_used_day" => json!("[day]"),
        Value::String(text) => json!(still(home, text)),
        Value::Number(_) if NUMBERS.contains(&name) => json!("[number]"),
        other => other.clone(),
    }
}

#[track_caller]
fn is_as_it_was(home: &Home, snapshot: &str, what: &str, document: &Value) {
    if what != "kubectl" {
        assert_eq!(document["version"], 1, "{document}");
        is_documented(what, document);
    }
    let text = serde_json::to_string_pretty(&held(home, "", document)).unwrap();
    insta::assert_snapshot!(format!("json_{snapshot}"), text);
}

/// Runs it with `--json`, and holds what it prints still.
async fn prints(home: &Home, snapshot: &str, what: &str, arguments: &[&str], code: i32) -> Value {
    let ran = home.run(&[arguments, &["--json"]].concat()).await.ends(code);
    let document = ran.json();
    is_as_it_was(home, snapshot, what, &document);
    document
}

fn error(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{}", ran.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_of_credentials_and_tokens_are_as_they_were() {
    let (home, server) = (Home::new(), server().await);
    prints(&home, "vault_init", "`vault init`", &["vault", "init"], 0).await;
    prints(&home, "vault_init_again", "`vault init`", &["vault", "init"], 0).await;
    let url = server.token_endpoint();
    let set =
        ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin", "--json"];
    let more = ["--token-url", &url, "--scope", "contacts.read"];
    let document = home.run_with_stdin(&[&set[..], &more].concat(), SECRET).await.ends(0).json();
    is_as_it_was(&home, "set", "`auth set`", &document);
    let described = ["auth", "set", "--service", "crm", "--audience", "https://api.example.com"];
    prints(&home, "set_again", "`auth set`", &described, 0).await;
    let plain = ["auth", "set", "--service", "erp", "--client-id", "x", "--public"];
    prints(&home, "set_without_server", "`auth set`", &plain, 0).await;
    prints(&home, "token", "`auth token`", &["auth", "token", "--service", "crm"], 0).await;
    let process = ["credential-process", "--service", "crm"];
    prints(&home, "credential_process", "`credential-process`", &process, 0).await;
    let kubectl = home.run(&[&process[..], &["--format", "kubernetes", "--json"]].concat()).await.ends(0);
    let kubectl: Value = serde_json::from_str(&kubectl.stdout).unwrap();
    is_as_it_was(&home, "kubernetes", "kubectl", &kubectl);
    prints(&home, "refresh", "`auth refresh`", &["auth", "refresh", "--service", "crm"], 0).await;
    prints(&home, "list", "`auth list`", &["auth", "list"], 0).await;
    prints(&home, "list_of_nobody", "`auth list`", &["auth", "list", "--tenant", "nobody"], 0).await;
    prints(&home, "status", "`auth status`", &["auth", "status"], 0).await;
    prints(&home, "status_of_all", "`auth status`", &["auth", "status", "--all-tenants"], 0).await;
    prints(&home, "diagnose", "`auth diagnose`", &["auth", "diagnose", "--service", "crm"], 0).await;

    // What is to be told besides is an event.
    let shown = ["auth", "rotate", "--service", "crm", "--client-secret", "what-nobody-knows", "--json"];
    let ran = home.run(&shown).await.ends(5);
    let (event, rest) = ran.stderr.split_once('\n').unwrap();
    is_as_it_was(&home, "warning", "the event `warning`", &serde_json::from_str(event).unwrap());
    is_as_it_was(&home, "rotate_error", "an error, on stderr", &serde_json::from_str(rest).unwrap());
    prints(&home, "rotate_without_secret", "`auth rotate`", &["auth", "rotate", "--service", "crm"], 0).await;
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", SECRET).or_secret(NEW_SECRET));
    });
    let rotate = ["auth", "rotate", "--service", "crm", "--client-secret-stdin", "--json"];
    let document = home.run_with_stdin(&rotate, NEW_SECRET).await.ends(0).json();
    is_as_it_was(&home, "rotate", "`auth rotate`, of a secret", &document);
    let document = home.run_with_stdin(&rotate, "what-nobody-knows").await.ends(5).json();
    is_as_it_was(&home, "rotate_refused", "`auth rotate`, of a secret", &document);

    prints(&home, "revoke", "`auth revoke`", &["auth", "revoke", "--service", "crm"], 0).await;
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    prints(&home, "remove", "`auth remove`", &["auth", "remove", "--service", "crm"], 0).await;
    let gone = home.run(&["auth", "token", "--service", "crm", "--json"]).await.ends(3);
    is_as_it_was(&home, "error", "an error, on stderr", &error(&gone));
    prints(&home, "shred", "`vault shred-tenant`", &["vault", "shred-tenant", "default", "--yes"], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_of_a_login_and_of_a_refused_consent_are_as_they_were() {
    let (home, server) = with_calendar().await;
    let of_ana = ["--service", "calendar", "--account", "ana"];
    let mut login = Login::start(&home, &[&of_ana[..], &["--no-browser", "--json"]].concat());
    let event = login.line(|line| serde_json::from_str::<Value>(line).ok()).await;
    is_as_it_was(&home, "login_open_url", "the event `open_url`", &event);
    follow(event["url"].as_str().unwrap()).await;
    let document = login.end().await.ends(0).json();
    is_as_it_was(&home, "login", "`auth login`", &document);

    server.with_authority(|authority, _| {
        authority.settings_mut().device_interval = Some(std::time::Duration::from_secs(1));
    });
    let mut login = Login::start(&home, &[&of_ana[..], &["--device", "--json"]].concat());
    let event = login.line(|line| serde_json::from_str::<Value>(line).ok()).await;
    is_as_it_was(&home, "login_enter_code", "the event `enter_code`", &event);
    assert!(server.approve(event["user_code"].as_str().unwrap()));
    login.end().await.ends(0);

    server.inject(
        Endpoint::Token,
        Fault::status(400).with_body(r#"{"error":"invalid_grant"}"#).until_cleared(),
    );
    home.run(&[&["auth", "refresh"], &of_ana[..]].concat()).await.ends(4);
    let diagnose = [&["auth", "diagnose"], &of_ana[..]].concat();
    prints(&home, "diagnose_refused", "`auth diagnose`", &diagnose, 4).await;
    prints(&home, "status_refused", "`auth status`", &["auth", "status"], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_of_the_vault_and_its_trail_are_as_they_were() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    // Later on it depends on how often something was tried.
    prints(&home, "audit_show", "`audit show`", &["audit", "show", "--service", "crm"], 0).await;
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    prints(&home, "vault_status", "`vault status`", &["vault", "status"], 0).await;
    prints(&home, "audit_verify", "`audit verify`", &["audit", "verify"], 0).await;
    let rotated = prints(&home, "rotate_keys", "`vault rotate-keys`", &["vault", "rotate-keys"], 0).await;
    assert_eq!(rotated["failed"], json!([]));
    let migrate = ["vault", "migrate", "--to", "new"];
    let dry = [&migrate[..], &["--dry-run"]].concat();
    prints(&home, "migrate_dry_run", "`vault migrate`", &dry, 0).await;
    prints(&home, "migrate", "`vault migrate`", &migrate, 0).await;
    let other = ["auth", "set", "--service", "crm", "--client-id", "other", "--public", "--vault", "new"];
    home.run(&other).await.ends(0);
    prints(&home, "migrate_obstacle", "`vault migrate`", &migrate, 6).await;
    prints(&home, "doctor", "`doctor`", &["doctor", "--offline"], 0).await;
    prints(&home, "provider", "`providers show`", &["providers", "show", "google"], 0).await;
    let listed = home.run(&["providers", "list", "--json"]).await.ends(0).json();
    is_documented("`providers list`", &listed);
    std::fs::create_dir(home.folder.path().join("man")).unwrap();
    prints(&home, "man", "`man`", &["man", "man"], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_its_row_in_the_manual_but_those_whose_form_is_of_others() {
    let others = ["completions", "config schema", "run"];
    for name in tree::commands(&Home::new()).await {
        assert!(others.contains(&name.as_str()) || !row(&format!("`{name}`")).is_empty(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_of_a_configuration_are_as_they_were_and_its_schema_is_that_of_the_crate() {
    let home = Home::new();
    let path = home.folder.path().join("grantry.json");
    let good = r#"{ "services": {
  "crm": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "billing",
           "clientSecret": "in-clear" },
  "mail": { "provider": "google", "clientId": "web" } },
  "tenants": { "acme": { "services": { "crm": { "clientId": "other" } } } } }"#;
    let wrong = r#"{ "services": { "crm": { "tokenURL": "https://as.example.com/token", "scopes": 7 } } }"#;
    for (name, text, code) in [("good", good, 0), ("wrong", wrong, 2)] {
        std::fs::write(&path, text).unwrap();
        let snapshot = format!("config_check_{name}");
        prints(&home, &snapshot, "`config check`", &["config", "check", "grantry.json"], code).await;
    }
    let schema = home.run(&["config", "schema", "--json"]).await.ends(0).stdout;
    assert_eq!(schema.trim(), grantry_config::json_schema().trim());
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let names: Vec<&str> = schema.as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!("json_config_schema", names.join("\n"));
}
