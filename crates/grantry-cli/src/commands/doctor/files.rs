//! Files, who can read them, and the age of keys.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use grantry::vault::{KeyAgeState, PrincipalVault, RotationPolicy};
use grantry_config::{Config, FindingKind, Source, SystemSurroundings};

use super::findings::{Check, Finding, Findings, Severity};
use crate::failed::Failed;
use crate::session::{Session, shell_word};
use crate::spoken::{count, length};

/// What the configuration says of itself: its mistakes and its warnings.
pub(super) fn of_configuration(session: &Session, findings: &mut Findings) {
    if session.files.is_empty() {
        return;
    }
    let sources = session.files.iter().map(Source::file);
    let (all, severity) = match Config::load(sources, &SystemSurroundings::new()) {
        // What is missing is told where it is known what the vault has.
        Ok(loaded) => (loaded.warnings, Severity::Warning),
        Err(errors) => (errors.errors().to_vec(), Severity::Broken),
    };
    for finding in &all {
        findings.add(of_finding(severity, finding));
    }
    for path in &session.files {
        is_kept_from_others(path, Allowed { mode: "640", forbidden: 0o007, or: Severity::Note }, findings);
    }
}

fn of_finding(severity: Severity, finding: &grantry_config::Finding) -> Finding {
    let place = finding.place().map_or_else(|| "the configuration".to_owned(), ToString::to_string);
    let check = if finding.kind() == FindingKind::Pkce { Check::Pkce } else { Check::Configuration };
    let remedy = match (finding.expected(), finding.nearest()) {
        (Some(expected), _) => format!("expected: {expected}"),
        (None, Some(nearest)) => format!("perhaps {nearest} is meant"),
        (None, None) => "change it, or take it out".to_owned(),
    };
    Finding { severity, check, place, what: finding.what().to_owned(), remedy }
}

/// The files of the vault: whoever can read the key and the store can read everything in it.
pub(super) fn of_vault(session: &Session, findings: &mut Findings) {
    let place = &session.place;
    if let Some(key) = place.key.path() {
        is_kept_from_others(key, Allowed::mine("600", Severity::Broken), findings);
        // Whoever can write to the folder can put another key there.
        if let Some(folder) =
            key.parent().filter(|folder| *folder != place.folder && !folder.as_os_str().is_empty())
        {
            is_kept_from_others(
                folder,
                Allowed { mode: "go-w", forbidden: WRITING, or: Severity::Note },
                findings,
            );
        }
    }
    if let Some(store) = place.store.path() {
        for beside in ["", "-wal", "-shm"] {
            let mut file = store.as_os_str().to_owned();
            file.push(beside);
            is_kept_from_others(Path::new(&file), Allowed::mine("600", Severity::Warning), findings);
        }
        is_kept_from_others(&place.folder, Allowed::mine("700", Severity::Note), findings);
        if let Some(key) = place.key.path()
            && key.parent() == store.parent()
            && store.exists()
        {
            findings.found(
                Severity::Note,
                Check::KeyBesideStore,
                key.display().to_string(),
                "the key lies beside the store: a copy of the folder opens everything",
                "keep it elsewhere with --key-file or GRANTRY_KEY_FILE",
            );
        }
    }
    if let Some(entry) = place.key.entry() {
        findings.found(
            Severity::Note,
            Check::KeyInKeychain,
            place.key.shown(),
            "the key is in the keychain: without that entry nothing in the vault can be opened",
            format!(
                "keep a copy elsewhere, such as by: secret-tool lookup service grantry username {entry}; it is a key file"
            ),
        );
    }
    is_kept_from_others(&place.lifeboats, Allowed::mine("700", Severity::Warning), findings);
    // A collector reads it.
    if let Some(folder) = place.trail.as_ref().and_then(|trail| trail.folder.as_ref()) {
        is_kept_from_others(
            folder,
            Allowed { mode: "go-w", forbidden: WRITING, or: Severity::Note },
            findings,
        );
    }
}

/// Others write.
const WRITING: u32 = 0o022;
/// In such a folder others only take away what is theirs.
const STICKY: u32 = 0o1000;

/// What others may do with a file or a folder.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    /// What `chmod` takes to make it right.
    mode: &'static str,
    forbidden: u32,
    /// How bad it is where they only read.
    or: Severity,
}

impl Allowed {
    fn mine(mode: &'static str, or: Severity) -> Self {
        Self { mode, forbidden: 0o077, or }
    }
}

fn is_kept_from_others(path: &Path, allowed: Allowed, findings: &mut Findings) {
    // What is not there is said elsewhere.
    let Ok(metadata) = path.metadata() else { return };
    let found = metadata.permissions().mode() & 0o7777;
    let is_shared = metadata.is_dir() && found & STICKY != 0;
    let writing = if is_shared { 0 } else { found & (WRITING | allowed.forbidden) & WRITING };
    let forbidden = found & allowed.forbidden & !WRITING | writing;
    if forbidden == 0 {
        return;
    }
    let (severity, what) = match (writing, metadata.is_dir()) {
        (0, _) => (allowed.or, "other users of this machine can get at it"),
        (_, true) => {
            (allowed.or.min(Severity::Warning), "other users of this machine can put other files there")
        }
        (_, false) => (allowed.or.min(Severity::Warning), "other users of this machine can change it"),
    };
    let shown = path.display().to_string();
    let remedy = format!("chmod {} {}", allowed.mode, shell_word(&shown));
    findings.found(severity, Check::Permissions, shown, format!("{what} (mode {found:o})"), remedy);
}

/// How old the keys of the vault are; who has some. Of a tenant that was erased a name is left, and no keys. `None` where they cannot
/// be looked at.
pub(super) async fn of_keys(
    vault: &PrincipalVault,
    policy: &RotationPolicy,
    findings: &mut Findings,
) -> Option<BTreeSet<String>> {
    const PAGE: usize = 256;
    let mut after = None;
    let mut tenants = BTreeSet::new();
    let mut overdue = (0_usize, std::time::Duration::ZERO);
    let mut unknown = 0_usize;
    loop {
        let ages = match vault.key_ages(policy, after.as_ref(), PAGE).await {
            Ok(ages) => ages,
            Err(error) => {
                findings.add(Finding::failed("the keys", Check::KeyAge, &Failed::from(error)));
                return None;
            }
        };
        for age in &ages {
            tenants.extend(age.tenant.as_ref().map(ToString::to_string));
            match age.state {
                KeyAgeState::Fresh | KeyAgeState::DueSoon => {}
                KeyAgeState::Unknown => unknown += 1,
                _ => overdue = (overdue.0 + 1, overdue.1.max(age.age)),
            }
        }
        let names = vault.tenants(after.as_ref(), PAGE).await.unwrap_or_default();
        match names.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    if overdue.0 > 0 {
        let keys = count(overdue.0, "key is older than it", "keys are older than they");
        let what = format!("{keys} should be, the oldest {}", length(overdue.1));
        findings.found(
            Severity::Warning,
            Check::KeyAge,
            "the vault's keys",
            what,
            "grantry vault rotate-keys --due",
        );
    }
    if unknown > 0 {
        let keys = count(unknown, "key was", "keys were");
        let what = format!("{keys} made at a time that has not come yet, and not due before it");
        findings.found(
            Severity::Warning,
            Check::KeyAge,
            "the vault's keys",
            what,
            "see that the clock is right, then: grantry vault rotate-keys",
        );
    }
    Some(tenants)
}
