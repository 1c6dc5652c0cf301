//! A token never goes across a redirect to another origin (RFC 9700 section 4.9).

use std::sync::Arc;

use crate::support::{CountingProver, Reply, Server, TestSource, client, client_builder};
use grantry_core::Binding;
use grantry_core::presenting::AllowedOrigins;
use grantry_reqwest::{AuthorizedClient, SendAuthorized};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// A resource server that sends everybody on to `elsewhere`, and answers `/here` itself.
async fn hostile(status: u16, elsewhere: String) -> Server {
    Server::start(move |seen| match seen.path.as_str() {
        "/here" => Reply::ok(),
        _ => Reply::redirect(status, elsewhere.clone()),
    })
    .await
}

#[tokio::test]
async fn req_e07_a_handed_in_client_carries_no_token_to_another_port() {
    for status in STATUSES {
        let elsewhere = Server::start(|_| Reply::ok()).await;
        let server = hostile(status, elsewhere.url("/steal")).await;
        let api = AuthorizedClient::new(client(), TestSource::bearer(), [server.origin()]).unwrap();
        let answer = api.post(server.url("/go")).body("text").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(server.authorizations(), ["Bearer t1"], "{status}");
        assert_eq!(elsewhere.authorizations(), ["-"], "{status}");
    }
}

#[tokio::test]
async fn req_e07_a_handed_in_client_carries_no_token_to_another_host_name_on_the_same_port() {
    for status in STATUSES {
        let server = Server::start(move |seen| match seen.header("host") {
            Some(host) if host.starts_with("localhost") => Reply::ok(),
            Some(host) => {
                Reply::redirect(status, format!("http://localhost:{}/", &host["127.0.0.1:".len()..]))
            }
            None => Reply::new(400),
        })
        .await;
        let api = AuthorizedClient::new(client(), TestSource::bearer(), [server.origin()]).unwrap();
        assert_eq!(api.get(server.url("/go")).send().await.unwrap().status(), 200);
        assert_eq!(server.authorizations(), ["Bearer t1", "-"], "{status}");
    }
}

#[tokio::test]
async fn req_e07_a_handed_in_client_carries_no_token_from_https_to_http_on_the_same_host_and_port() {
    for status in STATUSES {
        let server = Server::start(move |seen| {
            let host = seen.header("host").unwrap_or_default();
            if seen.over_tls { Reply::redirect(status, format!("http://{host}/")) } else { Reply::ok() }
        })
        .await;
        let root = reqwest::Certificate::from_der(&server.certificate).unwrap();
        let client = client_builder().tls_certs_only([root]).build().unwrap();
        let origin = format!("https://localhost:{}", server.port);
        let api = AuthorizedClient::new(client, TestSource::bearer(), [&origin]).unwrap();
        assert_eq!(api.get(format!("{origin}/go")).send().await.unwrap().status(), 200);
        let seen: Vec<bool> = server.seen().iter().map(|seen| seen.over_tls).collect();
        assert_eq!(seen, [true, false], "{status}");
        assert_eq!(server.authorizations(), ["Bearer t1", "-"], "{status}");
    }
}

#[tokio::test]
async fn req_e07_the_extension_carries_no_token_to_another_origin() {
    for status in STATUSES {
        let elsewhere = Server::start(|_| Reply::ok()).await;
        let server = hostile(status, elsewhere.url("/steal")).await;
        let origins = AllowedOrigins::new([server.origin()]).unwrap();
        let request = client().get(server.url("/go"));
        request.send_authorized(&TestSource::bearer(), &origins).await.unwrap();
        assert_eq!(elsewhere.authorizations(), ["-"], "{status}");
    }
}

#[tokio::test]
async fn req_e07_no_token_crosses_a_redirect_even_to_another_allowed_origin_or_back() {
    let first = Arc::new(std::sync::OnceLock::<String>::new());
    let back = Arc::clone(&first);
    let second = Server::start(move |_| Reply::redirect(302, back.get().cloned().unwrap())).await;
    let server = hostile(302, second.url("/there")).await;
    first.set(server.url("/here")).unwrap();
    let origins = [server.origin(), second.origin()];
    let api = AuthorizedClient::new(client(), TestSource::bearer(), origins).unwrap();
    assert_eq!(api.get(server.url("/go")).send().await.unwrap().status(), 200);
    assert_eq!(server.authorizations(), ["Bearer t1", "-"]);
    assert_eq!(second.authorizations(), ["-"]);
}

#[tokio::test]
async fn a_401_of_another_origin_says_nothing_about_the_token() {
    let elsewhere = Server::start(|_| Reply::refused().header("DPoP-Nonce", "foreign")).await;
    let server = hostile(302, elsewhere.url("/steal")).await;
    let prover = Arc::new(CountingProver::default());
    let source = TestSource::bound(Binding::Proof(Arc::clone(&prover) as _));
    let api = AuthorizedClient::new(client(), Arc::clone(&source), [server.origin()]).unwrap();
    assert_eq!(api.get(server.url("/go")).send().await.unwrap().status(), 401);
    assert_eq!((source.rejections(), source.renewals()), (0, 1));
    assert_eq!((server.seen().len(), elsewhere.seen().len()), (1, 1));
    assert!(prover.nonces.lock().unwrap().is_empty(), "req_e11: nonces of different servers are kept apart");
}

/// Two servers: the first sends `/go` on to the second, which sends it back to where the first says `refused`.
async fn there_and_back(refused: fn() -> Reply) -> (Server, Server) {
    let first = Arc::new(std::sync::OnceLock::<String>::new());
    let back = Arc::clone(&first);
    let second = Server::start(move |_| Reply::redirect(302, back.get().cloned().unwrap())).await;
    let there = second.url("/there");
    let server = Server::start(move |seen| match seen.path.as_str() {
        "/go" => Reply::redirect(302, there.clone()),
        _ => refused(),
    })
    .await;
    first.set(server.url("/back")).unwrap();
    (server, second)
}

#[tokio::test]
async fn req_e05_a_401_or_403_of_the_same_origin_by_way_of_another_says_nothing_about_the_token() {
    let forbidden = || Reply::new(403).header("WWW-Authenticate", "Bearer error=insufficient_scope, scope=x");
    for (status, refused) in
        [(401, Reply::refused as fn() -> Reply), (401, || Reply::new(401)), (403, forbidden)]
    {
        let (server, second) = there_and_back(refused).await;
        let source = TestSource::bearer();
        let api = AuthorizedClient::new(client(), Arc::clone(&source), [server.origin()]).unwrap();
        assert_eq!(api.get(server.url("/go")).send().await.unwrap().status(), status);
        let origins = AllowedOrigins::new([server.origin()]).unwrap();
        let request = client().get(server.url("/go"));
        assert_eq!(request.send_authorized(&source, &origins).await.unwrap().status(), status);
        assert_eq!(server.authorizations(), ["Bearer t1", "-", "Bearer t1", "-"]);
        assert_eq!(second.authorizations(), ["-", "-"]);
        assert_eq!((source.rejections(), source.renewals()), (0, 1));
    }
}

#[tokio::test]
async fn req_e05_a_401_behind_a_redirect_of_a_handed_in_client_is_handed_on_and_a_built_client_judges_it() {
    let server = Server::start(|seen| match (seen.path.as_str(), seen.header("authorization")) {
        ("/go", _) => Reply::redirect(302, "/here"),
        (_, Some("Bearer t1")) => Reply::refused(),
        _ => Reply::ok(),
    })
    .await;
    let source = TestSource::bearer();
    let api = AuthorizedClient::new(client(), Arc::clone(&source), [server.origin()]).unwrap();
    assert_eq!(api.get(server.url("/go")).send().await.unwrap().status(), 401);
    assert_eq!((server.seen().len(), source.rejections()), (2, 0));
    let api =
        AuthorizedClient::from_builder(client_builder(), Arc::clone(&source), [server.origin()]).unwrap();
    assert_eq!(api.get(server.url("/go")).send().await.unwrap().status(), 200);
    assert_eq!(server.authorizations()[2..], ["Bearer t1", "Bearer t1", "Bearer t2"]);
    assert_eq!((source.rejections(), source.renewals()), (1, 2));
}

#[tokio::test]
async fn req_e07_a_built_client_sends_nothing_at_all_to_another_origin() {
    for status in STATUSES {
        let elsewhere = Server::start(|_| Reply::ok()).await;
        let server = hostile(status, elsewhere.url("/steal")).await;
        let origins = [server.origin(), elsewhere.origin()];
        let api = AuthorizedClient::from_builder(client_builder(), TestSource::bearer(), origins).unwrap();
        let answer = api.post(server.url("/go")).body("text").send().await.unwrap();
        assert_eq!(answer.status(), status, "the redirect is the caller's to follow");
        assert_eq!(elsewhere.seen().len(), 0, "{status}");
    }
}

/// A server that sends `/go` on to `/here?x=y`.
async fn inward(status: u16) -> Server {
    Server::start(move |seen| match seen.path.as_str() {
        "/go" => Reply::redirect(status, "here?x=y"),
        _ => Reply::ok(),
    })
    .await
}

#[tokio::test]
async fn a_built_client_follows_redirects_inside_the_origin() {
    for status in STATUSES {
        let server = inward(status).await;
        let api = AuthorizedClient::from_builder(client_builder(), TestSource::bearer(), [server.origin()])
            .unwrap();
        let request = api.post(server.url("/go")).header("Content-Type", "text/plain").body("text");
        assert_eq!(request.send().await.unwrap().status(), 200);
        let last = server.seen().pop().unwrap();
        assert_eq!(last.path, "/here?x=y");
        assert_eq!(last.header("authorization"), Some("Bearer t1"));
        let is_kept = matches!(status, 307 | 308);
        assert_eq!(last.method, if is_kept { "POST" } else { "GET" }, "{status}");
        assert_eq!(last.body, if is_kept { &b"text"[..] } else { b"" }, "{status}");
        assert_eq!(last.header("content-type"), is_kept.then_some("text/plain"), "{status}");
    }
}

#[tokio::test]
async fn req_e10_each_hop_of_a_built_client_has_a_proof_of_its_own() {
    let server = inward(302).await;
    let source = TestSource::bound(Binding::Proof(Arc::new(CountingProver::default())));
    let api = AuthorizedClient::from_builder(client_builder(), source, [server.origin()]).unwrap();
    api.get(server.url("/go")).send().await.unwrap();
    let proofs: Vec<String> =
        server.seen().iter().map(|seen| seen.header("dpop").unwrap_or("-").to_owned()).collect();
    let url = server.origin();
    assert_eq!(proofs, [format!("1 GET {url}/go -"), format!("2 GET {url}/here -")]);
}

#[tokio::test]
async fn a_loop_of_redirects_ends_and_so_does_one_of_a_streamed_body() {
    let server = Server::start(|_| Reply::redirect(307, "/again")).await;
    let api =
        AuthorizedClient::from_builder(client_builder(), TestSource::bearer(), [server.origin()]).unwrap();
    assert_eq!(api.get(server.url("/go")).send().await.unwrap().status(), 307);
    assert_eq!(server.seen().len(), 11);
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("text")]);
    let request = api.post(server.url("/go")).body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(request.send().await.unwrap().status(), 307);
    assert_eq!(server.seen().len(), 12);
}

#[tokio::test]
async fn req_a01_a_built_client_resolves_localhost_to_loopback_itself() {
    let server = Server::start(|_| Reply::ok()).await;
    let elsewhere = "192.0.2.1:9".parse().unwrap();
    let builder = client_builder().resolve("localhost", elsewhere);
    let origin = format!("http://localhost:{}", server.port);
    let api = AuthorizedClient::from_builder(builder, TestSource::bearer(), [&origin]).unwrap();
    assert_eq!(api.get(&origin).send().await.unwrap().status(), 200);
    assert_eq!(server.authorizations(), ["Bearer t1"]);
}
