//! The challenges of `WWW-Authenticate` (RFC 9110 section 11.6.1).

use std::fmt;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::challenge_parser;
use crate::Scope;

/// All challenges of an answer, in the order in which they stand there.
///
/// Reading never fails: what is malformed is left out, and what follows it is read on where that is possible.
/// At most 16 KiB, 32 challenges and 32 parameters a challenge are read.
///
/// ```
/// use grantry_core::presenting::Challenges;
/// let all = Challenges::parse([
///     r#"Basic realm="a, \"b\"", bearer error="invalid_token", ERROR_description="gone""#,
///     "Negotiate YIIB==",
/// ]);
/// let bearer = all.of_scheme("Bearer").next().unwrap();
/// assert_eq!(bearer.error(), Some("invalid_token"));
/// assert_eq!(all.iter().next().unwrap().parameter("realm"), Some("a, \"b\""));
/// assert_eq!(all.of_scheme("negotiate").next().unwrap().token68(), Some("YIIB=="));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenges(Vec<Challenge>);

impl Challenges {
    /// Those of an answer's `WWW-Authenticate` headers, of which there may be several.
    pub fn of(headers: &HeaderMap) -> Self {
        Self::parse(headers.get_all(WWW_AUTHENTICATE))
    }

    /// Those of header values. Several values mean the same as one with commas between them (RFC 9110
    /// section 5.2).
    pub fn parse<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Self {
        Self(challenge_parser::parse(values))
    }

    /// The challenges, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Challenge> {
        self.0.iter()
    }

    /// Those of one authentication scheme, compared without regard to case.
    pub fn of_scheme<'a>(&'a self, scheme: &'a str) -> impl Iterator<Item = &'a Challenge> {
        self.iter().filter(move |challenge| challenge.is(scheme))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One challenge: an authentication scheme, and a token or parameters.
///
/// All of it is what a server sent: data to compare, never to print as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn new(scheme: String) -> Self {
        Self { scheme, token68: None, parameters: Vec::new() }
    }

    pub(super) fn set_token68(&mut self, token68: String) {
        self.token68 = Some(token68);
    }

    /// Adds a parameter while there are fewer than `most`.
    pub(super) fn push(&mut self, name: String, value: String, most: usize) {
        if self.parameters.len() < most {
            self.parameters.push((name, value));
        }
    }

    /// The authentication scheme as the server spelt it.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether it is of this scheme, compared without regard to case.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The token that stands in the place of parameters (`token68` of RFC 9110 section 11.2), as with `Negotiate`.
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// A parameter's value, its name compared without regard to case. Of a repeated one, the first.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The parameters, in their order, repeated ones included.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `error` (RFC 6750 section 3).
    pub fn error(&self) -> Option<&str> {
        self.parameter("error")
    }

    /// `resource_metadata` (RFC 9728 section 5.1): where the resource server describes itself, as it stands there.
    pub fn resource_metadata(&self) -> Option<&str> {
        self.parameter("resource_metadata")
    }

    /// The same challenge without the parameters that `is_unfit` says so of.
    pub(super) fn without(&self, is_unfit: impl Fn(&str) -> bool) -> Self {
        let kept = |(name, value): &&(String, String)| !is_unfit(name) && !is_unfit(value);
        Self {
            scheme: self.scheme.clone(),
            token68: None,
            parameters: self.parameters.iter().filter(kept).cloned().collect(),
        }
    }

    /// `scope` (RFC 6750 section 3): what is needed. `None` too where it is not a scope.
    pub fn scope(&self) -> Option<Scope> {
        Scope::parse(self.parameter("scope")?).ok().filter(|scope| !scope.is_empty())
    }
}

/// The schemes that `Debug` names. Any other word, and every parameter's name, may hold what the server was sent.
const KNOWN_SCHEMES: [&str; 6] = ["Bearer", "DPoP", "Basic", "Digest", "Negotiate", "NTLM"];

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = KNOWN_SCHEMES.into_iter().find(|scheme| self.is(scheme));
        f.debug_struct("Challenge")
            .field("scheme", &known.unwrap_or("another"))
            .field("parameters", &self.parameters.len())
            .finish_non_exhaustive()
    }
}
