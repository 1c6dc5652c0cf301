//! What every flow may be asked for: scopes, resources, parameters of the server's own.

use grantry_core::{AuthorizationServer, Error, Scope, Target};
use zeroize::Zeroizing;

use crate::check_resource;

/// Parameters that have another place in every flow, and where that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("grant_type", "the flow sets it itself"),
    ("scope", "use scope()"),
    ("resource", "use resource()"),
    ("client_id", "the endpoint's client sets it"),
    ("client_secret", "the endpoint's client sets it"),
    ("client_assertion", "the endpoint's client sets it"),
    ("client_assertion_type", "the endpoint's client sets it"),
];

/// The target of these scopes (RFC 6749 section 3.3; a text with spaces is several) and resources (RFC 8707; a repeat is left
/// out), for a flow of your own.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration), with what to change: a scope that no request can carry, or that
/// holds what this server puts between scopes; a resource that [`check_resource`] refuses.
pub fn checked_target(
    server: &AuthorizationServer,
    scopes: &[String],
    resources: &[String],
) -> Result<Target, Error> {
    let separator = server.scope_separator();
    if separator != ' ' && scopes.iter().any(|scope| scope.contains(separator)) {
        return Err(Error::configuration(format!(
            "a scope holds {separator:?}, which this server puts between scopes: name each scope by itself"
        )));
    }
    let scope = Scope::from_tokens(scopes.iter().map(String::as_str))
        .map_err(|error| Error::configuration("a scope is not usable").with_source(error))?;
    for resource in resources {
        check_resource(resource)?;
    }
    let mut target = Target::new(scope);
    target.resources = resources.to_vec();
    target.resources.sort_unstable();
    target.resources.dedup();
    Ok(target)
}

/// Checks the further parameters of a request: none is empty, there twice, or one that has another place. Those of the client
/// and of every flow have one; `elsewhere` names those of this flow, each with its place.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) names the parameter, and never its value.
pub fn check_parameters(
    parameters: &[(String, Zeroizing<String>)],
    elsewhere: &[(&str, &str)],
) -> Result<(), Error> {
    for (nth, (name, value)) in parameters.iter().enumerate() {
        if name.is_empty() {
            return Err(Error::configuration("a parameter has an empty name: give it one, or leave it out"));
        }
        if let Some((name, place)) = elsewhere.iter().chain(ELSEWHERE).find(|(other, _)| *other == name) {
            return Err(Error::configuration(format!(
                "the parameter {name} cannot be set as an extra one: {place}"
            )));
        }
        if parameters.iter().take(nth).any(|(other, _)| other == name) {
            return Err(Error::configuration(format!(
                "the parameter {} is set twice: parameters must not be repeated (RFC 6749 sections 3.1 and 3.2)",
                name.escape_debug()
            )));
        }
        check_parameter_value(name, value)?;
    }
    Ok(())
}

/// Checks the value of a parameter. An empty one counts as left out (RFC 6749 sections 3.1 and 3.2), which is hardly what was
/// meant.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) names the parameter.
pub fn check_parameter_value(name: &str, value: &str) -> Result<(), Error> {
    if value.is_empty() {
        return Err(Error::configuration(format!(
            "the parameter {} is empty: give it a value, or leave it out",
            name.escape_debug()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parameters: &[(&str, &str)]) -> Result<(), Error> {
        let owned: Vec<_> =
            parameters.iter().map(|(n, v)| ((*n).to_owned(), Zeroizing::new((*v).to_owned()))).collect();
        check_parameters(&owned, &[("audience", "use audience()")])
    }

    #[test]
    fn a_parameter_with_another_place_is_refused_with_that_place() {
        for (name, place) in ELSEWHERE.iter().chain(&[("audience", "use audience()")]) {
            let error = of(&[(name, "s3cret")]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(place) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn parameters_have_a_name_and_a_value_and_come_once() {
        for bad in [&[("", "x")][..], &[("a", "")], &[("a", "1"), ("a", "2")]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        assert!(of(&[("a", "1"), ("Scope", "x")]).is_ok());
        assert!(of(&[]).is_ok());
    }
}
