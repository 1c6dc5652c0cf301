//! What is inside a sealed record: a tombstone, or content of the kind that is kept there.

use grantry_core::StoreTime;

use super::{Reader, Writer};
use crate::backend::RecordKind;
use crate::sealing::RefusedRecord;

/// Content of one kind of record.
pub(crate) trait Content: Sized {
    /// The kind of the records that hold it.
    const KIND: RecordKind;
    /// The newest format that is read.
    const FORMAT: u8;

    /// The format that it is written in: an older one where nothing needs the newest, so that processes of an older version
    /// go on reading.
    fn format(&self) -> u8 {
        Self::FORMAT
    }

    /// About how many bytes it needs.
    fn room(&self) -> usize;

    /// Writes its fields.
    fn write(&self, to: &mut Writer);

    /// Reads its fields as a format wrote them; `None` where they are none.
    fn read(format: u8, from: &mut Reader<'_>) -> Option<Self>;
}

/// What a record holds.
#[derive(Debug)]
pub(crate) enum Kept<T> {
    /// It was deleted at that time on the store's clock.
    Tombstone(StoreTime),
    /// This.
    Content(T),
}

const TOMBSTONE: u8 = 0;
const CONTENT: u8 = 1;
const ASIDE: u8 = 2;

/// Bytes that are kept outside of the store for a while, sealed for the place of a record. Put into the store they are
/// no record.
pub(crate) fn aside(bytes: &[u8]) -> Writer {
    let mut writer = Writer::with_room(bytes.len() + 16);
    writer.byte(ASIDE);
    writer.bytes(bytes);
    writer
}

/// What [`aside`] wrote.
pub(crate) fn read_aside(opened: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(opened);
    reader.byte().filter(|kind| *kind == ASIDE)?;
    let bytes = reader.bytes()?;
    reader.is_at_end().then_some(bytes)
}

impl<T: Content> Kept<T> {
    /// In bytes.
    pub(crate) fn encode(&self) -> Writer {
        match self {
            Self::Tombstone(at) => {
                let mut writer = Writer::with_room(16);
                writer.byte(TOMBSTONE);
                writer.store_time(*at);
                writer
            }
            Self::Content(content) => {
                let mut writer = Writer::with_room(content.room() + 16);
                writer.byte(CONTENT);
                writer.byte(content.format());
                content.write(&mut writer);
                writer
            }
        }
    }

    /// From the bytes of a record that was opened.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RefusedRecord> {
        let mut reader = Reader::new(bytes);
        let kept = match reader.byte() {
            Some(TOMBSTONE) => reader.store_time().map(Self::Tombstone),
            Some(CONTENT) => {
                let format = reader.byte().ok_or(RefusedRecord::Unreadable)?;
                if format > T::FORMAT {
                    return Err(RefusedRecord::NewerFormat { format });
                }
                T::read(format, &mut reader).map(Self::Content)
            }
            _ => None,
        };
        kept.filter(|_| reader.is_at_end()).ok_or(RefusedRecord::Unreadable)
    }
}

/// Whether the bytes of a record that was opened are a tombstone, and of when.
pub(crate) fn tombstone(bytes: &[u8]) -> Option<StoreTime> {
    let mut reader = Reader::new(bytes);
    reader.byte().filter(|kind| *kind == TOMBSTONE)?;
    reader.store_time()
}

/// The content of a record that was opened, past its format; `None` for what is none.
pub(crate) fn fields(bytes: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader::new(bytes);
    reader.byte().filter(|kind| *kind == CONTENT)?;
    reader.byte()?;
    Some(reader)
}
