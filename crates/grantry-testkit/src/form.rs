//! Form parameters as they arrived.

use std::fmt;

use url::form_urlencoded;

/// Parameters whose values may be shown; every other value is taken for a secret.
const SHOWN: [&str; 14] = [
    "grant_type",
    "client_id",
    "client_assertion_type",
    "scope",
    "resource",
    "audience",
    "token_type_hint",
    "redirect_uri",
    "response_type",
    "code_challenge_method",
    "requested_token_use",
    "requested_token_type",
    "subject_token_type",
    "actor_token_type",
];

/// The parameters of a form-encoded body, decoded, in the order in which they came.
///
/// `Debug` shows the names, and the values of those that are never secret, such as `grant_type` and `scope`.
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Decodes `application/x-www-form-urlencoded` bytes.
    pub fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The value of a parameter, the first if it was repeated. It may be a secret.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Every value of a parameter. They may be secrets.
    pub fn expose_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The names in the order in which they came; a repeated parameter is named again.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(n, _)| n.as_str())
    }

    /// The first name that came twice, other than those that may (RFC 8707 section 2, RFC 8693 section 2.1).
    pub(crate) fn repeated(&self) -> Option<&str> {
        let may_repeat = |n: &str| matches!(n, "resource" | "audience");
        let twice = |(i, n): &(usize, &str)| self.names().take(*i).any(|before| before == *n);
        self.names().enumerate().find(|n| !may_repeat(n.1) && twice(n)).map(|(_, n)| n)
    }

    /// A value, where an empty one counts as left out (RFC 6749 section 3.2).
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.expose(name).filter(|v| !v.is_empty())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): &(String, String)| {
            let value = if SHOWN.contains(&name.as_str()) { value.as_str() } else { "[redacted]" };
            (name.clone(), value.to_owned())
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_secrets_are_not_shown() {
        let form = Form::parse(b"grant_type=client_credentials&client_secret=can%20ary+%26&x=canary");
        assert_eq!(form.expose("client_secret"), Some("can ary &"));
        let shown = format!("{form:?}");
        assert!(shown.contains("client_credentials") && shown.contains("client_secret"), "{shown}");
        assert!(!shown.contains("canary") && !shown.contains("can ary"), "{shown}");
    }

    #[test]
    fn only_resource_and_audience_may_be_repeated() {
        assert_eq!(Form::parse(b"a=1&resource=x&resource=y&audience=p&audience=q").repeated(), None);
        assert_eq!(Form::parse(b"scope=1&b=2&scope=1").repeated(), Some("scope"));
    }
}
