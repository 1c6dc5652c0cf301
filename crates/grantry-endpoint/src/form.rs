//! `application/x-www-form-urlencoded` bodies (RFC 6749 appendix B).

use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use crate::zeroized::append;

/// A form under construction. It may hold secrets and is zeroized when dropped.
#[derive(Default, Clone)]
pub(crate) struct Form(Zeroizing<Vec<u8>>);

impl Form {
    /// Adds a parameter; an empty one is left out (OAuth 2.1 section 3.2).
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            append(&mut self.0, b"&");
        }
        encode(&mut self.0, name);
        append(&mut self.0, b"=");
        encode(&mut self.0, value);
    }

    pub(crate) fn into_body(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Form-encodes a text behind what is there.
pub(crate) fn encode(buffer: &mut Zeroizing<Vec<u8>>, text: &str) {
    for piece in byte_serialize(text.as_bytes()) {
        append(buffer, piece.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_a11_the_vector_of_rfc_6749_appendix_b() {
        let mut form = Form::default();
        form.add("value", " %&+£€");
        form.add("empty", "");
        form.add("b", "1");
        assert_eq!(&**form.into_body(), b"value=+%25%26%2B%C2%A3%E2%82%AC&b=1");
    }
}
