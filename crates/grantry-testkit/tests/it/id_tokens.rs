//! ID tokens, the keys to them, and UserInfo.

use grantry_core::Attempt;
use grantry_endpoint::{
    Client, ClientAuthentication, ExpectedIdToken, IdToken, IdTokenVerifier, Request, TokenEndpoint,
    TokenRequest, Transport,
};
use grantry_jose::{JoseHeader, KeySet, base64url, sha256};
use grantry_testkit::{Endpoint, IdTokenStyle, RegisteredClient, TestServer};
use http::{HeaderValue, Method, StatusCode, header};
use url::Url;

const CALLBACK: &str = "https://app.example/callback";

fn server() -> TestServer {
    let client = RegisteredClient::with_secret("app", "s3cret").redirect_uri(CALLBACK);
    TestServer::builder().client(client).seed(7).build()
}

fn endpoint(server: &TestServer) -> TokenEndpoint {
    let client = Client::new("app", ClientAuthentication::secret_basic("s3cret")).unwrap();
    let facts = server.authorization_server().unwrap();
    TokenEndpoint::new(facts, client, std::sync::Arc::new(server.transport())).unwrap()
}

/// The tokens of a person who consented to a scope.
async fn redeemed(server: &TestServer, scope: &str) -> grantry_endpoint::Redeemed {
    let verifier = "v".repeat(43);
    let challenge = base64url::encode(sha256(&verifier));
    let asked = format!(
        "{}/authorize?response_type=code&client_id=app&redirect_uri={CALLBACK}&scope={scope}&nonce=n&\
         code_challenge={challenge}&code_challenge_method=S256",
        server.issuer()
    );
    let back = Url::parse(&server.visit(&asked).await.unwrap()).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let request = TokenRequest::new("authorization_code")
        .parameter("code", &code)
        .parameter("redirect_uri", CALLBACK)
        .parameter("code_verifier", &verifier);
    endpoint(server).redeem(request, Attempt::first()).await.unwrap()
}

async fn ask(server: &TestServer, path: &str, token: Option<&str>) -> (StatusCode, String) {
    let url = Url::parse(&format!("{}{path}", server.issuer())).unwrap();
    let mut request = Request::new(Method::GET, url);
    if let Some(token) = token {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        request = request.with_header(header::AUTHORIZATION, value);
    }
    let answer = server.transport().send(request).await.unwrap();
    (answer.status(), String::from_utf8(answer.expose_body().to_vec()).unwrap())
}

fn key_id(token: &IdToken) -> String {
    JoseHeader::peek(token.expose()).unwrap().key_id.unwrap()
}

#[tokio::test]
async fn an_id_token_comes_with_openid_alone_and_is_right_by_the_published_keys() {
    let server = server();
    assert!(redeemed(&server, "read").await.id_token.is_none());
    let redeemed = redeemed(&server, "openid").await;
    let verifier = IdTokenVerifier::of(&endpoint(&server)).unwrap();
    let access_token = grantry_core::AccessToken::new(redeemed.token_set.token().expose());
    let expected = ExpectedIdToken::new().nonce("n").access_token(access_token);
    let claims = verifier.verify(&redeemed.id_token.unwrap(), &expected).await.unwrap();
    assert_eq!((claims.issuer(), claims.subject()), ("https://as.test", "resource-owner"));
    let shown = format!("{:?}", IdTokenStyle::default().claim("email", "ada@example.com"));
    assert!(shown.contains("email") && !shown.contains("ada@"), "{shown}");
}

#[tokio::test]
async fn keys_rotate_under_new_ids_and_those_before_are_published_no_more() {
    let server = server();
    let mut seen = Vec::new();
    for generation in 0..3 {
        let id_token = redeemed(&server, "openid").await.id_token.unwrap();
        let (status, body) = ask(&server, "/jwks", None).await;
        let set = KeySet::from_json(&body).unwrap();
        assert_eq!((status, set.keys().count(), set.passed_over()), (StatusCode::OK, 4, 0));
        let ids: Vec<_> = set.keys().map(|key| key.key_id().unwrap().to_owned()).collect();
        assert!(ids.contains(&key_id(&id_token)));
        assert!(ids.iter().all(|id| !seen.contains(id)), "{generation}: {ids:?}");
        seen.extend(ids);
        server.rotate_signing_keys();
    }
    assert_eq!(server.ledger().count(Endpoint::Keys), 3);
    let (_, metadata) = ask(&server, "/.well-known/openid-configuration", None).await;
    assert!(metadata.contains(r#""jwks_uri":"https://as.test/jwks""#), "{metadata}");
}

#[tokio::test]
async fn userinfo_is_for_live_tokens_with_openid() {
    let server = server();
    let with = redeemed(&server, "openid").await.token_set.token().expose().to_owned();
    let without = redeemed(&server, "read").await.token_set.token().expose().to_owned();
    let (status, body) = ask(&server, "/userinfo", Some(&with)).await;
    assert!(status == StatusCode::OK && body.contains(r#""sub":"resource-owner""#), "{body}");
    for refused in [None, Some("unknown"), Some(without.as_str())] {
        assert_eq!(ask(&server, "/userinfo", refused).await.0, StatusCode::UNAUTHORIZED);
    }
    server.revoke_access_tokens();
    assert_eq!(ask(&server, "/userinfo", Some(&with)).await.0, StatusCode::UNAUTHORIZED);
}
