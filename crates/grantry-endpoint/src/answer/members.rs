//! The members of an answer that mean something to us, borrowed from its body.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// One member's value, not yet interpreted.
#[derive(Default)]
pub(crate) enum Member<'a> {
    /// Not there.
    #[default]
    Absent,
    /// There, as `null`: it says nothing, and may not be said again.
    Null,
    /// As it stands in the JSON.
    Json(&'a RawValue),
    /// From a form-encoded body.
    Text(Zeroizing<String>),
}

impl Member<'_> {
    /// Whether it says nothing.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent | Self::Null)
    }

    /// The text of a string; `None` for whatever else.
    pub(crate) fn text(&self) -> Option<Zeroizing<String>> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Json(raw) => serde_json::from_str(raw.get()).ok().map(Zeroizing::new),
            Self::Text(text) => Some(text.clone()),
        }
    }

    /// The text of a string, or a number as it is written.
    pub(crate) fn text_or_number(&self) -> Option<Zeroizing<String>> {
        let number = |raw: &RawValue| {
            let is_number = raw.get().starts_with(|c: char| c.is_ascii_digit() || c == '-');
            is_number.then(|| Zeroizing::new(raw.get().to_owned()))
        };
        self.text().or_else(|| match self {
            Self::Json(raw) => number(raw),
            _ => None,
        })
    }

    /// The strings of an array; `None` for whatever else.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Json(raw) => serde_json::from_str(raw.get()).ok(),
            _ => None,
        }
    }
}

macro_rules! members {
    ($($field:ident = $name:literal,)*) => {
        /// What is known of a body's members; all others are passed over (OAuth 2.1 section 3.2.3).
        #[derive(Default)]
        pub(crate) struct Members<'a> {
            $(pub(crate) $field: Member<'a>,)*
            repeated: bool,
        }

        impl<'a> Members<'a> {
            /// The place of a member that is known by this name.
            fn place(&mut self, name: &str) -> Option<&mut Member<'a>> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}
members! {
    access_token = "access_token",
    token_type = "token_type",
    expires_in = "expires_in",
    refresh_in = "refresh_in",
    refresh_token = "refresh_token",
    id_token = "id_token",
    issued_token_type = "issued_token_type",
    request_uri = "request_uri",
    device_code = "device_code",
    user_code = "user_code",
    verification_uri = "verification_uri",
    // What Google calls the same.
    verification_url = "verification_url",
    verification_uri_complete = "verification_uri_complete",
    interval = "interval",
    scope = "scope",
    error = "error",
    error_description = "error_description",
    // Where servers put codes of their own.
    vendor_error_code = "error_code",
    vendor_error_code_camel = "errorCode",
    vendor_code = "code",
    vendor_status = "status",
}

impl<'a> Members<'a> {
    /// Reads a JSON object, or a form where the body can be nothing else. The content type is not asked: servers
    /// in use send the one with the type of the other.
    ///
    /// # Errors
    /// What is wrong with the body, as a phrase.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, &'static str> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
        let members = match body.first() {
            None => return Err("the answer is empty"),
            Some(b'{') => serde_json::from_slice(body).map_err(|_| "the answer is not well-formed JSON")?,
            Some(first) if first.is_ascii_alphabetic() && body.contains(&b'=') => Self::from_form(body),
            Some(_) => return Err("the answer is neither a JSON object nor a form"),
        };
        // Two values for one member: no telling which one the server means.
        if members.repeated { Err("the answer names a member twice") } else { Ok(members) }
    }

    fn from_form(body: &[u8]) -> Self {
        let mut members = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            members.put(&name, Member::Text(Zeroizing::new(value.into_owned())));
        }
        members
    }

    fn put(&mut self, name: &str, value: Member<'a>) {
        let Some(place) = self.place(name) else { return };
        if matches!(place, Member::Absent) {
            *place = value;
        } else {
            self.repeated = true;
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key::<String>()? {
                    if members.place(&name).is_none() {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let raw: &'de RawValue = map.next_value()?;
                    let value = if raw.get() == "null" { Member::Null } else { Member::Json(raw) };
                    members.put(&name, value);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_and_wide_bodies_are_read_without_harm() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Members::parse(deep.as_bytes()).is_ok());
        let wide: String = (0..20_000).map(|n| format!("\"k{n}\":0,")).collect();
        assert!(Members::parse(format!("{{{wide}\"scope\":\"a\"}}").as_bytes()).is_ok());
    }

    #[test]
    fn escaped_names_and_values_are_what_they_mean() {
        let members = Members::parse(br#"{"access\u005ftoken":"a\u0062c"}"#).unwrap();
        assert_eq!(members.access_token.text().unwrap().as_str(), "abc");
        assert!(Members::parse(br#"{"scope":"a","sc\u006fpe":"b"}"#).is_err());
    }

    #[test]
    fn null_is_a_value_that_may_not_be_repeated_either() {
        assert!(Members::parse(br#"{"scope":null,"x":null,"x":1}"#).unwrap().scope.is_absent());
        for body in [r#"{"scope":null,"scope":"a"}"#, r#"{"scope":"a","scope":null}"#] {
            assert!(Members::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
