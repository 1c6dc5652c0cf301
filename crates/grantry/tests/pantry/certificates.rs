//! Certificates that connections present (RFC 8705).

use std::sync::Arc;

use async_trait::async_trait;
use grantry::pantry::{Grantry, GrantryBuilder, Service, ServiceBuilder};
use grantry::vault::ClientRecord;
use grantry::{
    Answer, AuthorizationServer, Binding, ClientAuthenticationMethod as Method, ErrorKind, HttpTransport,
    PrivateKey, Request, Thumbprint, Token, TokenSource, Transport, TransportFailure,
};
use grantry_testkit::{Endpoint, InMemoryTransport, RegisteredClient};

use crate::fixture::{World, acme, admin};

/// A certificate, and its private key.
struct Made {
    certificate: String,
    key: String,
    thumbprint: Thumbprint,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(["client.example".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let thumbprint = Thumbprint(grantry_jose::certificate_thumbprint(&certificate).unwrap());
    Made { certificate, key, thumbprint }
}

/// A transport that says that it presents a certificate.
#[derive(Debug)]
struct Presenting(InMemoryTransport, Thumbprint);

#[async_trait]
impl Transport for Presenting {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.0.send(request).await
    }
    fn certificate(&self) -> Option<Thumbprint> {
        Some(self.1)
    }
}

/// A server that sees who the client is without a secret, as by its connection.
fn world() -> World {
    let world = World::new();
    let client = RegisteredClient::with_secret("billing", "s3cret");
    let client = client.accepts([Method::None, Method::ClientSecretBasic]);
    world.server.with_authority(|authority, _| authority.register(client));
    world
}

fn service(world: &World) -> ServiceBuilder {
    let server = AuthorizationServer::builder(world.server.token_endpoint()).build().unwrap();
    Service::builder("crm", server).client_id("billing").described_in("grantry.json, line 3")
}

fn presenting(world: &World, made: &Made) -> GrantryBuilder {
    world.builder().transport(Arc::new(Presenting(world.server.transport(), made.thumbprint)))
}

async fn open(builder: GrantryBuilder, services: impl IntoIterator<Item = ServiceBuilder>) -> Grantry {
    let services: Vec<_> = services.into_iter().map(|service| service.build().unwrap()).collect();
    let pantry = builder.services(services).open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    pantry
}

fn shown_secret(world: &World) -> bool {
    let last = world.server.ledger().last(Endpoint::Token).unwrap();
    last.request.has_authorization() || last.request.form().expose("client_secret").is_some()
}

#[tokio::test(start_paused = true)]
async fn req_c12_a_client_authenticates_by_its_certificate_and_its_tokens_are_bound_to_it() {
    let (world, made) = (world(), made());
    let crm = || service(&world).tls_certificate(&made.certificate).tls_key(made.key.as_str());
    for (crm, bound) in [
        (crm().certificate_bound(), true),
        (crm().method(Method::SelfSignedTlsClientAuth), false),
        // It signs no assertions, so it is the certificate's.
        (
            service(&world)
                .tls_certificate(&made.certificate)
                .private_key(made.key.as_str())
                .method(Method::TlsClientAuth),
            false,
        ),
    ] {
        let pantry = open(presenting(&world, &made), [crm]).await;
        let source = acme(&pantry).stored_source("crm").await.unwrap();
        let token = source.token().await.unwrap();
        assert!(!shown_secret(&world));
        match token.binding() {
            Binding::Certificate(thumbprint) => assert!(bound && *thumbprint == made.thumbprint),
            other => assert!(!bound, "{other:?}"),
        }
        let identity = source.identity().unwrap();
        assert_eq!(identity.thumbprint(), made.thumbprint);
        assert!(identity.expose_pem().contains(made.key.trim()));
        assert!(!format!("{identity:?} {pantry:?}").contains("PRIVATE KEY"));
        pantry.shutdown().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_shown_over_the_certificate_where_there_is_one() {
    let (world, made) = (world(), made());
    let crm = service(&world).tls_certificate(&made.certificate).tls_key(made.key.as_str()).secret("s3cret");
    let pantry = open(presenting(&world, &made), [crm.certificate_bound()]).await;
    let token = acme(&pantry).source("crm").await.unwrap().token().await.unwrap();
    assert!(matches!(token.binding(), Binding::Certificate(_)));
    assert!(shown_secret(&world));
}

#[tokio::test(start_paused = true)]
async fn the_vault_has_the_private_key_of_a_described_certificate_or_the_whole_service() {
    let (world, made) = (world(), made());
    let crm = service(&world).tls_certificate(&made.certificate).method(Method::TlsClientAuth);
    let pantry = open(presenting(&world, &made), [crm]).await;
    let acme = acme(&pantry);
    let error = acme.source("crm").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("grantry.json, line 3") && error.to_string().contains("name the key"),
        "{error}"
    );
    let record = || ClientRecord::new("billing").with_private_key(PrivateKey::new(made.key.as_str()));
    acme.vault().store_client("crm", record(), None).await.unwrap();
    acme.source("crm").await.unwrap().token().await.unwrap();
    assert!(!shown_secret(&world));

    let whole = record()
        .with_attribute("token_url", world.server.token_endpoint())
        .with_attribute("auth_method", "tls_client_auth")
        .with_attribute("tls_certificate", &made.certificate)
        .with_attribute("certificate_bound", "true");
    acme.vault().store_client("orders", whole, None).await.unwrap();
    let token = acme.source("orders").await.unwrap().token().await.unwrap();
    assert!(matches!(token.binding(), Binding::Certificate(thumbprint) if *thumbprint == made.thumbprint));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_was_exchanged_brings_a_token_of_its_own() {
    let (world, first, second) = (world(), made(), made());
    let crm = |made: &Made| {
        service(&world).tls_certificate(&made.certificate).tls_key(made.key.as_str()).certificate_bound()
    };
    let bound_to = |token: &Token| match token.binding() {
        Binding::Certificate(thumbprint) => *thumbprint,
        other => panic!("{other:?}"),
    };
    let pantry = open(presenting(&world, &first), [crm(&first)]).await;
    let token = acme(&pantry).source("crm").await.unwrap().token().await.unwrap();
    assert_eq!(bound_to(&token), first.thumbprint);
    pantry.shutdown().await.unwrap();
    let pantry = open(presenting(&world, &second), [crm(&second)]).await;
    let token = acme(&pantry).source("crm").await.unwrap().token().await.unwrap();
    assert_eq!(bound_to(&token), second.thumbprint);
    assert_eq!(world.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_of_a_certificate_cannot_be_used_stops_the_opening_and_says_what_to_change() {
    let (world, made, other) = (world(), made(), made());
    let http = || world.builder().http_transport(HttpTransport::builder());
    let with = |key: &str| service(&world).tls_certificate(&made.certificate).tls_key(key);
    for (builder, service, words) in [
        (http(), with(&other.key), "do not belong together"),
        (http(), with("s3cret"), "grantry.json, line 3: crm cannot be reached"),
        (world.builder(), with(&made.key), ".http_transport(..)"),
        (presenting(&world, &other), with(&made.key), ".http_transport(..)"),
        (world.builder(), service(&world).method(Method::TlsClientAuth), "by `mutualTls`"),
        (world.builder(), service(&world).secret("s3cret").certificate_bound(), "by `mutualTls`"),
    ] {
        let error = builder.services([service.build().unwrap()]).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(words) && text.contains("grantry.json, line 3"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    for (service, words) in [
        (service(&world).tls_key(made.key.as_str()), "without its certificate"),
        (service(&world).tls_certificate(&made.certificate).secret("s3cret"), "without its private key"),
        (with(&made.key).tls_certificate("no PEM"), "no certificate in PEM"),
    ] {
        let error = service.build().unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("grantry.json, line 3"), "{error}");
    }
    // What is there already goes on.
    let pantry = open(http(), [with(&made.key)]).await;
    let error = pantry.replace_services([with(&other.key).build().unwrap()]).await.unwrap_err();
    assert!(error.to_string().contains("do not belong together"), "{error}");
    assert!(acme(&pantry).stored_source("crm").await.unwrap().identity().is_some());
}
