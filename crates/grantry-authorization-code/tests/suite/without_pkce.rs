//! Servers that know nothing of PKCE, and those that should not be asked to do without.

use grantry_authorization_code::{
    AuthorizationCode, AuthorizationCodeBuilder, Callback, PendingAuthorization,
};
use grantry_core::{AuthorizationServer, ErrorKind, Pkce};
use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};

use crate::support::*;

fn facts(case: &Case, pkce: Pkce) -> AuthorizationServer {
    case.server.authorization_server().unwrap().to_builder().pkce(pkce).build().unwrap()
}

fn flow(case: &Case, pkce: Pkce) -> AuthorizationCodeBuilder {
    let endpoint = endpoint(facts(case, pkce), case.server.transport(), &case.clock);
    AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("read openid")
}

/// A server that refuses PKCE, and a flow that goes without.
fn without() -> Case {
    let mut case = Case::new();
    case.set(|settings| settings.refuses_pkce = true);
    case.flow = flow(&case, Pkce::Refused).without_pkce().build().unwrap();
    case
}

#[tokio::test]
async fn pkce_is_left_out_where_the_server_does_without_and_all_else_stays() {
    let case = without();
    let (redirect, pending) = case.flow.begin(&case.user_agent).await.unwrap();
    let location = redirect.into_location().unwrap();
    let sent = query(location.as_str());
    for name in ["code_challenge", "code_challenge_method", "code_verifier"] {
        assert_eq!(sent.expose(name), None, "{name}");
    }
    for name in ["state", "nonce"] {
        assert_eq!(sent.expose(name).map(str::len), Some(43), "{name}");
    }
    // A response with another state is still nobody's.
    let back = case.server.visit(&location).await.unwrap();
    let other = with_parameter(&back, "state", Some("another"));
    let unfinished = case.finish(pending, &other).await.unwrap_err();
    let pending = *unfinished.again.unwrap();
    let granted = case.finish(pending, &back).await.unwrap();
    assert_eq!(granted.claims.unwrap().subject(), "resource-owner");
    assert_eq!(case.token_requests(), 1);
}

#[tokio::test]
async fn the_wish_to_leave_pkce_out_counts_nowhere_else() {
    let case = Case::new();
    for pkce in [Pkce::Unknown, Pkce::Supported, Pkce::Required] {
        let flow = flow(&case, pkce).without_pkce().build().unwrap();
        let (redirect, _) = flow.begin(&case.user_agent).await.unwrap();
        let url = redirect.into_location().unwrap().to_string();
        assert_eq!(query(&url).expose("code_challenge").map(str::len), Some(43), "{pkce:?}");
        assert_eq!(query(&url).expose("code_challenge_method"), Some("S256"), "{pkce:?}");
    }
    // And nobody leaves it out who was not asked to.
    for pkce in [Pkce::Ignored, Pkce::Refused] {
        let flow = flow(&case, pkce).build().unwrap();
        let (redirect, _) = flow.begin(&case.user_agent).await.unwrap();
        let url = redirect.into_location().unwrap().to_string();
        assert_eq!(query(&url).expose("code_challenge").map(str::len), Some(43), "{pkce:?}");
    }
    assert!(flow(&case, Pkce::WithoutS256).without_pkce().build().is_err());
    assert!(flow(&case, Pkce::Ignored).without_pkce().announced_pkce().build().is_err());
}

#[tokio::test]
async fn a_server_that_refuses_the_verifier_says_that_the_client_is_wrong() {
    let mut case = without();
    case.flow = flow(&case, Pkce::Refused).build().unwrap();
    let unfinished = case.run().await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidClient);
}

#[tokio::test]
async fn a_client_that_does_not_authenticate_is_never_without_pkce() {
    let case = Case::new();
    let client = Client::new(CLIENT, ClientAuthentication::none()).unwrap();
    let transport = std::sync::Arc::new(case.server.transport());
    let endpoint = TokenEndpoint::new(facts(&case, Pkce::Ignored), client, transport).unwrap();
    let builder = AuthorizationCode::builder(endpoint, REDIRECT_URI);
    assert!(builder.clone().build().is_ok());
    let error = refused(builder.without_pkce());
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("leave PKCE on"), "{error}");
}

#[tokio::test]
async fn what_was_begun_without_is_written_down_so_and_ends_in_no_flow_that_has_pkce() {
    let mut case = without();
    let (pending, back) = case.walk().await;
    let bytes = pending.to_bytes().unwrap();
    let read = || PendingAuthorization::from_bytes(&bytes, &case.clock).unwrap();
    let callback = Callback::from_url(&back).unwrap();
    // Somebody who can write to the store has taken the verifier out of what a flow with PKCE began.
    let with_pkce = flow(&case, Pkce::Supported).build().unwrap();
    let unfinished = read().finish(&with_pkce, &case.user_agent, &callback).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Configuration);
    assert_eq!(case.token_requests(), 0);
    read().finish(&case.flow, &case.user_agent, &callback).await.unwrap();
    // The other way round the challenge was sent, so the verifier is too.
    case.set(|settings| settings.refuses_pkce = false);
    let without = std::mem::replace(&mut case.flow, with_pkce);
    let (pending, back) = case.walk().await;
    let callback = Callback::from_url(&back).unwrap();
    pending.finish(&without, &case.user_agent, &callback).await.unwrap();
}
