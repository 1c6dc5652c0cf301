//! Exchanging a client's secret, so that at each moment one of those that the vault holds works.

mod cutoff;
mod old_tokens;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::{ClientSecret, Clock, Error, ErrorKind, RefreshToken, Stage, Timestamp};
use grantry_vault::{ClientRecord, Fingerprint, RecordVersion, Stored, StoredSecret, TenantVault};

use self::cutoff::Cutoff;
use crate::Custody;
use crate::custody::Shared;

/// Proves that the server accepts a client secret, by a request that spends nothing: one for client credentials, say. A
/// refresh token that rotates must not be redeemed for it.
///
/// **Cancel-safety**: a proof that is dropped is made again. **Errors**: `InvalidClient` says that the server does not
/// accept the secret; anything else says that nobody knows.
///
/// ```
/// use async_trait::async_trait;
/// use grantry_core::{ClientSecret, Error};
/// use grantry_custody::Prover;
///
/// #[derive(Debug)]
/// struct AsksTheServer;
///
/// #[async_trait]
/// impl Prover for AsksTheServer {
///     async fn prove(&self, secret: &ClientSecret) -> Result<(), Error> {
///         # let _ = secret;
///         // build a `TokenEndpoint` with this secret, and send a token request
///         # Err(Error::internal("an example"))
///     }
/// }
/// ```
#[async_trait]
pub trait Prover: fmt::Debug + Send + Sync + 'static {
    /// Sends a token request with this secret.
    ///
    /// # Errors
    /// `InvalidClient` where the server does not accept it.
    async fn prove(&self, secret: &ClientSecret) -> Result<(), Error>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<P: Prover + ?Sized> Prover for Arc<P> {
    async fn prove(&self, secret: &ClientSecret) -> Result<(), Error> {
        (**self).prove(secret).await
    }
}

/// An exchange of a client's secret: made by [`Custody::rotate_secret`], done by [`run`](SecretRotation::run).
#[must_use]
pub struct SecretRotation {
    custody: Arc<Shared>,
    by: TenantVault,
    service: String,
    prover: Arc<dyn Prover>,
    new: Option<ClientSecret>,
    keeps_old: bool,
}

/// A step of an exchange that was done in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretStep {
    /// The new secret stands behind the old one.
    Stored,
    /// The server accepts the new one.
    Proven,
    /// The server does not accept the new one: it was taken out again.
    TakenBack,
    /// The new one stands before the old one.
    Switched,
    /// Access tokens that had been obtained up to the switch were revoked; where the old secret was kept on, up to the
    /// run that drops it. What a process that has not heard of the new secret obtains later lives until it expires.
    #[non_exhaustive]
    OldTokensRevoked {
        /// How many.
        revoked: usize,
        /// How many the server cannot revoke, or not without their grant.
        unsupported: usize,
        /// How many could not be revoked, or were left alone because their grant is being renewed or in doubt. They live
        /// until they expire.
        failed: usize,
        /// How many nobody was asked to revoke: no grant of the service was opened in this process, so that it is not known here
        /// how. They live until they expire, and one that was obtained after the switch may be among them.
        unknown: usize,
    },
    /// The old one is in the vault no more.
    OldDropped,
}

/// How far an exchange came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SecretRotationReport {
    /// What was done in this run, in order.
    pub steps: Vec<SecretStep>,
    /// What stopped it. The secret that worked before is still among those of the vault, and another run goes on.
    pub stopped: Option<Error>,
}

impl SecretRotationReport {
    /// Whether the new secret is the only one, or the old one is kept as was wanted.
    pub fn is_finished(&self) -> bool {
        self.stopped.is_none()
    }
}

impl Custody {
    /// Exchanges the secret of a tenant's client for a service: the new one is stored beside the old, proven, put first,
    /// and the old one dropped. How far that is stands in the client's record, by the order and number of its secrets and,
    /// while old tokens are revoked, in an attribute, so that another run goes on after any failure or crash.
    ///
    /// It is done as `by`, which needs `client.read_secret` and `client.write`.
    pub fn rotate_secret(
        &self,
        by: &TenantVault,
        service: impl Into<String>,
        prover: impl Prover,
    ) -> SecretRotation {
        SecretRotation {
            custody: Arc::clone(&self.0),
            by: by.clone(),
            service: service.into(),
            prover: Arc::new(prover),
            new: None,
            keeps_old: false,
        }
    }
}

/// How far an exchange is, by the record.
enum Standing {
    /// One secret, and it is not the new one.
    Before,
    /// The new one stands behind the old one.
    Stored,
    /// The new one stands first.
    Switched,
    /// There is nothing left to do.
    Finished,
}

impl SecretRotation {
    /// The new secret, as the server gave it. Left out, an exchange that was begun goes on.
    pub fn to(self, new: impl Into<ClientSecret>) -> Self {
        Self { new: Some(new.into()), ..self }
    }

    /// Ends before the old secret is dropped, while other processes may still hold nothing newer. Another run drops it.
    pub fn keeping_old(self) -> Self {
        Self { keeps_old: true, ..self }
    }

    /// Does what is left to be done. Dropping the future is as a crash: another run goes on.
    pub async fn run(self) -> SecretRotationReport {
        let mut steps = Vec::new();
        let stopped = self.go_on(&mut steps).await.err();
        SecretRotationReport { steps, stopped }
    }

    async fn go_on(&self, steps: &mut Vec<SecretStep>) -> Result<(), Error> {
        let client = self.by.reveal_client(&self.service).await?;
        let Some(client) = client else { return Err(self.mistake("there is no such client")) };
        let Stored { value: mut client, mut version, .. } = client;
        let mut standing = self.standing(&client)?;
        if let (Standing::Before, Some(new)) = (&standing, &self.new) {
            let [old, ..] = client.secrets() else { return Err(self.mistake("the client has no secret")) };
            // Later than the old one whatever the clock says: the order of both is what another run goes by.
            let added = self.custody.clock.wall().max(old.added.after(std::time::Duration::from_nanos(1)));
            let secrets = [(old.secret.clone(), old.added), (new.clone(), added)];
            version = self.store(&mut client, secrets.into(), None, &version).await?;
            steps.push(SecretStep::Stored);
            standing = Standing::Stored;
        }
        if matches!(standing, Standing::Stored) {
            let [old, new] = client.secrets() else {
                return Err(self.mistake("the client has other secrets"));
            };
            let (old, new) = (pair(old), pair(new));
            match self.prover.prove(&new.0).await {
                Ok(()) => steps.push(SecretStep::Proven),
                Err(error) if error.kind() == ErrorKind::InvalidClient => {
                    self.store(&mut client, vec![old], None, &version).await?;
                    steps.push(SecretStep::TakenBack);
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
            version = self.store(&mut client, vec![new, old], None, &version).await?;
            steps.push(SecretStep::Switched);
            standing = Standing::Switched;
        }
        if matches!(standing, Standing::Switched) && !self.keeps_old {
            let cutoff = self.cutoff(&mut client, &mut version).await?;
            steps.push(self.custody.revoke_old_tokens(self.by.tenant(), &self.service, cutoff.at).await?);
            let first = client.secrets().first().map(pair);
            self.store(&mut client, first.into_iter().collect(), None, &version).await?;
            steps.push(SecretStep::OldDropped);
        }
        Ok(())
    }

    /// The moment up to which tokens are revoked, and in the record before the first of them is: a run that goes on later
    /// would take those of the new secret along.
    async fn cutoff(&self, client: &mut ClientRecord, version: &mut RecordVersion) -> Result<Cutoff, Error> {
        if let Some(left) = Cutoff::left_in(client, version) {
            return Ok(left);
        }
        let cutoff = Cutoff::now(&self.by, client, version).await?;
        let secrets = client.secrets().iter().map(pair).collect();
        *version = self.store(client, secrets, Some(&cutoff), version).await?;
        Ok(cutoff)
    }

    fn standing(&self, client: &ClientRecord) -> Result<Standing, Error> {
        let is_new = |held: &StoredSecret| self.new.as_ref().is_some_and(|new| same(new, &held.secret));
        match client.secrets() {
            [one] if self.new.is_none() || is_new(one) => Ok(Standing::Finished),
            [_] => Ok(Standing::Before),
            [first, second] if self.new.is_none() => {
                Ok(if first.added > second.added { Standing::Switched } else { Standing::Stored })
            }
            [first, _] if is_new(first) => Ok(Standing::Switched),
            [_, second] if is_new(second) => Ok(Standing::Stored),
            // One that was stored and never proven gives way to another.
            [first, second] if first.added <= second.added => Ok(Standing::Before),
            [_, _] => {
                Err(self.mistake("another exchange is not finished: finish it without a new secret first"))
            }
            _ => {
                Err(self
                    .mistake("an exchange is from one secret to another one: let the client have one or two"))
            }
        }
    }

    async fn store(
        &self,
        client: &mut ClientRecord,
        secrets: Vec<(ClientSecret, Timestamp)>,
        cutoff: Option<&Cutoff>,
        over: &RecordVersion,
    ) -> Result<RecordVersion, Error> {
        let mut changed = ClientRecord::new(client.client_id().clone());
        for (secret, added) in secrets {
            changed = changed.with_secret(secret, added);
        }
        if let Some(key) = client.private_key() {
            changed = changed.with_private_key(key.clone());
        }
        for (name, value) in client.attributes().iter().filter(|(name, _)| *name != cutoff::ATTRIBUTE) {
            changed = changed.with_attribute(name, value);
        }
        if let Some(cutoff) = cutoff {
            changed = changed.with_attribute(cutoff::ATTRIBUTE, cutoff.as_attribute());
        }
        let version = self.by.store_client(&self.service, changed.clone(), Some(over)).await?;
        *client = changed;
        Ok(version)
    }

    fn mistake(&self, fact: &str) -> Error {
        let service = &self.service;
        Error::new(ErrorKind::Configuration, Stage::Vault, format!("the client for {service}: {fact}"))
    }
}

fn pair(stored: &StoredSecret) -> (ClientSecret, Timestamp) {
    (stored.secret.clone(), stored.added)
}

/// Compares fingerprints, so that the time it takes tells nothing of the secrets.
fn same(one: &ClientSecret, other: &ClientSecret) -> bool {
    let fingerprint = |secret: &ClientSecret| Fingerprint::of(&RefreshToken::new(secret.expose()));
    fingerprint(one) == fingerprint(other)
}

impl fmt::Debug for SecretRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRotation").field("service", &self.service).finish_non_exhaustive()
    }
}
