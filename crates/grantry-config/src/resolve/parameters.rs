//! Parameters that requests carry besides.

use zeroize::Zeroizing;

use super::Resolving;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::flow::Flow;
use crate::service::Parameters;

/// Parameters that have a place of their own, and which that is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("actor_token", "the application hands it in"),
    ("actor_token_type", "the application hands it in"),
    ("assertion", "the flow makes it"),
    ("client_assertion", "it is made of privateKey"),
    ("client_assertion_type", "it is made of privateKey"),
    ("client_id", "use clientId"),
    ("client_secret", "use clientSecret"),
    ("code", "it comes from the server"),
    ("code_challenge", "the flow makes it, new for each request"),
    ("code_challenge_method", "the flow sets it to S256"),
    ("code_verifier", "the flow makes it, new for each request"),
    ("device_code", "it comes from the server"),
    ("dpop_jkt", "use dpop"),
    ("grant_type", "use flow"),
    ("nonce", "the flow makes it, new for each request"),
    ("redirect_uri", "use redirectUri"),
    ("refresh_token", "the vault keeps it"),
    ("request", "it would take the place of what the flow sets"),
    ("request_uri", "use pushedAuthorizationUrl"),
    ("resource", "use resources"),
    ("response_mode", "the flow reads answers from the query"),
    ("response_type", "the flow sets it to code"),
    ("scope", "use scopes"),
    ("state", "the flow makes it, new for each request"),
    ("subject_token", "the application hands it in"),
    ("subject_token_type", "use subjectTokenType"),
    ("requested_token_type", "use requestedTokenType"),
];

/// What an authorization request may say, so that the endpoint's own URL may not.
const IN_AUTHORIZATION: &[&str] = &[
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "login_hint",
    "nonce",
    "prompt",
    "redirect_uri",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

impl Resolving<'_> {
    pub(super) fn parameters(&mut self, fields: &Fields, flow: Option<Flow>) -> Parameters {
        if flow == Some(Flow::AuthorizationCode) {
            self.said_in_url(fields);
        }
        let mut parameters = Vec::new();
        for (name, (at, written)) in fields.text_map("additionalParams") {
            if let Some((name, place)) = ELSEWHERE.iter().find(|(other, _)| *other == name) {
                let what = format!("the parameter {name} cannot be set as an additional one: {place}");
                let draft = Draft::error(FindingKind::Contradiction, *at, what);
                self.desk.tell(draft.expected("it left out here"));
            } else if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
                self.invalid(*at, "the name of a parameter is empty or holds white space", "a name");
            } else if written.text.is_empty() {
                let what =
                    format!("the parameter {} is empty, which counts as left out", name.escape_debug());
                self.invalid(*at, what, "a value, or the parameter left out");
            } else if written.text.contains('\0') {
                self.invalid(*at, format!("the parameter {} holds a NUL", name.escape_debug()), "it without");
            } else {
                parameters.push((name.clone(), Zeroizing::clone(&written.text)));
            }
        }
        Parameters(parameters)
    }

    /// The query of the authorization endpoint's URL may not say what the request says (RFC 6749 section 3.1).
    fn said_in_url(&mut self, fields: &Fields) {
        let Some(line) = fields.text("authorizationUrl") else { return };
        let query = line.text.split_once('?').map_or("", |(_, query)| query);
        for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
            let shown = name.escape_debug();
            let ours = IN_AUTHORIZATION.contains(&&*name);
            let added = fields.text_map("additionalParams").find(|(other, _)| **other == *name);
            let what = format!("authorizationUrl sets {shown} in its query, which the request sets as well");
            if let Some((_, (at, _))) = added.filter(|_| !ours) {
                let other = ("additionalParams sets it", *at);
                self.contradiction(line.at, what, "it in one of the two", other);
            } else if ours {
                let draft = Draft::error(FindingKind::Contradiction, line.at, what);
                self.desk.tell(draft.expected(format!("the URL without {shown}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the parameters that a source file of another crate says are set elsewhere.
    fn names_in(file: &str) -> Vec<String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let source = std::fs::read_to_string(path).unwrap();
        let (_, from) = source.split_once("const ELSEWHERE: &[(&str, &str)] = &[").unwrap();
        let (list, _) = from.split_once("];").unwrap();
        list.split("(\"").skip(1).filter_map(|from| from.split('"').next()).map(str::to_owned).collect()
    }

    #[test]
    fn what_a_flow_refuses_as_an_additional_parameter_is_refused_when_a_configuration_is_loaded() {
        for (file, least) in [
            ("grantry-endpoint/src/asked.rs", 7),
            ("grantry-authorization-code/src/parameters.rs", 19),
            ("grantry-client-credentials/src/builder.rs", 1),
            ("grantry-device-authorization/src/builder.rs", 2),
            ("grantry-token-exchange/src/exchange_builder.rs", 6),
            ("grantry-token-exchange/src/bearer_builder.rs", 1),
        ] {
            let names = names_in(file);
            assert!(names.len() >= least, "{file}: {names:?}");
            for name in names {
                // The facade hands these to the setters of the flows.
                let has_a_setter = ["audience", "prompt", "login_hint"].contains(&&*name);
                let is_refused = ELSEWHERE.iter().any(|(other, _)| *other == name);
                assert!(is_refused != has_a_setter, "{file}: {name}");
            }
        }
    }

    #[test]
    fn what_the_url_of_an_authorization_endpoint_may_not_say_is_what_the_flow_refuses_there() {
        let mut names = names_in("grantry-authorization-code/src/parameters.rs");
        names.sort_unstable();
        assert_eq!(names, IN_AUTHORIZATION);
    }
}
