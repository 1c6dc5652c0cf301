//! URLs with holes.

/// A URL with holes for what differs between customers, such as `https://{host}/oauth2/v1/token`.
///
/// It is checked when this crate is compiled: https, no query or fragment, and every hole is a whole host or a
/// whole segment of the path, so that what fills it stays there. The host is in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template(&'static str);

impl Template {
    /// Checks the template; a template that breaks the rules does not compile in a constant.
    pub(crate) const fn new(text: &'static str) -> Self {
        assert!(is_sound(text.as_bytes()), "not an https URL whose holes are whole hosts or segments");
        Self(text)
    }

    /// The template, with its holes in braces.
    pub const fn as_str(&self) -> &'static str {
        self.0
    }

    /// The URL with the holes filled. The values were checked before.
    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut url = self.0.to_owned();
        for (hole, value) in values {
            url = url.replace(&format!("{{{hole}}}"), value);
        }
        url
    }
}

/// Whether the template begins with `https://`, holds only letters, digits and `-._/` outside its holes (in the host
/// no capital ones), and each hole `{name}` stands between `/` and `/` or the end.
const fn is_sound(text: &[u8]) -> bool {
    let scheme = b"https://";
    let mut at = 0;
    while at < scheme.len() {
        if at >= text.len() || text[at] != scheme[at] {
            return false;
        }
        at += 1;
    }
    let mut inside = false;
    let mut in_path = false;
    let mut before = b'/';
    while at < text.len() {
        let byte = text[at];
        let next = if at + 1 < text.len() { text[at + 1] } else { b'/' };
        let fits = match byte {
            b'{' => !inside && before == b'/' && next != b'}',
            b'}' => inside && next == b'/',
            b'a'..=b'z' => true,
            b'0'..=b'9' | b'-' | b'_' => !inside,
            b'A'..=b'Z' => !inside && in_path,
            // An empty segment would move the host, `..` the path.
            b'.' | b'/' => !inside && before != b'/' && before != b'.',
            _ => false,
        };
        if !fits {
            return false;
        }
        if byte == b'{' || byte == b'}' {
            inside = byte == b'{';
        }
        in_path = in_path || byte == b'/';
        before = byte;
        at += 1;
    }
    !inside && text.len() > scheme.len() && before != b'/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_that_an_insert_could_break_out_of_are_unsound() {
        for good in [
            "https://{host}/oauth2/v1/token",
            "https://a.example/{tenant}/v2.0",
            "https://a.example",
            "https://www.a.example/-/oauth/v2/accessToken",
        ] {
            assert!(is_sound(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "https://",
            "http://{host}/token",
            "https://{host}.okta.com/token",
            "https://okta.com{path}",
            "https://{host}/{a}{b}",
            "https://{host/token",
            "https://{}/token",
            "https://host}/token",
            "https://{{host}}/token",
            "https://{host}//token",
            "https://{host}/../token",
            "https://{host}/token/",
            "https://user@a.example/token",
            "https://a.example:443/token",
            "https://a.example/token?x=1",
            "https://a.example/token#f",
            "https://a.example/to ken",
            "https://A.example/token",
        ] {
            assert!(!is_sound(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn every_hole_is_filled() {
        let template = Template::new("https://{host}/a/{id}/b");
        let url = template.fill(&[("host", "h.example"), ("id", "x")]);
        assert_eq!(url, "https://h.example/a/x/b");
    }
}
