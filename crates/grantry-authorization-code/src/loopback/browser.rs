//! The system's browser.

use grantry_core::{Error, ErrorKind};

use crate::STAGE;

/// Opens a URL in the browser that the person has chosen for this machine (RFC 8252 section 8.12: never in a window
/// of the program's own, where it could watch the password). Returns as soon as the browser was told.
///
/// # Errors
/// [`Unreachable`](ErrorKind::Unreachable) where there is no browser, as in a container or over ssh: the person has to
/// open the URL by hand. [`Configuration`](ErrorKind::Configuration) for what is no web address.
pub fn open_browser(url: &str) -> Result<(), Error> {
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err(Error::configuration("only web addresses are opened in a browser"));
    }
    // What the browser prints is not the program's output. The cause is left out: it may tell the URL.
    let mut options = webbrowser::BrowserOptions::new();
    options.with_suppress_output(true);
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url, &options).map_err(|_| {
        Error::new(ErrorKind::Unreachable, STAGE, "no browser could be opened: open the printed URL by hand")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_and_no_program_is_opened() {
        for url in ["file:///etc/passwd", "javascript:alert(1)", "-a Calculator", "com.example.app:/x", ""] {
            assert_eq!(open_browser(url).unwrap_err().kind(), ErrorKind::Configuration, "{url}");
        }
    }
}
