//! What happens around a page, which no command of it could do: at the server, to a person, in another process.

use std::error::Error;
use std::sync::Arc;

use grantry::{
    AccessToken, Attempt, Client, ClientAuthentication, Clock, HttpTransport, Scope, SystemClock,
    TokenEndpoint, TokenRequest, TokenSet,
};
use grantry_testkit::{Endpoint, Fault, RegisteredClient, SeededGrant};

use crate::stage::{CLIENT, NEW_SECRET, SECRET, Stage};

/// Plays the scene of that name.
pub(crate) async fn play(stage: &mut Stage, name: &str) -> Result<(), String> {
    match name {
        "the server is away" => stage.server.inject(Endpoint::Token, Fault::status(503).until_cleared()),
        "the server is back" => stage.server.clear_faults(Endpoint::Token),
        "the server accepts a new secret, too" => {
            let both = RegisteredClient::with_secret(CLIENT, SECRET).or_secret(NEW_SECRET);
            stage.server.with_authority(|authority, _| authority.register(both));
        }
        "the server accepts the new secret only" => {
            let new = RegisteredClient::with_secret(CLIENT, NEW_SECRET);
            stage.server.with_authority(|authority, _| authority.register(new));
        }
        "ann consents" => consent(stage).await.map_err(|error| error.to_string())?,
        "ann takes her consent back" => {
            let token = stage.consented.clone().ok_or("she has not consented")?;
            stage.server.with_authority(|authority, _| authority.revoke_grant_of(&token));
        }
        "a script uses ann's refresh token" => use_elsewhere(stage).await?,
        _ => return Err(format!("there is no scene {name:?}")),
    }
    Ok(())
}

/// A consent of ann for the service crm comes into the vault, as a login brings it.
async fn consent(stage: &mut Stage) -> Result<(), Box<dyn Error>> {
    let token = stage.server.seed_grant(SeededGrant::new(CLIENT, Scope::parse("contacts.read")?));
    // With an access token that is over already, so that the next command has to renew.
    let now = SystemClock::new().now();
    let brought =
        TokenSet::builder(AccessToken::new("over"), now).expires(now).refresh_token(token.clone()).build()?;
    let (pantry, ana) = stage.pantry().await?;
    pantry.as_principal(ana).tenant("default")?.keep_consent(("crm", "ann"), &brought).await?;
    pantry.shutdown().await?;
    stage.consented = Some(token);
    Ok(())
}

/// Somebody redeems the refresh token outside of the vault, and keeps what comes for themselves.
async fn use_elsewhere(stage: &Stage) -> Result<(), String> {
    let token = stage.consented.clone().ok_or("she has not consented")?;
    let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
    let server = stage.server.authorization_server().unwrap();
    let endpoint = TokenEndpoint::new(server, client, Arc::new(HttpTransport::new().unwrap())).unwrap();
    let request = TokenRequest::new("refresh_token").parameter("refresh_token", token.expose());
    endpoint.request(request, Attempt::first()).await.map(drop).map_err(|failure| failure.error.to_string())
}
