//! The command on a machine whose clock is wrong, by half a century or more, beside a server whose clock is right.
//!
//! The clock is libfaketime's: a library that is loaded before the C library, and answers in its place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

#[path = "../command/browser.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod browser;
#[path = "../command/fixture.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod fixture;

use std::path::PathBuf;

use grantry::{Rotation, SigningKey};
use grantry_testkit::{Endpoint, ProofPolicy, RegisteredClient, TestServer};
use serde_json::Value;

use crate::browser::{Login, follow};
use crate::fixture::{Home, Ran, SECRET, SHOWS, server, server_with};

/// A time that a clock is at, and how the moments of the minute after it begin where they are written down.
struct Wrong {
    at: &'static str,
    written: &'static str,
}

const fn wrong(at: &'static str, written: &'static str) -> Wrong {
    Wrong { at, written }
}

/// What a clock without a battery begins with, where counters of 31 and of 32 bits end, the last moments that a timestamp of
/// this library can say, and one after them, which is taken for the last.
const MOMENTS: [Wrong; 5] = [
    wrong("1970-01-01 00:00:01", "1970-01-01T00:0"),
    wrong("2038-01-19 03:14:08", "2038-01-19T03:1"),
    wrong("2106-02-07 06:28:17", "2106-02-07T06:2"),
    wrong("2262-04-11 23:46:00", "2262-04-11T23:4"),
    wrong("2300-01-01 00:00:00", "2262-04-11T23:47:16Z"),
];

const TOKEN: &[&str] = &["auth", "token", "--service", "crm"];
const REFRESH: &[&str] = &["auth", "refresh", "--service", "crm"];
/// Without a look at the server, whose clock is another one: it may find nothing that is broken.
const DOCTOR: &[&str] = &["doctor", "--offline"];

/// Where Debian puts the library, a folder for each architecture, and others put theirs.
fn libfaketime() -> PathBuf {
    let below =
        |folder: &str| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let places = folders.into_iter().chain(below("/usr/lib"));
    let mut places = places.map(|folder| folder.join("faketime/libfaketime.so.1"));
    places
        .find(|library| library.exists())
        .expect("install libfaketime (on Debian: `apt-get install libfaketime`)")
}

/// Sets the clock of the machine, as far as the command can see.
fn set_clock(home: &mut Home, to: Option<&Wrong>) {
    match to {
        Some(to) => fake_clock(home, &format!("@{}", to.at)),
        None => home.variables.clear(),
    }
}

fn fake_clock(home: &mut Home, to: &str) {
    home.variables.clear();
    home.variables.extend([
        ("LD_PRELOAD", libfaketime().into_os_string().into_string().unwrap()),
        ("FAKETIME", to.to_owned()),
        ("TZ", "UTC".to_owned()),
        // A person or a time server sets the wall clock alone: how long the machine has been up stays true, and timers wait by it.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        // The times of files are the file system's.
        ("NO_FAKE_STAT", "1".to_owned()),
    ]);
}

/// A run that succeeds and does not come apart.
async fn good(home: &Home, arguments: &[&str]) -> Ran {
    let ran = home.run(arguments).await;
    assert!(!ran.stderr.contains("panicked"), "{arguments:?} at {:?}: {ran:?}", home.variables);
    ran.ends(0)
}

async fn shows(home: &Home) {
    for arguments in SHOWS.iter().chain([&DOCTOR]) {
        good(home, arguments).await;
    }
}

/// When what the trail tells of was done, in its order.
async fn trail(home: &Home) -> Vec<String> {
    let json = good(home, &["audit", "show", "--json"]).await.json();
    let moment = |entry: &Value| entry["at"].as_str().unwrap().to_owned();
    json["entries"].as_array().unwrap().iter().map(moment).collect()
}

async fn key_states(home: &Home) -> Vec<String> {
    let json = good(home, &["vault", "status", "--json"]).await.json();
    let state = |key: &Value| key["state"].as_str().unwrap().to_owned();
    json["keys"].as_array().unwrap().iter().map(state).collect()
}

/// What `doctor` finds that is so bad.
async fn found(home: &Home, severity: &str) -> Vec<(String, String)> {
    let ran = home.run(&["doctor", "--json"]).await;
    let (code, json) = (ran.code, ran.json());
    assert_eq!(code, Some(i32::from(json["broken"] != 0)), "{json}");
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = json["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["severity"] == severity)
        .map(|finding| (text(finding, "check"), text(finding, "what")))
        .collect()
}

/// Only the clock is broken, and that is said with its direction.
async fn finds_the_clock(home: &Home, to: &Wrong) {
    let broken = found(home, "broken").await;
    let which = if to.at < "2000" { "behind" } else { "ahead of" };
    assert!(
        matches!(&broken[..], [(check, what)] if check == "clock" && what.contains(which)),
        "{}: {broken:?}",
        to.at
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_was_made_at_a_wrong_time_is_whole_at_the_right_one() {
    for moment in &MOMENTS {
        let (mut home, server) = (Home::new(), server().await);
        let asked = || server.ledger().count(Endpoint::Token);
        set_clock(&mut home, Some(moment));
        good(&home, &["vault", "init"]).await;
        home.set(&server).await.ends(0);
        let first = good(&home, TOKEN).await.stdout;
        assert_eq!((good(&home, TOKEN).await.stdout, asked()), (first.clone(), 1), "{}", moment.at);
        shows(&home).await;
        good(&home, REFRESH).await;
        let second = good(&home, TOKEN).await.stdout;
        assert_ne!(first, second);
        good(&home, &["vault", "rotate-keys"]).await;
        good(&home, &["vault", "rotate-keys", "--due"]).await;
        assert_eq!((good(&home, TOKEN).await.stdout, asked()), (second.clone(), 2), "{}", moment.at);
        shows(&home).await;
        finds_the_clock(&home, moment).await;
        let moments = trail(&home).await;
        assert!(moments.iter().all(|at| at.starts_with(moment.written)), "{moments:?}");
        let (until_now, asked_until_now) = (moments.len(), asked());

        // Somebody sets the clock.
        set_clock(&mut home, None);
        shows(&home).await;
        assert_eq!(good(&home, TOKEN).await.stdout, second, "{}", moment.at);
        assert_eq!(asked(), asked_until_now, "{}: what is fresh needs no request", moment.at);
        let healthy = found(&home, "broken").await;
        assert!(healthy.is_empty(), "{}: {healthy:?}", moment.at);
        // Of keys that were made in the future nobody knows how old they are; older ones than the policy wants are due.
        let keys = key_states(&home).await;
        let expected = if moment.at < "2000" { "overdue" } else { "unknown" };
        assert!(keys.iter().all(|state| state == expected), "{}: {keys:?}", moment.at);
        let warnings = found(&home, "warning").await;
        assert!(warnings.iter().any(|(check, _)| check == "key_age"), "{}: {warnings:?}", moment.at);
        let status = good(&home, &["auth", "status", "--json"]).await.json();
        assert_eq!(status["grants"][0]["state"], "active");
        good(&home, REFRESH).await;
        assert_ne!(good(&home, TOKEN).await.stdout, second);
        good(&home, &["vault", "rotate-keys", "--due"]).await;
        good(&home, &["vault", "rotate-keys"]).await;
        good(&home, TOKEN).await;
        let keys = key_states(&home).await;
        assert!(keys.iter().all(|state| state == "fresh"), "{}: {keys:?}", moment.at);
        let moments = trail(&home).await;
        let kept = moments.iter().filter(|at| at.starts_with(moment.written)).count();
        assert!(kept >= until_now && moments.len() > kept && moments.is_sorted(), "{moments:?}");
        good(&home, &["vault", "migrate", "--to", "new"]).await;
        good(&home, &[TOKEN, &["--vault", "new"]].concat()).await;

        set_clock(&mut home, Some(moment));
        good(&home, &["auth", "remove", "--service", "crm", "--vault", "new"]).await;
        set_clock(&mut home, None);
        home.run(&[TOKEN, &["--vault", "new"]].concat()).await.ends(3);
        for vault in ["new", home.vault().to_str().unwrap()] {
            good(&home, &["audit", "verify", "--vault", vault]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_outlives_one_use_at_a_wrong_time() {
    for moment in &MOMENTS {
        let mut home = Home::new();
        let client =
            RegisteredClient::with_secret("billing", SECRET).redirect_uri("http://127.0.0.1/callback");
        // A refresh token that is used twice would end everything.
        let rotation = Rotation::Strict { revokes_family: true };
        let server = TestServer::builder().client(client).rotation(rotation).start().await.unwrap();
        let (token_url, issuer) = (server.token_endpoint(), server.issuer());
        let authorize = server.authorization_server().unwrap().authorization_endpoint().unwrap().to_string();
        let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
        let urls = ["--token-url", &token_url, "--authorization-url", &authorize, "--issuer", &issuer];
        let more = ["--scope", "contacts.read", "--flow", "authorization_code"];
        home.run_with_stdin(&[set.as_slice(), &urls, &more].concat(), SECRET).await.ends(0);
        let mut login = Login::start(&home, &["--service", "crm", "--no-browser"]);
        follow(&login.url().await).await;
        login.end().await.ends(0);
        let first = good(&home, TOKEN).await.stdout;
        good(&home, REFRESH).await;

        set_clock(&mut home, Some(moment));
        let second = good(&home, TOKEN).await.stdout;
        good(&home, REFRESH).await;
        let third = good(&home, TOKEN).await.stdout;
        good(&home, &["vault", "rotate-keys"]).await;
        shows(&home).await;
        finds_the_clock(&home, moment).await;

        set_clock(&mut home, None);
        assert_eq!(good(&home, TOKEN).await.stdout, third, "{}", moment.at);
        shows(&home).await;
        let healthy = found(&home, "broken").await;
        assert!(healthy.is_empty(), "{}: {healthy:?}", moment.at);
        good(&home, REFRESH).await;
        let fourth = good(&home, TOKEN).await.stdout;
        good(&home, &["vault", "rotate-keys", "--due"]).await;
        good(&home, &["audit", "verify"]).await;
        let all = [first, second, third, fourth];
        assert!(all.iter().enumerate().all(|(nth, token)| !all[..nth].contains(token)), "{}", moment.at);

        // A consent at a wrong time is one too.
        set_clock(&mut home, Some(moment));
        let mut login = Login::start(&home, &["--service", "crm", "--account", "ben", "--no-browser"]);
        follow(&login.url().await).await;
        login.end().await.ends(0);
        let of_ben = ["--account", "ben"];
        let first = good(&home, &[TOKEN, &of_ben].concat()).await.stdout;
        set_clock(&mut home, None);
        assert_eq!(good(&home, &[TOKEN, &of_ben].concat()).await.stdout, first, "{}", moment.at);
        good(&home, &[REFRESH, &of_ben].concat()).await;
        good(&home, TOKEN).await;
        shows(&home).await;
    }
}

/// A client that signs its assertions and its proofs, and its server.
async fn signer(home: &Home) -> TestServer {
    let pair = rcgen::KeyPair::generate().unwrap();
    let key = SigningKey::from_pem(pair.serialize_pem()).unwrap();
    let server = server_with(RegisteredClient::with_key("signer", key.verifying_key())).await;
    let proofs = ProofPolicy { required: true, ..ProofPolicy::default() };
    server.with_authority(|authority, _| authority.settings_mut().proofs = proofs);
    std::fs::write(home.folder.path().join("key.pem"), pair.serialize_pem()).unwrap();
    let (token_url, issuer) = (server.token_endpoint(), server.issuer());
    let set = ["auth", "set", "--service", "crm", "--client-id", "signer", "--private-key-file", "key.pem"];
    let more = ["--token-url", &token_url, "--issuer", &issuer, "--scope", "contacts.read", "--dpop"];
    good(home, &[set.as_slice(), &more].concat()).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_signs_is_dated_by_the_clock_of_the_server_where_that_is_off_by_hours() {
    for at in ["-20h", "+20h"] {
        let mut home = Home::new();
        fake_clock(&mut home, at);
        let _server = signer(&home).await;
        let first = good(&home, TOKEN).await.stdout;
        good(&home, REFRESH).await;
        let second = good(&home, TOKEN).await.stdout;
        assert_ne!(first, second, "{at}");
        set_clock(&mut home, None);
        assert_eq!(good(&home, TOKEN).await.stdout, second, "{at}");
        good(&home, REFRESH).await;
    }
}

/// No `Date` can have a client sign for other years, so it is refused until somebody sets the clock; and it says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_signs_is_told_of_a_clock_that_is_off_by_years_and_loses_nothing() {
    for moment in &MOMENTS {
        let mut home = Home::new();
        set_clock(&mut home, Some(moment));
        let _server = signer(&home).await;
        for arguments in [TOKEN, REFRESH] {
            let refused = home.run(arguments).await.ends(5);
            assert!(refused.stderr.contains("this machine's clock is off"), "{}", refused.stderr);
            assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
        }
        finds_the_clock(&home, moment).await;
        set_clock(&mut home, None);
        let token = good(&home, TOKEN).await.stdout;

        set_clock(&mut home, Some(moment));
        assert_eq!(good(&home, TOKEN).await.stdout, token, "{}", moment.at);
        home.run(REFRESH).await.ends(5);
        assert_eq!(good(&home, TOKEN).await.stdout, token, "{}: a refusal takes nothing away", moment.at);
        set_clock(&mut home, None);
        good(&home, REFRESH).await;
        assert_ne!(good(&home, TOKEN).await.stdout, token, "{}", moment.at);
        good(&home, &["audit", "verify"]).await;
    }
}
