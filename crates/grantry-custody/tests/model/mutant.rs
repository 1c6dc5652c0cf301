//! Mistakes that the design could have had. Each has to be found.

use std::time::Duration;

use grantry_core::Rotation;
use grantry_custody::protocol::{Standing, Terms};

use crate::cells::{
    BEYOND_ALLOWANCE, BEYOND_LEASE, LOST, MANGLED, MANGLED_AND_CRASH, NO_FAULT, WITHDRAWN,
    WITHDRAWN_AND_CRASH, WITHIN_LEASE,
};
use crate::server::Policy;

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mutant {
    /// A write is accepted from the owner of the record only.
    FencedByEpoch,
    /// A landing clears whoever else is at it.
    ForeignIntentCleared,
    /// Of two successors of one token only the first to come is kept.
    SiblingsDropped,
    /// A used token is sent again at once to a server that revokes the family for it.
    EagerOnStrict,
    /// A token is shown before it is kept.
    ShownBeforeStored,
    /// The verdict is written without reading the record again.
    CondemnedBlindly,
    /// A request is sent whenever its sender gets to it.
    NoSendGuard,
    /// How late a request may leave counts from the claim, which a process may write long after it looked.
    GuardFromTheWrite,
    /// Nothing is written before the request is sent.
    NoClaim,
    /// An attempt of which nobody knows leaves no trace.
    DoubtForgotten,
    /// An owner does not extend its lease.
    NoExtension,
    /// What was salvaged from an unusable answer goes into the record at once.
    SalvageNotBoarded,
    /// What was salvaged from an unusable answer is not kept.
    SalvageDropped,
    /// The last chance is taken as soon as a lease is over, and whoever had it cannot come back with what it received.
    LastChanceAtOnce,
    /// Whoever brings something home does not see that the grant was withdrawn.
    WithdrawalOverlooked,
    /// A refusal by the server, which has revoked the token, is written over the withdrawal.
    RefusalOverWithdrawal,
    /// What comes after a withdrawal is thrown away.
    OrphanNotRevoked,
    /// What comes after a withdrawal leaves the lifeboat before the server has revoked it.
    OrphanNotAboard,
}

impl Mutant {
    pub(crate) const ALL: [Self; 18] = [
        Self::FencedByEpoch,
        Self::ForeignIntentCleared,
        Self::SiblingsDropped,
        Self::EagerOnStrict,
        Self::ShownBeforeStored,
        Self::CondemnedBlindly,
        Self::NoSendGuard,
        Self::GuardFromTheWrite,
        Self::NoClaim,
        Self::DoubtForgotten,
        Self::NoExtension,
        Self::SalvageNotBoarded,
        Self::SalvageDropped,
        Self::LastChanceAtOnce,
        Self::WithdrawalOverlooked,
        Self::RefusalOverWithdrawal,
        Self::OrphanNotRevoked,
        Self::OrphanNotAboard,
    ];

    /// Where it shows.
    pub(crate) fn cell(self) -> (&'static str, Policy) {
        match self {
            Self::ShownBeforeStored | Self::NoClaim => (NO_FAULT, Policy::KeepOld),
            Self::NoExtension => (WITHIN_LEASE, Policy::GraceReissue),
            Self::NoSendGuard | Self::GuardFromTheWrite => (BEYOND_LEASE, Policy::KeepOld),
            Self::ForeignIntentCleared => (BEYOND_LEASE, Policy::GraceReissue),
            Self::SiblingsDropped => (BEYOND_LEASE, Policy::GraceNewest),
            // Some losses are explained there, and these are not.
            Self::EagerOnStrict | Self::LastChanceAtOnce => (BEYOND_ALLOWANCE, Policy::StrictRevoke),
            Self::FencedByEpoch | Self::CondemnedBlindly => (BEYOND_ALLOWANCE, Policy::Strict),
            Self::DoubtForgotten => (LOST, Policy::StrictRevoke),
            Self::SalvageDropped => (MANGLED, Policy::Strict),
            Self::SalvageNotBoarded => (MANGLED_AND_CRASH, Policy::KeepOld),
            Self::WithdrawalOverlooked | Self::RefusalOverWithdrawal | Self::OrphanNotRevoked => {
                (WITHDRAWN, Policy::Strict)
            }
            Self::OrphanNotAboard => (WITHDRAWN_AND_CRASH, Policy::Strict),
        }
    }

    /// The terms that the replicas go by.
    pub(crate) fn terms(self, terms: Terms) -> Terms {
        match self {
            Self::EagerOnStrict => {
                let window = Duration::from_secs(60);
                Terms { rotation: Rotation::Grace { window, same: false }, ..terms }
            }
            Self::LastChanceAtOnce => Terms { allowance: Duration::ZERO, ..terms },
            _ => terms,
        }
    }

    /// What a write leaves behind.
    pub(crate) fn write(self, standing: &mut Standing, before: &Standing, lands: bool) {
        match self {
            Self::ForeignIntentCleared if lands => standing.outstanding = None,
            Self::DoubtForgotten if before.intent.is_some() && standing.intent.is_none() => {
                standing.current.iter_mut().for_each(|current| current.doubt = None);
            }
            Self::RefusalOverWithdrawal if before.intent.is_some() && standing.intent.is_none() && !lands => {
                standing.verdict = None;
            }
            Self::SalvageDropped => standing.others.retain(|other| other.proven),
            _ => {}
        }
    }
}
