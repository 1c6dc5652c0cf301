//! What is missing for use.

use crate::service::Missing;

/// What a service needs and does not have.
#[derive(Default)]
pub(super) struct Needs(Vec<Missing>);

impl Needs {
    pub(super) fn add(&mut self, key: &'static str, why: &'static str) {
        self.push(key, why, false);
    }

    /// Something that the vault's registration may have.
    pub(super) fn add_unless_in_vault(&mut self, key: &'static str, why: &'static str) {
        self.push(key, why, true);
    }

    fn push(&mut self, key: &'static str, why: &'static str, vault_may_have_it: bool) {
        if self.0.iter().all(|missing| missing.key != key) {
            self.0.push(Missing { key, why, vault_may_have_it });
        }
    }

    pub(super) fn into_missing(self) -> Vec<Missing> {
        self.0
    }
}
