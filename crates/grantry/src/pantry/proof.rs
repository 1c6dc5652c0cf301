//! Proving that a server accepts a client's secret, without spending anything.

use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{AccessToken, Attempt, ClientSecret, Error, ErrorKind, Grant};
use grantry_custody::Prover;
use grantry_endpoint::RevocationEndpoint;

use super::house::House;
use super::registration::Ready;

/// Asks the server: for the client's own tokens where that is the flow, else for the revocation of a token that nobody has
/// (RFC 7009 section 2.1: the client is authenticated first).
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
        let endpoint = self.house.endpoint(resolved, std::slice::from_ref(secret))?;
        if resolved.is_clients_own() {
            let obtained = resolved.grant(&endpoint, &self.key)?.obtain(Attempt::first()).await;
            return match obtained {
                Ok(_) => Ok(()),
                Err(failure) => Err(failure.error),
            };
        }
        if resolved.server().revocation_endpoint().is_none() {
            return Err(Error::configuration(
                "nothing proves a new secret of this client without spending a grant: name the server's revocation \
                 endpoint",
            ));
        }
        let mut random = [0; 16];
        self.house.entropy.fill(&mut random);
        let nobodys: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        match RevocationEndpoint::of(&endpoint)?.revoke_access_token(&AccessToken::new(nobodys)).await {
            // The server has seen who asks, and objects to the token. Any other refusal may be one of the client.
            Err(error) if error.kind() == ErrorKind::InvalidGrant => Ok(()),
            other => other,
        }
    }
}
