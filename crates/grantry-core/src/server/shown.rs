//! URLs where people look.

use url::Url;

/// A URL as it may stand in a trace, an error or an event: what could be secret in it, its query above all, is left out.
///
/// ```
/// let url = "https://as.example.com/token?key=s3cret".parse()?;
/// assert_eq!(grantry_core::shown_url(&url).as_str(), "https://as.example.com/token");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn shown_url(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Neither fails for a URL with a host, and no other has them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_a_url_is_not_shown() {
        let url = Url::parse("https://ada:canary@as.example.com:8443/token?code=canary#canary").unwrap();
        assert_eq!(shown_url(&url).as_str(), "https://as.example.com:8443/token");
    }
}
