//! Mistakes that the design could have had. Each has to be found.

use std::time::Duration;

use grantry_core::Rotation;
use grantry_custody::protocol::{Standing, Terms};

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
}

impl Mutant {
    pub(crate) const ALL: [Self; 13] = [
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
    ];

    /// The terms that the replicas go by.
    pub(crate) fn terms(self, terms: Terms) -> Terms {
        match self {
            Self::EagerOnStrict => {
                let window = Duration::from_secs(60);
                Terms { rotation: Rotation::Grace { window, same: false }, ..terms }
            }
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
            _ => {}
        }
    }
}
