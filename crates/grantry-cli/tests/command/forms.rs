//! The stable form of what every command says: `--json`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::{Home, server};
use crate::tree;

/// The names in an object, so that one that goes missing is noticed.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_renewed_removed_and_erased_is_told_in_a_form_that_stays() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let refreshed = home.run(&["auth", "refresh", "--service", "crm", "--json"]).await.ends(0).json();
    assert_eq!(names(&refreshed), ["account", "expires_at", "scope", "service", "version"]);
    assert_eq!((&refreshed["service"], &refreshed["account"]), (&json!("crm"), &json!("default")));
    assert_eq!(refreshed["scope"], "contacts.read");

    let removed = home.run(&["auth", "remove", "--service", "crm", "--json"]).await.ends(0).json();
    assert_eq!(names(&removed), ["grants", "left", "removed", "service", "version"]);
    assert_eq!((&removed["removed"], &removed["left"]), (&json!(true), &json!([])));
    let grant = &removed["grants"][0];
    assert_eq!(names(grant), ["account", "deleted", "queued", "revoked_at_server", "service", "steps"]);
    assert_eq!(names(&grant["steps"][0]), ["error", "outcome", "part"]);
    let parts: BTreeSet<&str> =
        grant["steps"].as_array().unwrap().iter().filter_map(|step| step["part"].as_str()).collect();
    assert_eq!(parts, BTreeSet::from(["access_token", "record"]), "{removed}");

    let erased = home.run(&["vault", "shred-tenant", "default", "--yes", "--json"]).await.ends(0).json();
    assert_eq!(erased, json!({ "tenant": "default", "erased": true, "version": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_and_pages_are_told_in_a_form_that_stays() {
    let home = Home::new();
    let listed = home.run(&["providers", "list", "--json"]).await.ends(0).json();
    let all = listed["providers"].as_array().unwrap();
    assert!(all.len() > 30 && all.iter().any(|provider| provider["name"] == "okta"), "{}", all.len());
    let shown = home.run(&["providers", "show", "okta", "--json"]).await.ends(0).json();
    let expected = [
        "aliases",
        "authorization_endpoint",
        "client_authentication_methods",
        "documentation",
        "name",
        "needs",
        "notes",
        "revocation_endpoint",
        "title",
        "token_endpoint",
        "unverified",
        "verified",
        "version",
    ];
    assert_eq!(names(&shown), expected);
    assert!(
        all.iter().all(|provider| names(provider).len() == expected.len() - 1),
        "each has the same, but the version"
    );

    std::fs::create_dir(home.folder.path().join("man")).unwrap();
    let written = home.run(&["man", "man", "--json"]).await.ends(0);
    assert_eq!(written.json(), json!({ "folder": "man", "version": 1 }));
    assert!(written.stderr.is_empty());
    // It is a document already, in the form of others.
    let schema = home.run(&["config", "schema"]).await.ends(0).stdout;
    assert_eq!(home.run(&["config", "schema", "--json"]).await.ends(0).stdout, schema);
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{schema}");
    let refused = home.run(&["completions", "bash", "--json"]).await.ends(2);
    let refused: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(refused["error"]["message"], "a completion script is no JSON");
    assert_eq!(refused["error"]["remedy"], "leave out --json");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_one_object_of_the_same_form_whatever_the_command() {
    let home = Home::new();
    let wanted = ["causes", "details", "exit_code", "kind", "message", "remedy"];
    for name in tree::commands(&home).await {
        // What no command understands, before anything is opened, made or asked.
        let words = name.split(' ').chain(["--json", "--no-such-flag"]);
        let ran = home.run(&words.collect::<Vec<_>>()).await.ends(2);
        let error: Value =
            serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{name}: {}", ran.stderr));
        assert_eq!(
            (names(&error), names(&error["error"])),
            (vec!["error", "version"], wanted.to_vec()),
            "{name}"
        );
        assert!(
            error["error"]["exit_code"] == 2 && error["error"]["kind"] == "usage" && ran.stdout.is_empty(),
            "{name}"
        );
    }
    assert!(!home.vault().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_dashes_end_the_flags_and_what_follows_belongs_to_whoever_is_started() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let echo = [
        "run",
        "--service",
        "crm",
        "--",
        "sh",
        "-c",
        r#"printf '%s\n' "$@""#,
        "sh",
        "--",
        "--json",
        "--help",
        "",
    ];
    assert_eq!(home.run(&echo).await.ends(0).stdout, "--\n--json\n--help\n\n");
    let said = home.run(&["auth", "list", "--", "--json"]).await.ends(2);
    assert!(said.stderr.starts_with("error: "), "after the dashes nothing is a flag: {}", said.stderr);
    let object = home.run(&["auth", "list", "--json", "--", "x"]).await.ends(2);
    assert!(object.stderr.starts_with('{'), "{}", object.stderr);
    assert_eq!(
        home.run(&["completions", "--", "bash"]).await.ends(0).stdout,
        home.run(&["completions", "bash"]).await.ends(0).stdout
    );
    let shred = ["vault", "shred-tenant", "--yes", "--", "--json"];
    let refused = home.run(&shred).await.ends(2);
    assert!(refused.stderr.starts_with("error: "), "a tenant cannot be called so: {}", refused.stderr);
    // A secret may begin as flags do.
    let set = ["auth", "set", "--service", "dash", "--client-id", "x", "--client-secret", "--json"];
    home.run(&set).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_on_stdin_is_no_secret_and_changes_nothing() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout;
    for command in ["auth set", "auth rotate", "auth login --no-browser"] {
        let words: Vec<&str> =
            command.split(' ').chain(["--service", "crm", "--client-secret-stdin"]).collect();
        for stdin in ["", "\n", "\r\n", "two\nlines", "\0"] {
            let ran = home.run_with_stdin(&words, stdin).await.ends(2);
            assert!(ran.stderr.contains("from stdin"), "{command}: {}", ran.stderr);
        }
        // One that is closed is as empty as an empty one.
        let closed = home.through_shell("exec \"$0\" \"$@\" <&-", &words).output().await.unwrap();
        assert_eq!(closed.status.code(), Some(2), "{command}");
        let long = home.run_with_stdin(&words, &"x".repeat(70_000)).await.ends(2);
        assert!(long.stderr.contains("too long"), "{}", long.stderr);
    }
    assert_eq!(home.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout, token);
}
