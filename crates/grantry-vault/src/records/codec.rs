//! The bytes of records: plain fields one after the other, in buffers that are zeroized.
//!
//! There is no general format between a secret and its bytes, so that no copy is made that nobody zeroizes.

use std::fmt;

use grantry_core::{StoreTime, Timestamp};
use zeroize::Zeroizing;

/// The most items that a list has.
const MOST_ITEMS: usize = 4096;

/// Writes fields. The buffer is as large as the record needs from the start, so that growing leaves no copy behind.
///
/// ```
/// use grantry_vault::{FieldReader, FieldWriter};
/// let mut fields = FieldWriter::with_room(64);
/// fields.text("crm");
/// fields.number(7);
/// let mut read = FieldReader::new(fields.as_bytes());
/// assert_eq!((read.text(), read.number(), read.is_at_end()), (Some("crm"), Some(7), true));
/// ```
pub struct FieldWriter {
    bytes: Zeroizing<Vec<u8>>,
}

impl FieldWriter {
    /// For about so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(bytes)) }
    }

    /// A byte.
    pub fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    /// A number.
    pub fn number(&mut self, number: u64) {
        self.raw(&number.to_be_bytes());
    }

    /// Bytes, with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.raw(bytes);
    }

    /// Text, with its length.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A moment on the wall clock.
    pub fn time(&mut self, time: Timestamp) {
        self.raw(&time.as_unix_nanos().to_be_bytes());
    }

    /// A moment on the store's clock.
    pub fn store_time(&mut self, time: StoreTime) {
        self.number(time.as_nanos());
    }

    /// Whether it is there, then it.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// How many there are, then each.
    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.length(items.len());
        items.for_each(|item| write(self, item));
    }

    fn length(&mut self, length: usize) {
        self.raw(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }

    fn raw(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() > self.bytes.capacity() {
            // The old buffer is zeroized when it is dropped, which a growing `Vec` would not do.
            let mut larger = Zeroizing::new(Vec::with_capacity((self.bytes.len() + bytes.len()) * 2));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads fields; each returns `None` where the bytes are not such a field.
pub struct FieldReader<'a> {
    rest: &'a [u8],
}

impl<'a> FieldReader<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// A byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// A number.
    pub fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    /// Bytes, with their length.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (head, tail) = self.rest.split_at_checked(length)?;
        self.rest = tail;
        Some(head)
    }

    /// Text, with its length.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A moment on the wall clock.
    pub fn time(&mut self) -> Option<Timestamp> {
        self.take().map(|bytes| Timestamp::from_unix_nanos(i64::from_be_bytes(bytes)))
    }

    /// A moment on the store's clock.
    pub fn store_time(&mut self) -> Option<StoreTime> {
        self.number().map(StoreTime::from_nanos)
    }

    /// Whether it is there, then it.
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// How many there are, at most 4096, then each.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        if length > MOST_ITEMS {
            return None;
        }
        (0..length).map(|_| read(self)).collect()
    }

    /// Whether nothing is left: a record with more than its fields is none of ours.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.take()?)).ok()
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }
}

impl fmt::Debug for FieldWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldWriter([{} bytes])", self.bytes.len())
    }
}

impl fmt::Debug for FieldReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldReader([{} bytes])", self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_and_half_of_them_do_not() {
        let mut writer = FieldWriter::with_room(0);
        writer.byte(7);
        writer.text("text");
        writer.option(Some(5), FieldWriter::number);
        writer.option(None, FieldWriter::number);
        writer.list(["a", "b"].iter(), |writer, item| writer.text(item));
        let bytes = writer.as_bytes();
        let read = |bytes: &[u8]| {
            let mut reader = FieldReader::new(bytes);
            let fields = (reader.byte()?, reader.text()?.to_owned(), reader.option(FieldReader::number)?);
            let rest = (reader.option(FieldReader::number)?, reader.list(|r| r.text().map(str::to_owned))?);
            reader.is_at_end().then_some((fields, rest))
        };
        let expected = ((7, "text".to_owned(), Some(5)), (None, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(read(bytes), Some(expected));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
    }
}
