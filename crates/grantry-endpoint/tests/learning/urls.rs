//! Every URL of a server that was discovered, and every request that goes there.

use grantry_core::{Attempt, AuthorizationServer, Error, Thumbprint};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, DeviceAuthorizationRequest, Discovery, IntrospectionEndpoint,
    PushedAuthorizationRequest, RevocationEndpoint, TokenEndpoint, TokenRequest, Transport, TransportFailure,
};
use std::sync::Arc;

use crate::support::{Script, answer};

/// The members of a document that are URLs, at this origin.
fn document(issuer: &str, at: &str) -> String {
    let endpoints = |at: &str| {
        format!(
            r#""token_endpoint":"{at}/token","revocation_endpoint":"{at}/revoke","introspection_endpoint":"{at}/introspect",
            "device_authorization_endpoint":"{at}/device","pushed_authorization_request_endpoint":"{at}/par""#
        )
    };
    format!(
        r#"{{"issuer":"{issuer}","authorization_endpoint":"{at}/authorize","jwks_uri":"{at}/jwks",{},
        "mtls_endpoint_aliases":{{{}}}}}"#,
        endpoints(at),
        endpoints(&at.replace("https://", "https://mtls."))
    )
}

/// A transport whose connections have a certificate, so that the aliases are used.
#[derive(Debug)]
struct WithCertificate(Arc<Script>);

#[async_trait::async_trait]
impl Transport for WithCertificate {
    async fn send(&self, request: grantry_endpoint::Request) -> Result<Answer, TransportFailure> {
        self.0.send(request).await
    }
    fn certificate(&self) -> Option<Thumbprint> {
        Some(Thumbprint([7; 32]))
    }
}

/// Asks every endpoint there is once; what they answer does not matter here.
async fn ask_all(endpoint: &TokenEndpoint) {
    let _ = endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await;
    let _ = RevocationEndpoint::of(endpoint).unwrap().revoke_access_token(&"a".into()).await;
    let _ = IntrospectionEndpoint::of(endpoint).unwrap().introspect(&"a".into()).await;
    let _ = DeviceAuthorizationRequest::to(endpoint).unwrap().send().await;
    let _ = PushedAuthorizationRequest::to(endpoint).unwrap().send().await;
}

async fn learned_of(
    issuer: &str,
    at: &str,
    learned: bool,
    mutual: bool,
) -> Result<Vec<(String, bool)>, Error> {
    let refusals = (0..5).map(|_| Ok(answer(503, "")));
    let script = Script::new(std::iter::once(Ok(answer(200, document(issuer, at)))).chain(refusals));
    let discovery = Discovery::new(issuer, script.clone())?;
    let discovery = if learned { discovery.learned() } else { discovery };
    let found = discovery.discover().await?;
    // The facts alone, as whoever keeps them has them: they know where they come from.
    let facts: AuthorizationServer = found.server().to_builder().build()?;
    for url in [facts.authorization_endpoint(), facts.jwks_uri()] {
        let url = url.unwrap();
        assert_eq!(facts.is_learned(url), learned || at != issuer, "{url}");
    }
    let transport: Arc<dyn Transport> =
        if mutual { Arc::new(WithCertificate(script.clone())) } else { script.clone() };
    let client = Client::new("c", ClientAuthentication::secret_basic("s"))?;
    ask_all(&TokenEndpoint::builder(facts, client, transport).build()?).await;
    Ok(script.left().into_iter().skip(1).map(|left| (left.url, left.learned)).collect())
}

#[tokio::test]
async fn req_e20_e21_every_endpoint_of_metadata_is_guarded_by_its_facts_also_through_aliases() {
    let issuer = "https://as.example.com";
    for (at, learned, mutual, guarded) in [
        (issuer, false, false, false),
        (issuer, true, false, true),
        ("https://elsewhere.example", false, false, true),
        ("https://as.example.com:8443", false, false, true),
        // The aliases are at another host than the issuer.
        (issuer, false, true, true),
    ] {
        let asked = learned_of(issuer, at, learned, mutual).await.unwrap();
        let paths: Vec<&str> = asked.iter().map(|(url, _)| &url[url.rfind('/').unwrap()..]).collect();
        assert_eq!(paths, ["/token", "/revoke", "/introspect", "/device", "/par"]);
        for (url, flag) in &asked {
            assert_eq!(
                (*flag, url.contains("mtls.")),
                (guarded, mutual),
                "{url} of {at}, learned: {learned}"
            );
        }
    }
}

#[tokio::test]
async fn req_e20_a_token_endpoint_may_be_told_that_all_of_its_urls_were_learned() {
    let script = Script::new([Ok(answer(503, ""))]);
    let facts = AuthorizationServer::builder("https://as.example.com/token").issuer("https://as.example.com");
    let client = Client::new("c", ClientAuthentication::none()).unwrap();
    let endpoint =
        TokenEndpoint::builder(facts.build().unwrap(), client, script.clone()).learned().build().unwrap();
    let _ = endpoint.request(TokenRequest::new("x"), Attempt::first()).await;
    assert!(script.left()[0].learned);
}
