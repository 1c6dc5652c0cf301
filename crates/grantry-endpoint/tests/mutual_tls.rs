//! Client certificates (RFC 8705): who is accepted by them, and what is bound to them.
#![allow(missing_docs, clippy::unwrap_used)]
#![cfg(feature = "rustls")]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{Attempt, Binding, ErrorKind, Thumbprint};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Dpop, HttpTransport, Request, RevocationEndpoint, TokenEndpoint,
    TokenEndpointBuilder, TokenRequest, Transport, TransportFailure,
};
use support::{Script, answer, server};

const OK: &str = r#"{"access_token":"at","token_type":"Bearer"}"#;
const THUMBPRINT: Thumbprint = Thumbprint([7; 32]);

/// A transport with a certificate.
#[derive(Debug)]
struct Presenting(Arc<Script>);

#[async_trait]
impl Transport for Presenting {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.0.send(request).await
    }
    fn certificate(&self) -> Option<Thumbprint> {
        Some(THUMBPRINT)
    }
}

fn client(authentication: ClientAuthentication) -> Client {
    Client::new("the-client", authentication).unwrap()
}

fn builder(authentication: ClientAuthentication, transport: Arc<dyn Transport>) -> TokenEndpointBuilder {
    let server = server()
        .revocation_endpoint("https://as.example.com/revoke")
        .mtls_token_endpoint("https://mtls.example.com/token")
        .build()
        .unwrap();
    TokenEndpoint::builder(server, client(authentication), transport)
}

#[tokio::test]
async fn req_c11_a_client_with_a_certificate_asks_at_the_alias_and_names_itself_alone() {
    for authentication in [ClientAuthentication::tls(), ClientAuthentication::self_signed_tls()] {
        let script = Script::new([Ok(answer(200, OK)), Ok(answer(200, ""))]);
        let endpoint = builder(authentication, Arc::new(Presenting(script.clone()))).build().unwrap();
        endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await.unwrap();
        RevocationEndpoint::of(&endpoint).unwrap().revoke_access_token(&"at".into()).await.unwrap();
        let left = script.left();
        assert_eq!(left[0].url, "https://mtls.example.com/token");
        assert_eq!(left[0].body, "grant_type=client_credentials&client_id=the-client");
        assert_eq!(left[1].url, "https://as.example.com/revoke", "it has no alias");
        assert!(!left[0].headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn req_c11_a_client_without_a_certificate_asks_at_the_usual_place() {
    let script = Script::new([Ok(answer(200, OK))]);
    let endpoint = builder(ClientAuthentication::secret_basic("a secret"), script.clone()).build().unwrap();
    endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await.unwrap();
    assert_eq!(script.left()[0].url, "https://as.example.com/token");
}

#[tokio::test]
async fn req_c12_tokens_are_bound_to_the_certificate_where_the_endpoint_says_so() {
    let secret = || ClientAuthentication::secret_basic("a secret");
    for bound in [false, true] {
        let script = Script::new([Ok(answer(200, OK))]);
        let builder = builder(secret(), Arc::new(Presenting(script)));
        let endpoint = if bound { builder.certificate_bound() } else { builder }.build().unwrap();
        let set = endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await.unwrap();
        let is_bound = matches!(set.token().binding(), Binding::Certificate(THUMBPRINT));
        assert_eq!(is_bound, bound);
        assert_eq!(set.token().header(), "Bearer at");
    }
    let script = Script::new([Ok(answer(200, r#"{"access_token":"at","token_type":"DPoP"}"#))]);
    let both = builder(secret(), Arc::new(Presenting(script))).certificate_bound().dpop(Dpop::es256());
    let set = both.build().unwrap().request(TokenRequest::new("client_credentials"), Attempt::first()).await;
    assert!(matches!(set.unwrap().token().binding(), Binding::Proof(_)), "the key says more");
}

#[test]
fn what_needs_a_certificate_is_refused_without_one() {
    let without = |authentication| builder(authentication, Script::new([]));
    for builder in [
        without(ClientAuthentication::tls()),
        without(ClientAuthentication::self_signed_tls()),
        without(ClientAuthentication::none()).certificate_bound(),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("identity"), "{error}");
    }
}

#[test]
fn a_server_that_is_known_not_to_take_the_algorithm_of_the_proofs_is_refused() {
    let build = |names: &[&str], dpop: Dpop| {
        let server = server().dpop_algorithms(names.iter().copied()).build().unwrap();
        let client = client(ClientAuthentication::none());
        TokenEndpoint::builder(server, client, Script::new([])).dpop(dpop).build().map(drop)
    };
    assert!(build(&[], Dpop::es256()).is_ok());
    assert!(build(&["RS256", "ES256"], Dpop::es256()).is_ok());
    assert!(build(&["Ed25519"], Dpop::ed25519()).is_ok());
    let error = build(&["ES256", "PS256"], Dpop::ed25519()).unwrap_err();
    assert!(error.to_string().ends_with("use one of ES256, PS256"), "{error}");
}

#[test]
fn an_identity_is_a_certificate_and_its_own_key() {
    let made = rcgen::generate_simple_self_signed(["client.example".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let build = |pem: String| HttpTransport::builder().identity(pem).build();
    let transport = build(format!("{certificate}{key}")).unwrap();
    let expected = Thumbprint(grantry_jose::sha256(made.cert.der()));
    assert_eq!(transport.certificate(), Some(expected));
    assert_eq!(build(format!("{key}{certificate}")).unwrap().certificate(), Some(expected));
    for bad in [String::new(), "text".to_owned(), certificate.clone(), key, format!("{certificate}{other}")] {
        let error = build(bad).unwrap_err();
        assert!(error.to_string().contains("client certificate"), "{error}");
    }
    assert_eq!(HttpTransport::new().unwrap().certificate(), None);
}
