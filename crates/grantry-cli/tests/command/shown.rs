//! What a person sees, held still.

use std::os::unix::fs::PermissionsExt;

use crate::fixture::{Home, Ran};

/// Without what differs from run to run.
fn still(home: &Home, text: &str) -> String {
    text.replace(home.folder.path().to_str().unwrap(), "[home]")
}

async fn help(arguments: &[&str]) -> String {
    Home::new().run(arguments).await.ends(0).stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_is_as_it_was() {
    insta::assert_snapshot!("help", help(&["--help"]).await);
    insta::assert_snapshot!("help_auth", help(&["auth", "--help"]).await);
    insta::assert_snapshot!("help_auth_login", help(&["auth", "login", "--help"]).await);
    insta::assert_snapshot!("help_auth_set", help(&["auth", "set", "--help"]).await);
    insta::assert_snapshot!("help_auth_token", help(&["auth", "token", "--help"]).await);
    insta::assert_snapshot!("help_auth_rotate", help(&["auth", "rotate", "--help"]).await);
    insta::assert_snapshot!("help_doctor", help(&["doctor", "--help"]).await);
    insta::assert_snapshot!("help_vault_migrate", help(&["vault", "migrate", "--help"]).await);
    insta::assert_snapshot!("help_vault", help(&["vault", "--help"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_are_as_they_were() {
    let home = Home::new();
    let described = ["--token-url", "https://as.example.com/token", "--scope", "contacts.read"];
    for (service, client) in [("crm", "billing"), ("payroll-of-the-company", "0oa1b2c3d4")] {
        let set = ["auth", "set", "--service", service, "--client-id", client, "--public"];
        home.run(&[set.as_slice(), &described].concat()).await.ends(0);
    }
    insta::assert_snapshot!("list", home.run(&["auth", "list"]).await.ends(0).stdout);
    insta::assert_snapshot!("providers", home.run(&["providers", "list"]).await.ends(0).stdout);
    insta::assert_snapshot!("provider", home.run(&["providers", "show", "microsoft"]).await.ends(0).stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_doctor_says_is_as_it_was() {
    let home = Home::new();
    let config = r#"{ "services": {
  "one": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "same" },
  "two": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "same" } } }"#;
    let path = home.folder.path().join("grantry.json");
    std::fs::write(&path, config).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ran = home.run(&["doctor", "--offline", "--config", "grantry.json", "--vault", "kept"]).await.ends(0);
    insta::assert_snapshot!("doctor", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_errors_are_as_they_were() {
    let home = Home::new();
    let said = |ran: Ran| still(&home, &ran.stderr);
    insta::assert_snapshot!("no_vault", said(home.run(&["auth", "list"]).await.ends(6)));
    insta::assert_snapshot!("no_arguments", said(home.run(&["auth", "set"]).await.ends(2)));
    let unknown = home.run(&["auth", "set", "--colour", "green", "--json"]).await.ends(2);
    insta::assert_snapshot!("no_arguments_as_json", said(unknown));
    insta::assert_snapshot!("made", said(home.run(&["vault", "init"]).await.ends(0)));
    insta::assert_snapshot!("made_already", said(home.run(&["vault", "init"]).await.ends(0)));
    insta::assert_snapshot!(
        "no_tenant",
        said(home.run(&["auth", "token", "--service", "crm"]).await.ends(3))
    );
    let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--public"];
    insta::assert_snapshot!("set", said(home.run(&set).await.ends(0)));
    insta::assert_snapshot!(
        "no_server",
        said(home.run(&["auth", "token", "--service", "crm"]).await.ends(2))
    );
    insta::assert_snapshot!(
        "no_service",
        said(home.run(&["auth", "token", "--service", "erp"]).await.ends(3))
    );
    let person = ["auth", "set", "--service", "mail", "--client-id", "app", "--public"];
    let urls =
        ["--token-url", "https://as.example.com/token", "--authorization-url", "https://as.example.com/ask"];
    let asked = home.run(&[person.as_slice(), &urls].concat()).await.ends(0);
    insta::assert_snapshot!("set_for_a_person", said(asked));
    let no_consent = home.run(&["auth", "token", "--service", "mail"]).await.ends(4);
    insta::assert_snapshot!("no_consent", said(no_consent));
    insta::assert_snapshot!("no_provider", said(home.run(&["providers", "show", "nobody"]).await.ends(3)));
}
