//! Where the server sends the person back to (RFC 6749 section 3.1.2).

use grantry_core::Error;
use url::{Host, Url, form_urlencoded};

/// Parameters of a response, which the redirect URI's own query may not hold.
const OF_RESPONSES: &[&str] =
    &["code", "state", "iss", "error", "error_description", "error_uri", "response"];

/// Schemes that name no application, or run what follows them.
const NO_APPLICATION: &[&str] = &[
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "javascript",
    "urn",
    "vbscript",
    "ws",
    "wss",
];

/// Checks a redirect URI as [`AuthorizationCodeBuilder::build`](crate::AuthorizationCodeBuilder::build) does: absolute, without
/// a fragment, and either https, this machine's own, or of an application's scheme. It is sent as it stands, so nothing is
/// normalised: servers compare it by the character.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) says which rule it breaks.
pub fn check(uri: &str) -> Result<(), Error> {
    let refuse = |why: &str| {
        Err(Error::configuration(format!(
            "the redirect URI is not usable: {why}. Expected the one that is registered at the server, such as \
             https://app.example.com/callback"
        )))
    };
    if uri.is_empty() || !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return refuse("it is empty, or holds white space, a control character or a character outside ASCII");
    }
    if uri.contains('#') {
        return refuse("it has a fragment (#...)");
    }
    let Ok(url) = Url::parse(uri) else {
        return refuse("it is not an absolute URI");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds a user name or password");
    }
    match url.scheme() {
        "https" | "http" => {
            // The parser mends `https:host` and backslashes as browsers do.
            let after = uri.split_once(':').map_or("", |(_, after)| after);
            if !after.starts_with("//") || after.starts_with("///") || after.contains('\\') {
                return refuse("a web address needs // and a host after its scheme");
            }
            if url.scheme() == "http" && !is_loopback(&url) {
                return refuse("http is for 127.0.0.1, [::1] and localhost only");
            }
        }
        scheme if NO_APPLICATION.contains(&scheme) => return refuse("its scheme is no application's"),
        // RFC 8252 section 7.1: a reversed domain name, so that no other application has it.
        scheme if !scheme.contains('.') => {
            return refuse("a scheme of one's own has to be a reversed domain name, such as com.example.app");
        }
        _ => {}
    }
    let mut names: Vec<String> = Vec::new();
    for (name, _) in form_urlencoded::parse(url.query().unwrap_or_default().as_bytes()) {
        if OF_RESPONSES.contains(&&*name) {
            return refuse("its query holds a parameter that the response has");
        }
        if names.iter().any(|other| **other == *name) {
            return refuse("its query names a parameter twice");
        }
        names.push(name.into_owned());
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_b15_b22_a_redirect_uri_is_absolute_without_fragment_and_an_applications_own() {
        for good in [
            "https://app.example.com/callback",
            "https://app.example.com",
            "https://app.example.com/callback?tenant=a&x=1",
            "http://127.0.0.1:49152/callback",
            "http://[::1]/",
            "http://localhost:3000/cb",
            "com.example.app:/oauth2redirect",
            "com.example.app:/oauth2redirect/provider?a=b",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "app.example.com/callback",
            "https://app.example.com/callback#",
            "https://app.example.com/#/callback",
            "https://app.example.com/call back",
            "https://user:secret@app.example.com/",
            "http://app.example.com/callback",
            "http://127.0.0.1.example.com/callback",
            "http://localhost.example.com/callback",
            "https:app.example.com/callback",
            "https:\\\\app.example.com",
            "https:///callback",
            "myapp:/callback",
            "urn:ietf:wg:oauth:2.0:oob",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///tmp/x",
            "https://app.example.com/callback?code=1",
            "https://app.example.com/callback?a=1&state=x",
            "https://app.example.com/callback?a=1&a=2",
            "https://app.example.com/callb\u{430}ck",
        ] {
            let error = check(bad).unwrap_err().to_string();
            assert!(!error.contains("secret@"), "{bad}: {error}");
        }
    }
}
