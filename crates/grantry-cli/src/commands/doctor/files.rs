//! Files, who can read them, and the age of keys.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use grantry::vault::{KeyAgeState, PrincipalVault, RotationPolicy};
use grantry_config::{Config, FindingKind, Source, SystemSurroundings};

use super::findings::{Finding, Findings, Severity};
use crate::failed::Failed;
use crate::session::Session;
use crate::spoken::length;

/// What the configuration says of itself: its mistakes, its warnings, and what is missing.
pub(super) fn of_configuration(session: &Session, findings: &mut Findings) {
    if session.files.is_empty() {
        return;
    }
    let sources = session.files.iter().map(Source::file);
    let (all, severity) = match Config::load(sources, &SystemSurroundings::new()) {
        Ok(loaded) => {
            for note in loaded.notes.iter().filter(|note| note.kind() == FindingKind::Missing) {
                findings.add(of_finding(Severity::Note, note));
            }
            (loaded.warnings, Severity::Warning)
        }
        Err(errors) => (errors.errors().to_vec(), Severity::Broken),
    };
    for finding in &all {
        findings.add(of_finding(severity, finding));
    }
    for path in &session.files {
        is_kept_from_others(path, Severity::Note, "configuration", "640", 0o007, findings);
    }
}

fn of_finding(severity: Severity, finding: &grantry_config::Finding) -> Finding {
    let place = finding.place().map_or_else(|| "the configuration".to_owned(), ToString::to_string);
    let found = Finding::new(severity, "configuration", place, finding.what());
    match (finding.expected(), finding.nearest(), finding.kind()) {
        (Some(expected), ..) => found.remedy(format!("expected: {expected}")),
        (None, Some(nearest), _) => found.remedy(format!("perhaps {nearest} is meant")),
        (None, None, FindingKind::Exposed) => {
            found.remedy("take it from ${VARIABLE} or ${file:PATH}, or store it with grantry auth set")
        }
        _ => found,
    }
}

/// The files of the vault: whoever can read the key and the store can read everything in it.
pub(super) fn of_vault(session: &Session, findings: &mut Findings) {
    let place = &session.place;
    if let Some(key) = place.key.path() {
        is_kept_from_others(key, Severity::Broken, "permissions", "600", 0o077, findings);
    }
    if let Some(store) = place.store.path() {
        is_kept_from_others(store, Severity::Warning, "permissions", "600", 0o077, findings);
        is_kept_from_others(&place.folder, Severity::Note, "permissions", "700", 0o077, findings);
        if let Some(key) = place.key.path()
            && key.parent() == store.parent()
            && store.exists()
        {
            let found = Finding::new(
                Severity::Note,
                "key_beside_store",
                key.display().to_string(),
                "the key lies beside the store: a copy of the folder opens everything",
            );
            findings.add(found.remedy("keep it elsewhere with --key-file or GRANTRY_KEY_FILE"));
        }
    }
    if let Some(entry) = place.key.entry() {
        let what = "the key is in the keychain: without that entry nothing in the vault can be opened";
        let found = Finding::new(Severity::Note, "key_in_keychain", place.key.shown(), what);
        findings.add(found.remedy(format!(
            "keep a copy elsewhere, such as by: secret-tool lookup service grantry username {entry}; it is a key file"
        )));
    }
    is_kept_from_others(&place.lifeboats, Severity::Warning, "permissions", "700", 0o077, findings);
}

fn is_kept_from_others(
    path: &Path,
    severity: Severity,
    check: &'static str,
    mode: &str,
    forbidden: u32,
    findings: &mut Findings,
) {
    // What is not there is said elsewhere.
    let Ok(metadata) = path.metadata() else { return };
    let found = metadata.permissions().mode() & 0o7777;
    if found & forbidden == 0 {
        return;
    }
    let shown = path.display().to_string();
    let what = format!("other users of this machine can get at it (mode {found:o})");
    let remedy = format!("chmod {mode} {shown}");
    findings.add(Finding::new(severity, check, shown, what).remedy(remedy));
}

/// How old the keys of the vault are.
pub(super) async fn of_keys(vault: &PrincipalVault, policy: &RotationPolicy, findings: &mut Findings) {
    const PAGE: usize = 256;
    let mut after = None;
    let mut overdue = (0_usize, std::time::Duration::ZERO);
    loop {
        let ages = match vault.key_ages(policy, after.as_ref(), PAGE).await {
            Ok(ages) => ages,
            Err(error) => return findings.add(Finding::failed("the keys", "key_age", &Failed::from(error))),
        };
        for age in &ages {
            if matches!(age.state, KeyAgeState::Fresh | KeyAgeState::DueSoon) {
                continue;
            }
            overdue = (overdue.0 + 1, overdue.1.max(age.age));
        }
        let names = vault.tenants(after.as_ref(), PAGE).await.unwrap_or_default();
        match names.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    if overdue.0 > 0 {
        let what =
            format!("{} keys are older than they should be, the oldest {}", overdue.0, length(overdue.1));
        findings.add(
            Finding::new(Severity::Warning, "key_age", "the vault's keys", what)
                .remedy("grantry vault rotate-keys --due"),
        );
    }
}
