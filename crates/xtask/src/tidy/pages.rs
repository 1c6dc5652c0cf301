//! What has to be written down: the project's pages, each crate's invariants, each feature.

use crate::tidy::metadata::{Metadata, Package};
use crate::tidy::{File, Offence};

/// The pages and tables that people and tools look for at the root.
const PAGES: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
    ".ci/run",
];

/// Checks that the pages stand at the root, that `ARCHITECTURE.md` names every crate, and that each crate of
/// `crates/` documents its invariants and features.
pub(super) fn check(metadata: &Metadata, files: &[File]) -> Vec<Offence> {
    let text_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let mut offences = Vec::new();
    for page in PAGES {
        if text_of(page).is_none_or(|text| text.trim().is_empty()) {
            offences.push(Offence::new("pages", *page, "is missing"));
        }
    }
    let plan = text_of("ARCHITECTURE.md").unwrap_or_default();
    for package in metadata.members().filter(|package| metadata.folder_of(package).starts_with("crates/")) {
        let folder = metadata.folder_of(package);
        if !plan.contains(&format!("`{}`", package.name)) {
            offences.push(Offence::new(
                "pages",
                "ARCHITECTURE.md",
                format!("does not name `{}`", package.name),
            ));
        }
        let docs = format!("{folder}/src/lib.rs");
        let text = text_of(&docs).unwrap_or_default();
        if !has_invariants(text) {
            offences.push(Offence::new("pages", docs, "has no `# Invariants` with a list below it"));
        }
        let manifest = text_of(&format!("{folder}/Cargo.toml")).unwrap_or_default();
        offences.extend(undocumented_features(package, text, manifest));
    }
    offences
}

/// Whether the crate's page has the heading with at least one item below it.
fn has_invariants(text: &str) -> bool {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim);
    lines.any(|line| line == "# Invariants")
        && lines.take_while(|line| !line.starts_with('#')).any(|line| line.starts_with("* "))
}

/// Features that neither the crate's page (in backticks) nor a comment in the manifest explains.
fn undocumented_features(package: &Package, docs: &str, manifest: &str) -> Vec<Offence> {
    let page: String = docs.lines().filter(|line| line.starts_with("//!")).collect();
    let explained = |feature: &str| {
        let mut lines = manifest.lines();
        let mut above = "";
        let has_comment = lines.any(|line| {
            let is_it = line.split('=').next().is_some_and(|name| name.trim() == feature);
            let found = is_it && (above.starts_with('#') || line.contains('#'));
            above = line;
            found
        });
        has_comment || page.contains(&format!("`{feature}`"))
    };
    let features = package.features.keys().filter(|name| *name != "default" && !explained(name));
    let what = |name: &String| format!("the feature {name} is explained nowhere");
    features.map(|name| Offence::new("pages", &package.name, what(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "//! A crate.\n//!\n//! # Features\n//! * `fast`: more of it.\n//!\n//! # Invariants\n//!\n//! * None.\n";
    const MANIFEST: &str = "[features]\n# Slower.\nslow = []\nfast = []\n";

    fn offences(lib: &str, features: &str, plan: &str) -> Vec<String> {
        let text = format!(
            r#"{{"packages": [{{"id": "a", "name": "a", "manifest_path": "/r/crates/a/Cargo.toml",
                "features": {{{features}}}}}], "workspace_members": ["a"], "workspace_root": "/r"}}"#
        );
        let metadata: Metadata = serde_json::from_str(&text).unwrap();
        let mut files: Vec<File> = PAGES.iter().map(|page| File::new(*page, plan)).collect();
        files.push(File::new("crates/a/src/lib.rs", lib));
        files.push(File::new("crates/a/Cargo.toml", MANIFEST));
        check(&metadata, &files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_with_everything_written_down_is_fine() {
        let features = r#""default": [], "fast": [], "slow": []"#;
        assert_eq!(offences(LIB, features, "`a`"), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_written_down_is_found() {
        assert_eq!(offences("//! A crate.\n", "", "`a`").len(), 1, "invariants");
        assert_eq!(
            offences("//! # Invariants\n//!\n//! # Next\n//! * a\n", "", "`a`").len(),
            1,
            "empty list"
        );
        assert_eq!(offences(LIB, r#""odd": []"#, "`a`").len(), 1, "feature");
        assert_eq!(offences(LIB, "", "a plan without it").len(), 1, "plan");
        assert_eq!(offences(LIB, "", " ").len(), PAGES.len() + 1, "pages");
    }
}
