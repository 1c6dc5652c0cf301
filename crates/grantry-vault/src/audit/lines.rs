//! Lines as they stand in a file, one after the other.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use super::AuditLine;

/// The longest line that is read, in bytes: more than the longest that is written.
const LONGEST: u64 = 65_536;

/// What stands in one line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineRead {
    /// A line of an audit log. Whether it is genuine is not known yet.
    Line(AuditLine),
    /// Something that is no line of an audit log.
    Unreadable,
    /// The file ends in the middle of a line, as after a crash, or while its writer writes.
    Torn,
}

/// Reads what stands in the lines of a file. However long a line is, at most 64 KiB of it are in memory. It blocks.
pub struct Lines<R> {
    source: R,
    bytes: Vec<u8>,
}

impl Lines<BufReader<File>> {
    /// The lines of a file.
    ///
    /// # Errors
    /// Those of the file system, and where it is no regular file: nobody writes into a pipe that lies there.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Whoever opens a pipe waits for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(Self::new(BufReader::new(File::open(path)?)))
    }
}

impl<R: BufRead> Lines<R> {
    /// The lines of whatever can be read.
    pub fn new(source: R) -> Self {
        Self { source, bytes: Vec::new() }
    }

    fn read(&mut self) -> io::Result<Option<LineRead>> {
        self.bytes.clear();
        self.source.by_ref().take(LONGEST).read_until(b'\n', &mut self.bytes)?;
        let ended = self.bytes.pop_if(|byte| *byte == b'\n').is_some();
        if !ended && self.bytes.len() as u64 == LONGEST {
            skip_line(&mut self.source)?;
            return Ok(Some(LineRead::Unreadable));
        }
        if !ended && self.bytes.is_empty() {
            return Ok(None);
        }
        let line = std::str::from_utf8(&self.bytes).ok().and_then(|text| AuditLine::from_json(text).ok());
        Ok(Some(match line {
            Some(line) => LineRead::Line(line),
            None if ended => LineRead::Unreadable,
            None => LineRead::Torn,
        }))
    }
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<LineRead>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Reads on to the end of a line that is too long, without keeping it.
fn skip_line(source: &mut impl BufRead) -> io::Result<()> {
    loop {
        let (read, ended) = match source.fill_buf()? {
            [] => return Ok(()),
            bytes => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(newline) => (newline + 1, true),
                None => (bytes.len(), false),
            },
        };
        source.consume(read);
        if ended {
            return Ok(());
        }
    }
}
