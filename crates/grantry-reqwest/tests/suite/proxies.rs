//! No proxy sees a token in clear (RFC 6750 section 5.3).

use std::process::Command;

use crate::support::{Reply, Server, TestSource, client, client_builder};
use grantry_reqwest::AuthorizedClient;

/// Names the proxy to the process that a test starts.
const PROXY: &str = "GRANTRY_TEST_PROXY";

/// A proxy that answers for whoever is asked.
async fn proxy() -> Server {
    Server::start(|_| Reply::new(203)).await
}

#[tokio::test]
async fn req_a01_a_built_client_with_an_http_origin_uses_no_proxy_of_its_builder() {
    let (server, proxy) = (Server::start(|_| Reply::ok()).await, proxy().await);
    for configured in [reqwest::Proxy::http(proxy.origin()), reqwest::Proxy::all(proxy.origin())] {
        let builder = client_builder().proxy(configured.unwrap());
        let origins = ["https://api.example.com".to_owned(), server.origin()];
        let api = AuthorizedClient::from_builder(builder, TestSource::bearer(), origins).unwrap();
        assert_eq!(api.get(server.url("/")).send().await.unwrap().status(), 200);
    }
    assert_eq!((server.seen().len(), proxy.seen().len()), (2, 0));
}

#[tokio::test]
async fn a_built_client_with_https_origins_only_keeps_its_proxy() {
    let proxy = proxy().await;
    let builder = client_builder().proxy(reqwest::Proxy::all(proxy.origin()).unwrap());
    let origin = "https://api.example.com";
    let api = AuthorizedClient::from_builder(builder, TestSource::bearer(), [origin]).unwrap();
    assert!(api.get(origin).send().await.is_err(), "this proxy opens no tunnel");
    let seen = proxy.seen();
    assert_eq!(seen.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), ["CONNECT"]);
    assert_eq!(proxy.authorizations(), ["-"]);
}

/// The environment is that of a whole process, so the test starts itself once more with another one.
#[tokio::test]
async fn req_a01_a_built_client_with_an_http_origin_uses_no_proxy_of_the_environment() {
    if std::env::var_os(PROXY).is_some() {
        return inside_the_environment().await;
    }
    let proxy = proxy().await;
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([
        "--exact",
        "proxies::req_a01_a_built_client_with_an_http_origin_uses_no_proxy_of_the_environment",
    ]);
    for name in [PROXY, "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, proxy.origin());
    }
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        again.env_remove(name);
    }
    let ended = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    assert_eq!(proxy.authorizations(), ["-"], "the plain client's request, and nothing else");
}

async fn inside_the_environment() {
    let server = Server::start(|_| Reply::ok()).await;
    let plain = client().get(server.url("/")).send().await.unwrap();
    assert_eq!(plain.status(), 203, "reqwest does take its proxy from this environment");
    let api =
        AuthorizedClient::from_builder(client_builder(), TestSource::bearer(), [server.origin()]).unwrap();
    assert_eq!(api.get(server.url("/")).send().await.unwrap().status(), 200);
    assert_eq!(server.authorizations(), ["Bearer t1"]);
}
