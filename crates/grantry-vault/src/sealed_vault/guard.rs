//! Decide, record, then do: what stands before everything that is done with the vault.

use std::error::Error as _;
use std::future::Future;

use grantry_core::{Diagnosis, Error, ErrorKind, Party, Retry, Stage};

use super::open::Inner;
use crate::access::{Object, Permission, Principal};
use crate::audit::{AttemptId, AuditError, Intent, Outcome};
use crate::backend::VaultError;

/// Somebody who wants to do something with something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) principal: &'a Principal,
    pub(super) permission: Permission,
    pub(super) object: Object<'a>,
    /// What it is done to: `client`, `grant`, `keys`.
    pub(super) kind: &'static str,
    /// The caller's id of the request.
    pub(super) request: Option<&'a str>,
}

/// An attempt that was allowed and recorded. Its outcome is recorded when it ends; one that is dropped before is
/// recorded as unknown.
pub(super) struct Attempted<'a> {
    inner: &'a Inner,
    id: Option<AttemptId>,
}

impl Inner {
    /// Decides by the policy of this moment, and records what was decided, before anything happens.
    pub(super) async fn begin(&self, asked: Asked<'_>) -> Result<AttemptId, Error> {
        let Asked { principal, permission, object, kind, request } = asked;
        let decision = self.policy().decide(principal, permission, &object, self.clock.wall());
        let mut intent = Intent::new(principal.as_str(), permission.as_str()).kind(kind);
        if let Some(tenant) = object.tenant {
            intent = intent.tenant(tenant);
        }
        if let Some(service) = object.service {
            intent = intent.service(service);
        }
        if let Some(account) = object.account {
            intent = intent.account(account);
        }
        if let Some(request) = request {
            intent = intent.request(request);
        }
        let reason = decision.reason();
        let intent = if decision.is_allowed() { intent.allowed(&reason) } else { intent.denied(&reason) };
        let recorded = self.audit.intent(intent).await;
        if !decision.is_allowed() {
            // Denied is denied, recorded or not.
            return Err(denied(asked, &reason));
        }
        recorded.map_err(unrecorded)
    }

    /// Does it, if it may be done, and records how it ended.
    pub(super) async fn guarded<T>(
        &self,
        asked: Asked<'_>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let attempt = Attempted::new(self, self.begin(asked).await?);
        let done = work.await;
        attempt.end(match &done {
            Ok(_) => Outcome::ok(),
            Err(error) => outcome_of(error),
        });
        done
    }
}

impl<'a> Attempted<'a> {
    pub(super) const fn new(inner: &'a Inner, id: AttemptId) -> Self {
        Self { inner, id: Some(id) }
    }

    /// Somebody else tells its outcome.
    pub(super) fn hand_over(mut self) -> Option<AttemptId> {
        self.id.take()
    }

    pub(super) fn end(mut self, outcome: Outcome) {
        if let Some(id) = self.id.take() {
            self.inner.audit.outcome(id, outcome);
        }
    }
}

impl Drop for Attempted<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.inner.audit.outcome(id, Outcome::unknown());
        }
    }
}

/// How an attempt ended that brought an error: a write whose answer was lost may have been done.
fn outcome_of(error: &Error) -> Outcome {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<VaultError>());
    match cause {
        Some(VaultError::InDoubt(_)) => Outcome::unknown(),
        _ => Outcome::failed(error.kind().as_str()),
    }
}

fn denied(asked: Asked<'_>, reason: &str) -> Error {
    let fact = format!("{} may not {} here: {reason}", asked.principal, asked.permission);
    Error::new(ErrorKind::AccessDenied, Stage::Vault, fact)
}

pub(super) fn unrecorded(error: AuditError) -> Error {
    match error {
        AuditError::Closed => Error::new(ErrorKind::Closed, Stage::Vault, "the vault was closed"),
        error => Error::new(
            ErrorKind::AuditUnavailable,
            Stage::Vault,
            "the audit trail could not record the access",
        )
        .with_source(error)
        .with_diagnosis(Diagnosis::new(
            Party::Store,
            "bring a durable sink of the audit trail back; nothing was released, and nothing has to be \
                     restarted",
            Retry::After(std::time::Duration::from_secs(1)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn a_write_that_may_have_been_done_is_not_recorded_as_failed() {
        let outcome = |cause: VaultError| outcome_of(&StoreError::from(cause).into_error("a record"));
        assert_eq!(outcome(VaultError::in_doubt("the answer was lost")), Outcome::unknown());
        assert_eq!(outcome(VaultError::unavailable("restarting")), Outcome::failed("storage"));
        assert_eq!(outcome(VaultError::Conflict), Outcome::failed("conflict"));
    }
}
