//! Where findings are collected while a configuration is read.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use crate::excerpt::{Excerpt, visible};
use crate::finding::{Finding, FindingKind, Severity};
use crate::place::{At, Place, Span};
use crate::source::SourceText;

/// A finding before its excerpt is cut.
pub(crate) struct Draft {
    severity: Severity,
    kind: FindingKind,
    at: Option<At>,
    what: Cow<'static, str>,
    expected: Option<Cow<'static, str>>,
    nearest: Option<String>,
    also: Option<(Cow<'static, str>, At)>,
}

impl Draft {
    pub(crate) fn new(
        severity: Severity,
        kind: FindingKind,
        at: impl Into<Option<At>>,
        what: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (at, what) = (at.into(), what.into());
        Self { severity, kind, at, what, expected: None, nearest: None, also: None }
    }

    pub(crate) fn error(
        kind: FindingKind,
        at: impl Into<Option<At>>,
        what: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Severity::Error, kind, at, what)
    }

    pub(crate) fn warning(
        kind: FindingKind,
        at: impl Into<Option<At>>,
        what: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Severity::Warning, kind, at, what)
    }

    pub(crate) fn note(
        kind: FindingKind,
        at: impl Into<Option<At>>,
        what: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Severity::Note, kind, at, what)
    }

    pub(crate) fn expected(self, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    pub(crate) fn nearest(self, nearest: Option<&str>) -> Self {
        Self { nearest: nearest.map(str::to_owned), ..self }
    }

    pub(crate) fn also(self, what: impl Into<Cow<'static, str>>, at: At) -> Self {
        Self { also: Some((what.into(), at)), ..self }
    }
}

/// A source on the desk, with what may be shown of it.
pub(crate) struct OnDesk {
    pub(crate) text: SourceText,
    /// Whether everybody on the machine may read it.
    pub(crate) readable_by_all: bool,
    pub(crate) veiled: Vec<Span>,
    /// Where values begin that are no secrets.
    pub(crate) shown: Vec<u32>,
}

/// What makes a finding the same as another. The second place belongs to it: each of a thousand services that contradict
/// one default has to be mended.
#[derive(PartialEq, Eq, Hash)]
struct Told {
    severity: Severity,
    at: Option<At>,
    what: Cow<'static, str>,
    also: Option<At>,
}

/// The sources, and what was found in them.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) sources: Vec<OnDesk>,
    drafts: Vec<Draft>,
    told: HashSet<Told>,
    errors: usize,
    /// Whether a source could not be read, so that nobody knows what is missing.
    pub(crate) lacks_a_source: bool,
    /// The environment variables that secrets were read from.
    pub(crate) secret_variables: BTreeSet<String>,
}

impl Desk {
    /// Keeps a finding. What was said of the same place before, as of something that many services share, is not said
    /// again.
    pub(crate) fn tell(&mut self, draft: Draft) {
        if draft.severity == Severity::Error {
            if draft.kind == FindingKind::Missing && self.lacks_a_source {
                return;
            }
            self.errors += 1;
        }
        let told = Told {
            severity: draft.severity,
            at: draft.at,
            what: draft.what.clone(),
            also: draft.also.as_ref().map(|(_, at)| *at),
        };
        if self.told.insert(told) {
            self.drafts.push(draft);
        }
    }

    /// How often a mistake was told so far; the same one counts each time.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    pub(crate) fn place(&self, at: At) -> Option<Place> {
        Some(self.source(at)?.text.place(at.span))
    }

    fn source(&self, at: At) -> Option<&OnDesk> {
        self.sources.get(at.source as usize)
    }

    /// Everything that was found, in the order of the sources.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        for source in &mut self.sources {
            source.shown.sort_unstable();
        }
        let mut drafts = std::mem::take(&mut self.drafts);
        drafts.sort_by_key(|draft| draft.at.map(|at| (at.source, at.span.start)));
        drafts.into_iter().map(|draft| self.finding(draft)).collect()
    }

    fn finding(&self, draft: Draft) -> Finding {
        let excerpt = draft.at.and_then(|at| {
            let source = self.source(at)?;
            Some(Excerpt::cut(&source.text, at.span, &source.veiled, &source.shown))
        });
        Finding {
            severity: draft.severity,
            kind: draft.kind,
            place: draft.at.and_then(|at| self.place(at)),
            what: printable(draft.what),
            expected: draft.expected.map(printable),
            nearest: draft.nearest,
            also: draft.also.and_then(|(what, at)| Some((what, self.place(at)?))),
            excerpt,
        }
    }
}

/// Names of files and what other crates say of a name may hold anything: nothing of it moves a terminal's cursor.
fn printable(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.chars().all(|c| visible(c) == c) {
        text
    } else {
        text.chars().map(visible).collect::<String>().into()
    }
}
