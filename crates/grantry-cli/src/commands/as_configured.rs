//! What a configuration refuses is refused as a flag, too: the reader of configurations looks at it.

use grantry_config::{Config, FixedSurroundings, Source};
use serde_json::{Map, Value, json};

use crate::arguments::Described;
use crate::failed::Failed;

/// Keys that the reader names, and the flags that say the same.
const FLAGS: &[(&str, &str)] = &[
    ("clientId", "--client-id"),
    ("clientSecret", "--client-secret-file"),
    ("dpop", "--dpop"),
    ("flow", "--flow"),
    ("pushedAuthorizationUrl", "--par-url"),
    ("redirectUri", "--redirect-uri"),
    ("requestedTokenType", "--requested-token-type"),
    ("resources", "--resource"),
    ("scopes", "--scope"),
    ("subjectTokenType", "--subject-token-type"),
];

/// Looks at what of a service is a text of its own: where a person comes back to, resources, and parameters.
///
/// # Errors
/// Usage, with what the reader says of the first mistake.
pub(super) fn check(given: &Described) -> Result<(), Failed> {
    let mut auth = Map::new();
    auth.extend(given.redirect_uri.as_deref().map(|uri| ("redirectUri".to_owned(), text(uri))));
    let resources: Vec<Value> =
        given.resource.iter().flat_map(|list| list.split_whitespace()).map(text).collect();
    auth.insert("resources".to_owned(), resources.into());
    let parameters = given.param.iter().filter_map(|pair| pair.split_once('='));
    let parameters: Map<String, Value> =
        parameters.map(|(name, value)| (name.to_owned(), text(value))).collect();
    auth.insert("additionalParams".to_owned(), parameters.into());
    let source = Source::text("the command", json!({ "auth": auth }).to_string());
    let Err(errors) = Config::load([source], &FixedSurroundings::new()) else { return Ok(()) };
    let Some(mistake) = errors.errors().first() else { return Ok(()) };
    let failed = Failed::usage(in_flags(mistake.what()));
    Err(match mistake.expected() {
        Some(expected) => failed.with_remedy(format!("expected: {expected}")),
        None => failed,
    })
}

/// As a configuration holds it: nothing in it stands for anything else.
fn text(given: &str) -> Value {
    given.replace("${", "$${").into()
}

/// What the reader says, in the words of a command line.
fn in_flags(what: &str) -> String {
    FLAGS.iter().fold(what.to_owned(), |what, (key, flag)| {
        let what = what.replace(&format!("use {key}"), &format!("use {flag}"));
        match what.strip_prefix(&format!("{key} ")) {
            Some(rest) => format!("{flag} {rest}"),
            None => what,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(given: Described) -> String {
        check(&given).unwrap_err().message
    }

    #[test]
    fn what_no_configuration_may_say_is_refused_in_the_words_of_a_command_line() {
        let param = |pair: &str| Described { param: vec![pair.to_owned()], ..Described::default() };
        let back = |uri: &str| Described { redirect_uri: Some(uri.to_owned()), ..Described::default() };
        let resource = |uri: &str| Described { resource: vec![uri.to_owned()], ..Described::default() };
        assert!(refused(param("redirect_uri=x")).ends_with("use --redirect-uri"));
        assert!(refused(param("grant_type=x")).ends_with("use --flow"));
        assert!(refused(param("state=x")).contains("the flow makes it"));
        assert!(refused(back("http://app.example.com/cb")).starts_with("--redirect-uri is http"));
        assert!(refused(resource("api")).contains("no absolute URI"));
        for sound in [
            param("hint=${NOT_A_VARIABLE}"),
            back("http://127.0.0.1/callback"),
            resource("https://a.example https://b.example"),
            Described::default(),
        ] {
            assert!(check(&sound).is_ok(), "{sound:?}");
        }
    }
}
