//! Reads the little DER (X.690) that keys are made of. Every length is checked; nothing is copied.

/// DER that breaks off, has a length of its own making, or is not what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadDer;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, explicit.
pub(crate) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, explicit.
pub(crate) const CONTEXT_1: u8 = 0xa1;
/// `[1]`, implicit and primitive.
pub(crate) const CONTEXT_1_PRIMITIVE: u8 = 0x81;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Self {
        Self(der)
    }

    /// The next value, which has to have this tag.
    pub(crate) fn value(&mut self, tag: u8) -> Result<&'a [u8], BadDer> {
        let (&found, rest) = self.0.split_first().ok_or(BadDer)?;
        if found != tag {
            return Err(BadDer);
        }
        let (length, rest) = length(rest)?;
        let (value, rest) = rest.split_at_checked(length).ok_or(BadDer)?;
        self.0 = rest;
        Ok(value)
    }

    /// The next value, if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BadDer> {
        if self.0.first() == Some(&tag) { self.value(tag).map(Some) } else { Ok(None) }
    }

    /// The inside of the next SEQUENCE.
    pub(crate) fn sequence(&mut self) -> Result<Self, BadDer> {
        self.value(SEQUENCE).map(Self)
    }

    /// The next INTEGER that is not negative, without the zero byte of its sign.
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8], BadDer> {
        match self.value(INTEGER)? {
            [] => Err(BadDer),
            [0, rest @ ..] if rest.first().is_some_and(|b| *b >= 0x80) => Ok(rest),
            [0] => Ok(&[]),
            [0, ..] | [0x80..=0xff, ..] => Err(BadDer),
            value => Ok(value),
        }
    }

    /// The bytes of the next BIT STRING, which has to be made of whole ones.
    pub(crate) fn bit_string(&mut self) -> Result<&'a [u8], BadDer> {
        whole_bytes(self.value(BIT_STRING)?)
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), BadDer> {
        if self.0.is_empty() { Ok(()) } else { Err(BadDer) }
    }
}

/// The content of a BIT STRING without its first byte, which counts unused bits.
pub(crate) fn whole_bytes(bits: &[u8]) -> Result<&[u8], BadDer> {
    match bits {
        [0, rest @ ..] => Ok(rest),
        _ => Err(BadDer),
    }
}

/// A definite length in its shortest form, and what follows it. No key needs more than two bytes of it.
fn length(der: &[u8]) -> Result<(usize, &[u8]), BadDer> {
    match der {
        [short @ 0..=0x7f, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x81, long @ 0x80..=0xff, rest @ ..] => Ok((usize::from(*long), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => Ok((usize::from(*high) << 8 | usize::from(*low), rest)),
        _ => Err(BadDer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_other_than_the_shortest_are_refused() {
        for bad in [
            &[0x04u8][..],
            &[0x04, 0x01],
            &[0x04, 0x80, 0x00, 0x00],
            &[0x04, 0x81, 0x01, 0x00],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Reader::new(bad).value(OCTET_STRING), Err(BadDer), "{bad:?}");
        }
        assert_eq!(Reader::new(&[0x04, 0x02, 7, 8]).value(OCTET_STRING).unwrap(), [7, 8]);
    }

    #[test]
    fn integers_lose_only_the_zero_of_their_sign() {
        let read = |bytes: &[u8]| Reader::new(bytes).unsigned().map(<[u8]>::to_vec);
        assert_eq!(read(&[2, 1, 0]).unwrap(), b"");
        assert_eq!(read(&[2, 1, 0x7f]).unwrap(), [0x7f]);
        assert_eq!(read(&[2, 2, 0, 0x80]).unwrap(), [0x80]);
        for bad in [&[2u8, 0][..], &[2, 1, 0x80], &[2, 2, 0, 1], &[2, 2, 0, 0]] {
            assert_eq!(read(bad), Err(BadDer), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.optional(SEQUENCE).is_ok_and(|v| v.is_some()) || reader.unsigned().is_ok() {}
        }
    }
}
