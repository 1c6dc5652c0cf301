//! The same as a middleware.

use std::sync::Arc;

use crate::support::{Reply, Server, TestSource, client};
use grantry_core::{Error as CoreError, ErrorKind};
use grantry_reqwest::AuthorizeMiddleware;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error};

fn stack(source: Arc<TestSource>, server: &Server) -> ClientWithMiddleware {
    ClientBuilder::new(client()).with(AuthorizeMiddleware::new(source, [server.origin()]).unwrap()).build()
}

fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::Middleware(error) => error.downcast_ref::<CoreError>().unwrap().kind(),
        Error::Reqwest(error) => unreachable!("{error:?}"),
    }
}

#[tokio::test]
async fn req_e05_a_refused_token_is_renewed_and_the_request_sent_once_more() {
    let server = Server::start(|seen| match seen.header("authorization") {
        Some("Bearer t1") => Reply::refused(),
        _ => Reply::ok(),
    })
    .await;
    let source = TestSource::bearer();
    let answer = stack(Arc::clone(&source), &server).post(server.url("/")).body("text").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), source.rejections(), source.renewals()), (200, 1, 2));
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
    assert_eq!(server.seen()[1].body, b"text");
}

#[tokio::test]
async fn req_e34_a_server_that_refuses_everything_sees_two_requests() {
    let server = Server::start(|_| Reply::refused()).await;
    let error = stack(TestSource::bearer(), &server).get(server.url("/")).send().await.unwrap_err();
    assert_eq!((kind(&error), server.seen().len()), (ErrorKind::TokenRejected, 2));
}

#[tokio::test]
async fn req_e07_no_token_goes_elsewhere_at_once_or_by_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Server::start(|_| Reply::refused()).await;
        let url = elsewhere.url("/steal");
        let server = Server::start(move |_| Reply::redirect(status, url.clone())).await;
        let source = TestSource::bearer();
        let client = stack(Arc::clone(&source), &server);
        let error = client.get(elsewhere.url("/")).send().await.unwrap_err();
        assert_eq!((kind(&error), elsewhere.seen().len()), (ErrorKind::OriginNotAllowed, 0));
        assert_eq!(client.get(server.url("/")).send().await.unwrap().status(), 401);
        assert_eq!((elsewhere.authorizations(), source.rejections()), (vec!["-".to_owned()], 0));
    }
}

#[tokio::test]
async fn no_token_no_request() {
    let server = Server::start(|_| Reply::ok()).await;
    let error = stack(TestSource::broken(), &server).get(server.url("/")).send().await.unwrap_err();
    assert_eq!((kind(&error), server.seen().len()), (ErrorKind::Unavailable, 0));
}
