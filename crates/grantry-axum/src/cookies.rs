//! The two cookies: one that binds the browser, and one that remembers what it finished last.

use axum::http::header::{COOKIE, HeaderMap, HeaderValue};
use grantry::authorization_code::{PendingKey, UserAgentBinding};

/// `__Host-`: only this very host can have set it, over TLS, for every path (RFC 6265bis section 4.1.3.2). Browsers take
/// loopback addresses for secure, so it works in development as well.
const BINDING: &str = "__Host-grantry";
const DONE: &str = "__Host-grantry-done";
/// Lax: it comes along where the authorization server sends the browser back, and with nothing that another site's page
/// loads by itself.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";
/// How long a login that was finished is remembered, in seconds.
const REMEMBERED: u32 = 600;

/// The browser's own value.
pub(crate) fn binding(headers: &HeaderMap) -> Option<UserAgentBinding> {
    UserAgentBinding::from_cookie(one(headers, BINDING)?)
}

/// Sets the browser's value, until the browser ends.
pub(crate) fn set_binding(binding: &UserAgentBinding) -> Option<HeaderValue> {
    secret(format!("{BINDING}={}; {ATTRIBUTES}", binding.expose()))
}

/// Whether this browser finished the login of that key a moment ago.
pub(crate) fn has_finished(headers: &HeaderMap, key: &PendingKey) -> bool {
    one(headers, DONE).is_some_and(|done| done == key.to_string())
}

/// Whether it finished any.
pub(crate) fn has_finished_one(headers: &HeaderMap) -> bool {
    one(headers, DONE).is_some()
}

/// Remembers which login it was. The key tells nobody anything: it is a hash of what only this browser knows.
pub(crate) fn set_finished(key: &PendingKey) -> Option<HeaderValue> {
    secret(format!("{DONE}={key}; Max-Age={REMEMBERED}; {ATTRIBUTES}"))
}

fn secret(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The one cookie of that name. Where there are two, nobody can tell whose each is.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    named.next().filter(|_| named.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, line.parse().unwrap())).collect()
    }

    #[test]
    fn one_cookie_is_found_among_others_and_two_are_none() {
        let value = "abcdefghijklmnopqrstuvwx";
        let whole = format!("{BINDING}={value}");
        for lines in
            [vec![whole.as_str()], vec!["a=b; c=d", whole.as_str()], vec![&format!("a=b;{whole} ; c=d")]]
        {
            assert_eq!(binding(&headers(&lines)).unwrap().expose(), value, "{lines:?}");
        }
        let short = format!("{BINDING}=short");
        let twice = format!("{whole}; {whole}");
        let other = format!("X{whole}");
        for lines in
            [vec![], vec![short.as_str()], vec![twice.as_str()], vec![&whole, &whole], vec![other.as_str()]]
        {
            assert!(binding(&headers(&lines)).is_none(), "{lines:?}");
        }
    }

    #[test]
    fn req_b08_the_cookie_is_for_this_host_over_tls_and_for_no_script() {
        let made = UserAgentBinding::from_cookie("abcdefghijklmnopqrstuvwx").unwrap();
        let set = set_binding(&made).unwrap();
        assert_eq!(
            set.to_str().unwrap(),
            "__Host-grantry=abcdefghijklmnopqrstuvwx; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(set.is_sensitive());
    }
}
