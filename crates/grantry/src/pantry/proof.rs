//! Proving that a server accepts a client's secret, by a token request that spends nothing.

use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{
    Attempt, AuthorizationServer, ClientAuthenticationMethod as Method, ClientSecret, Diagnosis, Error,
    ErrorKind, Failure, Grant, Party, RefreshToken, Retry, Stage, TokenSet,
};
use grantry_custody::Prover;

use super::house::House;
use super::registration::Ready;

/// Codes of RFC 6749 (sections 4.1.2.1 and 5.2) that speak of the client, of its request or of the server. Where a server
/// means `invalid_grant` by one of them, it may as well mean what the code says.
const NOT_OF_THE_TOKEN: [&str; 8] = [
    "access_denied",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Asks the server with the new secret alone: for the client's own tokens where that is the flow, else as a renewal would, with
/// a refresh token that nobody has. Whoever is authenticated is told that the token is not valid (RFC 6749 section 5.2).
#[derive(Debug)]
pub(super) struct AsksTheServer {
    pub(super) house: Arc<House>,
    pub(super) ready: Arc<Ready>,
    pub(super) key: grantry_core::GrantKey,
}

#[async_trait]
impl Prover for AsksTheServer {
    async fn prove(&self, secret: &ClientSecret) -> Result<(), Error> {
        let resolved = &self.ready.resolved;
        // An endpoint for this once: what renewals go through never has this secret.
        let endpoint = self.house.endpoint(resolved, std::slice::from_ref(secret))?;
        if !shows_a_secret(endpoint.client().method()) {
            return Err(Error::configuration(
                "this client authenticates by its key or its certificate, so that no request proves a secret of it",
            ));
        }
        let grant = resolved.grant(&endpoint, &self.key)?;
        if resolved.is_clients_own() {
            return ask(&*grant, Attempt::first()).await.map(drop);
        }
        let mut random = [0; 16];
        self.house.entropy.fill(&mut random);
        let nobodys: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let nobodys = RefreshToken::new(nobodys);
        match ask(&*grant, Attempt::first().redeem(&nobodys)).await {
            Err(error) if objects_to_the_token(&error, resolved.server()) => Ok(()),
            Err(error) => Err(unproven(error)),
            Ok(_nobodys) => Err(accepts_anything()),
        }
    }
}

/// Asks, and once more at once where the error says that this may help: by the first answer it is known how far the server's clock is
/// off, which an assertion is judged by.
async fn ask(grant: &dyn Grant, attempt: Attempt<'_>) -> Result<TokenSet, Error> {
    let told = |failure: Failure| failure.error;
    match grant.obtain(attempt).await.map_err(told) {
        Err(error) if error.diagnosis().retry() == Retry::Now => grant.obtain(attempt).await.map_err(told),
        asked => asked,
    }
}

fn shows_a_secret(method: Method) -> bool {
    matches!(method, Method::ClientSecretBasic | Method::ClientSecretPost | Method::ClientSecretJwt)
}

/// Whether the server knows who asks, and objects to the token alone.
fn objects_to_the_token(error: &Error, server: &AuthorizationServer) -> bool {
    // By 401 a server says that it does not know who asks, whatever the code.
    if error.kind() != ErrorKind::InvalidGrant || error.status() == Some(401) {
        return false;
    }
    let is_doubtful = server.error_aliases().iter().any(|alias| {
        alias.means == "invalid_grant"
            && Some(alias.status) == error.status()
            && NOT_OF_THE_TOKEN.contains(&alias.code)
    });
    error.provider_code().is_none_or(|own| !is_doubtful && !NOT_OF_THE_TOKEN.contains(&own))
}

/// The error of a refusal that says nothing of the secret. One that says that it is wrong, or that nobody could be asked, stays.
fn unproven(error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::InvalidGrant | ErrorKind::InvalidScope | ErrorKind::Refused) {
        return error;
    }
    let fact = "the server's answer does not prove the new secret, so that the old one stays in use";
    let mut told = Error::new(ErrorKind::Refused, Stage::Token, fact).with_diagnosis(
        Diagnosis::new(
            Party::Application,
            "look up what the server means by its code, and repeat it; a server that never answers invalid_grant can prove no \
             secret: store the new one in the old one's place, as `grantry auth set` does",
            Retry::Never,
        )
        .cause("the new secret is wrong, and the server has another code for that than invalid_client")
        .cause("the client may not use refresh tokens at this server"),
    );
    if let Some(status) = error.status() {
        told = told.with_status(status);
    }
    // What the server said itself, not what it was taken to mean.
    if let Some(code) = error.provider_code().or(error.oauth_code()) {
        told = told.with_oauth_code(code);
    }
    told
}

/// Whoever gets tokens for a token that nobody has may be anybody. What was issued is dropped.
fn accepts_anything() -> Error {
    let fact = "the server issued tokens for a refresh token that nobody has, so that its answer proves nothing of the new secret";
    Error::new(ErrorKind::InvalidAnswer, Stage::Token, fact).with_diagnosis(Diagnosis::new(
        Party::AuthorizationServer,
        "check that the token endpoint is the authorization server's, and that no test server or gateway answers in its place",
        Retry::Never,
    ))
}

#[cfg(test)]
mod tests {
    use grantry_core::ErrorAlias;

    use super::*;

    fn server(aliases: &[(u16, &'static str)]) -> AuthorizationServer {
        let alias = |(status, code): &(u16, &'static str)| ErrorAlias {
            status: *status,
            code,
            means: "invalid_grant",
        };
        let server = AuthorizationServer::builder("https://as.example.com/token");
        server.error_aliases(aliases.iter().map(alias)).build().unwrap()
    }

    fn refused(status: u16, own: Option<&str>) -> Error {
        let error = Error::new(ErrorKind::InvalidGrant, Stage::Token, "refused").with_status(status);
        let error = error.with_oauth_code("invalid_grant");
        match own {
            Some(own) => error.with_provider_code(own),
            None => error,
        }
    }

    #[test]
    fn an_alias_counts_where_the_servers_own_code_can_mean_the_token_alone() {
        let plain = server(&[]);
        assert!(objects_to_the_token(&refused(400, None), &plain));
        assert!(objects_to_the_token(&refused(403, None), &plain), "Auth0 says it so");
        assert!(!objects_to_the_token(&refused(401, None), &plain));
        let own = server(&[(200, "invalid_refresh_token"), (400, "BAD_REFRESH_TOKEN")]);
        assert!(objects_to_the_token(&refused(200, Some("invalid_refresh_token")), &own));
        assert!(objects_to_the_token(&refused(400, None), &own), "its code stands in another member");
        let doubtful = server(&[(403, "unauthorized_client")]);
        assert!(!objects_to_the_token(&refused(403, Some("unauthorized_client")), &doubtful));
        assert!(!objects_to_the_token(&refused(403, Some("AADSTS7")), &doubtful), "it may stand for either");
        assert!(objects_to_the_token(&refused(403, None), &doubtful), "it says invalid_grant itself");
    }
}
