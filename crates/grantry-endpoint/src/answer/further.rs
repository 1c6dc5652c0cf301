//! What a token answer says besides the token (RFC 6749 section 5.1), as far as the server's facts name it.

use std::fmt;

use grantry_core::FurtherParameters;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::Member;

/// Reads parameters out of a body that was understood before, in the order of the facts. A value is a string or a number;
/// all others are as if they were not there.
pub(super) fn further_parameters(body: &[u8], names: &[String]) -> FurtherParameters {
    if names.is_empty() {
        return FurtherParameters::default();
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let mut found: Vec<(String, Member<'_>)> = Vec::new();
    if body.starts_with(b"{") {
        let mut json = serde_json::Deserializer::from_slice(body);
        // It was read once: an error is impossible, and would only mean that nothing is kept.
        found = json.deserialize_map(Named(names)).unwrap_or_default();
    } else {
        for (name, value) in form_urlencoded::parse(body).filter(|(name, _)| is_in(names, name)) {
            found.push((name.into_owned(), Member::Text(Zeroizing::new(value.into_owned()))));
        }
    }
    // Two values for one name: no telling which one the server means.
    let once = |name: &String| {
        let mut those = found.iter().filter(|(other, _)| other == name);
        those.next().filter(|_| those.next().is_none())
    };
    let text = |(name, member): &(String, Member<'_>)| Some((name.clone(), member.text_or_number()?));
    let texts: Vec<_> = names.iter().filter_map(once).filter_map(text).collect();
    FurtherParameters::new(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
}

fn is_in(names: &[String], name: &str) -> bool {
    names.iter().any(|wanted| wanted == name)
}

/// Takes the members of these names out of an object.
struct Named<'n>(&'n [String]);

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Vec<(String, Member<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if is_in(self.0, &name) {
                found.push((name, Member::Json(map.next_value::<&'de RawValue>()?)));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> FurtherParameters {
        further_parameters(body.as_bytes(), &["instance_url".to_owned(), "id".to_owned()])
    }

    #[test]
    fn what_is_named_is_kept_and_nothing_else() {
        let kept = read(r#"{"id":7,"access_token":"a","instance\u005furl":"https://a.example","x":[{}]}"#);
        assert_eq!(kept.iter().collect::<Vec<_>>(), [("instance_url", "https://a.example"), ("id", "7")]);
        assert_eq!(kept.text("access_token"), None);
        assert_eq!(format!("{kept:?}"), r#"{"instance_url", "id"}"#);
        assert_eq!(read("id=7&access_token=a").text("id"), Some("7"));
        assert!(further_parameters(br#"{"id":7}"#, &[]).is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_passed_over() {
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(FurtherParameters::LONGEST + 1));
        for body in [
            &long,
            r#"{"id":""}"#,
            r#"{"id":null}"#,
            r#"{"id":["a"]}"#,
            r#"{"id":{"a":1}}"#,
            r#"{"id":"a\r\nb"}"#,
            r#"{"id":"a","id":"b"}"#,
            "id=a&id=b",
            "id=a%00",
            "",
            "[",
        ] {
            assert!(read(body).is_empty(), "{body}");
        }
    }
}
