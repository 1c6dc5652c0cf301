//! Where a token may go, and on which requests.

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Uri};
use url::Url;

use crate::{Binding, Error, ErrorKind, Origin, Stage, Thumbprint, Token};

/// The origins that a token may go to: https, or http to loopback.
///
/// There is no wildcard: a token for `*.example.com` is a token for whoever can get a name there.
///
/// ```
/// use grantry_core::presenting::AllowedOrigins;
/// let allowed = AllowedOrigins::new(["https://api.example.com", "https://files.example.com"])?;
/// assert!(allowed.find(&"https://api.example.com/v1".parse().unwrap()).is_some());
/// assert!(allowed.find(&"https://example.com/v1".parse().unwrap()).is_none());
/// assert!(AllowedOrigins::new(["http://api.example.com"]).is_err());
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AllowedOrigins(Arc<[Origin]>);

impl AllowedOrigins {
    /// Reads the origins, each a URL such as `https://api.example.com`; a path in it makes no difference.
    ///
    /// # Errors
    /// Of kind `Configuration` where there is none, or where one has a wildcard, is not an absolute URL, or is
    /// neither https nor loopback.
    pub fn new<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, Error> {
        let mut all = Vec::new();
        for origin in origins {
            let text = origin.as_ref();
            if text.contains('*') {
                return Err(Error::configuration(
                    "an allowed origin must not have a wildcard (*): name each origin in full",
                ));
            }
            let origin = Origin::parse(text)?;
            if !all.contains(&origin) {
                all.push(origin);
            }
        }
        if all.is_empty() {
            return Err(Error::configuration(
                "name at least one allowed origin, such as https://api.example.com: without any, the token \
                 could go nowhere",
            ));
        }
        Ok(Self(all.into()))
    }

    /// The allowed origin that a request to `url` goes to. Allocates nothing.
    pub fn find(&self, url: &Url) -> Option<&Origin> {
        self.0.iter().find(|origin| origin.contains(url))
    }

    /// The allowed origin that a request to `uri` goes to. Allocates nothing.
    pub fn find_uri(&self, uri: &Uri) -> Option<&Origin> {
        self.0.iter().find(|origin| origin.contains_uri(uri))
    }

    /// The same as [`AllowedOrigins::find`], with an error that names the place.
    ///
    /// # Errors
    /// Of kind `OriginNotAllowed`.
    pub fn check(&self, url: &Url) -> Result<&Origin, Error> {
        self.find(url).ok_or_else(|| not_allowed(&url.origin().ascii_serialization()))
    }

    /// The same as [`AllowedOrigins::find_uri`], with an error that names the place.
    ///
    /// # Errors
    /// Of kind `OriginNotAllowed`, also where the URI does not say where it goes.
    pub fn check_uri(&self, uri: &Uri) -> Result<&Origin, Error> {
        self.find_uri(uri).ok_or_else(|| match (uri.scheme_str(), uri.host()) {
            (Some(scheme), Some(host)) => match uri.port_u16() {
                Some(port) => not_allowed(&format!("{scheme}://{host}:{port}")),
                None => not_allowed(&format!("{scheme}://{host}")),
            },
            _ => Error::new(
                ErrorKind::OriginNotAllowed,
                Stage::Present,
                "the request does not say where it goes: give it an absolute URI, or build the layer for one \
                 fixed origin",
            ),
        })
    }

    /// The origins.
    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter()
    }
}

impl fmt::Debug for AllowedOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|o| format_args!("{o}").to_string())).finish()
    }
}

/// Checks that a request to `origin` leaves room for a token, and that its `Host` header, where it has one,
/// names that origin: behind a shared front end another `Host` is another place.
///
/// # Errors
/// Of kind `Configuration` for a request that has an `Authorization` header already, of kind
/// `OriginNotAllowed` for another `Host`.
pub fn check_headers(headers: &HeaderMap, origin: &Origin) -> Result<(), Error> {
    if headers.contains_key(AUTHORIZATION) {
        return Err(Error::new(
            ErrorKind::Configuration,
            Stage::Present,
            "the request has an Authorization header already: remove it, or send it with a plain client",
        ));
    }
    let is_ours = |host: &http::HeaderValue| host.to_str().is_ok_and(|host| origin.is_authority(host));
    if headers.get_all(HOST).iter().all(is_ours) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::OriginNotAllowed,
        Stage::Present,
        format!("the request goes to {origin}, but its Host header names another place: remove that header"),
    ))
}

/// Checks that a client may present the token: `identity` is the certificate that it was built with, if it was with
/// any. A token that is bound to a certificate goes over connections of that very certificate (RFC 8705 section 3).
///
/// # Errors
/// Of kind `Configuration` for a token that is bound to another certificate, or to one where the client has none.
pub fn check_binding(token: &Token, identity: Option<Thumbprint>) -> Result<(), Error> {
    let fact = match (token.binding(), identity) {
        (Binding::Bearer | Binding::Proof(_), _) => return Ok(()),
        (Binding::Certificate(bound), Some(identity)) if *bound == identity => return Ok(()),
        (Binding::Certificate(_), Some(_)) => {
            "the token is bound to another client certificate than the one that this client was built with: build the \
             client anew after the certificate was exchanged"
        }
        (Binding::Certificate(_), None) => {
            "the token is bound to a client certificate, which this client was not built with"
        }
    };
    Err(Error::new(ErrorKind::Configuration, Stage::Present, fact))
}

fn not_allowed(place: &str) -> Error {
    Error::new(ErrorKind::OriginNotAllowed, Stage::Present, format!("the token may not go to {place}"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::{AccessToken, Instant, TokenSet};

    #[test]
    fn origins_that_could_leak_a_token_are_refused_when_built() {
        for bad in [
            "http://api.example.com",
            "https://*.example.com",
            "api.example.com",
            "https://",
            "https://user@api.example.com",
            "ftp://127.0.0.1",
            "file:///etc",
            "http://127.0.0.1.example.com",
            "http://0.0.0.0:80",
            "",
        ] {
            let error = AllowedOrigins::new([bad]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
        }
        assert!(AllowedOrigins::new::<&str>([]).unwrap_err().to_string().contains("at least one"));
        for good in ["https://a.example", "http://127.0.0.1:1", "http://[::1]:2", "http://localhost:3/path"] {
            assert!(AllowedOrigins::new([good]).is_ok(), "{good}");
        }
    }

    #[test]
    fn req_e07_the_error_names_the_origin_but_not_the_path() {
        let allowed = AllowedOrigins::new(["https://api.example.com"]).unwrap();
        let url = "https://evil.test:444/secret?token=x";
        let by_url = allowed.check(&url.parse().unwrap()).unwrap_err();
        let by_uri = allowed.check_uri(&url.parse().unwrap()).unwrap_err();
        for error in [by_url, by_uri] {
            assert_eq!(error.kind(), ErrorKind::OriginNotAllowed);
            assert!(error.to_string().ends_with("the token may not go to https://evil.test:444"), "{error}");
        }
        let unknown = allowed.check_uri(&"/v1".parse().unwrap()).unwrap_err();
        assert!(unknown.to_string().contains("does not say where"), "{unknown}");
    }

    /// A URL in parts: scheme, user information, host, port, and what follows.
    fn places() -> impl Strategy<Value = (&'static str, &'static str, String, Option<u16>, &'static str)> {
        let scheme = prop::sample::select(vec!["https", "http", "HTTPS", "wss", "ftp"]);
        let user =
            prop::sample::select(vec!["", "", "", "user@", "api.example.com@", "api.example.com:443@"]);
        let host = prop_oneof![
            3 => prop::sample::select(vec![
                "api.example.com", "API.example.com", "127.0.0.1", "[::1]", "localhost", "api.example.com.",
                "example.com", "evil.api.example.com", "api.example.com.evil.test", "127.0.0.2", "127.1",
                "api-example.com", "xn--pi-example-com",
            ])
            .prop_map(str::to_owned),
            1 => "[a-z0-9-]{1,8}(\\.[a-z0-9]{1,8}){1,3}",
        ];
        let port = prop_oneof![
            Just(None),
            prop::sample::select(vec![443, 80, 8080, 8443, 44]).prop_map(Some),
            any::<u16>().prop_map(Some),
        ];
        let rest =
            prop::sample::select(vec!["/", "", "/v1?x=https://api.example.com", "/@api.example.com/", "?x"]);
        (scheme, user, host, port, rest)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn req_e07_a_token_goes_to_the_allowed_origins_and_to_no_other(place in places()) {
            let allowed =
                AllowedOrigins::new(["https://api.example.com", "http://127.0.0.1:8080", "http://[::1]"]).unwrap();
            let (scheme, user, host, port, rest) = place;
            let colon_port = port.map_or_else(String::new, |port| format!(":{port}"));
            let text = format!("{scheme}://{user}{host}{colon_port}{rest}");
            let scheme = scheme.to_ascii_lowercase();
            let port = port.or(match scheme.as_str() {
                "https" => Some(443),
                "http" => Some(80),
                _ => None,
            });
            let is_ours = matches!(
                (scheme.as_str(), host.to_ascii_lowercase().as_str(), port),
                ("https", "api.example.com", Some(443))
                    | ("http", "127.0.0.1", Some(8080))
                    | ("http", "[::1]", Some(80))
            );
            // `Url` knows that 127.1 is another way of writing 127.0.0.1, and connects there.
            let is_ours_rewritten = is_ours || (scheme == "http" && host == "127.1" && port == Some(8080));
            if let Ok(url) = Url::parse(&text) {
                prop_assert_eq!(allowed.check(&url).is_ok(), is_ours_rewritten, "{}", text);
            }
            if let Ok(uri) = text.parse::<Uri>() {
                prop_assert_eq!(allowed.check_uri(&uri).is_ok(), is_ours && user.is_empty(), "{} as a URI", text);
            }
        }
    }

    #[test]
    fn a_host_header_has_to_name_the_origin() {
        let origin = Origin::parse("https://api.example.com").unwrap();
        let check = |host: &'static str| {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            check_headers(&headers, &origin).map_err(|e| e.kind())
        };
        assert_eq!(check_headers(&HeaderMap::new(), &origin).map_err(|e| e.kind()), Ok(()));
        for same in ["api.example.com", "API.example.com:443"] {
            assert_eq!(check(same), Ok(()), "{same}");
        }
        for other in ["", "evil.test", "api.example.com:80", "api.example.com:", "api.example.com:+443"] {
            assert_eq!(check(other), Err(ErrorKind::OriginNotAllowed), "{other}");
        }
    }

    #[test]
    fn an_authorization_header_of_the_caller_is_an_error_and_not_overwritten() {
        let origin = Origin::parse("https://api.example.com").unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Basic eDp5"))]);
        let error = check_headers(&headers, &origin).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Configuration, Stage::Present));
    }

    #[test]
    fn req_c12_a_certificate_bound_token_goes_with_its_certificate_and_no_other() {
        let token = |binding| {
            TokenSet::builder(AccessToken::new("abc"), Instant::ZERO)
                .binding(binding)
                .build()
                .unwrap()
                .token()
                .clone()
        };
        let bound = token(Binding::Certificate(Thumbprint([7; 32])));
        for plain in [None, Some(Thumbprint([7; 32]))] {
            assert!(check_binding(&token(Binding::Bearer), plain).is_ok());
        }
        assert!(check_binding(&bound, Some(Thumbprint([7; 32]))).is_ok());
        for (identity, said) in
            [(None, "was not built with"), (Some(Thumbprint([8; 32])), "another client certificate")]
        {
            let error = check_binding(&bound, identity).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
