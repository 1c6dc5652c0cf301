//! What a token answer says besides the token (RFC 6749 section 5.1).

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// Parameters of a token answer that the server's facts say to keep
/// ([`kept_parameters`](crate::AuthorizationServer::kept_parameters)), such as `instance_url`.
///
/// They are the server's word and nobody has checked them: a URL among them is no place to send a token to before
/// its host was looked at. A value has at most 2048 bytes and no control characters, a name at most 128 bytes; there are at
/// most 16 of them, of 8192 bytes together. What is longer, what is empty, and what comes too late is as if it were not there,
/// and so is a name that comes again. Clones share the values, and the last one zeroizes them.
///
/// ```
/// use grantry_core::FurtherParameters;
/// let kept = FurtherParameters::new([("instance_url", "https://acme.my.salesforce.com"), ("id", "7")]);
/// let newer = FurtherParameters::new([("instance_url", "https://acme2.my.salesforce.com")]);
/// let kept = newer.over(&kept);
/// assert_eq!(kept.text("instance_url"), Some("https://acme2.my.salesforce.com"));
/// assert_eq!(kept.text("id"), Some("7"));
/// assert_eq!(format!("{kept:?}"), r#"{"instance_url", "id"}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FurtherParameters(Option<Arc<Vec<Parameter>>>);

/// A name and its value.
type Parameter = (Box<str>, Zeroizing<Box<str>>);

impl FurtherParameters {
    /// How many there are at most.
    pub const MOST: usize = 16;
    /// The longest name that is kept, in bytes.
    pub const LONGEST_NAME: usize = 128;
    /// The longest value that is kept, in bytes.
    pub const LONGEST: usize = 2048;
    /// How many bytes the names and values have together, at most.
    pub const MOST_BYTES: usize = 8192;

    /// These names with these values, the first that are within the bounds.
    pub fn new<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut kept: Vec<Parameter> = Vec::new();
        let mut bytes = 0;
        for (name, value) in parameters {
            let all = bytes + name.len() + value.len();
            let fits = is_fit(name, Self::LONGEST_NAME) && is_fit(value, Self::LONGEST);
            let is_new = kept.iter().all(|(other, _)| **other != *name);
            if fits && is_new && all <= Self::MOST_BYTES && kept.len() < Self::MOST {
                kept.push((name.into(), Zeroizing::new(value.into())));
                bytes = all;
            }
        }
        Self((!kept.is_empty()).then(|| Arc::new(kept)))
    }

    /// The value of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let all = self.0.as_ref().map_or(&[] as &[Parameter], |all| all);
        all.iter().map(|(name, value)| (&**name, &***value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These, and of the older ones those that have no newer value here: what is known after an answer that did not say all
    /// of it again. Where there is no room for all, the older ones go.
    #[must_use]
    pub fn over(&self, older: &Self) -> Self {
        match (self.is_empty(), older.is_empty()) {
            (true, _) => older.clone(),
            (_, true) => self.clone(),
            _ => Self::new(self.iter().chain(older.iter())),
        }
    }
}

fn is_fit(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.contains(char::is_control)
}

/// The names: they are the facts', the values are the server's.
impl fmt::Debug for FurtherParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_value_takes_the_place_of_an_older_one_and_the_others_stay() {
        let older = FurtherParameters::new([("a", "1"), ("b", "1")]);
        let newer = FurtherParameters::new([("c", "2"), ("b", "2")]);
        let both = newer.over(&older);
        assert_eq!(both.iter().collect::<Vec<_>>(), [("c", "2"), ("b", "2"), ("a", "1")]);
        let nothing = FurtherParameters::default();
        assert_eq!((nothing.over(&older), older.over(&nothing)), (older.clone(), older));
    }

    #[test]
    fn what_is_too_much_is_passed_over_and_the_newer_ones_stay() {
        let long = "x".repeat(FurtherParameters::LONGEST);
        let longer = format!("{long}x");
        let name = "n".repeat(FurtherParameters::LONGEST_NAME + 1);
        let bad = [("", "1"), ("a", ""), ("a", "1\r\n2"), ("a\0", "1"), ("a", &*longer), (&*name, "1")];
        assert!(FurtherParameters::new(bad).is_empty());
        assert_eq!(FurtherParameters::new([("a", "1"), ("a", "2")]).iter().collect::<Vec<_>>(), [("a", "1")]);

        let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let many = |value: &'static str| FurtherParameters::new(names.iter().map(|name| (&**name, value)));
        assert_eq!(many("old").iter().len(), FurtherParameters::MOST);
        let both = FurtherParameters::new([("newest", "1")]).over(&many("old"));
        assert_eq!((both.iter().len(), both.text("newest")), (FurtherParameters::MOST, Some("1")));

        let large = FurtherParameters::new(["a", "b", "c", "d"].map(|name| (name, &*long)));
        assert_eq!(large.iter().len(), 3, "all four have more bytes than there is room for");
    }
}
