//! People who consent: once, and now and then once more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use grantry_core::{Clock, Error, GrantKey, RefreshToken, Scope};
use grantry_testkit::{SeededGrant, TestServer};
use grantry_vault::{GrantRecord, PrincipalVault};

use crate::dice::Dice;
use crate::keys::Keys;
use crate::life::Fate;
use crate::process::{admin, open_vault};
use crate::store::Store;
use crate::world::World;

/// A person consents, and the server gives this for it.
pub(crate) fn consent(server: &TestServer, key: &GrantKey) -> RefreshToken {
    let scope = Scope::parse("contacts.read").unwrap_or(Scope::EMPTY);
    server.seed_grant(SeededGrant::new("crm", scope).subject(&key.to_string()))
}

impl World {
    /// People consent once more, until the evening: to what they withdrew or lost, and to what they still have. Nothing happens to
    /// the process that they do it at.
    pub(crate) fn come_back(&self) -> impl Future<Output = ()> + Send + 'static {
        let (fate, disk, server) = (self.fate.clone(), Arc::clone(&self.disk), Arc::clone(&self.server));
        let keys = Arc::clone(&self.keys);
        async move {
            let dice = Dice::new(fate.plan.seed ^ 0x0c0_45e7);
            let provider = Keys::new(&Arc::default(), &fate.trace);
            let vault = open_vault(Store::at_hand(&disk), provider, &fate.clock, dice.entropy()).await;
            let opened = vault.and_then(|vault| Ok(vault.as_principal(admin()?)));
            let mine = match opened {
                Ok(mine) => mine,
                Err(error) => return fate.tower.broke(format!("nobody can consent once more: {error:?}")),
            };
            loop {
                tokio::time::sleep(Duration::from_millis(1_000 + dice.below(40_000))).await;
                if fate.is_evening.load(Ordering::Relaxed) {
                    return std::future::pending().await;
                }
                let Some(key) = keys.get(dice.index(keys.len())) else { continue };
                let token = consent(&server, key);
                fate.tower.consents_anew(key, token.expose());
                match keep(&mine, key, &token, &fate).await {
                    Ok(()) => {
                        // What somebody was told is not lost by a failover.
                        disk.replicate();
                        fate.tower.consented_anew(key, token.expose());
                        fate.trace.fault("consent anew");
                        fate.note("consented anew", &key.to_string());
                    }
                    Err(_) => fate.tower.consent_not_kept(token.expose()),
                }
            }
        }
    }
}

/// Keeps what came of a consent, in place of whatever is there.
async fn keep(mine: &PrincipalVault, key: &GrantKey, token: &RefreshToken, fate: &Fate) -> Result<(), Error> {
    let tenant = mine.tenant(key.tenant())?;
    let over = tenant.grant(key.service(), key.account()).await?.map(|stored| stored.version);
    let now = fate.clock.wall();
    let record = GrantRecord::new(now).with_refresh_token(token.clone(), now);
    tenant.replace_grant(key.service(), key.account(), record, over.as_ref()).await.map(drop)
}
