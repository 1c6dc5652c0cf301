//! Resource indicators (RFC 8707).

use grantry_core::Error;
use url::Url;

/// Checks a resource indicator: an absolute URI without a fragment (RFC 8707 section 2). It is sent as it stands,
/// so nothing is normalised.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) says what is wrong with it.
pub fn check_resource(resource: &str) -> Result<(), Error> {
    let refuse = |why: &str| {
        Err(Error::configuration(format!(
            "the resource is not usable: {why}. Expected an absolute URI without a fragment, such as \
             https://api.example.com/orders (RFC 8707 section 2)"
        )))
    };
    if resource.is_empty() {
        return refuse("it is empty");
    }
    // `Url::parse` drops some of these silently, and what is sent would differ from what was checked.
    if !resource.bytes().all(|b| b.is_ascii_graphic()) {
        return refuse("it holds white space, a control character or a character outside ASCII");
    }
    if resource.contains('#') {
        return refuse("it has a fragment (#...)");
    }
    let Some((scheme, rest)) = resource.split_once(':') else {
        return refuse("it has no scheme such as https:");
    };
    let Ok(url) = Url::parse(resource) else {
        return refuse("it is not an absolute URI");
    };
    if rest.is_empty() {
        return refuse("nothing follows the scheme");
    }
    // `Url::parse` mends `https:host` and `https:\\host` as browsers do; they are no URIs.
    let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if web && (!rest.starts_with("//") || rest.starts_with("///") || rest.contains('\\')) {
        return refuse("a web address needs // and a host after its scheme");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds a user name or password");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_c22_a_resource_is_an_absolute_uri_without_fragment() {
        for good in ["https://api.example.com", "http://localhost:8080/mcp?a=1", "urn:example:orders"] {
            assert!(check_resource(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/orders",
            "api.example.com/orders",
            "https:",
            "https:///api.example.com",
            "https://api.example.com/#top",
            "https://api.example.com/a b",
            "https://user:password@api.example.com",
        ] {
            let error = check_resource(bad).unwrap_err().to_string();
            assert!(error.contains("RFC 8707") && !error.contains("password@"), "{bad}: {error}");
        }
    }
}
