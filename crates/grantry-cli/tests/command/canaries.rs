//! Secrets go through every command, whatever the server makes of it: none of them shows but where a token was asked for. And
//! nothing that a server writes moves a cursor.

use std::collections::BTreeSet;
use std::time::Duration;

use grantry_testkit::{DeviceDecision, Endpoint, Fault, RegisteredClient, TestServer};

use crate::browser::{Login, follow};
use crate::fixture::{Home, NEW_SECRET, Ran, SECRET, server, server_with};
use crate::tree;

/// These print a token, or what they start does.
const PRINTING: [&str; 2] = ["auth token", "credential-process"];

/// A vault, a server that hands out tokens which can be told from everything else, and a record of what was run.
struct World {
    home: Home,
    server: TestServer,
    commands: Vec<String>,
    covered: BTreeSet<String>,
}

/// The first secret in a text, as the server of the tests makes them and as the tests hold them.
fn secret_in(text: &str) -> Option<String> {
    // A JWT is known by its second part: three letters alone, "eyJ", come up in a `state` or a challenge sooner or later.
    let known = [SECRET, NEW_SECRET, "PRIVATE KEY", ".eyJ"];
    if let Some(found) = known.iter().find(|secret| text.contains(**secret)) {
        return Some((*found).to_owned());
    }
    let is_word = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
    let is_token = |word: &&str| {
        let mut parts = word.splitn(3, '-');
        let (Some(kind), Some(number), Some(random)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        // Access and refresh tokens, codes, device codes, and what an exchange brings.
        ["at", "rt", "code", "dc", "other"].contains(&kind)
            && number.parse::<u64>().is_ok()
            && random.len() >= 20
    };
    text.split(is_word).find(is_token).map(str::to_owned)
}

impl World {
    async fn new() -> Self {
        let mut home = Home::new();
        // There is no log to be turned on, and nothing turns one on.
        for name in ["RUST_LOG", "GRANTRY_LOG"] {
            home.variables.push((name, "trace".to_owned()));
        }
        home.variables.push(("RUST_BACKTRACE", "full".to_owned()));
        home.variables.push(("CRM_SECRET", SECRET.to_owned()));
        let client =
            RegisteredClient::with_secret("billing", SECRET).redirect_uri("http://127.0.0.1/callback");
        let server = server_with(client).await;
        server.with_authority(|authority, _| {
            let settings = authority.settings_mut();
            settings.device_decision = DeviceDecision::Approve;
            settings.device_interval = Some(Duration::from_secs(1));
        });
        let commands = tree::commands(&home).await;
        Self { home, server, commands, covered: BTreeSet::new() }
    }

    /// The command that a line runs.
    fn named(&self, line: &str) -> String {
        let of = |name: &&String| line == name.as_str() || line.starts_with(&format!("{name} "));
        self.commands.iter().find(of).unwrap_or_else(|| panic!("{line} is no command")).clone()
    }

    async fn run(&mut self, line: &str, code: i32) -> Ran {
        self.run_with(line, "", code).await
    }

    async fn run_with(&mut self, line: &str, stdin: &str, code: i32) -> Ran {
        let arguments: Vec<&str> = line.split(' ').collect();
        let ran = self.home.run_with_stdin(&arguments, stdin).await;
        self.judge(line, ran, code)
    }

    /// Fails where a secret is said, or the end is another one than was expected.
    fn judge(&mut self, line: &str, ran: Ran, code: i32) -> Ran {
        let command = self.named(line);
        assert_eq!(ran.code, Some(code), "{line}: {ran:?}");
        assert_eq!(secret_in(&ran.stderr), None, "{line}: {}", ran.stderr);
        let acts = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        assert!(!ran.stdout.contains(acts) && !ran.stderr.contains(acts), "{line}: {ran:?}");
        let printed = secret_in(&ran.stdout);
        if PRINTING.contains(&command.as_str()) && code == 0 {
            let token = printed.unwrap_or_else(|| panic!("{line} prints no token: {ran:?}"));
            assert!(token.starts_with("at-") || token.starts_with("other-"), "{line}: {}", ran.stdout);
            assert_eq!(secret_in(&ran.stdout.replace(&token, "")), None, "{line}: nothing besides");
        } else {
            assert_eq!(printed, None, "{line}: {}", ran.stdout);
        }
        self.covered.insert(command);
        ran
    }

    /// Logs in by a browser, and says how it ended.
    async fn log_in(&mut self, flags: &str, code: i32) {
        let line = format!("auth login --no-browser {flags}");
        let arguments: Vec<&str> = line.split(' ').skip(2).collect();
        let mut login = Login::start(&self.home, &arguments);
        let url = login
            .line(|line| {
                let event = serde_json::from_str::<serde_json::Value>(line).ok();
                let url = event.and_then(|event| event["url"].as_str().map(str::to_owned));
                url.or_else(|| line.strip_prefix("  http").map(|rest| format!("http{rest}")))
            })
            .await;
        follow(&url).await;
        let ran = login.end().await;
        self.judge(&line, ran, code);
    }

    /// Stores what the commands use: for the client itself, for people, for exchanges, and with a key that signs.
    async fn store(&mut self) {
        let facts = self.server.authorization_server().unwrap();
        let token_url = self.server.token_endpoint();
        let revoke = crate::fixture::revocation_url(&self.server);
        let ask = facts.authorization_endpoint().unwrap().to_string();
        let device = facts.device_authorization_endpoint().unwrap().to_string();
        let all = format!(
            "--token-url {token_url} --revocation-url {revoke} --max-retries 0 --scope contacts.read"
        );
        let client = "--client-id billing";
        self.run_with(&format!("auth set --service crm {client} --client-secret-stdin {all}"), SECRET, 0)
            .await;
        self.run(&format!("auth set --service crm --client-secret {SECRET}"), 0).await;
        self.run(&format!("auth set --service crm --client-secret={SECRET} --json"), 0).await;
        self.run("auth set --service crm --client-secret-env CRM_SECRET --json", 0).await;
        let folder = self.home.folder.path().to_owned();
        std::fs::write(folder.join("secret.txt"), SECRET).unwrap();
        let people = format!(
            "{all} --authorization-url {ask} --device-url {device} --issuer {}",
            self.server.issuer()
        );
        let keys = facts.jwks_uri().unwrap();
        let line = format!(
            "auth set --service mail {client} --client-secret-file secret.txt {people} --jwks-uri {keys}"
        );
        self.run(&format!("{line} --scope openid"), 0).await;
        let line = format!(
            "auth set --service orders {client} --client-secret-file secret.txt {all} --flow token_exchange"
        );
        self.run(&line, 0).await;
        let issuer = self.server.issuer();
        let pair = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.join("key.pem"), pair.serialize_pem()).unwrap();
        self.run(
            &format!("auth set --service signed --client-id signer --private-key-file key.pem {all} --issuer {issuer}"),
            0,
        )
        .await;
    }

    async fn what_needs_no_vault(&mut self) {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            self.run(&format!("completions {shell}"), 0).await;
        }
        std::fs::create_dir(self.home.folder.path().join("man")).unwrap();
        self.run("man man", 0).await;
        self.run("config schema", 0).await;
        self.run("providers list --json", 0).await;
        self.run("providers show okta", 0).await;
        let service = |client: &str| {
            format!(
                r#"{{ "services": {{ "told": {{ "flow": "client_credentials", "tokenUrl": "{}", {client} }} }} }}"#,
                self.server.token_endpoint()
            )
        };
        let good = service(&format!(r#""clientId": "billing", "clientSecret": "{SECRET}""#));
        let wrong = service(&format!(r#""clientID": "billing", "clientSecret": "{SECRET}", "scopes": 7"#));
        let twice = service(&format!(
            r#""clientSecret": "{SECRET}", "clientSecretFile": "x", "clientSecret": "{NEW_SECRET}""#
        ));
        for (name, text, code) in [
            ("good", &good, 0),
            ("wrong", &wrong, 2),
            ("twice", &twice, 2),
            ("cut", &good[..good.len() - 2].to_owned(), 2),
        ] {
            std::fs::write(self.home.folder.path().join(format!("{name}.json")), text).unwrap();
            self.run(&format!("config check {name}.json"), code).await;
            self.run(&format!("config check {name}.json --json"), code).await;
            self.run(&format!("config check --complete {name}.json"), code).await;
        }
        self.run("doctor --config wrong.json", 1).await;
    }

    async fn what_shows(&mut self) {
        for line in [
            "auth list",
            "auth list --json --all-tenants",
            "auth list --config good.json",
            "auth status",
            "auth status --json",
            "auth status --all-tenants",
            "auth diagnose --service crm",
            "auth diagnose --service mail --json",
            "vault status",
            "vault status --json",
            "vault init",
            "audit show",
            "audit show --json",
            "audit verify",
            "audit verify --json",
        ] {
            self.run(line, 0).await;
        }
        let json = self.run("doctor --json", 0).await.json();
        assert!(json["findings"].is_array());
        self.run("doctor --config good.json", 0).await;
    }

    /// What asks the token endpoint, which answers nothing of use. Whether a code was spent may never be known, and then a person has to
    /// begin again.
    async fn what_asks_in_vain(&mut self, of_login: i32) {
        let code = 5;
        self.run("auth refresh --service crm", code).await;
        self.run("auth refresh --service mail --json", code).await;
        self.run("auth rotate --service crm", code).await;
        self.run_with("auth rotate --service crm --client-secret-stdin --json", NEW_SECRET, code).await;
        self.run(&format!("auth rotate --service crm --client-secret {NEW_SECRET}"), code).await;
        self.run_with(
            "auth token --service orders --subject-token-stdin",
            "at-1-a-subject-token-of-somebody",
            code,
        )
        .await;
        self.log_in("--service mail --account other", of_login).await;
        self.log_in("--service mail --account other --json", of_login).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_shows_a_secret_that_was_not_asked_for_whatever_becomes_of_it() {
    let mut world = World::new().await;
    world.what_needs_no_vault().await;
    world.run("vault init --json", 0).await;
    world.store().await;
    world.run("auth token --service crm", 0).await;
    world.run("auth token --service crm --json", 0).await;
    world.run("auth token --service signed", 5).await;
    world.run("auth token --service told --config good.json", 0).await;
    world.log_in("--service mail", 0).await;
    world.log_in("--service mail --json", 0).await;
    world.run("auth login --service mail --device --account phone", 0).await;
    world.run("auth login --service mail --device --account phone --json", 0).await;
    world.run("auth token --service mail", 0).await;
    for line in [
        "auth refresh --service crm",
        "auth refresh --service mail --json",
        "auth rotate --service mail",
        "auth rotate --service crm --json",
    ] {
        world.run(line, 0).await;
    }
    let subject = world.run("auth token --service crm", 0).await.stdout;
    world.run_with("auth token --service orders --subject-token-stdin", &subject, 0).await;
    world.run("run --service crm -- true", 0).await;
    world.run("run --service mail -- /no/such/program", 1).await;
    world.run("credential-process --service crm", 0).await;
    world.run("credential-process --service mail --format kubernetes", 0).await;
    world.what_shows().await;
    world.run("vault rotate-keys", 0).await;
    world.run("vault rotate-keys --json", 0).await;
    world.run("vault migrate --to new --dry-run --json", 0).await;
    world.run("vault migrate --to new", 0).await;
    world.what_shows().await;
    world.run("auth revoke --service mail --account phone --vault new", 0).await;
    world.run("auth remove --service mail --json --vault new", 0).await;
    world.run("auth remove --service crm --vault new", 0).await;
    world.run("vault shred-tenant default --yes --json --vault new", 0).await;
    let uncovered: Vec<&String> =
        world.commands.iter().filter(|name| !world.covered.contains(*name)).collect();
    assert!(uncovered.is_empty(), "no secret goes through {uncovered:?}: have one go");
}

#[test]
fn secrets_are_told_from_what_is_random_and_meant_to_be_seen() {
    let token = "at-7-AAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(secret_in(&format!("x {token} y")).as_deref(), Some(token));
    assert_eq!(secret_in("eyJhbGciOiJub25lIn0.eyJleHAiOjF9.AAAA").as_deref(), Some(".eyJ"));
    assert_eq!(secret_in("http://127.0.0.1/authorize?state=xeyJ7S_zG-at-7&code_challenge=eyJx"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_failure_of_a_server_brings_a_secret_out() {
    let mut world = World::new().await;
    world.run("vault init", 0).await;
    world.store().await;
    world.run("auth token --service crm", 0).await;
    world.log_in("--service mail", 0).await;
    // Servers that say what they were sent, and would clear the screen.
    let clear = r"\u001b[2J\u009b31m\u202e";
    let echo = format!(
        r#"{{"error": "invalid_client", "error_description": "{SECRET}, {NEW_SECRET}{clear}", "error_uri": "https://x/{SECRET}{clear}"}}"#
    );
    let refused = Fault::status(401).with_body(echo.clone());
    let page = Fault::status(500)
        .with_body(format!("<html>\u{1b}[2J\u{9b}31m{SECRET} at-9-AAAAAAAAAAAAAAAAAAAAAAAA</html>"));
    let code =
        Fault::status(400).with_body(format!(r#"{{"error": "{clear}", "error_description": "{clear}"}}"#));
    let cut = Fault::body(format!(r#"{{"access_token": "at-9-AAAAAAAAAAAAAAAAAAAAAAAA", "x": "{SECRET}"#));
    for (fault, of_login) in
        [(refused, 5), (page, 4), (code, 5), (cut, 4), (Fault::drop_before_handling(), 4)]
    {
        world.server.inject(Endpoint::Token, fault.until_cleared());
        world.what_asks_in_vain(of_login).await;
        world.server.clear_faults(Endpoint::Token);
    }
    for fault in [Fault::status(400).with_body(echo), Fault::drop_before_handling()] {
        world.server.inject(Endpoint::DeviceAuthorization, fault.clone().until_cleared());
        world.run("auth login --service mail --device", 5).await;
        world.server.inject(Endpoint::Revocation, fault.until_cleared());
        world.run("auth remove --service crm", 5).await;
        world.run("auth remove --service crm --json", 5).await;
        world.server.clear_faults(Endpoint::DeviceAuthorization);
        world.server.clear_faults(Endpoint::Revocation);
    }
    world.run("auth status", 0).await;
    world.run("auth diagnose --service crm --json", 0).await;
    world.run("auth diagnose --service mail", 0).await;
    world.run("audit show", 0).await;
    let gone = std::mem::replace(&mut world.server, server().await);
    gone.shutdown().await;
    world.run("doctor", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_slipped_to_a_wrong_place_of_the_command_line_is_not_repeated() {
    let home = Home::new();
    let set = ["auth", "set", "--service", "crm", "--client-id", "billing"];
    for slip in [
        &["--client-secret-stdin", SECRET][..],
        &[&format!("--client-secret-stdin={SECRET}")],
        &[SECRET],
        &["--client-secret-env", SECRET],
        &["--client-secert", SECRET],
        &[&format!("--client-secert={SECRET}")],
        &["--client-secret", "--", SECRET],
    ] {
        for json in [&[][..], &["--json"]] {
            let ran = home.run(&[&set[..], json, slip].concat()).await.ends(2);
            assert_eq!(secret_in(&format!("{}{}", ran.stdout, ran.stderr)), None, "{slip:?}");
        }
    }
    let ran = home.run(&[&set[..], &["--client-secert", SECRET]].concat()).await.ends(2);
    assert!(
        ran.stderr.contains("'--client-secert'") && ran.stderr.contains("--client-secret"),
        "{}",
        ran.stderr
    );
}
