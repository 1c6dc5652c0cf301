//! Where it listens, and for whom.

use std::net::SocketAddr;

use grantry_authorization_code::{AuthorizationCode, Loopback, Page};
use grantry_core::ErrorKind;
use grantry_testkit::ManualClock;
use tokio::net::{TcpListener, TcpStream};

use super::support::*;
use crate::support::{endpoint, test_server};

/// The addresses that listen at a port, as the kernel tells.
#[cfg(target_os = "linux")]
fn listening_at(port: u16) -> Vec<String> {
    let port = format!(":{port:04X}");
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let mut found = Vec::new();
    for line in tables.iter().flat_map(|table| table.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, local, _, "0A", ..] = words[..]
            && let Some(address) = local.strip_suffix(port.as_str())
        {
            found.push(address.to_owned());
        }
    }
    found
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn req_b20_it_listens_on_the_loopback_interface_alone() {
    let (v4, v6) = ("0100007F", "00000000000000000000000001000000");
    for (builder, expected) in [
        (Loopback::builder(), vec![v4]),
        (Loopback::builder().ipv4(), vec![v4]),
        (Loopback::builder().ipv6(), vec![v6]),
        (Loopback::builder().localhost(), vec![v4, v6]),
    ] {
        let loopback = builder.listen().await.unwrap();
        let authority = loopback.redirect_uri().split('/').nth(2).unwrap().to_owned();
        let port = authority.rsplit(':').next().unwrap().parse().unwrap();
        assert_eq!(listening_at(port), expected, "{authority}");
        drop(loopback);
        assert!(listening_at(port).is_empty(), "{authority}");
    }
}

#[tokio::test]
async fn req_b20_each_address_finishes_a_login() {
    for builder in [Loopback::builder().ipv6(), Loopback::builder().ipv4().path("/oauth/back")] {
        let login = Login::start_at(builder).await;
        let back = login.person().await;
        assert_eq!(status(&login.browser(&back).await), 200);
        assert!(login.outcome().await.is_ok());
    }
    // By name, and then at either address.
    for host in ["127.0.0.1", "[::1]"] {
        let login = Login::start_at(Loopback::builder().localhost()).await;
        let (back, port) = (login.person().await, login.address.port());
        let mut stream = TcpStream::connect(format!("{host}:{port}")).await.unwrap();
        let request = login.request(&back, "").replace("127.0.0.1", "LocalHost");
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        assert_eq!(status(&rest(&mut stream).await), 200, "{host}");
        assert!(login.outcome().await.is_ok());
    }
}

#[tokio::test]
async fn a_port_of_another_program_is_refused_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Loopback::builder().ipv4().port(port).listen().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let error = Loopback::builder().localhost().port(port).listen().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    drop(taken);
    // A squatter at the other address of the name would get the browser.
    let squatter = TcpListener::bind("[::1]:0").await.unwrap();
    let port = squatter.local_addr().unwrap().port();
    let error = Loopback::builder().localhost().port(port).listen().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(is_free(SocketAddr::from(([127, 0, 0, 1], port))).await);
}

#[tokio::test]
async fn a_registered_redirect_uri_says_where_to_listen() {
    for (uri, expected) in [
        ("http://127.0.0.1/back", "http://127.0.0.1:"),
        ("http://localhost/back", "http://localhost:"),
        ("http://[::1]/back", "http://[::1]:"),
    ] {
        let loopback = Loopback::builder_for(uri).unwrap().listen().await.unwrap();
        let found = loopback.redirect_uri();
        assert!(found.starts_with(expected) && found.ends_with("/back"), "{found}");
    }
    let port = Loopback::listen().await.unwrap().redirect_uri().to_owned();
    assert_eq!(Loopback::builder_for(&port).unwrap().listen().await.unwrap().redirect_uri(), port);
    for elsewhere in [
        "https://127.0.0.1/back",
        "https://app.example.com/back",
        "http://127.0.0.1/back?x=y",
        "com.example.app:/back",
        "http://127.0.0.2/back",
        "",
    ] {
        let error = Loopback::builder_for(elsewhere).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{elsewhere}");
    }
}

#[tokio::test]
async fn a_path_has_to_be_one() {
    for path in ["", "callback", "//a", "/a?b", "/a#b", "/a b", "/%61", "/../a", "/\u{e9}", "/a\r\nb"] {
        let error = Loopback::builder().path(path).listen().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{path}");
    }
}

#[tokio::test]
async fn a_flow_that_would_not_come_back_here_is_refused_before_anybody_is_invited() {
    let clock = ManualClock::new();
    let server = test_server(&clock, "");
    let facts = || endpoint(server.authorization_server().unwrap(), server.transport(), &clock);
    let loopback = Loopback::listen().await.unwrap();
    let elsewhere = AuthorizationCode::builder(facts(), "http://127.0.0.1:1/callback").build().unwrap();
    let unfinished = loopback.login(&elsewhere, |_| panic!("nobody is invited")).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Configuration);

    let loopback = Loopback::listen().await.unwrap();
    let posting = AuthorizationCode::builder(facts(), loopback.redirect_uri()).form_post().build().unwrap();
    let unfinished = loopback.login(&posting, |_| panic!("nobody is invited")).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn the_program_may_have_a_page_of_its_own() {
    let page = Page::new(200, "Done", "Back to the <terminal>.");
    let login = Login::start_at(Loopback::builder().finished_page(page.clone())).await;
    let seen = login.browser(&login.person().await).await;
    assert!(seen.ends_with(&page.to_html()));
    assert!(login.outcome().await.is_ok());
}
