//! What goes out, and what does not.

use std::sync::Arc;

use crate::support::{Reply, Server, TestSource, client, client_builder};
use grantry_core::presenting::AllowedOrigins;
use grantry_core::{Binding, Error as CoreError, ErrorKind, Stage, Thumbprint, TokenSource};
use grantry_reqwest::{AuthorizedClient, Error, SendAuthorized};

fn api(source: impl TokenSource, server: &Server) -> AuthorizedClient {
    AuthorizedClient::new(client(), source, [server.origin()]).unwrap()
}

fn token_error(error: Error) -> CoreError {
    match error {
        Error::Token(error) => error,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn req_e01_every_method_sends_the_token_in_its_header_and_nowhere_else() {
    let server = Server::start(|_| Reply::ok().body("yes")).await;
    let api = api(TestSource::bearer(), &server);
    let url = server.url("/x?y=z");
    for (request, method) in [
        (api.get(&url), "GET"),
        (api.post(&url), "POST"),
        (api.put(&url), "PUT"),
        (api.patch(&url), "PATCH"),
        (api.delete(&url), "DELETE"),
        (api.head(&url), "HEAD"),
        (api.request(reqwest::Method::OPTIONS, &url), "OPTIONS"),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 200, "{method}");
        let seen = server.seen().pop().unwrap();
        assert_eq!((seen.method.as_str(), seen.path.as_str()), (method, "/x?y=z"));
        let carrying = seen.headers.iter().filter(|(_, value)| value.contains("t1")).count();
        assert_eq!((seen.header("authorization"), carrying), (Some("Bearer t1"), 1), "{method}");
    }
}

/// No method takes a token, and a `Token` is not `Serialize`, so that `form`, `json` and `query` take none either:
/// the crate's own doc tests show that this does not compile.
#[tokio::test]
async fn req_e02_no_body_and_no_query_holds_the_token() {
    let server = Server::start(|_| Reply::ok()).await;
    let api = api(TestSource::bearer(), &server);
    let url = server.url("/x");
    for request in [
        api.post(&url).form(&[("a", "b")]),
        api.post(&url).json(&["a"]),
        api.post(&url).body("a"),
        api.post(&url),
        api.get(&url).query(&[("a", "b")]),
    ] {
        request.send().await.unwrap();
        let seen = server.seen().pop().unwrap();
        assert!(!seen.path.contains("t1") && !String::from_utf8_lossy(&seen.body).contains("t1"), "{seen:?}");
        assert_eq!(seen.header("authorization"), Some("Bearer t1"));
    }
}

#[tokio::test]
async fn the_builder_passes_everything_on() {
    let server = Server::start(|_| Reply::ok().body("{\"a\":1}")).await;
    let api = api(TestSource::bearer(), &server);
    let request = api
        .post(server.url("/x"))
        .header("X-One", "1")
        .headers([("x-two".parse().unwrap(), "2".parse().unwrap())].into_iter().collect())
        .query(&[("q", "a b")])
        .timeout(std::time::Duration::from_secs(60))
        .version(reqwest::Version::HTTP_11)
        .json(&serde_json::json!({"k": "v"}));
    let copy = request.try_clone().unwrap().form(&[("f", "v")]);
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["a"], 1);
    copy.send().await.unwrap();
    let [first, second] = &server.seen()[..] else { unreachable!() };
    assert_eq!(first.path, "/x?q=a+b");
    assert_eq!((first.header("x-one"), first.header("x-two")), (Some("1"), Some("2")));
    assert_eq!((&first.body[..], &second.body[..]), (&b"{\"k\":\"v\"}"[..], &b"f=v"[..]));
}

#[tokio::test]
async fn the_header_value_is_marked_sensitive() {
    let source = TestSource::bearer();
    let token = source.token().await.unwrap();
    assert!(token.header().is_sensitive());
}

#[tokio::test]
async fn req_e07_nothing_is_sent_to_an_origin_that_is_not_allowed() {
    let (server, elsewhere) = (Server::start(|_| Reply::ok()).await, Server::start(|_| Reply::ok()).await);
    let source = TestSource::bearer();
    let api = api(Arc::clone(&source), &server);
    for url in [elsewhere.url("/?secret=canary"), format!("http://localhost:{}/", server.port)] {
        let error = token_error(api.get(&url).send().await.unwrap_err());
        assert_eq!((error.kind(), error.stage()), (ErrorKind::OriginNotAllowed, Stage::Present), "{url}");
        assert!(!format!("{error:?} {error}").contains("canary"));
    }
    let request = api.get(server.url("/")).header("Host", "evil.test");
    assert_eq!(token_error(request.send().await.unwrap_err()).kind(), ErrorKind::OriginNotAllowed);
    assert_eq!((server.seen().len(), elsewhere.seen().len(), source.renewals()), (0, 0, 0));
}

#[tokio::test]
async fn a_host_among_the_default_headers_of_a_built_client_leads_no_token_astray() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/" => Reply::redirect(302, "/there"),
        _ => Reply::ok(),
    })
    .await;
    let elsewhere = [(reqwest::header::HOST, reqwest::header::HeaderValue::from_static("evil.test"))];
    let builder = client_builder().default_headers(elsewhere.into_iter().collect());
    let api = AuthorizedClient::from_builder(builder, TestSource::bearer(), [server.origin()]).unwrap();
    assert_eq!(api.get(server.url("/")).send().await.unwrap().status(), 200);
    let own = server.origin().replace("http://", "");
    let hosts: Vec<_> = server.seen().iter().map(|seen| seen.header("host").map(str::to_owned)).collect();
    assert_eq!(hosts, [Some(own.clone()), Some(own)]);
}

#[tokio::test]
async fn no_token_no_request() {
    let server = Server::start(|_| Reply::ok()).await;
    let error =
        token_error(api(TestSource::broken(), &server).get(server.url("/")).send().await.unwrap_err());
    assert_eq!((error.kind(), error.stage()), (ErrorKind::Unavailable, Stage::Token));
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn an_authorization_header_of_the_caller_is_an_error() {
    let server = Server::start(|_| Reply::ok()).await;
    let api = api(TestSource::bearer(), &server);
    let in_url = server.origin().replace("//", "//user:password@");
    for request in [api.get(server.url("/")).header("authorization", "Basic eDp5"), api.get(in_url)] {
        let error = token_error(request.send().await.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("Authorization header already"), "{error}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_default_authorization_header_of_the_client_gives_way_to_the_token() {
    let server = Server::start(|_| Reply::ok()).await;
    let headers = [("authorization".parse().unwrap(), "Basic eDp5".parse().unwrap())].into_iter().collect();
    let client = client_builder().default_headers(headers).build().unwrap();
    let api = AuthorizedClient::new(client, TestSource::bearer(), [server.origin()]).unwrap();
    api.get(server.url("/")).send().await.unwrap();
    assert_eq!(server.authorizations(), ["Bearer t1"]);
}

#[tokio::test]
async fn req_c12_a_certificate_bound_token_is_not_sent() {
    let server = Server::start(|_| Reply::ok()).await;
    let source = TestSource::bound(Binding::Certificate(Thumbprint([1; 32])));
    let error = token_error(api(source, &server).get(server.url("/")).send().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_request_that_fails_is_told_from_a_missing_token_and_names_no_query() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let origin = format!("http://127.0.0.1:{free}");
    let api = AuthorizedClient::new(client(), TestSource::bearer(), [&origin]).unwrap();
    let error = api.get(format!("{origin}/path?key=canary")).send().await.unwrap_err();
    assert!(matches!(&error, Error::Request(error) if error.is_connect()), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("canary"));
    assert!(matches!(api.get("no URL").send().await.unwrap_err(), Error::Request(_)));
}

#[tokio::test]
async fn req_e30_debug_shows_no_token_and_no_query() {
    let server = Server::start(|_| Reply::ok()).await;
    let api = api(TestSource::bearer(), &server);
    api.get(server.url("/")).send().await.unwrap();
    let request = api.get(server.url("/?canary")).header("x", "canary");
    let text = format!("{api:?} {request:?}");
    assert!(!text.contains("t1") && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn mistakes_are_found_when_the_client_is_built() {
    for origin in ["http://api.example.com", "https://*.example.com", "api.example.com"] {
        let error = AuthorizedClient::new(client(), TestSource::bearer(), [origin]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{origin}");
    }
    let none: [&str; 0] = [];
    assert!(AuthorizedClient::from_builder(client_builder(), TestSource::bearer(), none).is_err());
}

#[tokio::test]
async fn the_extension_sends_a_token_and_obeys_the_same_rules() {
    let server = Server::start(|seen| match seen.header("authorization") {
        Some("Bearer t1") => Reply::refused(),
        _ => Reply::ok(),
    })
    .await;
    let origins = AllowedOrigins::new([server.origin()]).unwrap();
    let source: Arc<dyn TokenSource> = TestSource::bearer();
    let request = client().get(server.url("/"));
    let sent = tokio::spawn(async move { request.send_authorized(&source, &origins).await });
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
}
