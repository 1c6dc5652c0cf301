//! A resource server that wants more: refusal, request, consent, and through.

use std::sync::Arc;

use grantry::{Client, ClientAuthentication, ErrorKind, RequestError, Scope, SystemClock, TokenEndpoint};
use grantry_authorization_code::{
    AuthorizationCode, AuthorizationCodes, Callback, Granted, PendingInMemory, UserAgentBinding,
};
use grantry_testkit::{Endpoint, Fault, ProtectedResource, RegisteredClient, ScopePolicy, TestServer};
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;

use crate::held::client;

const REDIRECT_URI: &str = "https://app.example/callback";

struct World {
    server: TestServer,
    resource: ProtectedResource,
    codes: AuthorizationCodes,
    user_agent: UserAgentBinding,
}

async fn world() -> World {
    let registered = RegisteredClient::with_secret("shop", "s3cret").redirect_uri(REDIRECT_URI);
    let server = TestServer::builder().client(registered).start().await.unwrap();
    let required = Scope::parse("orders.read orders.write").unwrap();
    let resource = ProtectedResource::start_requiring(&server, required).await.unwrap();
    let me = Client::new("shop", ClientAuthentication::secret_basic("s3cret")).unwrap();
    let facts = server.authorization_server().unwrap();
    let endpoint = TokenEndpoint::new(facts, me, Arc::new(server.transport())).unwrap();
    let flow =
        AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("orders.read profile").build().unwrap();
    let user_agent = flow.user_agent();
    let store = Arc::new(PendingInMemory::new(Arc::new(SystemClock::new())));
    let codes = AuthorizationCodes::new(store, [("shop", flow)]).unwrap();
    World { server, resource, codes, user_agent }
}

impl World {
    /// The person goes where they are sent, consents, and comes back.
    async fn walk(&self, location: &str) -> Granted {
        let back = self.server.visit(location).await.unwrap();
        self.codes.finish(&self.user_agent, &Callback::from_url(&back).unwrap()).await.unwrap().1
    }

    async fn log_in(&self) -> Granted {
        let redirect = self.codes.begin("shop", &self.user_agent).await.unwrap();
        self.walk(&redirect.into_location().unwrap()).await
    }

    async fn ask(&self, granted: &Granted) -> Result<u16, RequestError> {
        let client = client(granted.token_set.token(), self.resource.origin());
        Ok(client.get(self.resource.url("/orders")).send().await?.status().as_u16())
    }

    async fn refusal(&self, granted: &Granted) -> grantry::Error {
        match self.ask(granted).await.unwrap_err() {
            RequestError::Token(error) => error,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn req_e06_a_resource_that_wants_more_scope_gets_it_after_one_more_consent() {
    let world = world().await;
    let granted = world.log_in().await;
    let refusal = world.refusal(&granted).await;
    assert_eq!((refusal.kind(), refusal.status()), (ErrorKind::InsufficientScope, Some(403)));
    assert!(refusal.challenge().unwrap().resource_metadata().is_some());

    let redirect = world.codes.step_up("shop", &world.user_agent, &refusal, granted.scope()).await.unwrap();
    let granted = world.walk(&redirect.into_location().unwrap()).await;
    assert_eq!(granted.scope().as_str(), "orders.read orders.write profile");
    assert_eq!(world.ask(&granted).await.unwrap(), 200);
    assert_eq!(world.server.ledger().count(Endpoint::Authorization), 2);
}

#[tokio::test]
async fn req_e06_where_the_server_grants_no_more_the_person_is_asked_twice_and_no_more() {
    let world = world().await;
    let limit = Scope::parse("orders.read profile").unwrap();
    world.server.with_authority(|authority, _| {
        authority.settings_mut().scope_policy = ScopePolicy::Narrowed(limit);
    });
    let mut granted = world.log_in().await;
    let mut asked = 0;
    let error = loop {
        let refusal = world.refusal(&granted).await;
        match world.codes.step_up("shop", &world.user_agent, &refusal, granted.scope()).await {
            Ok(redirect) => granted = world.walk(&redirect.into_location().unwrap()).await,
            Err(error) => break error,
        }
        asked += 1;
    };
    assert_eq!((asked, error.kind()), (2, ErrorKind::InsufficientScope));
    assert_eq!(world.server.ledger().count(Endpoint::Authorization), 3);
}

#[tokio::test]
async fn req_e06_a_resource_that_wants_another_login_gets_the_terms_of_it_into_the_request() {
    let world = world().await;
    let granted = world.log_in().await;
    let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"mfa\", max_age=\"60\", \
                     scope=\"orders.read orders.write\"";
    let asks = Fault::status(401).header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    world.resource.inject(asks.times(1));
    let refusal = world.refusal(&granted).await;
    assert_eq!((refusal.kind(), refusal.status()), (ErrorKind::InsufficientAuthentication, Some(401)));
    assert_eq!(world.resource.ledger().total(), 1, "another token of the same login would not help");

    let redirect = world.codes.step_up("shop", &world.user_agent, &refusal, granted.scope()).await.unwrap();
    let location = redirect.into_location().unwrap();
    assert!(location.contains("&acr_values=mfa&max_age=60&"), "{}", *location);
    let granted = world.walk(&location).await;
    assert_eq!(world.ask(&granted).await.unwrap(), 200);
}
