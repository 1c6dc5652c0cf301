//! Vaults whose store is a database and whose keys are in an HSM or in KMS, described by a configuration alone: opened by a
//! program and by the command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

#[path = "../command/fixture.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod fixture;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;

use grantry::{Grantry, TokenSource};
use grantry_config::Config;
use grantry_testkit::{Endpoint, RegisteredClient, TestServer};
use grantry_tests::moto::{self, Moto};
use grantry_tests::postgres::{self, Postgres};
use grantry_tests::redis::{self, Redis};
use grantry_tests::softhsm::{PIN, SoftHsm, in_child};

use crate::fixture::{Home, Ran, SECRET, server_with};

const TOKEN: &str = "vault";
const DATABASE: &str = "vaults";
const OWNER: &str = "owner";
const LOGIN: &str = "acme";

/// A home with the configuration `vault.json`, and a server.
struct Ground {
    home: Home,
    server: TestServer,
}

impl Ground {
    async fn new(vault: &str, keys: &str) -> Self {
        let server = server_with(RegisteredClient::with_secret("billing", SECRET)).await;
        let ground = Self { home: Home::new(), server };
        ground.describe("vault.json", vault, keys);
        ground
    }

    fn describe(&self, name: &str, vault: &str, keys: &str) {
        let text = format!(r#"{{ "vault": {{ {vault}, "lifeboats": "boats" }}, "keys": {{ {keys} }} }}"#);
        self.write(name, &text);
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home.folder.path().join(name);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(&[arguments, &["--config", "vault.json"]].concat()).await
    }

    async fn set(&self) {
        let token_url = self.server.token_endpoint();
        let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
        let more = ["--token-url", &token_url, "--config", "vault.json"];
        self.home.run_with_stdin(&[flags.as_slice(), &more].concat(), SECRET).await.ends(0);
    }

    async fn printed(&self) -> String {
        self.run(&["auth", "token", "--service", "crm"]).await.ends(0).stdout.trim().to_owned()
    }

    /// The program opens by the same file what the command opens, and both give out one token.
    async fn is_shared(&self) {
        let config = Config::from_file(self.home.folder.path().join("vault.json")).unwrap();
        let pantry = Grantry::builder().config(config).open().await.unwrap();
        let tenant = pantry.tenant("default").unwrap();
        let source = tenant.source("crm").await.unwrap();
        let before = self.server.ledger().count(Endpoint::Token);
        assert_eq!(source.token().await.unwrap().expose(), self.printed().await);
        self.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
        self.run(&["vault", "rotate-keys"]).await.ends(0);
        let renewed = tenant.renew("crm").await.unwrap();
        assert_eq!(renewed.token.expose(), self.printed().await);
        assert!(self.server.ledger().count(Endpoint::Token) <= before + 3);
        pantry.shutdown().await.unwrap();
        let status = self.run(&["auth", "status", "--json"]).await.ends(0).json();
        assert_eq!(status["grants"][0]["state"], "active");
        self.run(&["audit", "verify"]).await.ends(0);
    }
}

/// Runs a test's body in a child process that has a token, on a runtime.
fn with_token<F: Future<Output = ()>>(test: &str, body: impl FnOnce(SoftHsm) -> F) {
    in_child(test, TOKEN, |hsm| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(body(hsm));
    })
    .unwrap();
}

#[test]
fn a_database_and_an_hsm_are_opened_by_a_file_alone() {
    with_token("a_database_and_an_hsm_are_opened_by_a_file_alone", async |hsm: SoftHsm| {
        let postgres = Postgres::launch(postgres::Settings::default()).unwrap();
        postgres.create_role(OWNER, "CREATEROLE").unwrap();
        postgres.create_role(LOGIN, "").unwrap();
        postgres.create_database(DATABASE, OWNER).unwrap();
        let vault = |role: &str| format!(r#""type": "postgres", "url": "{}""#, postgres.url(role, DATABASE));
        let keys = format!(
            r#""type": "pkcs11", "module": "{}", "tokenLabel": "{TOKEN}", "pin": "${{file:pin}}",
               "createIfMissing": true"#,
            hsm.library().display()
        );
        let mut ground = Ground::new(&vault(LOGIN), &keys).await;
        ground.write("pin", PIN);
        ground.describe("owner.json", &vault(OWNER), &keys);
        for (name, path) in hsm.command_env() {
            ground.home.variables.push((name, path.display().to_string()));
        }
        ground.home.run(&["vault", "init", "--config", "owner.json"]).await.ends(6);
        postgres.sql("postgres", &format!("GRANT grantry_app TO {LOGIN}")).unwrap();
        ground.run(&["vault", "init"]).await.ends(0);
        ground.set().await;
        ground.is_shared().await;
        let keys = hsm.secret_keys(TOKEN).unwrap();
        assert!(keys.contains("grantry/2"), "the HSM's own key was exchanged: {keys}");
        assert!(!ground.home.folder.path().join("vault.key").exists());

        // A PIN that the token does not take opens nothing, and is not shown.
        std::fs::write(ground.home.folder.path().join("pin"), "98765432").unwrap();
        let refused = ground.run(&["auth", "list"]).await;
        assert_eq!(refused.code, Some(6), "{refused:?}");
        assert!(!refused.stderr.contains("98765432") && !refused.stderr.contains(PIN), "{refused:?}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_opened_by_a_file_alone() {
    let redis = Redis::start(redis::Settings::default()).unwrap();
    let vault = format!(r#""type": "redis", "url": "{}", "namespace": "billing""#, redis.url());
    let ground = Ground::new(&vault, r#""type": "file", "path": "vault.key""#).await;
    ground.run(&["vault", "init"]).await.ends(0);
    ground.set().await;
    ground.is_shared().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_whose_keys_are_in_kms_is_opened_by_the_credentials_of_the_environment() {
    let moto = Moto::start(moto::Settings::default()).unwrap();
    let keys = format!(
        r#""type": "aws-kms", "region": "eu-central-1", "key": "{}", "endpointUrl": "{}""#,
        key_in_kms(&moto),
        moto.url()
    );
    let mut ground = Ground::new(r#""type": "sqlite", "path": "grantry.db""#, &keys).await;
    let without = ground.run(&["vault", "init"]).await;
    assert_eq!(without.code, Some(6), "nobody has credentials: {without:?}");
    for (name, value) in
        [("AWS_ACCESS_KEY_ID", "AKIACANARYACCESSKEY0"), ("AWS_SECRET_ACCESS_KEY", "canary/secret+access/key")]
    {
        ground.home.variables.push((name, value.to_owned()));
    }
    ground.run(&["vault", "init"]).await.ends(0);
    ground.set().await;
    let token = ground.printed().await;
    ground.run(&["vault", "rotate-keys"]).await.ends(0);
    assert_eq!(ground.printed().await, token);
    let status = ground.run(&["vault", "status"]).await.ends(0);
    for shown in [&status.stdout, &status.stderr] {
        assert!(!shown.contains("canary/secret"), "{status:?}");
    }
}

/// Makes a key, and returns its ARN. The server checks no signatures.
fn key_in_kms(moto: &Moto) -> String {
    let url = moto.url();
    let address = url.trim_start_matches("http://").trim_end_matches('/').replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(&address).unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: TrentService.CreateKey\r\n\
         Content-Type: application/x-amz-json-1.1\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=AKIA/20260101/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    json["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}
