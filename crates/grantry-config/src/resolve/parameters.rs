//! Parameters that requests carry besides.

use zeroize::Zeroizing;

use super::Resolving;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
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
    ("response_type", "the flow sets it to code"),
    ("scope", "use scopes"),
    ("state", "the flow makes it, new for each request"),
    ("subject_token", "the application hands it in"),
    ("subject_token_type", "use subjectTokenType"),
    ("requested_token_type", "use requestedTokenType"),
];

impl Resolving<'_> {
    pub(super) fn parameters(&mut self, fields: &Fields) -> Parameters {
        let mut parameters = Vec::new();
        for (name, (at, written)) in fields.text_map("additionalParams") {
            if let Some((name, place)) = ELSEWHERE.iter().find(|(other, _)| *other == name) {
                let what = format!("the parameter {name} cannot be set as an additional one: {place}");
                self.desk.tell(Draft::error(FindingKind::Contradiction, *at, what));
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
}
