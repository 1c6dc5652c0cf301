//! The error of a request.

/// Why there is no answer to hand on.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # use grantry_testkit::{RawAnswer, RawServer, TestSource};
/// # let _ = rustls::crypto::ring::default_provider().install_default();
/// # let challenge = r#"WWW-Authenticate: Bearer error="insufficient_scope", scope="orders.write""#;
/// # let server = RawServer::start(RawAnswer::with_length(&format!("403 Forbidden\r\n{challenge}"), "")).await?;
/// # let (builder, origins) = (reqwest::Client::builder(), [server.origin()]);
/// # let api = grantry_reqwest::AuthorizedClient::from_builder(builder, TestSource::bearer(), origins)?;
/// # let url = server.url("/orders");
/// use grantry_core::{ErrorKind, Scope};
/// use grantry_reqwest::Error;
///
/// fn advice(error: &Error) -> String {
///     match error {
///         Error::Token(error) if error.kind() == ErrorKind::InsufficientScope => {
///             format!("ask for {}", error.needed_scope().map_or("more", Scope::as_str))
///         }
///         // Another login of the person: what asks them for it reads this challenge.
///         Error::Token(error) if error.challenge().is_some() => "have the person log in".to_owned(),
///         Error::Token(error) => error.diagnosis().remedy().to_owned(),
///         Error::Request(error) if error.is_timeout() => "be patient".to_owned(),
///         _ => "see the message".to_owned(),
///     }
/// }
/// let error = api.delete(url).send().await.unwrap_err();
/// assert_eq!(advice(&error), "ask for orders.write");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no token, it may not go there, or the resource server refused it for good.
    #[error(transparent)]
    Token(#[from] grantry_core::Error),
    /// The request itself failed: no connection, no answer in time, a body that cannot be read.
    ///
    /// The URL that reqwest names in it has lost its query, which may hold secrets.
    #[error(transparent)]
    Request(reqwest::Error),
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(without_query(error))
    }
}

/// The error with a URL that has lost what may be secret.
pub(crate) fn without_query(mut error: reqwest::Error) -> reqwest::Error {
    if let Some(url) = error.url_mut() {
        *url = grantry_core::shown_url(url);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reqwest_error_loses_the_query_of_its_url() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let error = reqwest::Client::new().get("no URL").build().unwrap_err();
        let url = "https://user:canary@example.com/path?key=canary#canary";
        let error = Error::from(error.with_url(url.parse().unwrap()));
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("canary") && text.contains("example.com/path"), "{text}");
        }
    }
}
