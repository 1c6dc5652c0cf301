//! Scopes and resources.

use grantry_core::Scope;
use url::Url;

use super::Resolving;
use crate::fields::Fields;

impl Resolving<'_> {
    pub(super) fn scope(&mut self, fields: &Fields) -> Scope {
        let mut sound = Vec::new();
        for (at, written) in fields.texts("scopes").unwrap_or_default() {
            let scope = written.text.as_str();
            if scope.trim().is_empty() {
                self.invalid(*at, "a scope is empty", "a scope, or none");
            } else if scope.contains(',') {
                let what = "a scope holds a comma, so it is probably several";
                self.invalid(
                    *at,
                    what,
                    "each scope as a text of its own; the provider's separator is put in by itself",
                );
            } else if Scope::parse(scope).is_err() {
                let what = "a scope holds a character that none may have (RFC 6749 section 3.3)";
                self.invalid(*at, what, "printable ASCII without '\"' and '\\'");
            } else {
                sound.push(scope);
            }
        }
        Scope::from_tokens(sound).unwrap_or_default()
    }

    pub(super) fn resources(&mut self, fields: &Fields) -> Vec<String> {
        let mut resources: Vec<String> = Vec::new();
        for (at, written) in fields.texts("resources").unwrap_or_default() {
            let is_absolute =
                |text: &str| Url::parse(text).is_ok() && text.bytes().all(|b| b.is_ascii_graphic());
            let text = written.text.as_str();
            if !is_absolute(text) || text.contains('#') {
                let what = "a resource is no absolute URI without a fragment (RFC 8707 section 2)";
                self.invalid(*at, what, "such as https://api.example.com/");
            } else if resources.iter().all(|other| other != text) {
                resources.push(text.to_owned());
            }
        }
        resources
    }
}
