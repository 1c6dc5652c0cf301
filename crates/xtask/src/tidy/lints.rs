//! The lints of the workspace: whoever does not take them has none of its rules.

use crate::tidy::metadata::Metadata;
use crate::tidy::{File, Offence};

/// Checks that the manifest of every member says `[lints] workspace = true`.
pub(super) fn check(metadata: &Metadata, files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for package in metadata.members() {
        let path = format!("{}/Cargo.toml", metadata.folder_of(package));
        let manifest = files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
        if !takes_the_workspaces(manifest) {
            let what = format!(
                "{} does not take the lints of the workspace: `[lints] workspace = true`",
                package.name
            );
            offences.push(Offence::new("lints", path, what));
        }
    }
    offences
}

fn takes_the_workspaces(manifest: &str) -> bool {
    let lines = || manifest.lines().map(|line| line.split('#').next().unwrap_or_default().replace(' ', ""));
    let in_table =
        lines().skip_while(|line| line != "[lints]").skip(1).take_while(|line| !line.starts_with('['));
    in_table.into_iter().any(|line| line == "workspace=true")
        || lines().any(|line| line == "lints.workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(manifest: &str) -> Vec<Offence> {
        let metadata: Metadata = serde_json::from_str(
            r#"{"packages": [{"id": "x", "name": "x", "manifest_path": "/r/crates/x/Cargo.toml"}],
                "workspace_members": ["x"], "workspace_root": "/r"}"#,
        )
        .unwrap();
        check(&metadata, &[File::new("crates/x/Cargo.toml", manifest)])
    }

    #[test]
    fn a_member_that_takes_the_lints_of_the_workspace_is_fine() {
        assert_eq!(offences("[package]\nname = \"x\"\n\n[lints]\nworkspace = true # all\n"), []);
        assert_eq!(offences("lints.workspace = true\n[package]\n"), []);
    }

    #[test]
    fn a_member_with_other_lints_or_none_is_not() {
        for manifest in ["", "[lints]\n[dependencies]\nworkspace = true\n", "[lints]\nworkspace = false\n"] {
            let found = offences(manifest);
            assert_eq!(found.len(), 1, "{manifest:?}");
            assert_eq!(found[0].place(), "crates/x/Cargo.toml");
        }
    }
}
