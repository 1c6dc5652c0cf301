//! Bindings by whom they are for, so that a decision looks only at those that could concern somebody.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::binding::{Effect, Placed};
use super::principal::{Principal, PrincipalKind};
use super::principal_pattern::Whom;

/// Each list has its denials first, in the order of the policy.
#[derive(Default)]
pub(super) struct Index {
    one: HashMap<Principal, Vec<Arc<Placed>>>,
    workloads: Vec<Arc<Placed>>,
    people: Vec<Arc<Placed>>,
    system: Vec<Arc<Placed>>,
    everybody: Vec<Arc<Placed>>,
}

impl Index {
    pub(super) fn new(bindings: &[Arc<Placed>]) -> Self {
        let mut index = Self::default();
        for effect in [Effect::Deny, Effect::Allow] {
            for placed in bindings.iter().filter(|placed| placed.binding.effect() == effect) {
                let list = match placed.binding.principal().whom() {
                    Whom::One(principal) => index.one.entry(principal.clone()).or_default(),
                    Whom::Kind(PrincipalKind::Workload) => &mut index.workloads,
                    Whom::Kind(PrincipalKind::Person) => &mut index.people,
                    Whom::Kind(PrincipalKind::System) => &mut index.system,
                    Whom::Everybody => &mut index.everybody,
                };
                list.push(Arc::clone(placed));
            }
        }
        index
    }

    /// Those that are for the principal: its own, those of its kind, those for everybody.
    pub(super) fn of(&self, principal: &Principal) -> impl Iterator<Item = &Arc<Placed>> {
        let own = self.one.get(principal).map_or(&[][..], Vec::as_slice);
        let kind = match principal.kind() {
            PrincipalKind::Workload => &self.workloads,
            PrincipalKind::Person => &self.people,
            PrincipalKind::System => &self.system,
        };
        own.iter().chain(kind).chain(&self.everybody)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("principals", &self.one.len()).finish_non_exhaustive()
    }
}
