//! The fields of events and spans: under a namespace, and named in the manual.

use crate::tidy::files::library_sources;
use crate::tidy::source::{code, without_tests};
use crate::tidy::{File, Offence};

/// The page of the manual that lists them.
const PAGE: &str = "crates/grantry/src/manual/observing.rs";

/// What begins an event or a span, and how many arguments stand before its fields.
const BEGINNINGS: &[(&str, usize)] = &[
    ("trace!(", 0),
    ("debug!(", 0),
    ("info!(", 0),
    ("warn!(", 0),
    ("error!(", 0),
    ("trace_span!(", 1),
    ("debug_span!(", 1),
    ("info_span!(", 1),
    ("warn_span!(", 1),
    ("error_span!(", 1),
    // Those of custody that are about a grant: the level and the grant's key.
    ("of_grant!(", 2),
];

/// Checks the source files of `crates/`, without their tests.
pub(super) fn check(files: &[File]) -> Vec<Offence> {
    let page = files.iter().find(|file| file.path == PAGE).map(|file| file.text.as_str());
    let mut offences = Vec::new();
    for file in library_sources(files) {
        let code = code(without_tests(&file.text));
        for &(beginning, skipped) in BEGINNINGS {
            for (at, _) in code.match_indices(beginning) {
                if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let place = format!("{}:{}", file.path, code[..at].matches('\n').count() + 1);
                let arguments = arguments(&code[at + beginning.len()..]);
                for field in arguments.into_iter().skip(skipped).filter_map(name_of_a_field) {
                    if !field.contains('.') {
                        let what = format!("the field `{field}` has no namespace, such as `grantry.`");
                        offences.push(Offence::new("traces", &place, what));
                    } else if page.is_some_and(|page| !page.contains(&format!("`{field}`"))) {
                        let what = format!("{PAGE} does not name the field `{field}`");
                        offences.push(Offence::new("traces", &place, what));
                    }
                }
            }
        }
    }
    offences
}

/// The arguments up to the parenthesis that closes the call, or the brace that closes a group of them. Those of a group count
/// as its call's.
fn arguments(code: &str) -> Vec<&str> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ')' | '}' => {
                found.push(&code[start..at]);
                break;
            }
            ',' if depth == 0 => {
                found.push(&code[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    let of_one = |argument| match str::strip_prefix(argument, '{') {
        Some(group) => arguments(group),
        None => vec![argument],
    };
    found.into_iter().map(str::trim).filter(|argument| !argument.is_empty()).flat_map(of_one).collect()
}

/// The field's name, if the argument is one: not the message, and not `target:` and the like. A variable that is a field under
/// its own name counts as that name without a namespace, since it cannot have one.
fn name_of_a_field(argument: &str) -> Option<&str> {
    let is_path = |name: &str| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    if let Some((name, value)) = argument.split_once('=')
        && !value.starts_with('=')
        && is_path(name.trim_end())
    {
        return Some(name.trim_end());
    }
    let is_other = argument.starts_with('"')
        || ["target:", "parent:", "name:"].iter().any(|key| argument.starts_with(key));
    let name = argument.trim_start_matches(['%', '?']);
    (!is_other && is_path(name)).then(|| name.rsplit('.').next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let page = File::new(PAGE, "//! | `grantry.service`, `error.type` |");
        let files = [page, File::new("crates/a/src/b.rs", text)];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fields_with_a_namespace_that_the_manual_names_are_fine() {
        let events = [
            r#"tracing::warn!(grantry.service = key.service(), error.type = %kind(a, [b]), "it failed: {a}, {b}");"#,
            r#"tracing::debug!("{what}");"#,
            r#"tracing::info!(target: "grantry::audit", grantry.service = a == b,);"#,
            r#"tracing::debug_span!("oauth.request", error.type = tracing::field::Empty);"#,
            r#"of_grant!(warn, &self.grant.key, error.type = 1, "it failed");"#,
            r#"tracing::info!(target: "a", { grantry.service = b, error.type = %c }, "it failed");"#,
            "tracing::$level!(service = 1, $($rest)+);",
        ];
        for event in events {
            assert_eq!(found(event), [""; 0], "{event}");
        }
    }

    #[test]
    fn fields_without_a_namespace_are_found_with_their_line() {
        for event in [
            "warn!(error = 1, \"it failed\");",
            "tracing::warn!(%error, \"it failed\");",
            "tracing::warn!(grantry.service = 1, ?self.error);",
            "tracing::info_span!(\"a\", error);",
            "tracing::info!(target: \"a\", { grantry.service = b, error }, \"it failed\");",
            "of_grant!(warn, key, error, \"it failed\");",
        ] {
            let found = found(&format!("fn a() {{\n    {event}\n}}\n"));
            assert_eq!(found.len(), 1, "{event}");
            assert!(found[0].starts_with("crates/a/src/b.rs:2: the field `error` has no"), "{}", found[0]);
        }
    }

    #[test]
    fn a_field_that_the_manual_does_not_name_is_found() {
        let found = found("tracing::warn!(grantry.serv = 1, \"it failed\");");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("does not name the field `grantry.serv`"), "{}", found[0]);
    }

    #[test]
    fn tests_may_tell_whatever_they_like() {
        let text = "#[cfg(test)]\nmod tests {\n    fn a() { tracing::warn!(b = 1); }\n}\n";
        assert_eq!(found(text), [""; 0]);
    }
}
