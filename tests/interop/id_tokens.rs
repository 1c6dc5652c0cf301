//! ID tokens of a certified server, signed by another library than the one that verifies them here.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use grantry::{
    Algorithm, Client, ClientAuthentication, Clock, Discovery, HttpTransport, SystemClock, UserInfoEndpoint,
};
use grantry_authorization_code::{AuthorizationCode, AuthorizationCodeBuilder};
use grantry_jose::VerifyError;
use grantry_testkit::ManualClock;

use crate::authorization_code::{Person, REDIRECT_URI, flow, run};
use crate::support::start;

const REGISTERED: [(&str, Algorithm); 5] = [
    ("web", Algorithm::Rs256),
    ("web-ps256", Algorithm::Ps256),
    ("web-es256", Algorithm::Es256),
    ("web-eddsa", Algorithm::EdDsa),
    // By the name that RFC 9864 gives it.
    ("web-ed25519", Algorithm::EdDsa),
];

#[tokio::test]
async fn req_e22_e24_who_logs_in_is_known_by_each_algorithm_that_the_server_signs_with() {
    let server = start().unwrap();
    for (client, algorithm) in REGISTERED {
        let flow = flow(&server, client).await.unwrap().id_token_algorithms([algorithm]);
        let flow = flow.max_age(Duration::from_secs(3600)).build().unwrap();
        let granted = run(&flow, Person::Consents).await.unwrap().unwrap().granted;
        let claims = granted.claims.as_ref().unwrap();
        assert_eq!((claims.issuer(), claims.subject()), (server.issuer(), "ada"), "{client}");
        assert_eq!(claims.audience().collect::<Vec<_>>(), [client]);
        assert!(claims.authenticated().is_some());
        let asked = UserInfoEndpoint::of(flow.endpoint()).unwrap();
        let person = asked.ask(granted.token_set.token(), claims).await.unwrap();
        assert_eq!(person.subject(), "ada");
    }
}

#[tokio::test]
async fn req_c08_e23_another_algorithm_than_the_registered_one_withholds_and_revokes_the_tokens() {
    let server = start().unwrap();
    for (nth, client) in ["web-es256", "web-eddsa", "web-ps256"].into_iter().enumerate() {
        // RS256, as nothing else was said.
        let flow = flow(&server, client).await.unwrap().build().unwrap();
        let unfinished = run(&flow, Person::Consents).await.unwrap().unwrap_err();
        let refused = unfinished.error.source().unwrap().downcast_ref::<VerifyError>();
        assert_eq!(refused, Some(&VerifyError::AlgorithmNotAllowed), "{unfinished:?}");
        assert!(unfinished.error.diagnosis().remedy().contains("revoked"));
        assert_eq!(server.requests("POST /token/revocation 200").unwrap(), nth as u64 + 1);
    }
}

#[tokio::test]
async fn req_e25_a_server_that_exchanges_its_keys_is_asked_for_the_new_ones() {
    let server = start().unwrap();
    let clock = ManualClock::new();
    clock.set_wall(SystemClock::new().wall());
    let flow = flow_by(&server, &clock).await.build().unwrap();
    run(&flow, Person::Consents).await.unwrap().unwrap();
    run(&flow, Person::Consents).await.unwrap().unwrap();
    assert_eq!(server.requests("GET /jwks").unwrap(), 1);

    server.rotate_keys().unwrap();
    // The keys were read a moment ago: nobody asks for them again so soon, and the token's is not among them.
    let unfinished = run(&flow, Person::Consents).await.unwrap().unwrap_err();
    let refused = unfinished.error.source().unwrap().downcast_ref::<VerifyError>();
    assert_eq!(refused, Some(&VerifyError::UnknownKey), "{unfinished:?}");
    assert_eq!(server.requests("GET /jwks").unwrap(), 1);
    clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        run(&flow, Person::Consents).await.unwrap().unwrap();
        assert_eq!(server.requests("GET /jwks").unwrap(), 2);
    }
}

/// The flow of the client `web` by a clock of its own.
async fn flow_by(server: &grantry_tests::OidcProvider, clock: &ManualClock) -> AuthorizationCodeBuilder {
    let transport = Arc::new(HttpTransport::new().unwrap());
    let found = Discovery::new(server.issuer(), transport).unwrap().discover().await.unwrap();
    let client = Client::new("web", ClientAuthentication::secret_basic("web-secret")).unwrap();
    let endpoint = found.endpoint(client).clock(Arc::new(clock.clone())).build().unwrap();
    AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("openid")
}
