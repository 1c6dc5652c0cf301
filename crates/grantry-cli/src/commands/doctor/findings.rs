//! What was found.

use serde_json::{Value, json};

use super::super::After;
use crate::console::Console;
use crate::failed::Failed;
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

/// One thing that was found.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    severity: Severity,
    /// A word for programs.
    check: &'static str,
    place: String,
    what: String,
    remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        check: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self { severity, check, place: place.into(), what: what.into(), remedy: None }
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// What could not be looked at.
    pub(super) fn failed(place: impl Into<String>, check: &'static str, failed: &Failed) -> Self {
        let remedy = failed.remedy.clone();
        Self { remedy, ..Self::new(Severity::Broken, check, place, failed.message.clone()) }
    }
}

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Tells them, the worst first.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(super) fn tell(mut self, console: &Console) -> Result<After, Failed> {
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
                "findings": self.0.iter().map(object).collect::<Vec<_>>(),
            }))?;
            return Ok(After::End(code));
        }
        if self.0.is_empty() {
            console.note("nothing is wrong, as far as can be seen from here");
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
            if let Some(remedy) = &finding.remedy {
                table.row(["".into(), "".into(), format!("-> {remedy}").into()]);
            }
        }
        // Nothing of it is cut: a remedy that ends in the middle is none.
        console.whole(&table)?;
        console.note(&format!("{broken} broken, {warnings} warnings, {notes} notes"));
        Ok(After::End(code))
    }
}

fn object(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.as_str(),
        "check": finding.check,
        "where": finding.place,
        "what": finding.what,
        "remedy": finding.remedy,
    })
}
