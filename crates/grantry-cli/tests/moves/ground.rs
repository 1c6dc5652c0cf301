//! Vaults in every store, consents to move, and what became of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{GrantRecord, LocalKey, SealedVault, VaultKeys};
use grantry::{Clock, Scope, SqliteVault, SystemClock};
use grantry_testkit::{RegisteredClient, SeededGrant, TestServer};
use grantry_tests::postgres::{self, Postgres};
use grantry_tests::redis::{self, Redis};
use tokio::process::Command;

use crate::fixture::{Home, Ran, SECRET, server_with};

/// Where a vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a folder.
    Sqlite(&'static str),
    Postgres,
    Redis,
}

/// Three stores, an authorization server, and the command.
pub(crate) struct Ground {
    pub(crate) home: Home,
    pub(crate) server: TestServer,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
}

/// Who owns the database, and who uses it.
const OWNER: &str = "owner";
const LOGIN: &str = "acme";
const DATABASE: &str = "vaults";

impl Ground {
    /// So many consents to the service `crm`, in the folder `old`.
    pub(crate) async fn new(consents: usize) -> Self {
        let server = server_with(RegisteredClient::with_secret("billing", SECRET)).await;
        let postgres = Postgres::launch(postgres::Settings::default()).unwrap();
        postgres.create_role(OWNER, "CREATEROLE").unwrap();
        postgres.create_role(LOGIN, "").unwrap();
        postgres.create_database(DATABASE, OWNER).unwrap();
        let redis = Redis::start(redis::Settings::default()).unwrap();
        let ground = Self { home: Home::new(), server, postgres, redis };
        ground.describe("owner.json", "postgres", &ground.postgres.url(OWNER, DATABASE));
        ground.describe("postgres.json", "postgres", &ground.postgres.url(LOGIN, DATABASE));
        ground.describe("redis.json", "redis", &ground.redis.url());
        ground.prepare_database().await;
        ground.seed(consents).await;
        ground
    }

    fn describe(&self, name: &str, kind: &str, url: &str) {
        let text = format!(
            r#"{{ "vault": {{ "type": "{kind}", "url": "{url}", "lifeboats": "{kind}-boats" }},
                  "keys": {{ "type": "file", "path": "{kind}.key" }} }}"#
        );
        std::fs::write(self.home.folder.path().join(name), text).unwrap();
    }

    /// The owner makes the tables by the command, and is told that somebody else has to use them.
    async fn prepare_database(&self) {
        let made = self.home.run(&["vault", "init", "--config", "postgres.json"]).await.ends(6);
        assert!(made.stderr.contains("has no tables of the vault"), "{}", made.stderr);
        let made = self.home.run(&["vault", "init", "--config", "owner.json"]).await.ends(6);
        assert!(made.stderr.contains("the tables of the vault are there now"), "{}", made.stderr);
        self.postgres.sql("postgres", &format!("GRANT grantry_app TO {LOGIN}")).unwrap();
    }

    async fn seed(&self, consents: usize) {
        let facts = self.server.authorization_server().unwrap();
        let (token, authorize) =
            (self.server.token_endpoint(), facts.authorization_endpoint().unwrap().to_string());
        let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
        let more = ["--token-url", &token, "--authorization-url", &authorize, "--scope", "contacts.read"];
        let set = [flags.as_slice(), &more, &["--vault", "old"]].concat();
        self.home.run_with_stdin(&set, SECRET).await.ends(0);
        let folder = self.home.folder.path().join("old");
        let me = Principal::person("ana").unwrap();
        let keys = VaultKeys::rotating(LocalKey::from_file(folder.join("grantry.key")).unwrap());
        let store = SqliteVault::open(folder.join("grantry.db")).await.unwrap();
        let vault = SealedVault::builder(store, keys, AccessPolicy::sole(&me)).open().await.unwrap();
        let tenant = vault.as_principal(me).tenant("default").unwrap();
        for number in 0..consents {
            let scope = Scope::parse("contacts.read").unwrap();
            let refresh_token = self.server.seed_grant(SeededGrant::new("billing", scope));
            let wall = SystemClock::new().wall();
            let record = GrantRecord::new(wall).with_refresh_token(refresh_token, wall);
            tenant.create_grant("crm", format!("user-{number}"), record).await.unwrap();
        }
        vault.close().await.unwrap();
    }

    /// How each account's grant is there.
    pub(crate) async fn states(&self, place: Place) -> BTreeMap<String, String> {
        let ran = self.run_at(&["auth", "status", "--json"], place).await;
        if ran.code != Some(0) {
            // Nothing was made yet, or the tenant has nothing in it.
            assert!(matches!(ran.code, Some(3 | 6)), "{ran:?}");
            return BTreeMap::new();
        }
        let json = ran.json();
        let grants = json["grants"].as_array().unwrap().iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        grants.map(|grant| (text(&grant["account"]), text(&grant["state"]))).collect()
    }

    /// Fails where a grant is alive in both, or was deleted in the first; returns how many are in the second.
    pub(crate) async fn nobody_lives_twice(&self, from: Place, to: Place, consents: usize) -> usize {
        let (left, arrived) = (self.states(from).await, self.states(to).await);
        assert_eq!(left.len(), consents, "nothing is deleted");
        for (account, state) in left {
            assert!(state == "moved" || !arrived.contains_key(&account), "{account} lives twice");
        }
        arrived.len()
    }

    /// Goes on to the end.
    pub(crate) async fn arrives(&self, from: Place, to: Place, consents: usize) {
        let json = self.migrate(from, to, &[]).await.ends(0).json();
        assert_eq!(json["obstacles"], serde_json::json!([]));
        let (left, arrived) = (self.states(from).await, self.states(to).await);
        assert!(left.len() == consents && left.values().all(|state| state == "moved"), "{left:?}");
        assert!(arrived.len() == consents && arrived.values().all(|state| state == "active"), "{arrived:?}");
    }

    pub(crate) fn migration(&self, from: Place, to: Place) -> Command {
        self.home.command(&["vault", "migrate", "--from", &name(from), "--to", &name(to), "--json"])
    }

    pub(crate) async fn migrate(&self, from: Place, to: Place, flags: &[&str]) -> Ran {
        let (from, to) = (name(from), name(to));
        let arguments = ["vault", "migrate", "--from", &from, "--to", &to, "--json"];
        self.home.run(&[arguments.as_slice(), flags].concat()).await
    }

    /// Runs a command for an account of the service.
    pub(crate) async fn run(&self, command: &[&str], place: Place, account: &str) -> Ran {
        self.run_at(&[command, &["--service", "crm", "--account", account]].concat(), place).await
    }

    pub(crate) async fn run_at(&self, command: &[&str], place: Place) -> Ran {
        let flag = if matches!(place, Place::Sqlite(_)) { "--vault" } else { "--config" };
        self.home.run(&[command, &[flag, &name(place)]].concat()).await
    }
}

fn name(place: Place) -> String {
    match place {
        Place::Sqlite(folder) => PathBuf::from(folder).display().to_string(),
        Place::Postgres => "postgres.json".to_owned(),
        Place::Redis => "redis.json".to_owned(),
    }
}
