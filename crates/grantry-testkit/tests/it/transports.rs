//! The transport in memory beside the one that services use: the same fault, the same report.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Attempt, Rotation, Scope};
use grantry_endpoint::{
    Client, ClientAuthentication, HttpTransport, Request, TokenEndpoint, TokenRequest, Transport,
    TransportCause, TransportFailure,
};
use grantry_jose::SigningKey;
use grantry_testkit::*;
use http::{HeaderValue, Method, header};
use zeroize::Zeroizing;

use crate::client::builder;

/// What a transport reported: the status, or cause, whether unsent, and how much of the body had come.
type Report = Result<u16, (TransportCause, bool, Option<usize>)>;

async fn report(transport: &dyn Transport, server: &TestServer, fault: Fault) -> Report {
    server.inject(Endpoint::Token, fault);
    let form = "grant_type=client_credentials&client_id=billing&client_secret=s3cret";
    let request = Request::new(Method::POST, server.token_endpoint().parse().unwrap())
        .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
        .with_body(Zeroizing::new(form.as_bytes().to_vec()));
    let partial = |f: &TransportFailure| f.partial().map(|p| p.expose_body().len());
    let sent = transport.send(request).await;
    sent.map(|a| a.status().as_u16()).map_err(|f| (f.cause(), f.is_unsent(), partial(&f)))
}

#[tokio::test]
async fn a_fault_in_memory_is_reported_as_over_a_socket() {
    // With the same seed and the same number of tokens issued, both answers are of one length.
    let socket = builder().seed(1).start().await.unwrap();
    let memory = builder().seed(1).build();
    let http = HttpTransport::new().unwrap();
    let mut faults = vec![
        Fault::none(),
        Fault::status(503).retry_after("1"),
        Fault::body("null"),
        Fault::drop_before_handling(),
        Fault::drop_after_handling(),
        Fault::garbage(),
        Fault::slow(200, Duration::from_millis(1)),
        Fault::delay(Duration::from_millis(1)),
        Fault::reset_at(0),
    ];
    faults.extend((0..420).step_by(7).map(Fault::truncate_at));
    for fault in faults {
        let over_socket = report(&http, &socket, fault.clone()).await;
        let here = report(&memory.transport(), &memory, fault.clone()).await;
        assert_eq!(here, over_socket, "{fault:?}");
    }
}

#[tokio::test]
async fn the_clients_of_the_house_authenticate_in_every_way() {
    const SECRET: &str = "a client secret of at least 32 bytes, with ü, : and +";
    let key = SigningKey::generate_es256().unwrap();
    let server = TestServer::builder()
        .client(RegisteredClient::with_secret("c:r+m", SECRET))
        .client(RegisteredClient::with_key("keyed", key.public_jwk()))
        .rotation(Rotation::Strict { revokes_family: true })
        .build();
    for (id, authentication) in [
        ("c:r+m", ClientAuthentication::secret_basic(SECRET)),
        ("c:r+m", ClientAuthentication::secret_post(SECRET)),
        ("c:r+m", ClientAuthentication::secret_jwt(SECRET)),
        ("keyed", ClientAuthentication::private_key(key)),
    ] {
        let client = Client::new(id, authentication).unwrap();
        let facts = server.authorization_server().unwrap();
        let endpoint = TokenEndpoint::new(facts, client, Arc::new(server.transport())).unwrap();
        let request = TokenRequest::new("client_credentials").scope(Scope::parse("b a").unwrap());
        let set = endpoint.request(request, Attempt::first()).await.unwrap();
        assert_eq!(set.token().scope().as_str(), "a b");
    }
    assert_eq!(server.ledger().count(Endpoint::Token), 4);
}
