//! A disk that is full.

use std::time::Duration;

use grantry::{Rotation, SqliteVault};
use grantry_testkit::{Endpoint, Fault, RegisteredClient, TestServer};
use rustix::process::{Pid, Resource, Rlimit};

use crate::browser::{Login, follow};
use crate::fixture::{Home, SECRET, ran, server};

const TOKEN: &[&str] = &["auth", "token", "--service", "crm"];
const REFRESH: &[&str] = &["auth", "refresh", "--service", "crm"];

/// Files may grow to so many blocks of 512 bytes, as if the disk were full then.
fn within(blocks: u32) -> String {
    format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_finds_no_room_is_made_another_time() {
    for blocks in [0, 8, 40, 64, 100] {
        let home = Home::new();
        let init = ran(home.through_shell(&within(blocks), &["vault", "init"]).output()).await;
        assert!(init.code == Some(6) || init.code == Some(0), "{blocks}: {init:?}");
        // Whatever was begun is gone on with.
        home.run(&["vault", "init"]).await.ends(0);
        home.run(&["vault", "status"]).await.ends(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_asks_no_server_changes_nothing_and_names_the_disk() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let token = home.run(TOKEN).await.ends(0).stdout;
    let asked = server.ledger().count(Endpoint::Token);
    let rotate = ["auth", "rotate", "--service", "crm"];
    let set = ["auth", "set", "--service", "crm", "--audience", "x"];
    let remove = ["auth", "remove", "--service", "crm"];
    let keys = ["vault", "rotate-keys"];
    // Without room for anything, and without room for the first line of the audit trail.
    for (blocks, commands) in
        [(8, [REFRESH, &rotate, &set, &remove, &keys].as_slice()), (72, &[REFRESH, &set])]
    {
        for command in commands {
            let full = ran(home.through_shell(&within(blocks), command).output()).await.ends(6);
            assert!(
                full.stderr.contains("disk") || full.stderr.contains("too large"),
                "{command:?}: {}",
                full.stderr
            );
        }
    }
    assert_eq!(server.ledger().count(Endpoint::Token), asked, "what could not be kept was not asked for");
    assert_eq!(server.ledger().count(Endpoint::Revocation), 0);
    assert_eq!(home.run(TOKEN).await.ends(0).stdout, token);
    home.run(REFRESH).await.ends(0);
    home.run(&["audit", "verify"]).await.ends(0);
}

/// How long the file is that SQLite writes ahead, in bytes.
fn ahead(home: &Home) -> u64 {
    std::fs::metadata(home.vault().join("grantry.db-wal")).unwrap().len()
}

/// A vault with a consent whose refresh tokens are good for once each, so that whoever loses one loses everything.
async fn consented() -> (Home, TestServer, SqliteVault) {
    let client = RegisteredClient::with_secret("billing", SECRET).redirect_uri("http://127.0.0.1/callback");
    let server = TestServer::builder().client(client).rotation(Rotation::UNKNOWN).start().await.unwrap();
    let (home, issuer) = (Home::new(), server.issuer());
    let flags = ["--service", "crm", "--client-id", "billing", "--client-secret", SECRET, "--no-browser"];
    let mut login = Login::start(&home, &[flags.as_slice(), &["--issuer", &issuer]].concat());
    follow(&login.url().await).await;
    login.end().await.ends(0);
    // As long as another program has the vault open, what is written ahead stays there and grows, until it is longer than a lifeboat.
    let other = SqliteVault::open(home.vault().join("grantry.db")).await.unwrap();
    home.run(REFRESH).await.ends(0);
    while ahead(&home) < 2 * 64 * 1024 + 8192 {
        home.run(REFRESH).await.ends(0);
    }
    (home, server, other)
}

fn limit(renewal: &Login, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(renewal.id()).unwrap()).unwrap();
    let limit = Rlimit { current: bytes, maximum: None };
    rustix::process::prlimit(Some(pid), Resource::Fsize, limit).unwrap();
}

/// A renewal whose disk is full from the moment on at which the server has its request. It has said that the vault takes nothing.
async fn filled(home: &Home, server: &TestServer) -> Login {
    server.inject(Endpoint::Token, Fault::delay(Duration::from_millis(1_500)));
    let asked = server.ledger().count(Endpoint::Token);
    let mut renewal = Login::of(home.through_shell("trap '' XFSZ; exec \"$0\" \"$@\"", REFRESH));
    server.ledger().wait_for(Endpoint::Token, asked + 1, Duration::from_secs(20)).await.unwrap();
    limit(&renewal, Some(ahead(home)));
    renewal.line(|line| line.contains("the vault does not take the tokens that came").then_some(())).await;
    renewal
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_came_when_the_disk_was_full_is_told_of_and_not_lost() {
    let (home, server, other) = consented().await;
    let left = filled(&home, &server).await.end().await.ends(6);
    assert!(left.stderr.contains("lifeboats") && left.stderr.contains("brings them home"), "{}", left.stderr);
    assert!(left.stderr.contains("they are safe") && left.stdout.is_empty(), "{left:?}");
    home.run(TOKEN).await.ends(0);
    home.run(REFRESH).await.ends(0);

    let freed = filled(&home, &server).await;
    limit(&freed, None);
    let freed = freed.end().await.ends(0);
    assert!(freed.stderr.contains("renewed crm"), "{}", freed.stderr);
    home.run(REFRESH).await.ends(0);

    let mut insisted = filled(&home, &server).await;
    insisted.interrupts_until_gone().await;
    insisted.end().await.ends(130);
    other.close().await;
    home.run(REFRESH).await.ends(0);
    home.run(REFRESH).await.ends(0);
    home.run(&["audit", "verify"]).await.ends(0);
}
