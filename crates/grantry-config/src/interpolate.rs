//! `${NAME}`, `${NAME:-default}` and `${file:path}` in texts.

use std::path::Path;

use zeroize::Zeroizing;

use crate::desk::{Desk, Draft};
use crate::fields::{Provenance, Written};
use crate::finding::FindingKind;
use crate::jsonc::Text;
use crate::place::{At, Span};
use crate::surroundings::{Surroundings, Unreadable};

/// The most bytes of a file that a value is taken from.
pub(crate) const MOST_OF_A_VALUE: usize = 64 * 1024;

/// Resolves the texts of one source.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'r> {
    pub(crate) surroundings: &'r dyn Surroundings,
    /// What relative paths start from.
    pub(crate) folder: &'r Path,
}

/// A piece of a text.
enum Piece<'t> {
    Plain(&'t str),
    Variable { name: &'t str, default: Option<&'t str> },
    File(&'t str),
    Broken { what: &'static str, expected: &'static str },
}

/// What a value may be read from.
const A_FILE: &str = "the path of a file with a text, which this process may read";

impl Resolver<'_> {
    /// Resolves a text. What cannot be resolved is told, all of it, and gives nothing.
    pub(crate) fn written(&self, desk: &mut Desk, text: &Text<'_>, at: At, hidden: bool) -> Option<Written> {
        let source = text.as_str();
        if !source.contains("${") {
            return Some(Written {
                text: Zeroizing::new(source.to_owned()),
                provenance: Provenance::Literal,
            });
        }
        let mut resolved = Resolved::default();
        for (offset, length, piece) in pieces(source) {
            // Only a text without escapes stands in the source byte by byte, after its quote.
            let span = match text {
                Text::Plain(_) => {
                    let start = at.span.start() + 1 + offset;
                    Span::new(start, start + length)
                }
                Text::Unescaped(_) => at.span,
            };
            self.piece(desk, piece, At { span, ..at }, hidden, &mut resolved);
        }
        resolved.finish()
    }

    fn piece(&self, desk: &mut Desk, piece: Piece<'_>, at: At, hidden: bool, resolved: &mut Resolved) {
        if let (Piece::Variable { name, .. }, true) = (&piece, hidden) {
            desk.secret_variables.insert((*name).to_owned());
        }
        match piece {
            Piece::Plain(text) => resolved.push(text, Provenance::Literal),
            Piece::Variable { name, default } => match (self.surroundings.variable(name), default) {
                (Ok(Some(value)), None) => resolved.push(&value, Provenance::Environment),
                (Ok(Some(value)), Some(_)) if !value.is_empty() => {
                    resolved.push(&value, Provenance::Environment)
                }
                (Ok(_), Some(default)) => resolved.push(default, Provenance::Literal),
                (Ok(None), None) => {
                    let what = format!("the environment variable {name} is not set");
                    let expected = "it to be set, or what to take where it is not: ${NAME:-value}";
                    desk.tell(Draft::error(FindingKind::Unresolved, at, what).expected(expected));
                    resolved.sound = false;
                }
                (Err(why), _) => {
                    let what = format!("the environment variable {name} cannot be used: {why}");
                    let draft = Draft::error(FindingKind::Unresolved, at, what);
                    desk.tell(draft.expected("a variable that holds a text"));
                    resolved.sound = false;
                }
            },
            Piece::File(path) => match self.file(desk, path, at, hidden) {
                Some(content) => resolved.push(&content, Provenance::File),
                None => resolved.sound = false,
            },
            Piece::Broken { what, expected } => {
                desk.tell(Draft::error(FindingKind::Unresolved, at, what).expected(expected));
                resolved.sound = false;
            }
        }
    }

    /// The text of a file, without the line break at its end.
    pub(crate) fn file(
        &self,
        desk: &mut Desk,
        path: &str,
        at: At,
        hidden: bool,
    ) -> Option<Zeroizing<String>> {
        let full = self.folder.join(path);
        let refuse = |desk: &mut Desk, why: &Unreadable| {
            let what = format!("the file {} cannot be used: {why}", full.display());
            desk.tell(Draft::error(FindingKind::Unresolved, at, what).expected(A_FILE));
        };
        if path.contains("-----BEGIN") {
            let what = "a PEM text stands where a file is named";
            desk.tell(
                Draft::error(FindingKind::Unresolved, at, what)
                    .expected("the path of the file that holds it"),
            );
            return None;
        }
        if path.is_empty() || path.contains('\0') {
            refuse(desk, &Unreadable::NotFound);
            return None;
        }
        let content = match self.surroundings.file(&full, MOST_OF_A_VALUE) {
            Ok(content) => content,
            Err(why) => {
                refuse(desk, &why);
                return None;
            }
        };
        let Ok(text) = std::str::from_utf8(&content.bytes) else {
            refuse(desk, &Unreadable::NotText);
            return None;
        };
        if content.writable_by_all {
            let what = format!("everybody on this machine may write the file {}", full.display());
            desk.tell(
                Draft::error(FindingKind::Exposed, at, what)
                    .expected("a file that its owner alone may write"),
            );
        } else if hidden && content.readable_by_all {
            let what =
                format!("everybody on this machine may read the secret in the file {}", full.display());
            let expected = "a file that its owner alone may read: chmod 600";
            desk.tell(Draft::warning(FindingKind::Exposed, at, what).expected(expected));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        Some(Zeroizing::new(text.to_owned()))
    }
}

/// What became of a text.
struct Resolved {
    text: Zeroizing<String>,
    provenance: Option<Provenance>,
    sound: bool,
}

impl Default for Resolved {
    fn default() -> Self {
        Self { text: Zeroizing::default(), provenance: None, sound: true }
    }
}

impl Resolved {
    fn push(&mut self, text: &str, provenance: Provenance) {
        let length = self.text.len() + text.len();
        // A buffer that grows by itself would leave a copy behind.
        let mut joined = Zeroizing::new(String::with_capacity(length));
        joined.push_str(&self.text);
        joined.push_str(text);
        self.text = joined;
        // What stands in the configuration around a variable is no secret by itself.
        if self.provenance.is_none_or(|before| before == Provenance::Literal) {
            self.provenance = Some(provenance);
        }
    }

    fn finish(self) -> Option<Written> {
        let provenance = self.provenance.unwrap_or(Provenance::Literal);
        self.sound.then_some(Written { text: self.text, provenance })
    }
}

/// Cuts a text into its pieces, with where they begin and how long they are.
fn pieces(source: &str) -> Vec<(usize, usize, Piece<'_>)> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("${") {
        let offset = source.len() - rest.len();
        let (before, from) = rest.split_at(start);
        if let Some(plain) = before.strip_suffix('$') {
            // `$${` stands for `${`.
            pieces.push((offset, start, Piece::Plain(plain)));
            pieces.push((offset + start, 2, Piece::Plain("${")));
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        if !before.is_empty() {
            pieces.push((offset, start, Piece::Plain(before)));
        }
        let inner = from.get(2..).unwrap_or_default();
        let Some(end) = inner.find('}') else {
            let what = "this ${ is never closed";
            pieces.push((
                offset + start,
                2,
                Piece::Broken { what, expected: "a }, or $${ where ${ itself is meant" },
            ));
            return pieces;
        };
        let (inside, after) = inner.split_at(end);
        pieces.push((offset + start, end + 3, inside_of(inside)));
        rest = after.get(1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push((source.len() - rest.len(), rest.len(), Piece::Plain(rest)));
    }
    pieces
}

fn inside_of(inside: &str) -> Piece<'_> {
    let broken = |what| Piece::Broken { what, expected: "${NAME}, ${NAME:-value} or ${file:path}" };
    if inside.contains("${") {
        return broken("one ${ stands inside another");
    }
    if let Some(path) = inside.strip_prefix("file:") {
        return Piece::File(path);
    }
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let mut bytes = name.bytes();
    let is_name = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name { Piece::Variable { name, default } } else { broken("this names no environment variable") }
}
