//! Mutual TLS (RFC 8705), over https with certificates of the test's own.

use std::sync::Arc;

use grantry::{
    AccessToken, AuthorizedClient, Binding, Client, ClientAuthentication, Discovery, ErrorKind,
    HttpTransport, RevocationEndpoint, TokenEndpoint, Transport,
};
use grantry_authorization_code::AuthorizationCode;
use grantry_core::{Error, Token, TokenSource};
use grantry_tests::{Certificates, Fallible, OidcProvider, Settings};

use crate::authorization_code::{Browser, Person, REDIRECT_URI, run_in};
use crate::support::obtain;

struct Case {
    server: OidcProvider,
    certificates: Certificates,
}

fn start() -> Fallible<Case> {
    let certificates = Certificates::make()?;
    Ok(Case { server: OidcProvider::start_secure(Settings::default(), &certificates)?, certificates })
}

impl Case {
    fn transport(&self, identity: Option<&str>) -> Fallible<HttpTransport> {
        let builder = HttpTransport::builder()
            .add_root_certificate(self.certificates.authority())
            .allow_private_addresses();
        Ok(match identity {
            Some(identity) => builder.identity(identity),
            None => builder,
        }
        .build()?)
    }

    /// The endpoint of a client, with what the server's metadata says.
    async fn endpoint(
        &self,
        client: &str,
        authentication: ClientAuthentication,
        identity: &str,
    ) -> Fallible<TokenEndpoint> {
        let transport = Arc::new(self.transport(Some(identity))?);
        let found = Discovery::new(self.server.issuer(), transport)?.discover().await?;
        Ok(found.endpoint(Client::new(client, authentication)?).certificate_bound().build()?)
    }
}

#[tokio::test]
async fn req_c11_both_methods_are_accepted_at_the_endpoint_for_mutual_tls() {
    let case = start().unwrap();
    let (issued, self_signed) = (case.certificates.issued(), case.certificates.self_signed());
    for (client, method, identity) in [
        ("tls", ClientAuthentication::tls(), issued),
        ("self-signed", ClientAuthentication::self_signed_tls(), self_signed),
    ] {
        let endpoint = case.endpoint(client, method, identity).await.unwrap();
        let issuer = case.server.issuer();
        assert!(
            !endpoint.server().token_endpoint().as_str().starts_with(issuer),
            "the alias, on another port"
        );
        let set = obtain(&endpoint).await.unwrap();
        let expected = case.transport(Some(identity)).unwrap().certificate().unwrap();
        let Binding::Certificate(bound) = set.token().binding() else { panic!("{client} is not bound") };
        assert_eq!(*bound, expected, "{client}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_the_client_s_is_refused() {
    let case = start().unwrap();
    let (issued, self_signed) = (case.certificates.issued(), case.certificates.self_signed());
    for (client, method, identity) in [
        ("tls", ClientAuthentication::tls(), self_signed),
        ("self-signed", ClientAuthentication::self_signed_tls(), issued),
    ] {
        let endpoint = case.endpoint(client, method, identity).await.unwrap();
        assert_eq!(obtain(&endpoint).await.unwrap_err().kind(), ErrorKind::InvalidClient, "{client}");
    }
    let plain = Arc::new(case.transport(None).unwrap());
    let found = Discovery::new(case.server.issuer(), plain).unwrap().discover().await.unwrap();
    let client = Client::new("tls", ClientAuthentication::tls()).unwrap();
    let error = found.endpoint(client).build().unwrap_err();
    assert!(error.to_string().contains("identity"), "{error}");
}

/// Holds one token.
#[derive(Debug, Clone)]
struct Held(Token);

#[async_trait::async_trait]
impl TokenSource for Held {
    fn ready(&self) -> Option<Token> {
        Some(self.0.clone())
    }
    async fn token(&self) -> Result<Token, Error> {
        Ok(self.0.clone())
    }
    fn reject(&self, _refused: &Token) {}
}

#[tokio::test]
async fn req_c12_a_bound_token_reads_a_resource_over_its_certificate_and_goes_nowhere_else() {
    let case = start().unwrap();
    grantry::install_crypto_provider();
    let (identity, other) = (case.certificates.issued(), case.certificates.self_signed());
    let secret = ClientAuthentication::secret_basic("web-tls-secret");
    let endpoint = case.endpoint("web-tls", secret, identity).await.unwrap();
    let mutual = endpoint.server().token_endpoint().origin().ascii_serialization();
    let flow = AuthorizationCode::builder(endpoint.clone(), REDIRECT_URI).scope("openid offline_access");
    let flow = flow.prompt("consent").build().unwrap();
    let browser = Browser::over(case.transport(None).unwrap(), Person::Consents);
    let done = run_in(browser, &flow).await.unwrap().unwrap();
    let token = done.granted.token_set.token().clone();
    let held = Held(token.clone());

    let authority = || reqwest::Certificate::from_pem(case.certificates.authority().as_bytes()).unwrap();
    let builder = || reqwest::Client::builder().tls_certs_only([authority()]);
    let api = AuthorizedClient::with_identity(builder(), identity, held.clone(), [&mutual]).unwrap();
    let url = format!("{mutual}/me");
    assert_eq!(api.get(&url).send().await.unwrap().status(), 200);

    // Whoever was not built with that certificate does not even try.
    let before = case.server.requests("GET /me").unwrap();
    for stranger in [
        AuthorizedClient::from_builder(builder(), held.clone(), [&mutual]).unwrap(),
        AuthorizedClient::with_identity(builder(), other, held.clone(), [&mutual]).unwrap(),
        AuthorizedClient::new(builder().build().unwrap(), held, [&mutual]).unwrap(),
    ] {
        let error = stranger.get(&url).send().await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    assert_eq!(case.server.requests("GET /me").unwrap(), before);

    // And the server sees to it: a thief with the token alone is refused.
    let thief = builder().build().unwrap();
    let stolen = thief.get(&url).header("authorization", token.header().clone()).send().await.unwrap();
    assert_eq!(stolen.status(), 401);

    let revocation = RevocationEndpoint::of(&endpoint).unwrap();
    revocation.revoke_access_token(&AccessToken::new(token.expose())).await.unwrap();
    let error = api.get(&url).send().await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}
