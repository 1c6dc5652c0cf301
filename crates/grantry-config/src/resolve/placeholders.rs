//! `{tenantId}` and `{instanceUrl}` in URLs.

use super::Resolving;
use super::missing::Needs;
use super::server::broken_instance;
use crate::desk::Draft;
use crate::fields::{Fields, Line};
use crate::finding::FindingKind;
use crate::nearest::nearest;

/// What may stand in braces, besides what `providerParams` names.
const KNOWN: &[&str] = &["tenantId", "instanceUrl", "domain"];

impl Resolving<'_> {
    /// Puts the values in. `None` where one is missing or not usable.
    pub(super) fn filled(
        &mut self,
        fields: &Fields,
        line: Line<'_>,
        needs: &mut Needs<'_>,
    ) -> Option<String> {
        if !line.text.contains(['{', '}']) {
            return Some(line.text.to_owned());
        }
        let mut filled = String::with_capacity(line.text.len() + 40);
        let mut rest = line.text;
        let mut sound = true;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else {
                self.invalid(
                    line.at,
                    format!("a {{ in {} is never closed", line.key),
                    "{tenantId} or {instanceUrl}",
                );
                return None;
            };
            filled.push_str(before);
            match self.value_of(fields, line, name, filled.is_empty(), needs) {
                Some(value) => filled.push_str(&value),
                None => sound = false,
            }
            rest = behind;
        }
        if rest.contains('}') {
            self.invalid(
                line.at,
                format!("a }} in {} was never opened", line.key),
                "{tenantId} or {instanceUrl}",
            );
            return None;
        }
        filled.push_str(rest);
        sound.then_some(filled)
    }

    fn value_of(
        &mut self,
        fields: &Fields,
        line: Line<'_>,
        name: &str,
        is_first: bool,
        needs: &mut Needs<'_>,
    ) -> Option<String> {
        let param = fields.text_map("providerParams").find(|(other, _)| *other == name);
        if let Some((_, (at, written))) = param {
            return self.segment(*at, name, &written.text);
        }
        if fields.is_spoilt("providerParams") {
            // It may be what was not understood.
            return None;
        }
        let Some(known) = KNOWN.iter().copied().find(|known| *known == name) else {
            let what = format!("there is no value for {{{}}} in {}", name.escape_debug(), line.key);
            let draft = Draft::error(FindingKind::InvalidValue, line.at, what)
                .expected("{tenantId}, {instanceUrl}, {domain}, or a name in providerParams")
                .nearest(nearest(name, KNOWN.iter().copied()));
            self.desk.tell(draft);
            return None;
        };
        let Some(value) = self.some_text(fields, known) else {
            if fields.find(known).is_none() {
                needs.add(known, "a URL is made of it");
            }
            return None;
        };
        if known != "instanceUrl" {
            return self.segment(value.at, known, value.text);
        }
        if broken_instance(value.text).is_some() {
            // It was told by itself.
            return None;
        }
        if !is_first {
            let what = format!("{{instanceUrl}} stands within {}", line.key);
            self.invalid(line.at, what, "it at the beginning, since it has its own https://");
            return None;
        }
        Some(value.text.trim_end_matches('/').to_owned())
    }

    /// A value that stays in its segment of a path, or its part of a host.
    fn segment(&mut self, at: crate::place::At, name: &str, value: &str) -> Option<String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let sound = !value.is_empty()
            && value.len() <= 253
            && value.bytes().all(fits)
            && !value.starts_with('.')
            && !value.ends_with('.')
            && !value.contains("..");
        if !sound {
            let what = format!("{} cannot stand in a URL", name.escape_debug());
            self.invalid(at, what, "letters, digits, '-', '_' and single dots within");
        }
        sound.then(|| value.to_owned())
    }
}
