//! `doctor`: what is broken, risky or unused, and what to do about it.

mod files;
mod findings;
mod grants;
mod redirect;
mod servers;
mod services;
mod shared;
mod together;

use std::collections::BTreeSet;

use super::After;
use crate::arguments::Doctor;
use crate::console::Console;
use crate::failed::Failed;
use crate::session::{Session, tenants};

use findings::{Check, Finding, Findings, Severity};
use services::Examined;

/// Whoever looks finds everything that there is: what cannot be looked at is a finding too, and never the end.
pub(super) async fn run(console: &Console, session: &Session, doctor: &Doctor) -> Result<After, Failed> {
    let mut findings = Findings::default();
    files::of_configuration(session, &mut findings);
    files::of_vault(session, &mut findings);
    let vault = if session.place.is_made() {
        let opened = session.vault().await;
        opened.map_err(|failed| findings.add(Finding::failed("the vault", Check::Vault, &failed))).ok()
    } else {
        findings.found(
            Severity::Note,
            Check::Vault,
            session.place.folder.display().to_string(),
            "there is no vault yet",
            "grantry vault init makes one, and so does the first grantry auth set",
        );
        None
    };
    let mut kept = BTreeSet::new();
    if let Some(vault) = &vault {
        let living = files::of_keys(vault, &session.rotation(), &mut findings).await;
        kept = match living {
            Some(living) => living,
            None => tenants(vault).await.unwrap_or_default().iter().map(ToString::to_string).collect(),
        };
    }
    let looked_at = LookedAt::new(session, kept, doctor.all_tenants);
    let mut examined = Vec::new();
    for tenant in &looked_at.tenants {
        examined.extend(services::collected(session, vault.as_ref(), tenant, &mut findings).await);
    }
    if !doctor.offline {
        servers::asked(&mut examined, &mut findings).await;
    }
    services::each(&examined, &mut findings);
    for tenant in &looked_at.tenants {
        let own: Vec<&Examined> = examined.iter().filter(|service| service.tenant == *tenant).collect();
        shared::clients(&own, |what| session.place_of(tenant, what), &mut findings);
        if vault.is_some() {
            grants::each(session, tenant, &own, &mut findings).await;
        }
    }
    findings.tell(console, &looked_at)
}

/// Whose services and grants are looked at.
#[derive(Debug)]
struct LookedAt {
    tenants: Vec<String>,
    /// Who else there is.
    left_out: Vec<String>,
}

impl LookedAt {
    /// Of those who have something in the vault or in the configuration.
    fn new(session: &Session, mut names: BTreeSet<String>, all: bool) -> Self {
        let configured = session.config.iter().flat_map(|config| config.tenants());
        names.extend(configured.map(|(name, _)| name.to_string()));
        if all {
            // Services of every tenant are those of one that has nothing yet, too.
            let is_needed = names.is_empty() || session.services().next().is_some();
            names.extend(is_needed.then(|| session.tenant.clone()));
            return Self { tenants: names.into_iter().collect(), left_out: Vec::new() };
        }
        names.remove(&session.tenant);
        Self { tenants: vec![session.tenant.clone()], left_out: names.into_iter().collect() }
    }
}
