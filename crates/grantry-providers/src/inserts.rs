//! What may be inserted into a preset's URLs.

/// Whether it is a host name of at least two labels: letters, digits and hyphens (RFC 1123 section 2.1), no dot at
/// its end, and a last label that is not a number, so that no address passes for a name.
pub(crate) fn is_host_name(text: &str) -> bool {
    let labels = || text.split('.');
    text.len() <= 253
        && labels().count() >= 2
        && labels().all(is_label)
        && labels().next_back().is_some_and(|last| last.bytes().any(|b| b.is_ascii_alphabetic()))
        // `0x7f` is read as a number too.
        && labels().next_back().is_some_and(|last| !last.to_ascii_lowercase().starts_with("0x"))
}

/// Whether it is one label of a host name.
pub(crate) fn is_label(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Whether it is an id of letters, digits, `-` and `_`: a whole segment of a path that means nothing else.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether it is a GUID in its usual form, without braces.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    text.split('-').map(str::len).eq(lengths)
        && text.split('-').all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What is wrong with a text that should have been a host name, for the mistakes that people make.
pub(crate) fn mistake(text: &str) -> &'static str {
    if text.is_empty() {
        "it is empty"
    } else if text.contains("://") || text.contains('/') {
        "give the host alone, without https:// and path"
    } else if text.contains(':') || text.contains('@') {
        "give the host alone, without port and user name"
    } else if text.trim() != text {
        "there is white space around it"
    } else if !text.is_ascii() {
        "write a name in other letters in its ASCII form (xn--...)"
    } else if text.ends_with('.') {
        "leave out the dot at its end"
    } else {
        "a host name is made of letters, digits, hyphens and dots, and is no address"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_are_no_host_names() {
        for bad in
            ["127.0.0.1", "10.1", "1.2.3.0x7f", "a.1", "localhost", "a..b", ".a.b", "a.b.", "-a.b", "a-.b"]
        {
            assert!(!is_host_name(bad), "{bad}");
        }
        for good in ["acme.okta.com", "login.acme.co.uk", "xn--bcher-kva.example", "a.b2"] {
            assert!(is_host_name(good), "{good}");
        }
        assert!(!is_host_name(&format!("{}.com", "a".repeat(64))));
        assert!(!is_host_name(&vec!["a".repeat(62); 5].join(".")));
    }

    #[test]
    fn guids_have_one_form() {
        assert!(is_guid("72f988bf-86f1-41af-91ab-2d7cd011db47"));
        for bad in [
            "72f988bf86f141af91ab2d7cd011db47",
            "{72f988bf-86f1-41af-91ab-2d7cd011db47}",
            "72f988bf-86f1-41af-91ab-2d7cd011db4g",
            "72f988bf-86f1-41af-91ab-2d7cd011db47-",
        ] {
            assert!(!is_guid(bad), "{bad}");
        }
    }
}
