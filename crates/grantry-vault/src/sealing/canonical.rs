//! Bytes that bind: each field with its length before it, so that no two sets of fields give the same bytes.

/// The label, the suite, five names with their lengths, and the four numbers of a stamp.
const MOST: usize = (2 + 32) + 1 + (2 + 63) * 3 + (2 + 255) + (2 + 16) + 16 + 8 + 8 + 4;

/// Canonical bytes, on the stack: they are made for each record that is opened.
#[derive(Debug)]
pub(crate) struct Canonical {
    bytes: [u8; MOST],
    length: usize,
}

impl Canonical {
    /// Begins with what the bytes are for.
    pub(crate) fn new(label: &str) -> Self {
        let mut canonical = Self { bytes: [0; MOST], length: 0 };
        canonical.text(label);
        canonical
    }

    /// A text, with its length in two bytes before it.
    pub(crate) fn text(&mut self, text: &str) {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.raw(&length.to_be_bytes());
        self.raw(text.as_bytes());
    }

    /// A byte.
    pub(crate) fn byte(&mut self, byte: u8) {
        self.raw(&[byte]);
    }

    /// Bytes of a fixed number.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        // Names are checked to be short when they are made, so there is room; were there none, the bytes would no
        // longer match and the record be refused, never opened.
        if let Some(room) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            debug_assert!(false, "names are bounded");
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
