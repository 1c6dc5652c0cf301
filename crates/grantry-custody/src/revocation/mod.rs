//! Revoking: at the server first, then here.

mod aboard;
mod delete;
mod due;
mod orphan;
mod queue;
mod report;
mod revoker;
mod round;
mod silent;

pub use report::{RevocationReport, RevocationStep, RevokedPart, StepOutcome};
pub use revoker::{NoRevocation, Revoked, Revoker, Sparing};

pub(crate) use aboard::OrphansAboard;
pub(crate) use orphan::{Orphan, Orphaned};
pub(crate) use queue::Queue;
pub(crate) use round::{Stance, in_time};
pub(crate) use silent::Silent;

use grantry_core::{Error, ErrorKind, Stage};
use grantry_vault::TenantVault;
use tokio::sync::oneshot;

use crate::{Custody, CustodyGrant};

/// What is asked of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Revocation {
    /// The server is asked to revoke every token, and then the grant is deleted here. What the server does not answer is
    /// asked again for seven days, also after a restart; the grant is stopped at once nevertheless.
    #[default]
    AtServerThenHere,
    /// The grant is deleted here, and the server is not asked: its tokens live until they end by themselves. Stopping and deleting
    /// it are one write, so that nothing is left half done that would be finished by asking the server. Only tokens that a
    /// renewal brings which was under way then are revoked there: nobody holds them.
    HereOnly,
}

impl CustodyGrant {
    /// Stops the grant for all processes, revokes its tokens at the server (RFC 7009) and deletes it.
    ///
    /// It is done as `by`, which needs `grant.revoke`; the rest is custody's own work. Dropping the future cuts nothing
    /// off. Access tokens that sources hold in memory are given out until they expire or are refused.
    ///
    /// # Errors
    /// Nothing was stopped: `AccessDenied`, `Configuration` for another tenant's vault, those of every call of the vault,
    /// and `Closed`. After the grant is stopped whatever fails is in the report. Where it is deleted [here only](Revocation::HereOnly),
    /// an error of the vault says that it is as it was, or that nobody knows: it can be asked for again.
    pub async fn revoke(&self, by: &TenantVault, how: Revocation) -> Result<RevocationReport, Error> {
        let key = self.key().clone();
        if by.tenant().as_str() != key.tenant() {
            return Err(Error::configuration(format!("the vault is not that of the tenant of {key}")));
        }
        let (by, grant) = (by.clone(), self.0.clone());
        let (sender, report) = oneshot::channel();
        let task = async move {
            let report = match how {
                Revocation::HereOnly => grant.custody.delete(&by, &key).await,
                Revocation::AtServerThenHere => match by.stop_grant(key.service(), key.account(), None).await
                {
                    Ok(_) => Ok(grant.custody.revoke(&key, Stance::Asked, &Silent::default()).await),
                    Err(error) => Err(error),
                },
            };
            let _ = sender.send(report);
        };
        if !self.0.custody.tasks.spawn(task) {
            return Err(closed());
        }
        report.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Custody {
    /// Goes on with what is left to be revoked of a tenant's grants: those that were stopped and whose tokens the server
    /// has not revoked yet, whichever process stopped them. Grants of services of which none was opened here wait for a
    /// process that knows the server.
    ///
    /// It happens by itself too: at once for what this process stopped, each minute, and for all others each hour.
    ///
    /// # Errors
    /// Those of every call of the vault, where the tenant's grants cannot be listed.
    pub async fn finish_revocations(&self, tenant: &str) -> Result<Vec<RevocationReport>, Error> {
        self.0.finish_revocations(tenant, &Silent::default()).await
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, Stage::Revoke, "custody was closed")
}
