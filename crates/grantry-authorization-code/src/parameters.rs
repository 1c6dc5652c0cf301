//! The parameters of an authorization request (RFC 6749 section 4.1.1), and who sets which.

use grantry_core::Error;
use grantry_endpoint::{check_parameter_value, check_parameters};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

/// Parameters in the order of the request; the values may be secrets.
pub(crate) type Parameters = Vec<(String, Zeroizing<String>)>;

/// Parameters that have another place, and where that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("response_type", "the flow sets it itself, to code"),
    ("response_mode", "use form_post(), or leave it at the query"),
    ("client_id", "the endpoint's client sets it"),
    ("client_secret", "it may be in no URL"),
    ("client_assertion", "it may be in no URL"),
    ("client_assertion_type", "it may be in no URL"),
    ("redirect_uri", "the builder takes it"),
    ("scope", "use scope()"),
    ("state", "the flow makes it, new for each request"),
    ("nonce", "the flow makes it: use nonce()"),
    ("code_challenge", "the flow makes it, new for each request"),
    ("code_challenge_method", "the flow sets it itself, to S256"),
    ("dpop_jkt", "the flow sends it where the endpoint binds tokens to keys"),
    ("code_verifier", "it is for the token endpoint alone"),
    ("resource", "use resource()"),
    ("prompt", "use prompt()"),
    ("login_hint", "use login_hint()"),
    ("request_uri", "use pushed()"),
    ("request", "it would take the place of what the flow sets"),
];

/// Checks the extra parameters: none is the flow's own, empty, or there twice.
pub(crate) fn check(extra: &[(String, Zeroizing<String>)]) -> Result<(), Error> {
    check_parameters(extra, ELSEWHERE)
}

/// Those of the others that may be facts of a server: they say the same in every request.
const OF_SERVER: [&str; 2] = ["prompt", "response_mode"];

/// Checks the parameters that the server's facts name: none is the flow's own, empty, or there twice.
pub(crate) fn check_of_server(parameters: &[(String, String)]) -> Result<(), Error> {
    let others = parameters.iter().filter(|(name, _)| !OF_SERVER.contains(&name.as_str()));
    let others: Parameters =
        others.map(|(name, value)| (name.clone(), Zeroizing::new(value.clone()))).collect();
    check(&others)?;
    for name in OF_SERVER {
        let mut those = parameters.iter().filter(|(other, _)| other == name);
        if let Some((_, value)) = those.next() {
            check_parameter_value(name, value)?;
        }
        if those.next().is_some() {
            return Err(Error::configuration(format!(
                "the server's facts set the parameter {name} twice: take one of them out"
            )));
        }
    }
    // Only what comes in the query or as a form is read; a fragment never reaches us (RFC 6749 section 3.1.2).
    let mode = parameters.iter().find(|(name, _)| name == "response_mode");
    match mode {
        Some((_, mode)) if !["query", "form_post"].contains(&mode.as_str()) => Err(Error::configuration(
            "the server's facts ask for a response mode that this flow does not read: use query or form_post",
        )),
        _ => Ok(()),
    }
}

/// Adds the parameters that the server's facts name, but for those that are set already.
pub(crate) fn add_of_server(to: &mut Parameters, parameters: &[(String, String)]) {
    for (name, value) in parameters {
        if !to.iter().any(|(other, _)| other == name) {
            to.push((name.clone(), Zeroizing::new(value.clone())));
        }
    }
}

/// Checks that the query which the authorization endpoint's own URL has says nothing that the request says too.
pub(crate) fn check_endpoint(url: &Url, extra: &[(String, Zeroizing<String>)]) -> Result<(), Error> {
    for (name, _) in form_urlencoded::parse(url.query().unwrap_or_default().as_bytes()) {
        let ours = ELSEWHERE.iter().any(|(other, _)| *other == name);
        if ours || extra.iter().any(|(other, _)| **other == *name) {
            return Err(Error::configuration(format!(
                "the authorization endpoint's URL sets {} in its query, and the request sets it as well: take it out \
                 of one of them",
                name.escape_debug()
            )));
        }
    }
    Ok(())
}

/// The endpoint's URL with the parameters behind the query that it has (RFC 6749 section 3.1).
pub(crate) fn append<'p>(
    url: &Url,
    parameters: impl IntoIterator<Item = (&'p str, &'p str)> + Clone,
) -> Zeroizing<String> {
    let room: usize = parameters.clone().into_iter().map(|(n, v)| 3 * (n.len() + v.len()) + 2).sum();
    // Room for every escape, so that the buffer never moves.
    let mut text = Zeroizing::new(String::with_capacity(url.as_str().len() + 1 + room));
    text.push_str(url.as_str());
    let mut between = match url.query() {
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in parameters {
        text.push_str(between);
        text.extend(form_urlencoded::byte_serialize(name.as_bytes()));
        text.push('=');
        text.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        between = "&";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Parameters {
        vec![(name.into(), Zeroizing::new(value.into()))]
    }

    #[test]
    fn what_the_flow_sets_cannot_be_set_over() {
        for (name, _) in ELSEWHERE {
            let error = check(&one(name, "x")).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(check(&one("", "x")).is_err() && check(&one("a", "")).is_err());
        assert!(check(&[one("a", "1"), one("a", "2")].concat()).is_err());
        assert!(check(&[one("access_type", "offline"), one("State", "x")].concat()).is_ok());
    }

    #[test]
    fn what_the_facts_of_a_server_may_name_for_every_request() {
        let check = |pairs: &[(&str, &str)]| {
            let owned: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            check_of_server(&owned)
        };
        for good in [
            &[("access_type", "offline"), ("prompt", "consent")][..],
            &[("response_mode", "query")],
            &[("response_mode", "form_post")],
            &[],
        ] {
            assert!(check(good).is_ok(), "{good:?}");
        }
        for bad in [
            &[("state", "x")][..],
            &[("code_challenge_method", "plain")],
            &[("redirect_uri", "https://evil.example")],
            &[("login_hint", "a")],
            &[("prompt", "")],
            &[("prompt", "a"), ("prompt", "b")],
            &[("a", "1"), ("a", "2")],
            &[("response_mode", "fragment")],
            &[("", "x")],
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        let mut all = one("prompt", "login");
        let facts =
            [("prompt", "consent"), ("access_type", "offline")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        add_of_server(&mut all, &facts);
        assert_eq!(all, [one("prompt", "login"), one("access_type", "offline")].concat());
    }

    #[test]
    fn the_query_of_the_endpoint_is_kept_and_may_say_nothing_twice() {
        let url = |text: &str| Url::parse(text).unwrap();
        let parameters = [("a", "x y&=+"), ("b", "é")];
        for (endpoint, whole) in [
            ("https://as.example/a", "https://as.example/a?a=x+y%26%3D%2B&b=%C3%A9"),
            ("https://as.example/a?", "https://as.example/a?a=x+y%26%3D%2B&b=%C3%A9"),
            ("https://as.example/a?p=1", "https://as.example/a?p=1&a=x+y%26%3D%2B&b=%C3%A9"),
            ("https://as.example/a?p=1&", "https://as.example/a?p=1&a=x+y%26%3D%2B&b=%C3%A9"),
        ] {
            assert_eq!(append(&url(endpoint), parameters).as_str(), whole);
        }
        let extra = one("policy", "b");
        assert!(check_endpoint(&url("https://as.example/a?p=1"), &extra).is_ok());
        for bad in ["?policy=a", "?state=x", "?x=1&code_challenge_method=plain"] {
            let error = check_endpoint(&url(&format!("https://as.example/a{bad}")), &extra);
            assert!(error.is_err(), "{bad}");
        }
    }
}
