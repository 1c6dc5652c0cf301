//! What a revocation did, step by step.

use grantry_core::{Error, GrantKey, Target};

/// What became of a grant that was revoked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RevocationReport {
    /// Whose it was.
    pub key: GrantKey,
    /// The steps, in their order. None where there was no grant, or where another process revokes it.
    pub steps: Vec<RevocationStep>,
    /// Whether the grant is deleted here.
    pub deleted: bool,
}

/// A step of a revocation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RevocationStep {
    /// What it was about.
    pub part: RevokedPart,
    /// How it ended.
    pub outcome: StepOutcome,
}

/// What a step of a revocation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokedPart {
    /// The refresh token that would have been redeemed next.
    RefreshToken,
    /// Another refresh token that may be alive.
    OtherRefreshToken,
    /// The access token for a target.
    AccessToken(Target),
    /// The grant's record in the vault.
    Record,
}

/// How a step of a revocation ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StepOutcome {
    /// The token is not valid any more, or the record is deleted.
    Revoked,
    /// The server cannot revoke such a token.
    Unsupported,
    /// The server was not asked, as was wanted.
    NotAsked,
    /// It failed.
    Failed {
        /// How.
        error: Error,
        /// Whether it is tried again.
        queued: bool,
    },
}

impl RevocationReport {
    pub(crate) fn new(key: GrantKey) -> Self {
        Self { key, steps: Vec::new(), deleted: false }
    }

    pub(super) fn of_one_that_waits(key: GrantKey, outcome: StepOutcome) -> Self {
        let mut report = Self::new(key);
        report.add(RevokedPart::Record, outcome);
        report
    }

    pub(crate) fn add(&mut self, part: RevokedPart, outcome: StepOutcome) {
        self.steps.push(RevocationStep { part, outcome });
    }

    /// Whether the server confirmed that no token is valid any more.
    pub fn is_revoked_at_server(&self) -> bool {
        let mut tokens = self.steps.iter().filter(|step| step.part != RevokedPart::Record);
        self.deleted
            && !self.steps.is_empty()
            && tokens.all(|step| matches!(step.outcome, StepOutcome::Revoked))
    }

    /// Whether the server refused or did not answer, and is not asked again.
    pub(super) fn is_given_up(&self) -> bool {
        let failed =
            |step: &RevocationStep| matches!(step.outcome, StepOutcome::Failed { queued: false, .. });
        self.deleted && self.steps.iter().any(failed)
    }

    /// Whether something is left that is tried again.
    pub fn is_queued(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.outcome, StepOutcome::Failed { queued: true, .. }))
    }
}
