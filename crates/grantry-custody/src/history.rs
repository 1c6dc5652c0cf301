//! What happened to a grant, for whoever has to explain it later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{ClockSkew, Entropy, ErrorKind, Timestamp};
use grantry_vault::{FieldReader, FieldWriter};

/// The entry that earlier versions of the library do not know.
const NOT_RENEWED: u8 = 6;
/// A refusal by a server whose clock is not ours; they do not know that either.
const REFUSED_BY_ANOTHER_CLOCK: u8 = 7;
/// The longest name of a process, in bytes.
const NAME_MAX: usize = 64;

/// The name of a process in the history of its grants.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ProcessName(Arc<str>);

impl ProcessName {
    /// A name for people: what cannot be shown is left out, and so is whatever comes after 64 bytes.
    pub fn new(name: impl AsRef<str>) -> Self {
        let mut kept = String::new();
        let shown =
            name.as_ref().chars().filter(|c| c.is_alphanumeric() || c.is_ascii_graphic() || *c == ' ');
        for shown in shown {
            if kept.len() + shown.len_utf8() > NAME_MAX {
                break;
            }
            kept.push(shown);
        }
        match kept.trim() {
            "" => Self("unnamed".into()),
            name => Self(name.into()),
        }
    }

    /// Eight random hexadecimal digits: tells processes apart, and says nothing of the machine.
    pub(crate) fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 4];
        entropy.fill(&mut bytes);
        Self(format!("{:08x}", u32::from_be_bytes(bytes)).into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Something that happened to a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// When, by the wall clock of the process that wrote it.
    pub at: Timestamp,
    /// Which process it happened to.
    pub by: ProcessName,
    /// What.
    pub what: Happened,
    /// Whether a new refresh token came.
    pub rotated: bool,
}

/// What happened to a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Happened {
    /// The server answered with new tokens, and the record has them.
    Renewed,
    /// An attempt ended so that nobody knows whether the refresh token was spent.
    InDoubt,
    /// The server refused a refresh token.
    Refused(Refusal),
    /// An attempt brought nothing and spent nothing: the server was not reached, was busy, or refused the client or what
    /// was asked for. A history holds the last of these only, however long an outage is.
    NotRenewed(Refusal),
    /// Tokens came after a person had seemed to be needed.
    Revived,
    /// Tokens came out of the lifeboat of a process that had died.
    BroughtHome,
}

/// How an attempt was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Refusal {
    /// What the error was.
    pub kind: ErrorKind,
    /// The provider's own code for it, where it gave one.
    pub provider_code: Option<String>,
    /// When the client got the newest of its secrets, where that is known.
    pub secret_added: Option<Timestamp>,
    /// How far the clock of the process was off the server's, where the server refused a token and they differed by minutes.
    pub clock_skew: Option<ClockSkew>,
}

impl HistoryEntry {
    pub(crate) fn new(at: Timestamp, by: ProcessName, what: Happened) -> Self {
        Self { at, by, what, rotated: false }
    }

    pub(crate) fn rotated(self, rotated: bool) -> Self {
        Self { rotated, ..self }
    }

    /// Whether tokens came.
    pub fn is_success(&self) -> bool {
        matches!(self.what, Happened::Renewed | Happened::Revived | Happened::BroughtHome)
    }

    pub(crate) fn is_not_renewed(&self) -> bool {
        matches!(self.what, Happened::NotRenewed(_))
    }

    /// Whether it is a refusal by a server whose clock is not ours.
    pub(crate) fn is_by_another_clock(&self) -> bool {
        matches!(&self.what, Happened::Refused(refusal) if refusal.clock_skew.is_some())
    }

    pub(crate) fn write(&self, to: &mut FieldWriter) {
        to.time(self.at);
        to.text(self.by.as_str());
        to.byte(u8::from(self.rotated));
        match &self.what {
            Happened::Renewed => to.byte(1),
            Happened::InDoubt => to.byte(2),
            Happened::Refused(refusal) => match refusal.clock_skew {
                None => {
                    to.byte(3);
                    refusal.write(to);
                }
                Some(skew) => {
                    to.byte(REFUSED_BY_ANOTHER_CLOCK);
                    refusal.write(to);
                    to.number(skew.by.as_secs());
                    to.byte(u8::from(skew.ours_is_ahead));
                }
            },
            Happened::Revived => to.byte(4),
            Happened::BroughtHome => to.byte(5),
            Happened::NotRenewed(refusal) => {
                to.byte(NOT_RENEWED);
                refusal.write(to);
            }
        }
    }

    pub(crate) fn read(from: &mut FieldReader<'_>) -> Option<Self> {
        let (at, by, rotated) = (from.time()?, ProcessName::new(from.text()?), from.byte()? == 1);
        let what = match from.byte()? {
            1 => Happened::Renewed,
            2 => Happened::InDoubt,
            // A kind that this version does not know was a refusal all the same.
            3 => Happened::Refused(Refusal::read(from, ErrorKind::InvalidGrant)?),
            4 => Happened::Revived,
            5 => Happened::BroughtHome,
            NOT_RENEWED => Happened::NotRenewed(Refusal::read(from, ErrorKind::Refused)?),
            REFUSED_BY_ANOTHER_CLOCK => {
                let refusal = Refusal::read(from, ErrorKind::InvalidGrant)?;
                let by = Duration::from_secs(from.number()?);
                let clock_skew = Some(ClockSkew { by, ours_is_ahead: from.byte()? == 1 });
                Happened::Refused(Refusal { clock_skew, ..refusal })
            }
            _ => return None,
        };
        Some(Self { at, by, what, rotated })
    }
}

impl Refusal {
    fn write(&self, to: &mut FieldWriter) {
        to.text(self.kind.as_str());
        to.option(self.provider_code.as_deref(), FieldWriter::text);
        to.option(self.secret_added, FieldWriter::time);
    }

    fn read(from: &mut FieldReader<'_>, otherwise: ErrorKind) -> Option<Self> {
        Some(Self {
            kind: ErrorKind::from_name(from.text()?).unwrap_or(otherwise),
            provider_code: from.option(|from| from.text().map(str::to_owned))?,
            secret_added: from.option(FieldReader::time)?,
            clock_skew: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_of_a_process_is_cut_and_cleaned() {
        assert_eq!(ProcessName::new("\u{1b}[31m\u{202e}web-1\n").as_str(), "[31mweb-1");
        assert_eq!(ProcessName::new("\u{202e} \n").as_str(), "unnamed");
        assert_eq!(ProcessName::new("é".repeat(100)).as_str().len(), 64);
    }
}
