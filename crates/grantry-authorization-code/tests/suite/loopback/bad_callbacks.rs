//! Responses that are none of this login: each is answered, ignored, and reaches no token endpoint.

use grantry_testkit::Endpoint;

use super::support::*;

/// Each is sent while the login is under way, which is finished afterwards.
async fn refused(change: impl Fn(&str) -> String, expected: u16) {
    let login = Login::start().await;
    let back = login.person().await;
    let target = change(&back);
    let seen = login.browser(&target).await;
    let shown: String = target.chars().take(80).collect();
    assert_eq!(status(&seen), expected, "{shown}");
    assert_eq!(login.server.ledger().count(Endpoint::Token), 0, "{shown}");
    assert!(!login.task.is_finished(), "{shown}");
    assert_eq!(status(&login.browser(&back).await), 200, "{shown}");
    assert!(login.outcome().await.is_ok());
}

fn state(back: &str) -> String {
    query(back, "state")
}

fn code(back: &str) -> String {
    query(back, "code")
}

#[tokio::test]
async fn no_query_at_all() {
    refused(|_| "/callback".into(), 400).await;
    refused(|_| "/callback?".into(), 400).await;
}

#[tokio::test]
async fn a_code_twice() {
    refused(|back| format!("{back}&code={}", code(back)), 400).await;
}

#[tokio::test]
async fn a_state_twice() {
    refused(|back| format!("{back}&state={}", state(back)), 400).await;
}

#[tokio::test]
async fn an_error_without_a_state() {
    refused(|_| "/callback?error=access_denied".into(), 400).await;
}

#[tokio::test]
async fn req_b08_a_state_that_is_missing_wrong_cut_or_in_another_case() {
    refused(|back| format!("/callback?code={}", code(back)), 400).await;
    refused(|back| format!("/callback?code={}&state=guess", code(back)), 400).await;
    refused(|back| format!("/callback?code={}&state={}", code(back), &state(back)[..42]), 400).await;
    refused(|back| format!("/callback?code={}&state={}", code(back), state(back).to_uppercase()), 400).await;
    refused(|back| format!("/callback?code={}&state={}%20", code(back), state(back)), 400).await;
    refused(|back| format!("/callback?code={}&state={}+", code(back), state(back)), 400).await;
}

#[tokio::test]
async fn the_state_of_another_tenants_login() {
    let other = Login::start().await;
    let theirs = other.person().await;
    refused(|_| theirs.clone(), 400).await;
    assert_eq!(other.server.ledger().count(Endpoint::Token), 0);
    other.task.abort();
}

#[tokio::test]
async fn escapes_that_are_broken_or_mean_control_characters() {
    for odd in ["%00", "%0d%0aSet-Cookie:a=b", "%", "%2", "%zz", "%c0%af", "%ff"] {
        refused(|back| format!("/callback?code={odd}&state={}", state(back)), 400).await;
    }
}

#[tokio::test]
async fn a_query_of_1_mb() {
    refused(|back| format!("{back}&x={}", "a".repeat(1 << 20)), 414).await;
    refused(|back| format!("{back}&x={}", "a".repeat(32 * 1024)), 400).await;
}

#[tokio::test]
async fn a_response_in_the_fragment() {
    // A browser keeps the fragment to itself; whoever sends one is none.
    refused(|back| back.replace('?', "#"), 400).await;
    refused(|_| "/callback".into(), 400).await;
}

#[tokio::test]
async fn a_wrong_path() {
    for path in ["/", "/callback/", "/Callback", "/callback/x", "/%63allback", "//callback", "/favicon.ico"] {
        refused(|back| back.replace("/callback", path), 404).await;
    }
}

#[tokio::test]
async fn plus_and_percent_20_are_both_a_space() {
    let login = Login::start().await;
    let state = state(&login.person().await);
    let iss = login.issuer_parameter();
    let target = format!("/callback?error=x&error_description=a+b%20c&state={state}&{iss}");
    assert!(login.browser(&target).await.contains("\u{201c}a b c\u{201d}"));
    assert_eq!(login.outcome().await.unwrap_err().said.as_deref(), Some("a b c"));
}
