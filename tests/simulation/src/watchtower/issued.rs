//! What is known of one refresh token.

use std::collections::{BTreeMap, BTreeSet};

use grantry_core::{GrantKey, Instant};

/// A refresh token that was issued.
#[derive(Debug, Clone)]
pub(super) struct Issued {
    pub(super) key: GrantKey,
    pub(super) parent: Option<String>,
    pub(super) first_used: Option<Instant>,
    /// When it came to the server again for the first time.
    pub(super) used_again: Option<Instant>,
    /// Who received it, each with whether it has died since without having kept it.
    pub(super) received_by: BTreeMap<u64, bool>,
    /// Whether a lifeboat held it.
    pub(super) boarded: bool,
    /// Whether something of its grant was stored after it had been received.
    pub(super) stored: bool,
    /// Who received it in an answer that could be used.
    pub(super) usable_for: BTreeSet<u64>,
    /// Whether one of those stored it, with the access token that came with it.
    pub(super) is_whole: bool,
    /// When it was first kept, in one way or the other.
    pub(super) kept: Option<Instant>,
    pub(super) stored_at: Option<Instant>,
    /// When the server issued it, and when somebody first received it.
    pub(super) issued_at: Instant,
    pub(super) received_at: Option<Instant>,
    /// The requests that were answered with it.
    pub(super) answers: Vec<u64>,
    /// Why nobody received it.
    pub(super) lost: &'static str,
}

impl Issued {
    /// What a person's consent brought.
    pub(super) fn with_consent(key: GrantKey, now: Instant) -> Self {
        let kept = Some(now);
        Self {
            boarded: true,
            stored: true,
            is_whole: true,
            kept,
            stored_at: kept,
            ..Self::new(key, None, now)
        }
    }

    /// What came for another one. `lost` says why nobody receives it, if that is so.
    pub(super) fn after(parent: String, key: GrantKey, lost: &'static str, now: Instant) -> Self {
        Self { lost, ..Self::new(key, Some(parent), now) }
    }

    /// The record holds it, written by this process.
    pub(super) fn is_stored(&mut self, life: u64, now: Instant) {
        self.kept.get_or_insert(now);
        self.stored = true;
        self.is_whole |= self.usable_for.contains(&life);
        self.stored_at.get_or_insert(now);
    }

    fn new(key: GrantKey, parent: Option<String>, now: Instant) -> Self {
        Self {
            key,
            parent,
            first_used: None,
            used_again: None,
            received_by: BTreeMap::new(),
            boarded: false,
            stored: false,
            usable_for: BTreeSet::new(),
            is_whole: false,
            kept: None,
            stored_at: None,
            issued_at: now,
            received_at: None,
            answers: Vec::new(),
            lost: "",
        }
    }
}
