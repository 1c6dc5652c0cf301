//! What may stand where people look: in a trace, an error, an event, a `Debug`.

use url::Url;

/// From which length on a text, or a part of a secret, gives something away: it did not get there by chance.
pub(crate) const TELLING_LENGTH: usize = 16;

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

/// The same of a text that should be a URL. What is none stands as it is, up to where a query would begin.
///
/// ```
/// use grantry_core::shown_url_text;
/// assert_eq!(shown_url_text("https://as.example.com/token?key=s3cret"), "https://as.example.com/token");
/// assert_eq!(shown_url_text("the CRM's server"), "the CRM's server");
/// ```
#[must_use]
pub fn shown_url_text(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => shown_url(&url).into(),
        _ => text.split(['?', '#']).next().unwrap_or_default().to_owned(),
    }
}

/// Whether a text that is going to be shown holds a secret, or a good part of one: what a server sends is data, and may well
/// be what it was sent. Up to 15 bytes count as chance.
///
/// ```
/// let secret = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl";
/// assert!(grantry_core::is_echo("orders.read:eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl", secret));
/// assert!(grantry_core::is_echo("read eyJhbGciOiJFUzI1NiJ9 write", secret));
/// assert!(!grantry_core::is_echo("orders.read", secret));
/// ```
#[must_use]
pub fn is_echo(text: &str, secret: &str) -> bool {
    let is_piece = |piece: &str| piece.len() >= TELLING_LENGTH && secret.contains(piece);
    (secret.len() >= TELLING_LENGTH && text.contains(secret))
        || text.split(|c: char| c.is_ascii_whitespace()).any(is_piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_a_url_is_not_shown() {
        let url = Url::parse("https://ada:canary@as.example.com:8443/token?code=canary#canary").unwrap();
        assert_eq!(shown_url(&url).as_str(), "https://as.example.com:8443/token");
        assert_eq!(shown_url_text(url.as_str()), "https://as.example.com:8443/token");
    }

    #[test]
    fn a_text_that_is_no_url_is_shown_up_to_where_a_query_would_begin() {
        for (text, shown) in
            [("crm", "crm"), ("as.test/token?key=canary", "as.test/token"), ("crm:a#canary", "crm:a")]
        {
            assert_eq!(shown_url_text(text), shown);
        }
    }

    #[test]
    fn a_secret_and_each_telling_part_of_it_is_an_echo_and_what_is_short_is_chance() {
        let secret = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl";
        let cut = &secret[..TELLING_LENGTH];
        for text in [secret, cut, &format!("x{secret}y"), &format!("read {cut} write")] {
            assert!(is_echo(text, secret), "{text}");
        }
        for text in ["", "read", &secret[..TELLING_LENGTH - 1], &format!("x{cut}")] {
            assert!(!is_echo(text, secret), "{text}");
        }
        assert!(!is_echo("contacts", "t"), "a letter stands in every text");
    }
}
