//! What is done with stored services and grants besides using them: renewing now, revoking, removing, exchanging secrets.

use std::sync::Arc;

use grantry_core::{
    AccessToken, Attempt, ClientSecret, Error, ErrorKind, Failure, Grant, GrantKey, Retry, Token, TokenSet,
};
use grantry_custody::{
    CustodyGrant, Revocation, RevocationReport, Revoked, SecretRotationReport, SecretStep,
};
use grantry_vault::Stored;

use super::entry::State;
use super::handles::{GrantName, TenantPantry};
use super::house::named;
use super::proof::AsksTheServer;
use super::registration::Ready;

/// How many grants are listed at once.
const PAGE: usize = 256;

/// What became of a service that was removed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RemovalReport {
    /// What became of each of its grants.
    pub revocations: Vec<RevocationReport>,
    /// Grants that could not be stopped, with the reason.
    pub left: Vec<(GrantKey, Error)>,
    /// What became of the client's registration.
    pub registration: Registration,
}

/// What became of a client's registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Registration {
    /// The vault has it no more.
    Removed,
    /// It stays: grants are left that could not be stopped, or whose tokens the server is asked again to revoke, and they need
    /// it.
    KeptToRevoke,
    /// The vault had none.
    None,
}

/// What a renewal that was asked for brought.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Renewed {
    /// The new token.
    pub token: Token,
    /// What became of the one before it at the server, if it still worked and the server was asked.
    pub before: Option<Revoked>,
}

/// What an exchange of a client's secret did.
#[derive(Debug)]
#[non_exhaustive]
pub struct SecretRotated {
    /// Step by step.
    pub report: SecretRotationReport,
}

impl TenantPantry {
    /// Renews a grant now, whatever is left of its access token, and returns the new token. Needs `token.use`.
    ///
    /// # Errors
    /// As [`source`](TenantPantry::source), and those of a renewal. The token that is held stays then.
    pub async fn renew(&self, name: impl Into<GrantName>) -> Result<Renewed, Error> {
        self.renew_and(name, false).await
    }

    /// The same, and the server is asked to revoke the access token before it, where that harms no refresh token.
    ///
    /// # Errors
    /// As [`renew`](TenantPantry::renew). That the old token could not be revoked is none.
    pub async fn renew_and_revoke(&self, name: impl Into<GrantName>) -> Result<Renewed, Error> {
        self.renew_and(name, true).await
    }

    async fn renew_and(&self, name: impl Into<GrantName>, revokes: bool) -> Result<Renewed, Error> {
        let key = self.key(&name.into())?;
        self.vault.use_grant(key.service(), key.account()).await?;
        // Somebody may have stored another secret a moment ago: looked at before, so that no request shows the old one.
        match self.house.refresh(key.tenant(), key.service()).await {
            Err(error) if matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound) => {
                return Err(error);
            }
            _ => {}
        }
        let entry = self.house.open(&key).await?;
        let state = entry.state.load_full();
        let live = match &*state {
            State::Live(live) => live,
            State::Gone(why, _) => return Err(why.clone()),
        };
        let (before, set) = self.renew_by(&live.custody).await.map_err(|failure| failure.error)?;
        entry.go_on_with(&self.house, &live.ready, &set);
        let old = before.filter(|before| revokes && before.token().is_fit(self.house.clock.now()));
        let before = match old {
            Some(old) => revoke_access_token(&live.ready, &old).await,
            None => None,
        };
        Ok(Renewed { token: set.token().clone(), before })
    }

    /// The token set that the vault had, unless it was renewed for having none that is fit, and the new one.
    async fn renew_by(&self, grant: &CustodyGrant) -> Result<(Option<TokenSet>, TokenSet), Failure> {
        let key = grant.key();
        let vault = self.house.renewal.tenant(key.tenant()).map_err(|error| Failure::unsent(named(error)))?;
        let stored = vault.grant_to_renew(key.service(), key.account()).await.map_err(Failure::unsent)?;
        let generation = stored.map_or(0, |stored| stored.version.generation());
        let first = obtain(grant, Attempt::first).await?;
        if first.generation() > generation {
            return Ok((None, first));
        }
        let second = obtain(grant, || Attempt::replace(&first)).await?;
        Ok((Some(first), second))
    }

    /// Stops a grant, has its tokens revoked at the server, and deletes it. Needs `grant.revoke`. Handles of a person's
    /// grant give nothing out any more; a client's own tokens are obtained anew when the next caller asks.
    ///
    /// # Errors
    /// Nothing was stopped. What fails later is in the report.
    pub async fn revoke(
        &self,
        name: impl Into<GrantName>,
        how: Revocation,
    ) -> Result<RevocationReport, Error> {
        let key = self.key(&name.into())?;
        let ready = self.ready_to_revoke(key.service(), how).await?;
        self.revoke_key(&key, ready.as_ref(), how).await
    }

    /// The service, as far as anybody knows it: what nobody knows is stopped and deleted all the same.
    ///
    /// # Errors
    /// Where its server is to be asked, and only for the moment nobody can say which that is.
    async fn ready_to_revoke(&self, service: &str, how: Revocation) -> Result<Option<Arc<Ready>>, Error> {
        let tenant = self.vault.tenant().as_str();
        if how == Revocation::HereOnly {
            return Ok(self.house.ready_here(tenant, service).await.ok());
        }
        match self.house.ready(tenant, service).await {
            Ok(ready) => Ok(Some(ready)),
            Err(error) if error.kind().is_definite() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn revoke_key(
        &self,
        key: &GrantKey,
        ready: Option<&Arc<Ready>>,
        how: Revocation,
    ) -> Result<RevocationReport, Error> {
        let grant = match ready {
            Some(ready) => self.house.custody_grant(ready, key)?,
            // Nobody knows the server any more: it cannot be asked.
            None => Arc::new(self.house.custody.grant(key.clone(), Unknown).build()?),
        };
        let done = grant.revoke(&self.vault, how).await;
        // After a lost answer it may be gone. One that is still there is opened again by the next call.
        let may_be_gone = done.as_ref().err().is_none_or(|error| error.kind() != ErrorKind::AccessDenied);
        if let (Some(entry), Some(ready), true) = (self.house.entry(key), ready, may_be_gone) {
            entry.begin_anew(&self.house, ready);
        }
        done
    }

    /// Removes a service: all its grants are stopped, their tokens revoked at the server, and the client's registration is
    /// deleted from the vault. Needs `grant.read` for the tenant, `grant.revoke`, `client.read` and `client.write`.
    ///
    /// While the server still has to be asked, or a grant could not be stopped, the registration stays: another call goes
    /// on, and what is stopped other processes go on with by themselves. Grants that were moved to another vault do not
    /// keep it; nor do, where nobody asks the server, those whose record is refused.
    ///
    /// # Errors
    /// Those of every call of the vault, where nothing could be listed. What failed for one grant is in the report.
    pub async fn remove_service(
        &self,
        service: impl AsRef<str>,
        how: Revocation,
    ) -> Result<RemovalReport, Error> {
        let service = self.key(&service.as_ref().into())?.service().to_owned();
        let tenant = self.vault.tenant().as_str();
        let ready = self.ready_to_revoke(&service, how).await?;
        let mut report =
            RemovalReport { revocations: Vec::new(), left: Vec::new(), registration: Registration::None };
        for key in self.keys_of(&service).await? {
            match self.revoke_key(&key, ready.as_ref(), how).await {
                Ok(done) => report.revocations.push(done),
                Err(error) => report.left.push((key, error)),
            }
        }
        let needs_it = report.left.iter().any(|(_, error)| needs_registration(error.kind(), how))
            || report.revocations.iter().any(RevocationReport::is_queued);
        report.registration = match self.vault.client(&service).await? {
            None => Registration::None,
            Some(_) if needs_it => Registration::KeptToRevoke,
            Some(Stored { version, .. }) => {
                self.vault.remove_client(&service, &version).await?;
                // Whoever holds a handle learns of it.
                let _ = match how {
                    Revocation::HereOnly => self.house.ready_here(tenant, &service).await.map(drop),
                    _ => self.house.refresh(tenant, &service).await,
                };
                Registration::Removed
            }
        };
        Ok(report)
    }

    /// The grants of a service that the vault has.
    async fn keys_of(&self, service: &str) -> Result<Vec<GrantKey>, Error> {
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let page = self.vault.grants_one_by_one(after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(key, _)| key.clone());
            keys.extend(page.into_iter().map(|(key, _)| key).filter(|key| key.service() == service));
            if is_last {
                return Ok(keys);
            }
        }
    }

    /// Exchanges the secret of a service's client in the vault: the new one is stored beside the old, proven at the server,
    /// put first, tokens of the old one are revoked, and the old one is dropped. Without a new one, an exchange that was
    /// begun goes on. Needs `client.read_secret` and `client.write`.
    ///
    /// # Errors
    /// As [`source`](TenantPantry::source), before anything was done; what stopped it later is in the report.
    pub async fn rotate_secret(
        &self,
        service: impl AsRef<str>,
        new: Option<ClientSecret>,
        keeps_old: bool,
    ) -> Result<SecretRotated, Error> {
        let key = self.key(&service.as_ref().into())?;
        let ready = self.house.ready(key.tenant(), key.service()).await?;
        if let Some(place) = &ready.resolved.described_secret {
            let fact =
                format!("the client's secret of {} stands in {place}: exchange it there", key.service());
            return Err(Error::configuration(fact));
        }
        // Custody learns from it who revokes this service's tokens.
        let _known = self.house.custody_grant(&ready, &key)?;
        let house = Arc::clone(&self.house);
        let prover = AsksTheServer { house, ready: Arc::clone(&ready), key: key.clone() };
        let mut rotation = self.house.custody.rotate_secret(&self.vault, key.service(), prover);
        if let Some(new) = new {
            rotation = rotation.to(new);
        }
        if keeps_old {
            rotation = rotation.keeping_old();
        }
        let report = rotation.run().await;
        // What was stored holds, whether it can be looked at now or not.
        let _ = self.house.refresh(key.tenant(), key.service()).await;
        let revoked = |step: &SecretStep| matches!(step, SecretStep::OldTokensRevoked { revoked: 1.., .. });
        if report.steps.iter().any(revoked) {
            let ready = self.house.ready(key.tenant(), key.service()).await?;
            for entry in self.house.open_entries(&ready.key) {
                entry.begin_anew(&self.house, &ready);
            }
        }
        Ok(SecretRotated { report })
    }
}

/// Obtains, and once more where the client was refused and has something else to try: its next secret, or an assertion by the
/// server's clock. A source does the same; whoever is told to do it himself may be another process, which would begin anew.
async fn obtain<'a>(grant: &CustodyGrant, attempt: impl Fn() -> Attempt<'a>) -> Result<TokenSet, Failure> {
    match grant.obtain(attempt()).await {
        Err(failure) if is_to_be_tried_at_once(&failure.error) => grant.obtain(attempt()).await,
        other => other,
    }
}

fn is_to_be_tried_at_once(error: &Error) -> bool {
    error.kind() == ErrorKind::InvalidClient && error.diagnosis().retry() == Retry::Now
}

/// Whether a grant that could not be stopped needs its registration. One that was moved is none any more, and one whose record is
/// refused nobody can use, nor delete by trying again.
fn needs_registration(left: ErrorKind, how: Revocation) -> bool {
    match left {
        ErrorKind::Removed => false,
        ErrorKind::Damaged => how != Revocation::HereOnly,
        _ => true,
    }
}

/// Revokes the access token before a renewal, where no refresh token can be harmed by it.
async fn revoke_access_token(ready: &Ready, old: &TokenSet) -> Option<Revoked> {
    let revoker = ready.revoker().ok()?;
    if !ready.resolved.is_clients_own() && !revoker.spares_refresh_tokens() {
        return None;
    }
    revoker.revoke_access_token(&AccessToken::new(old.token().expose())).await.ok()
}

/// The grant of a service that nobody knows any more: it is stopped and deleted, and never renewed.
#[derive(Debug)]
struct Unknown;

#[async_trait::async_trait]
impl Grant for Unknown {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        Err(Failure::unsent(Error::configuration("the service of this grant is not known any more")))
    }
}
