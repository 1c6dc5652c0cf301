//! What is no request of the person's browser, or not one that HTTP/1.1 knows.

use std::time::Duration;

use grantry_testkit::Endpoint;
use tokio::io::AsyncWriteExt;

use super::support::*;

/// The login goes on as if nothing had been, and is finished.
async fn goes_on(login: Login) {
    assert_eq!(login.server.ledger().count(Endpoint::Token), 0);
    let back = login.person().await;
    assert_eq!(status(&login.browser(&back).await), 200);
    assert!(login.outcome().await.is_ok());
}

#[tokio::test]
async fn other_methods_than_get() {
    let login = Login::start().await;
    let back = login.person().await;
    for (method, body) in [
        ("POST", "code=a&state=b"),
        ("OPTIONS", ""),
        ("PUT", "x"),
        ("HEAD", ""),
        ("DELETE", ""),
        ("TRACE", ""),
    ] {
        let text = format!(
            "{method} {back} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            login.address,
            body.len()
        );
        let seen = login.raw(text).await;
        assert_eq!(status(&seen), 405, "{method}");
        assert!(seen.contains("\r\nallow: GET\r\n") && !seen.contains("access-control"), "{method}");
        assert_eq!(seen.ends_with("</html>\n"), method != "HEAD", "{method}");
    }
    let seen = login.raw(format!("OPTIONS * HTTP/1.1\r\nHost: {}\r\n\r\n", login.address)).await;
    assert_eq!(status(&seen), 404);
    goes_on(login).await;
}

#[tokio::test]
async fn the_icon_first_then_the_response() {
    let login = Login::start().await;
    assert_eq!(status(&login.browser("/favicon.ico").await), 404);
    goes_on(login).await;
}

#[tokio::test]
async fn another_host_than_this_address() {
    let login = Login::start().await;
    let back = login.person().await;
    let port = login.address.port();
    for host in [
        "attacker.example".to_owned(),
        format!("attacker.example:{port}"),
        format!("localhost:{port}"),
        format!("127.0.0.1.attacker.example:{port}"),
        format!("0.0.0.0:{port}"),
        format!("127.0.0.2:{port}"),
        "127.0.0.1".to_owned(),
        String::new(),
    ] {
        let seen = login.raw(format!("GET {back} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(status(&seen), 421, "{host}");
    }
    for text in [
        format!("GET {back} HTTP/1.1\r\n\r\n"),
        format!("GET {back} HTTP/1.1\r\nHost: {0}\r\nHost: {0}\r\n\r\n", login.address),
        format!("GET http://{0}{back} HTTP/1.1\r\nHost: {0}\r\n\r\n", login.address),
    ] {
        assert_eq!(status(&login.raw(text).await), 400);
    }
    goes_on(login).await;
}

#[tokio::test]
async fn a_tls_hello_on_the_plain_port() {
    let login = Login::start().await;
    let hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x9a];
    assert_eq!(status(&login.raw(hello).await), 400);
    goes_on(login).await;
}

#[tokio::test]
async fn the_preface_of_http_2() {
    let login = Login::start().await;
    assert_eq!(status(&login.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await), 505);
    goes_on(login).await;
}

#[tokio::test]
async fn an_upgrade_is_not_made() {
    let login = Login::start().await;
    let back = login.person().await;
    let lines = "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";
    let seen = login.raw(login.request("/callback", lines)).await;
    assert_eq!(status(&seen), 400);
    assert_eq!(status(&login.raw(login.request(&back, lines)).await), 200);
    assert!(login.outcome().await.is_ok());
}

#[tokio::test]
async fn a_request_split_over_packets() {
    let login = Login::start().await;
    let request = login.request(&login.person().await, "");
    let mut stream = login.connect().await;
    stream.set_nodelay(true).unwrap();
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&rest(&mut stream).await), 200);
    assert!(login.outcome().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_gets_ten_seconds() {
    let login = Login::start().await;
    let mut stream = login.connect().await;
    stream.write_all(b"GET /callback?code=a HTTP/1.1\r\nHost: ").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 408);
    goes_on(login).await;
}

#[tokio::test]
async fn a_connection_is_used_once() {
    let login = Login::start().await;
    let back = login.person().await;
    let both = login.request("/favicon.ico", "") + &login.request(&back, "");
    let seen = login.raw(both).await;
    assert_eq!(seen.matches("HTTP/1.1 ").count(), 1);
    assert!(seen.contains("\r\nconnection: close\r\n"));
    goes_on(login).await;
}

#[tokio::test]
async fn a_thousand_connections_that_say_nothing_do_not_keep_the_browser_out() {
    let login = Login::start().await;
    let mut idle = Vec::new();
    // More than are read at once, so that the oldest have to go.
    for _ in 0..1_100 {
        let mut stream = login.connect().await;
        stream.write_all(b"GET /").await.unwrap();
        idle.push(stream);
    }
    goes_on(login).await;
}

#[tokio::test]
async fn a_thousand_strays_at_once_are_all_answered() {
    let login = Login::start().await;
    let answers = futures_util::future::join_all(
        (0..1_000).map(|n| login.browser_owned(format!("/callback?code={n}&state={n}"))),
    )
    .await;
    assert!(answers.iter().all(|seen| status(seen) == 400));
    assert_eq!(answers.len(), 1_000);
    goes_on(login).await;
}

#[tokio::test]
async fn who_hangs_up_in_the_middle_harms_nothing() {
    let login = Login::start().await;
    for cut in [0, 3, 20, 40] {
        let mut stream = login.connect().await;
        stream.write_all(&login.request("/callback?code=a", "").as_bytes()[..cut]).await.unwrap();
        drop(stream);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    goes_on(login).await;
}
