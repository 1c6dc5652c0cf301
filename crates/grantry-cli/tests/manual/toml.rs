//! What a program's manifest says of grantry.

use std::path::Path;

/// Checks that the features that a snippet names are those of the crate.
pub(crate) fn check(root: &Path, text: &str) -> Result<(), String> {
    let line =
        text.lines().find(|line| line.starts_with("grantry")).ok_or("it does not depend on grantry")?;
    let (name, rest) = line.split_once('=').ok_or("it is no dependency")?;
    let manifest = root.join("crates").join(name.trim()).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).map_err(|error| format!("{}: {error}", name.trim()))?;
    let named = rest.split_once("features = [").and_then(|(_, rest)| rest.split_once(']'));
    for feature in
        named.map_or("", |(features, _)| features).split(',').map(|name| name.trim().trim_matches('"'))
    {
        let is_there = manifest.lines().any(|line| line.starts_with(&format!("{feature} = [")));
        if !feature.is_empty() && !is_there {
            return Err(format!("{} has no feature {feature:?}", name.trim()));
        }
    }
    Ok(())
}

#[test]
fn a_feature_that_is_not_there_is_found() {
    let root = crate::root();
    assert_eq!(
        check(&root, "[dependencies]\ngrantry = { version = \"0.1\", features = [\"sqlite\", \"pantry\"] }"),
        Ok(())
    );
    assert_eq!(check(&root, "grantry = \"0.1\""), Ok(()));
    assert!(check(&root, "grantry = { features = [\"sqlight\"] }").unwrap_err().contains("sqlight"));
}
