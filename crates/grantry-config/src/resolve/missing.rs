//! What is missing for use.

use crate::fields::Fields;
use crate::service::Missing;
use crate::table::AUTH;

/// Keys that may also stand among `providerParams`.
pub(super) const PARAMS: &[&str] = &["tenantId", "instanceUrl", "domain"];

/// What a service needs and does not have.
pub(super) struct Needs<'f> {
    fields: &'f Fields,
    missing: Vec<Missing>,
}

impl<'f> Needs<'f> {
    pub(super) fn of(fields: &'f Fields) -> Self {
        Self { fields, missing: Vec::new() }
    }

    pub(super) fn add(&mut self, key: &'static str, why: &'static str) {
        self.push(key, why, false);
    }

    /// Something that the vault's registration may have.
    pub(super) fn add_unless_in_vault(&mut self, key: &'static str, why: &'static str) {
        self.push(key, why, true);
    }

    fn push(&mut self, key: &'static str, why: &'static str, vault_may_have_it: bool) {
        if !self.was_told(key) && self.missing.iter().all(|missing| missing.key != key) {
            self.missing.push(Missing { key, why, vault_may_have_it });
        }
    }

    /// Whether it stands there and was refused, or may be in what was not understood, so that it is not missing.
    fn was_told(&self, key: &str) -> bool {
        let has = |name: &str| self.fields.find(name).is_some();
        let may_be_a_param =
            self.fields.is_spoilt("providerParams") && (AUTH.key(key).is_none() || PARAMS.contains(&key));
        // Which one was named may be what does not fit.
        self.fields.lost
            || may_be_a_param
            || key != "clientAuthentication" && (has(key) || has(&format!("{key}File")))
    }

    pub(super) fn into_missing(self) -> Vec<Missing> {
        self.missing
    }
}
