//! What a resource server wants of the person before it serves a request.

use std::fmt;
use std::time::Duration;

use super::challenge::Challenge;
use crate::{Error, Scope};

/// The most bytes that are kept of the scope that a challenge names.
pub(super) const LONGEST_SCOPE: usize = 1024;
/// The most scope tokens that are kept.
pub(super) const MOST_SCOPE_TOKENS: usize = 64;
/// The longest `acr_values` that is read.
const LONGEST_ACR_VALUES: usize = 1024;
/// The most values in it that are kept.
const MOST_ACR_VALUES: usize = 16;

/// What a challenge asks for that a person can give: consent to more scope (RFC 6750 section 3.1), or another login
/// (RFC 9470 section 3).
///
/// All of it is what a server sent: it goes into an authorization request, and into no message.
///
/// ```
/// use grantry_core::presenting::{Challenges, StepUp};
/// let all = Challenges::parse([r#"Bearer error="insufficient_user_authentication", acr_values="mfa hwk", max_age=300"#]);
/// let step_up = all.iter().find_map(StepUp::of_challenge).unwrap();
/// assert_eq!(step_up.acr_values(), ["mfa", "hwk"]);
/// assert_eq!(step_up.max_age().unwrap().as_secs(), 300);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StepUp {
    scope: Scope,
    acr_values: Vec<String>,
    max_age: Option<Duration>,
}

impl StepUp {
    /// What an error of a request asks for, as the clients of this library give it; `None` where a person could not help.
    pub fn of(error: &Error) -> Option<Self> {
        Self::of_challenge(error.challenge()?)
    }

    /// What a challenge asks for; `None` where its error is another one, or where it asks for more scope and does not say
    /// for which. What is too large, or no scope or `acr_values`, counts as left out.
    pub fn of_challenge(challenge: &Challenge) -> Option<Self> {
        let scope = bounded_scope(challenge).unwrap_or_default();
        match challenge.error()? {
            "insufficient_scope" if scope.is_empty() => None,
            "insufficient_scope" => Some(Self { scope, acr_values: Vec::new(), max_age: None }),
            "insufficient_user_authentication" => {
                let acr_values = acr_values(challenge);
                let max_age = challenge.parameter("max_age").and_then(seconds);
                // Neither is required (RFC 9470 section 3): then it is any login that is new.
                let any_login = acr_values.is_empty().then_some(Duration::ZERO);
                Some(Self { scope, acr_values, max_age: max_age.or(any_login) })
            }
            _ => None,
        }
    }

    /// The scope that is needed, of at most 1 KiB and 64 scope tokens; empty where it is only about the login.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The authentication context classes of which one is needed, the most wanted first; at most 16.
    pub fn acr_values(&self) -> &[String] {
        &self.acr_values
    }

    /// How long ago the person may have logged in at most; zero asks for a login now.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }
}

/// What a server sent may be long, and may hold what it was sent.
impl fmt::Debug for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepUp")
            .field("scope_tokens", &self.scope.tokens().count())
            .field("acr_values", &self.acr_values.len())
            .field("max_age", &self.max_age)
            .finish()
    }
}

/// The scope that a challenge names, unless it is too large to be one.
pub(super) fn bounded_scope(challenge: &Challenge) -> Option<Scope> {
    let is_bounded =
        |scope: &Scope| scope.as_str().len() <= LONGEST_SCOPE && scope.tokens().count() <= MOST_SCOPE_TOKENS;
    challenge.scope().filter(is_bounded)
}

/// Space-separated, in the order of preference (RFC 9470 section 3).
fn acr_values(challenge: &Challenge) -> Vec<String> {
    let Some(list) = challenge.parameter("acr_values").filter(|list| list.len() <= LONGEST_ACR_VALUES) else {
        return Vec::new();
    };
    let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'<' | b'>');
    let mut values: Vec<String> = Vec::new();
    for value in list.split(' ').filter(|value| !value.is_empty()) {
        if !value.bytes().all(is_plain) || values.len() == MOST_ACR_VALUES {
            return Vec::new();
        }
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }
    values
}

/// Digits, and no more than four bytes of them.
fn seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse::<u32>().ok()).flatten().map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presenting::Challenges;

    fn read(challenge: &str) -> Option<StepUp> {
        Challenges::parse([challenge]).iter().find_map(StepUp::of_challenge)
    }

    #[test]
    fn req_e06_a_challenge_for_more_scope_or_another_login_is_read() {
        let more = read("Basic realm=x, bearer ERROR=insufficient_scope, scope=\"b a\"").unwrap();
        assert_eq!((more.scope().as_str(), more.acr_values().len(), more.max_age()), ("a b", 0, None));
        let login = "DPoP error=\"insufficient_user_authentication\"";
        let now = read(login).unwrap();
        assert_eq!(
            (now.scope(), now.max_age()),
            (&Scope::EMPTY, Some(Duration::ZERO)),
            "any login that is new"
        );
        let strong = read(&format!("{login}, acr_values=\"  mfa hwk mfa\", scope=pay")).unwrap();
        assert_eq!(strong.acr_values(), ["mfa", "hwk"]);
        assert_eq!((strong.scope().as_str(), strong.max_age()), ("pay", None));
        let recent = read(&format!("{login}, max_age=\"60\"")).unwrap();
        assert_eq!(recent.max_age(), Some(Duration::from_secs(60)));
    }

    #[test]
    fn req_e06_what_a_person_cannot_help_with_is_no_step_up() {
        for other in [
            "Bearer",
            "Bearer error=invalid_token, scope=a",
            "Bearer error=insufficient_scope",
            "Bearer error=insufficient_scope, scope=\"\"",
            "Bearer error=insufficient_scope, scope=\"a\tb\"",
            "Bearer error=INSUFFICIENT_SCOPE, scope=a",
            "Bearer scope=a",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn req_e06_what_is_too_large_or_odd_counts_as_left_out() {
        let long = "x".repeat(LONGEST_SCOPE + 1);
        assert_eq!(read(&format!("Bearer error=insufficient_scope, scope={long}")), None);
        let many = (0..=MOST_SCOPE_TOKENS).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
        assert_eq!(read(&format!("Bearer error=insufficient_scope, scope=\"{many}\"")), None);
        let login = "Bearer error=insufficient_user_authentication";
        let many = (0..=MOST_ACR_VALUES).map(|n| format!("acr{n}")).collect::<Vec<_>>().join(" ");
        for odd in [
            format!("{login}, acr_values=\"{many}\""),
            format!("{login}, acr_values=\"a\u{1} b\""),
            format!("{login}, acr_values=\"<script>\""),
            format!("{login}, acr_values={long}"),
            format!("{login}, max_age=-1"),
            format!("{login}, max_age=+1"),
            format!("{login}, max_age=1e3"),
            format!("{login}, max_age=4294967296"),
            format!("{login}, max_age=\"\""),
        ] {
            let step_up = read(&odd).unwrap();
            assert_eq!((step_up.acr_values().len(), step_up.max_age()), (0, Some(Duration::ZERO)), "{odd}");
        }
    }

    #[test]
    fn debug_shows_nothing_that_a_server_sent() {
        let step_up =
            read("Bearer error=insufficient_user_authentication, acr_values=canary, scope=canary").unwrap();
        assert!(!format!("{step_up:?}").contains("canary"));
    }
}
