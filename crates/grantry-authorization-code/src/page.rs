//! The page that a person sees at the end, with nothing in it that is not ours.

use std::fmt;

use grantry_core::{ErrorKind, Stage};

use crate::Unfinished;

const STYLE: &str = "body{font:1.1em/1.5 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em;\
                     color:#222;background:#fff}@media(prefers-color-scheme:dark){body{color:#eee;background:#222}}";
/// Takes the code out of the address bar and out of the history (RFC 9700 section 4.2.4).
const SCRIPT: &str = "history.replaceState(null,\"\",location.pathname)";

/// A page for the person whose browser came back: plain HTML that loads nothing and shows no text unescaped.
///
/// Serve it with [`status`](Self::status) and all of [`HEADERS`](Self::HEADERS). Its one script, of one line, takes the
/// query out of the address bar; without scripts the page is the same.
///
/// ```
/// use grantry_authorization_code::Page;
/// let page = Page::new(200, "Connected", "Calendar <beta> is connected.");
/// assert!(page.to_html().contains("Calendar &lt;beta&gt; is connected."));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Page {
    status: u16,
    title: String,
    text: String,
}

impl Page {
    /// The headers that go with every page, in names of lower case.
    pub const HEADERS: &'static [(&'static str, &'static str)] = &[
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; img-src data:; style-src 'sha256-LzxxTPmvPSZ0DkXm0QjR/z1oD1Uj6rs3UUzqZiQq4gk='; \
             script-src 'sha256-8A+3er73YJf04rRHGhbZwZQACPiiipi9EPduIeAAIDk='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];

    /// A page with an HTTP status, a title and a sentence or two.
    pub fn new(status: u16, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { status, title: title.into(), text: text.into() }
    }

    /// What a person sees whose consent brought tokens.
    pub fn finished() -> Self {
        Self::new(200, "Connected", "You may close this window and go back to the application.")
    }

    /// What a person sees whose authorization brought none: whose move it is, in words of ours. What the server says
    /// ([`Unfinished::said`]) is there too, named as the service's own words.
    pub fn unfinished(unfinished: &Unfinished) -> Self {
        let error = &unfinished.error;
        let (status, title, text) = match (error.kind(), error.oauth_code()) {
            (_, Some("access_denied")) => (
                403,
                "Not connected",
                "Access was declined, so nothing was connected. If that was not what you meant, begin again in the \
                 application.",
            ),
            (ErrorKind::Unreachable | ErrorKind::Unavailable | ErrorKind::Interrupted, _) => (
                502,
                "The service does not answer",
                "The service could not be reached just now. Wait a minute and begin again in the application.",
            ),
            (ErrorKind::Configuration | ErrorKind::InvalidClient | ErrorKind::InvalidScope, _) => (
                500,
                "Not connected",
                "The application and the service do not agree on how to connect. Tell whoever runs the application.",
            ),
            _ if error.stage() == Stage::IdToken => (
                502,
                "Not connected",
                "What the service said of who you are was not right, so nothing was connected. Begin again in the \
                 application; if it stays so, tell whoever runs it.",
            ),
            _ => (
                400,
                "Not connected",
                "The login could not be finished, and nothing was connected. Go back to the application and begin \
                 again.",
            ),
        };
        let text = match &unfinished.said {
            Some(said) => format!("{text} The service says: \u{201c}{said}\u{201d}"),
            None => text.to_owned(),
        };
        Self::new(status, title, text)
    }

    /// The HTTP status that it goes with.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The title, unescaped.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The text, unescaped.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole page.
    pub fn to_html(&self) -> String {
        let (title, text) = (Escaped(&self.title), Escaped(&self.text));
        // An icon of its own, or browsers ask for /favicon.ico.
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">\
             <title>{title}</title><style>{STYLE}</style></head>\n\
             <body><h1>{title}</h1><p>{text}</p><script>{SCRIPT}</script></body></html>\n"
        )
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may be a stranger's.
        f.debug_struct("Page")
            .field("status", &self.status)
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}

/// Text in HTML, in an element or a quoted attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use grantry_core::{Error, Stage};
    use grantry_jose::{base64url, sha256};

    use super::*;

    fn header(name: &str) -> &'static str {
        Page::HEADERS.iter().find(|(other, _)| *other == name).unwrap().1
    }

    #[test]
    fn req_b18_the_page_allows_its_own_style_and_script_and_nothing_else() {
        let html = Page::finished().to_html();
        let policy = header("content-security-policy");
        for (tag, text) in [("style", STYLE), ("script", SCRIPT)] {
            let hash = base64url::encode(sha256(text)).replace('-', "+").replace('_', "/");
            assert!(policy.contains(&format!("{tag}-src 'sha256-{hash}='")), "{tag} {hash} {policy}");
            assert_eq!(html.matches(&format!("<{tag}>{text}</{tag}>")).count(), 1);
        }
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("src="));
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
    }

    #[test]
    fn req_b19_no_text_becomes_markup() {
        let odd = "<script>alert(1)</script>&\"'";
        let html = Page::new(400, odd, odd).to_html();
        assert_eq!(html.matches("<script>").count(), 1, "its own");
        assert_eq!(html.matches("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;").count(), 3);
        let error = Error::new(ErrorKind::Refused, Stage::Authorize, "x").with_oauth_code("access_denied");
        let unfinished = Unfinished { said: Some(odd.to_owned()), ..Unfinished::over(error) };
        let page = Page::unfinished(&unfinished);
        assert_eq!(page.status(), 403);
        assert!(page.to_html().contains("The service says: \u{201c}&lt;script&gt;"));
        assert!(!format!("{page:?}").contains("alert"));
    }
}
