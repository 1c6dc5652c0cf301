//! `doctor`: what is broken, risky or unused, and what to do about it.

mod files;
mod findings;
mod grants;
mod servers;
mod services;

use super::After;
use crate::arguments::Doctor;
use crate::console::Console;
use crate::failed::Failed;
use crate::session::Session;

use findings::{Finding, Findings, Severity};

/// Whoever looks finds everything that there is: what cannot be looked at is a finding too, and never the end.
pub(super) async fn run(console: &Console, session: &Session, doctor: &Doctor) -> Result<After, Failed> {
    let mut findings = Findings::default();
    files::of_configuration(session, &mut findings);
    files::of_vault(session, &mut findings);
    let vault = if session.place.is_made() {
        let opened = session.vault().await;
        opened.map_err(|failed| findings.add(Finding::failed("the vault", "vault", &failed))).ok()
    } else {
        findings.add(
            Finding::new(
                Severity::Note,
                "vault",
                session.place.folder.display().to_string(),
                "there is no vault yet",
            )
            .remedy("grantry vault init makes one, and so does the first grantry auth set"),
        );
        None
    };
    if let Some(vault) = &vault {
        files::of_keys(vault, &session.rotation(), &mut findings).await;
    }
    let examined = services::collected(session, vault.as_ref(), &mut findings).await;
    services::each(&examined, &mut findings);
    services::shared(&examined, &mut findings);
    if !doctor.offline {
        servers::asked(&examined, &mut findings).await;
    }
    if vault.is_some() {
        grants::each(session, doctor.offline, &mut findings).await;
    }
    findings.tell(console)
}
