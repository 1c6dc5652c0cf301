//! The valid name that was probably meant.

/// The name among `known` that is nearest to `written`, if one is near enough to be meant.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str> + Clone,
) -> Option<&'k str> {
    if written.len() > 64 {
        return None;
    }
    let bare = bared(written);
    if let Some(same) = known.clone().into_iter().find(|name| bared(name) == bare) {
        return Some(same);
    }
    let distance = |name: &str| strsim::osa_distance(&bared(name), &bare);
    let (near, name) = known.into_iter().map(|name| (distance(name), name)).min_by_key(|(far, _)| *far)?;
    let most = (bare.chars().count().max(name.len()) / 3).max(1);
    (near <= most && near < bare.chars().count()).then_some(name)
}

/// What is left when case and separators are not looked at.
fn bared(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// A character beyond ASCII that makes a name look like another.
pub(crate) fn look_alike(written: &str) -> Option<char> {
    written.chars().find(|c| !c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["tokenUrl", "clientId", "clientSecret", "scopes", "pkce"];

    #[test]
    fn what_was_meant_is_found_through_case_separators_and_slips() {
        for (written, meant) in [
            ("token_url", "tokenUrl"),
            ("TOKENURL", "tokenUrl"),
            ("tokenUrI", "tokenUrl"),
            ("cleintId", "clientId"),
            ("clientSecrte", "clientSecret"),
            ("scope", "scopes"),
            ("s\u{441}opes", "scopes"),
            ("pcke", "pkce"),
        ] {
            assert_eq!(nearest(written, KNOWN.iter().copied()), Some(meant), "{written}");
        }
        for written in ["", "x", "audience", "q", &"tokenUrl".repeat(50)] {
            assert_eq!(nearest(written, KNOWN.iter().copied()), None, "{written}");
        }
    }
}
