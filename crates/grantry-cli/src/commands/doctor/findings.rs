//! What was found.

use serde_json::{Value, json};

use super::super::After;
use super::LookedAt;
use crate::console::Console;
use crate::failed::Failed;
use crate::spoken::count;
use crate::table::{Cell, Table, Tone};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// It does not work, or somebody else can read it.
    Broken,
    /// It works, and should not stay so.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What was looked at, as a word for programs. The manual's page on the command has a row for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Configuration,
    Permissions,
    Vault,
    KeyBesideStore,
    KeyInKeychain,
    KeyAge,
    Pkce,
    RedirectUri,
    Renewal,
    Rotation,
    TokenBinding,
    SharedClient,
    Server,
    Clock,
    Metadata,
    Grants,
    Idle,
    Unused,
    Scope,
    Lifetime,
}

impl Check {
    #[cfg(test)]
    pub(super) const ALL: [Self; 20] = [
        Self::Configuration,
        Self::Permissions,
        Self::Vault,
        Self::KeyBesideStore,
        Self::KeyInKeychain,
        Self::KeyAge,
        Self::Pkce,
        Self::RedirectUri,
        Self::Renewal,
        Self::Rotation,
        Self::TokenBinding,
        Self::SharedClient,
        Self::Server,
        Self::Clock,
        Self::Metadata,
        Self::Grants,
        Self::Idle,
        Self::Unused,
        Self::Scope,
        Self::Lifetime,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Permissions => "permissions",
            Self::Vault => "vault",
            Self::KeyBesideStore => "key_beside_store",
            Self::KeyInKeychain => "key_in_keychain",
            Self::KeyAge => "key_age",
            Self::Pkce => "pkce",
            Self::RedirectUri => "redirect_uri",
            Self::Renewal => "renewal",
            Self::Rotation => "rotation",
            Self::TokenBinding => "token_binding",
            Self::SharedClient => "shared_client",
            Self::Server => "server",
            Self::Clock => "clock",
            Self::Metadata => "metadata",
            Self::Grants => "grants",
            Self::Idle => "idle",
            Self::Unused => "unused",
            Self::Scope => "scope",
            Self::Lifetime => "lifetime",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) check: Check,
    pub(super) place: String,
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Finding {
    /// What could not be looked at.
    pub(super) fn failed(place: impl Into<String>, check: Check, failed: &Failed) -> Self {
        let remedy = failed.remedy.clone();
        let remedy = remedy.unwrap_or_else(|| "change what it names, and look again".to_owned());
        Self { severity: Severity::Broken, check, place: place.into(), what: failed.message.clone(), remedy }
    }
}

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// One more, unless it is found a second time, as what several tenants share: where it is, what it is, and what to do about it.
    pub(super) fn found(
        &mut self,
        severity: Severity,
        check: Check,
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Finding { severity, check, place: place.into(), what: what.into(), remedy: remedy.into() });
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }

    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Tells them, the worst first.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(super) fn tell(mut self, console: &Console, looked_at: &LookedAt) -> Result<After, Failed> {
        self.0.sort_by_key(|finding| finding.severity);
        let counts =
            [Severity::Broken, Severity::Warning, Severity::Note].map(|severity| self.count(severity));
        let [broken, warnings, notes] = counts;
        let code = u8::from(broken > 0);
        if console.json {
            console.object(json!({
                "broken": broken,
                "warnings": warnings,
                "notes": notes,
                "tenants": looked_at.tenants,
                "tenants_left_out": looked_at.left_out,
                "findings": self.0.iter().map(object).collect::<Vec<_>>(),
            }))?;
            return Ok(After::End(code));
        }
        if self.0.is_empty() {
            console.note("nothing is wrong, as far as can be seen from here");
            tell_left_out(console, looked_at);
            return Ok(After::DONE);
        }
        let mut table = Table::new(&["", "WHERE", "WHAT"]);
        for finding in &self.0 {
            let tone = match finding.severity {
                Severity::Broken => Tone::Bad,
                Severity::Warning => Tone::Warning,
                Severity::Note => Tone::Plain,
            };
            let severity = Cell::toned(finding.severity.as_str(), tone);
            table.row([severity, finding.place.as_str().into(), finding.what.as_str().into()]);
            table.row(["".into(), "".into(), Cell::with_command(format!("-> {}", finding.remedy))]);
        }
        // A remedy that ends in the middle is none.
        console.whole(&table)?;
        let (warnings, notes) = (count(warnings, "warning", "warnings"), count(notes, "note", "notes"));
        console.note(&format!("{broken} broken, {warnings}, {notes}"));
        tell_left_out(console, looked_at);
        Ok(After::End(code))
    }
}

fn tell_left_out(console: &Console, looked_at: &LookedAt) {
    if !looked_at.left_out.is_empty() {
        console.note(&format!(
            "only the services and grants of {} were looked at; --all-tenants looks at those of {} more",
            looked_at.tenants.join(", "),
            count(looked_at.left_out.len(), "tenant", "tenants")
        ));
    }
}

fn object(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.as_str(),
        "check": finding.check.as_str(),
        "where": finding.place,
        "what": finding.what,
        "remedy": finding.remedy,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_check_has_a_word_of_its_own() {
        let words: BTreeSet<&str> = Check::ALL.iter().map(|check| check.as_str()).collect();
        assert_eq!(words.len(), Check::ALL.len());
        assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }

    #[test]
    fn the_object_of_a_finding_has_five_fields_of_text() {
        for check in Check::ALL {
            let object = object(&Finding {
                severity: Severity::Warning,
                check,
                place: "here".to_owned(),
                what: "this".to_owned(),
                remedy: "do that".to_owned(),
            });
            let expected = json!({
                "severity": "warning", "check": check.as_str(), "where": "here", "what": "this", "remedy": "do that",
            });
            assert_eq!(object, expected);
        }
    }
}
