//! Padding, so that the length of a record does not tell the length of a token.

/// Plaintexts are made a multiple of this, in bytes.
const BUCKET: usize = 256;
/// How many bytes at the end say how long the content is.
const LENGTH: usize = 4;

/// How long the padded content of so many bytes is.
pub(super) fn padded_length(content: usize) -> usize {
    (content + LENGTH).next_multiple_of(BUCKET)
}

/// Pads the content that `buffer` has from `start` on: zeros, then its length.
pub(super) fn pad(buffer: &mut Vec<u8>, start: usize) {
    let content = buffer.len() - start;
    buffer.resize(start + padded_length(content) - LENGTH, 0);
    // A record is at most 1 MiB long, so its length fits.
    buffer.extend_from_slice(&u32::try_from(content).unwrap_or(u32::MAX).to_be_bytes());
}

/// How long the content of a padded buffer is; `None` where it is not padded as [`pad`] does it.
pub(super) fn content_length(padded: &[u8]) -> Option<usize> {
    let (rest, length) = padded.split_last_chunk::<LENGTH>()?;
    let content = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let zeros = rest.get(content..)?;
    let is_padded = padded_length(content) == padded.len() && zeros.iter().all(|byte| *byte == 0);
    is_padded.then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back_and_tells_its_bucket_only() {
        for content in 0..1_500 {
            let mut buffer = vec![7; 5 + content];
            pad(&mut buffer, 5);
            assert_eq!((buffer.len() - 5) % BUCKET, 0);
            assert_eq!(content_length(&buffer[5..]), Some(content));
        }
    }

    #[test]
    fn other_padding_is_refused() {
        let mut buffer = vec![7; 10];
        pad(&mut buffer, 0);
        let flipped = |at: usize| {
            let mut other = buffer.clone();
            other[at] ^= 1;
            content_length(&other)
        };
        assert_eq!((flipped(20), flipped(254), content_length(&[])), (None, None, None));
        assert_eq!(content_length(&[0; 512]), None, "a bucket too many");
    }
}
