//! The parameters that both grants share, and who sets which.

use grantry_core::{Error, Scope, Target};
use grantry_endpoint::{TokenEndpoint, check_resource};
use zeroize::Zeroizing;

/// Parameters in the order of the request; the values may be secrets.
pub(crate) type Parameters = Vec<(String, Zeroizing<String>)>;

/// Parameters that have another place, and where that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("grant_type", "the grant sets it itself"),
    ("scope", "use scope()"),
    ("resource", "use resource()"),
    ("client_id", "the endpoint's client sets it"),
    ("client_secret", "the endpoint's client sets it"),
    ("client_assertion", "the endpoint's client sets it"),
    ("client_assertion_type", "the endpoint's client sets it"),
];

/// Checks the extra parameters: none is the grant's own (`ours`), empty, or there twice.
pub(crate) fn check(extra: &Parameters, ours: &[(&str, &str)]) -> Result<(), Error> {
    for (nth, (name, value)) in extra.iter().enumerate() {
        if name.is_empty() {
            return Err(Error::configuration("a parameter has an empty name: give it one, or leave it out"));
        }
        let mut elsewhere = ELSEWHERE.iter().chain(ours);
        if let Some((name, place)) = elsewhere.find(|(other, _)| *other == name) {
            return Err(Error::configuration(format!(
                "the parameter {name} cannot be set as an extra one: {place}"
            )));
        }
        if extra.iter().take(nth).any(|(other, _)| other == name) {
            return Err(Error::configuration(format!(
                "the parameter {} is set twice: parameters must not be repeated (RFC 6749 section 3.2)",
                name.escape_debug()
            )));
        }
        check_value(name, value)?;
    }
    Ok(())
}

/// An empty parameter counts as left out (RFC 6749 section 3.2), which is hardly what was meant.
pub(crate) fn check_value(name: &str, value: &str) -> Result<(), Error> {
    if value.is_empty() {
        return Err(Error::configuration(format!(
            "the parameter {} is empty: give it a value, or leave it out",
            name.escape_debug()
        )));
    }
    Ok(())
}

/// What is asked for, if it is usable.
pub(crate) fn target(
    endpoint: &TokenEndpoint,
    scopes: &[String],
    resources: &[String],
) -> Result<Target, Error> {
    let separator = endpoint.server().scope_separator();
    if separator != ' ' && scopes.iter().any(|scope| scope.contains(separator)) {
        return Err(Error::configuration(format!(
            "a scope holds {separator:?}, which this server puts between scopes: name each scope by itself"
        )));
    }
    let scope = Scope::from_tokens(scopes.iter().map(String::as_str))
        .map_err(|e| Error::configuration("a scope is not usable").with_source(e))?;
    for resource in resources {
        check_resource(resource)?;
    }
    let mut target = Target::new(scope);
    target.resources = resources.to_vec();
    target.resources.sort_unstable();
    target.resources.dedup();
    Ok(target)
}

/// The names alone, for `Debug`.
pub(crate) fn names(parameters: &Parameters) -> Vec<&str> {
    parameters.iter().map(|(name, _)| name.as_str()).collect()
}
