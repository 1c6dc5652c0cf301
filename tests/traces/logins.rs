//! The routes by which people connect their accounts.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use axum::{Router, response};
use grantry::authorization_code::{AuthorizationCode, PendingInMemory};
use grantry::{Client, ClientAuthentication, Error, ErrorKind, Stage, TokenEndpoint};
use grantry_authorization_code::Granted;
use grantry_axum::{GrantKeeper, Logins, PendingPlace, People, Person};
use grantry_testkit::{Endpoint, Fault, ManualClock, RegisteredClient, TestServer};
use tower::ServiceExt;

use crate::ear::{Ear, told};

const CALLBACK: &str = "https://gateway.example/oauth/callback";
const SECRET: &str = "c4n4ry, the client's secret of 32 bytes";

/// Everybody is Ada.
#[derive(Debug)]
struct Ada;

#[async_trait]
impl People for Ada {
    async fn person(&self, _: &Parts) -> Result<Person, response::Response> {
        Ok(Person::new("acme", "c4n4ry-ada").unwrap())
    }
}

/// Keeps whatever comes, or nothing.
#[derive(Debug)]
struct Shelf {
    is_full: bool,
}

#[derive(Debug)]
struct DiskIsFull;

impl std::fmt::Display for DiskIsFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the disk is full")
    }
}

impl std::error::Error for DiskIsFull {}

#[async_trait]
impl GrantKeeper for Shelf {
    async fn keep(&self, _: &Person, _: &str, _: Granted) -> Result<(), Error> {
        if self.is_full {
            let full = Error::new(ErrorKind::Storage, Stage::Keep, "the shelf does not take it");
            return Err(full.with_source(DiskIsFull));
        }
        Ok(())
    }
}

fn server() -> TestServer {
    let client = RegisteredClient::with_secret("gateway", SECRET).redirect_uri(CALLBACK);
    TestServer::builder().client(client).build()
}

fn routes(server: &TestServer, shelf: Shelf) -> Router {
    let client = Client::new("gateway", ClientAuthentication::secret_basic(SECRET)).unwrap();
    let facts = server.authorization_server().unwrap();
    let endpoint = TokenEndpoint::new(facts, client, Arc::new(server.transport())).unwrap();
    let flow = AuthorizationCode::builder(endpoint, CALLBACK).scope("read").build().unwrap();
    let pending = PendingInMemory::new(Arc::new(ManualClock::new()));
    Logins::builder(Ada, shelf, PendingPlace::shared(Arc::new(pending)))
        .service("crm", flow)
        .build()
        .unwrap()
        .router()
}

async fn load(routes: &Router, url: &str, cookie: &str) -> Response<Body> {
    let request = Request::get(url).header(COOKIE, cookie).body(Body::empty()).unwrap();
    routes.clone().oneshot(request).await.unwrap()
}

/// Begins a login; where the server sends the browser then, and the browser's cookie.
async fn walk(routes: &Router, server: &TestServer) -> (String, String) {
    let sent = load(routes, "/oauth/start/crm", "").await;
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    let cookie = sent.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let back = server.visit(sent.headers()[LOCATION].to_str().unwrap()).await.unwrap();
    (back, cookie)
}

#[tokio::test]
async fn the_events_of_a_login_have_the_fields_that_the_manual_names() {
    let server = server();
    let (ear, _listening) = Ear::listen();
    let (works, full) = (routes(&server, Shelf { is_full: false }), routes(&server, Shelf { is_full: true }));
    let mut secrets = vec!["c4n4ry".to_owned()];

    let (back, cookie) = walk(&works, &server).await;
    assert_eq!(ear.told(), [], "a browser that is sent off is nothing to tell");
    assert_eq!(load(&works, &back, &cookie).await.status(), StatusCode::OK);
    let asked = |outcome| told("INFO", "a login was asked for", [("grantry.outcome", outcome)]);
    assert_eq!(ear.told(), [asked("connected")]);
    load(&works, &back, "").await;
    load(&works, "/oauth/start/erp", "").await;
    assert_eq!(ear.told(), [asked("another_browser"), asked("unknown_service")]);
    secrets.extend([back, cookie]);

    let (back, cookie) = walk(&works, &server).await;
    server.inject(Endpoint::Token, Fault::status(400).with_body(r#"{"error":"invalid_grant"}"#));
    load(&works, &back, &cookie).await;
    let mut came = ear.told();
    let (level, what, mut fields) = came.pop().unwrap();
    assert_eq!((level.as_str(), what.as_str()), ("WARN", "a login did not work"));
    assert_eq!(came.pop().unwrap().1, "token request failed");
    let text = format!("{fields:?}");
    assert!(fields.remove("grantry.remedy").is_some_and(|remedy| !remedy.is_empty()), "{text}");
    assert!(fields.remove("exception.message").is_some_and(|message| !message.is_empty()), "{text}");
    let left: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(left, [("error.type", "invalid_grant"), ("grantry.outcome", "unfinished")]);
    secrets.extend([back, cookie]);

    let (back, cookie) = walk(&full, &server).await;
    load(&full, &back, &cookie).await;
    let not_kept = [
        ("error.type", "storage"),
        ("exception.message", "keeping the credential: the shelf does not take it"),
        ("grantry.cause", "the disk is full"),
        ("grantry.outcome", "not_kept"),
    ];
    let came = ear.told();
    let [(level, what, fields)] = &*came else { panic!("{came:?}") };
    assert_eq!((level.as_str(), what.as_str()), ("WARN", "a login did not work"));
    for (name, value) in not_kept {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{fields:?}");
    }
    secrets.extend([back, cookie]);

    let shown = format!("{text} {came:?}");
    let parts = secrets.iter().flat_map(|secret| secret.split(['?', '&', '=', ';']));
    for part in parts.filter(|part| part.len() > 16 && !part.contains("gateway.example")) {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("c4n4ry"), "{shown}");
}
