//! Every client authentication that we have, as a certified server reads it.

use grantry::{Algorithm, ClientAuthentication, ErrorKind, Signer, SigningKey};
use grantry_tests::{Fallible, OidcProvider};

use crate::support::{endpoint, obtain, start};

/// A secret that basic and forms each have to encode.
const ODD_SECRET: &str = "p%:+ /&=~!\"#";

/// The secret that is long enough for HMAC-SHA-256.
const SHARED_SECRET: &str = "shared by both and 32 bytes or longer";

/// The token's scope, where the client is accepted.
async fn accepted(
    server: &OidcProvider,
    client: &str,
    authentication: ClientAuthentication,
) -> Fallible<String> {
    let set = obtain(&endpoint(server, client, authentication)?).await?;
    Ok(set.token().scope().to_string())
}

#[tokio::test]
async fn client_secret_basic_is_accepted() {
    let server = start().unwrap();
    let basic = ClientAuthentication::secret_basic("basic-secret");
    assert_eq!(accepted(&server, "basic", basic).await.unwrap(), "read");
}

#[tokio::test]
async fn req_a11_reserved_characters_in_a_basic_id_and_secret_are_accepted() {
    let server = start().unwrap();
    let basic = ClientAuthentication::secret_basic(ODD_SECRET);
    assert_eq!(accepted(&server, "odd:id/+&=", basic).await.unwrap(), "read");
}

#[tokio::test]
async fn client_secret_post_is_accepted_with_reserved_characters_too() {
    let server = start().unwrap();
    let post = ClientAuthentication::secret_post("post-secret");
    assert_eq!(accepted(&server, "post", post).await.unwrap(), "read");
    let odd = ClientAuthentication::secret_post(ODD_SECRET);
    assert_eq!(accepted(&server, "odd-post", odd).await.unwrap(), "read");
}

#[tokio::test]
async fn client_secret_jwt_is_accepted() {
    let server = start().unwrap();
    let jwt = ClientAuthentication::secret_jwt(SHARED_SECRET);
    assert_eq!(accepted(&server, "client-secret-jwt", jwt).await.unwrap(), "read");
}

#[tokio::test]
async fn req_c06_private_key_jwt_is_accepted_with_each_kind_of_key_from_pem() {
    let server = start().unwrap();
    for (name, algorithm) in [
        ("ES256", Algorithm::Es256),
        ("RS256", Algorithm::Rs256),
        ("PS256", Algorithm::Ps256),
        ("EdDSA", Algorithm::EdDsa),
    ] {
        let given = server.client_key(name).unwrap();
        let key = SigningKey::from_pem(&given.pem).unwrap().with_algorithm(algorithm).unwrap();
        let jwt = ClientAuthentication::private_key(key.with_key_id(&given.kid));
        assert_eq!(accepted(&server, "private-key-jwt", jwt).await.unwrap(), "read", "{name}");
    }
}

#[tokio::test]
async fn private_key_jwt_is_accepted_with_each_kind_of_key_from_a_jwk() {
    let server = start().unwrap();
    for name in ["ES256", "RS256", "PS256", "EdDSA"] {
        let given = server.client_key(name).unwrap();
        let key = SigningKey::from_jwk(&given.jwk).unwrap();
        assert_eq!(Signer::algorithm(&key).as_str(), name);
        assert_eq!(Signer::key_id(&key), Some(given.kid.as_str()));
        let jwt = ClientAuthentication::private_key(key);
        assert_eq!(accepted(&server, "private-key-jwt", jwt).await.unwrap(), "read", "{name}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_registered_is_refused_for_good() {
    let server = start().unwrap();
    let stranger = SigningKey::generate_es256().unwrap().with_key_id("key-es256");
    let endpoint = endpoint(&server, "private-key-jwt", ClientAuthentication::private_key(stranger)).unwrap();
    let error = obtain(&endpoint).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidClient, "{error:?}");
    assert!(error.is_definite());
}

#[tokio::test]
async fn the_second_secret_is_used_once_the_first_is_refused() {
    let server = start().unwrap();
    let both = ClientAuthentication::secret_basic("not registered yet").or_secret("basic-secret");
    let endpoint = endpoint(&server, "basic", both).unwrap();
    assert_eq!(obtain(&endpoint).await.unwrap_err().kind(), ErrorKind::InvalidClient);
    assert!(obtain(&endpoint).await.is_ok());
    assert!(obtain(&endpoint).await.is_ok());
    assert_eq!(server.requests("POST /token").unwrap(), 3);
}
