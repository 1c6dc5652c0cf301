//! Where the audit trail of a vault is kept.

use std::time::Duration;

use grantry::pantry::GrantryBuilder;
use grantry::vault::SealedVaultBuilder;
use grantry::vault::audit::JsonLines;
use grantry_config::AuditSection;

/// What is told where its trail is kept.
pub(crate) trait KeepsTrail: Sized {
    fn folder(self, lines: JsonLines) -> Self;
    fn elsewhere(self) -> Self;
    fn patience(self, patience: Duration) -> Self;

    /// Keeps it as a configuration says, or in the vault.
    fn trail(self, section: Option<&AuditSection>) -> Self {
        let Some(section) = section else { return self };
        let told = match &section.folder {
            Some(folder) => self.folder(JsonLines::new(folder)),
            None => self,
        };
        let told = if section.in_vault { told } else { told.elsewhere() };
        match section.patience {
            Some(patience) => told.patience(patience),
            None => told,
        }
    }
}

impl KeepsTrail for SealedVaultBuilder {
    fn folder(self, lines: JsonLines) -> Self {
        self.audit_sink(lines)
    }

    fn elsewhere(self) -> Self {
        self.audit_elsewhere()
    }

    fn patience(self, patience: Duration) -> Self {
        self.audit_patience(patience)
    }
}

impl KeepsTrail for GrantryBuilder {
    fn folder(self, lines: JsonLines) -> Self {
        self.audit_sink(lines)
    }

    fn elsewhere(self) -> Self {
        self.audit_elsewhere()
    }

    fn patience(self, patience: Duration) -> Self {
        self.audit_patience(patience)
    }
}
