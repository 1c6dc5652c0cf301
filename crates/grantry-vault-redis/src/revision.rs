//! Revisions that no write has twice.

use std::fmt::Write as _;

use grantry_core::{Entropy, SystemEntropy};
use grantry_vault::{Precondition, Revision};

/// The part of a revision that the writer draws: 128 bits in hexadecimal.
///
/// A revision is a number that the store counts, a hyphen, and this. The number alone would come again when a crash
/// takes the last writes with it, or when an older copy of the store is brought back: then a caller who still holds the
/// revision of a lost write would match another write with the same number. The random part alone would do, but for a
/// machine whose randomness was copied with it. Both have to fail together.
pub(crate) fn drawn() -> String {
    let mut bytes = [0; 16];
    SystemEntropy.fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The precondition as the scripts compare it; `None` for a revision that is none of ours, which nothing has.
pub(crate) fn precondition(when: &Precondition) -> Option<String> {
    match when {
        Precondition::Absent => Some("absent".to_owned()),
        Precondition::Matches(revision) => matching(revision),
    }
}

/// As [`precondition`], for a revision.
pub(crate) fn matching(revision: &Revision) -> Option<String> {
    revision.as_text().map(|text| format!("={text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_revision_reads_like_the_absence_of_a_record() {
        assert_eq!(precondition(&Precondition::Absent).as_deref(), Some("absent"));
        for text in ["", "absent"] {
            assert_ne!(matching(&Revision::text(text)).as_deref(), Some("absent"));
        }
        assert_eq!(matching(&Revision::number(7)), None);
    }

    #[test]
    fn two_draws_differ() {
        let (first, second) = (drawn(), drawn());
        assert_eq!(first.len(), 32);
        assert_ne!(first, second);
    }
}
