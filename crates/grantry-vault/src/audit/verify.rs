//! Verification of an audit log.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead};

use super::authenticity::Trust;
use super::examined::{Examined, compare_kept};
use super::findings::{Findings, Position};
use super::line::Content;
use super::lines::{LineRead, Lines};
use super::report::{At, BreakKind, Orphan, Report};
use super::{AttemptId, AuditKey, AuditLine, Checkpoint, CheckpointKey, WriterId};

/// Reads the lines of an audit log, one source after the other, and tells what was changed.
///
/// A source is a file, a sink's copy, a range of a store; lines of many writers may be mixed in it. A writer's lines have
/// to come in the order in which they were written: of several files, the older first ([`JsonLines::files`] lists
/// them so). Lines that are read twice, from two sinks, are compared.
///
/// [`has_to_reach`](Verifier::has_to_reach) tells of checkpoints that were kept elsewhere. It cannot be known otherwise that a
/// log's end is missing.
///
/// It keeps about 60 bytes for each line.
///
/// [`JsonLines::files`]: super::JsonLines::files
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_core::{SystemClock, SystemEntropy};
/// # use grantry_vault::audit::{AuditLog, Intent, Outcome};
/// # let key = AuditKey::generate(&SystemEntropy);
/// # let its_key = AuditKey::from_slice(key.expose()).ok_or("not 32 bytes")?;
/// # let temporary = tempfile::tempdir()?;
/// # let folder = temporary.path().join("audit");
/// # let log = AuditLog::builder(its_key, Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
/// #     .sink(JsonLines::new(&folder))
/// #     .build()?;
/// # let attempt = log.intent(Intent::new("workload:billing", "token.use").allowed("role_binding")).await?;
/// # log.outcome(attempt, Outcome::ok());
/// # log.close().await?;
/// use std::{fs::File, io::BufReader};
/// use grantry_vault::audit::{AuditKey, JsonLines, Verifier};
///
/// let mut verifier = Verifier::new(key);
/// for path in JsonLines::files(&folder)? {
///     verifier.read(&path.display().to_string(), BufReader::new(File::open(&path)?))?;
/// }
/// let report = verifier.finish();
/// if let Some(first) = report.first_break() {
///     eprintln!("{first}");
/// }
/// assert!(report.is_intact());
/// # assert_eq!(report.writers().map(|(_, writer)| writer.allowed).sum::<u64>(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Verifier {
    trust: Trust,
    kept: Vec<Checkpoint>,
    chains: HashMap<WriterId, Examined>,
    findings: Findings,
    attempts: Attempts,
    torn: Vec<At>,
    position: Position,
}

impl Verifier {
    /// Verifies everything, with the root key.
    pub fn new(key: AuditKey) -> Self {
        Self::with(Trust::Root(key))
    }

    /// Verifies with public keys alone: the signatures of checkpoints, that every line names the one before it, and
    /// that none is missing. That what a line says was changed, without its digests, is not found out.
    pub fn with_checkpoint_keys(keys: impl IntoIterator<Item = CheckpointKey>) -> Self {
        Self::with(Trust::Public(keys.into_iter().map(|key| (key.writer(), key)).collect()))
    }

    fn with(trust: Trust) -> Self {
        Self {
            trust,
            kept: Vec::new(),
            chains: HashMap::new(),
            findings: Findings::default(),
            attempts: Attempts::default(),
            torn: Vec::new(),
            position: Position { source: 0, name: "".into(), line: 0 },
        }
    }

    /// The log has to reach up to this checkpoint, which was kept elsewhere, and to say the same.
    pub fn has_to_reach(&mut self, checkpoint: Checkpoint) {
        self.kept.push(checkpoint);
    }

    /// Another source begins; reports call it `name`.
    pub fn begin(&mut self, name: &str) {
        self.position = Position { source: self.position.source + 1, name: name.into(), line: 0 };
    }

    /// Takes the next line of the source, as text without its newline.
    pub fn text(&mut self, text: &str) {
        match AuditLine::from_json(text) {
            Ok(line) => self.line(&line),
            Err(_) => self.unreadable(),
        }
    }

    /// Takes the next line of the source.
    pub fn line(&mut self, line: &AuditLine) {
        self.position.line += 1;
        let writer = line.writer();
        let trust = &self.trust;
        let chain = self.chains.entry(writer).or_insert_with(|| Examined::new(trust.keys(writer)));
        if chain.examine(line, &self.position, &mut self.findings) && !self.attempts.saw(line) {
            self.findings.found(BreakKind::SecondOutcome, &self.position, writer, line.seq());
        }
    }

    /// Takes a whole source of JSON lines. An end in the middle of a line is not a break but is reported. It blocks.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(&mut self, name: &str, source: impl BufRead) -> io::Result<()> {
        self.read_lines(name, Lines::new(source))
    }

    /// The same, of lines that are read already one after the other.
    ///
    /// # Errors
    /// Those of the reader.
    pub(crate) fn read_lines(&mut self, name: &str, lines: Lines<impl BufRead>) -> io::Result<()> {
        self.begin(name);
        for line in lines {
            match line? {
                LineRead::Line(line) => self.line(&line),
                LineRead::Unreadable => self.unreadable(),
                LineRead::Torn => {
                    self.position.line += 1;
                    self.torn.push(self.position.at());
                }
            }
        }
        Ok(())
    }

    /// Verifies one list of lines.
    pub fn verify<'a>(mut self, lines: impl IntoIterator<Item = &'a AuditLine>) -> Report {
        self.begin("lines");
        for line in lines {
            self.line(line);
        }
        self.finish()
    }

    /// What was found.
    pub fn finish(mut self) -> Report {
        for kept in &self.kept {
            let writer = kept.writer();
            compare_kept(self.chains.get_mut(&writer), writer, kept, &mut self.findings);
        }
        let summaries = self.chains.iter().filter_map(|(writer, chain)| Some((*writer, chain.summary()?)));
        let writers: BTreeMap<_, _> = summaries.collect();
        let (repeated, unlisted) = (self.findings.repeated, self.findings.unlisted);
        let (orphans, stray) = self.attempts.left();
        Report {
            breaks: self.findings.into_breaks(),
            writers,
            orphans,
            stray,
            torn: self.torn,
            repeated,
            unlisted,
        }
    }

    fn unreadable(&mut self) {
        self.position.line += 1;
        self.findings.unreadable(&self.position);
    }
}

/// Which intents have an outcome. An outcome may be read before its intent, where they are of two writers.
#[derive(Debug, Default)]
struct Attempts {
    open: HashMap<AttemptId, AuditLine>,
    over: HashSet<AttemptId>,
    early: HashSet<AttemptId>,
}

impl Attempts {
    /// Whether the attempt that the line is of has no more outcomes now than it may have.
    fn saw(&mut self, line: &AuditLine) -> bool {
        match &line.parts().content {
            Content::Intent(intent) => {
                let attempt = AttemptId::new(line.writer(), line.seq());
                let has_ended = self.early.remove(&attempt);
                if has_ended || !intent.is_allowed() {
                    self.over.insert(attempt);
                } else {
                    self.open.insert(attempt, line.clone());
                }
                intent.is_allowed() || !has_ended
            }
            Content::Outcome { attempt, .. } => {
                if self.open.remove(attempt).is_some() {
                    self.over.insert(*attempt)
                } else {
                    !self.over.contains(attempt) && self.early.insert(*attempt)
                }
            }
            Content::Opening { .. } | Content::Checkpoint { .. } => true,
        }
    }

    /// Intents without an outcome, and outcomes without an intent.
    fn left(self) -> (Vec<Orphan>, Vec<AttemptId>) {
        let orphan = |(attempt, line): (AttemptId, AuditLine)| Orphan { attempt, time: line.time(), line };
        let mut orphans: Vec<_> = self.open.into_iter().map(orphan).collect();
        orphans.sort_by_key(|orphan| orphan.attempt);
        let mut stray: Vec<_> = self.early.into_iter().collect();
        stray.sort();
        (orphans, stray)
    }
}
