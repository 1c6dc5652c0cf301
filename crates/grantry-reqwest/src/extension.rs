//! A token for one request of a client of yours.

use grantry_core::TokenSource;
use grantry_core::presenting::AllowedOrigins;
use reqwest::{RequestBuilder, Response};

use crate::Error;
use crate::present::{Terms, present};
use crate::redirect::Redirects;

/// Sends a request of any `reqwest::Client` with a token. It is implemented for [`RequestBuilder`] and for
/// nothing else.
///
/// The client's own redirect policy holds; see the [crate](crate) for what that means.
///
/// ```no_run
/// use grantry_core::TokenSource;
/// use grantry_core::presenting::AllowedOrigins;
/// use grantry_reqwest::SendAuthorized;
///
/// # async fn example(source: std::sync::Arc<dyn TokenSource>) -> Result<(), Box<dyn std::error::Error>> {
/// let origins = AllowedOrigins::new(["https://api.acme.com"])?;
/// let client = reqwest::Client::new();
/// let answer = client.get("https://api.acme.com/orders").send_authorized(&source, &origins).await?;
/// # Ok(())
/// # }
/// ```
pub trait SendAuthorized: sealed::Sealed {
    /// Sends the request with a token of `source`, if it goes to one of `origins`.
    ///
    /// **Cancel-safety**: dropping the future drops the request; a renewal that it waited for goes on.
    ///
    /// # Errors
    /// Those of [`AuthorizedRequestBuilder::send`](crate::AuthorizedRequestBuilder::send).
    fn send_authorized<S: TokenSource + ?Sized>(
        self,
        source: &S,
        origins: &AllowedOrigins,
    ) -> impl Future<Output = Result<Response, Error>> + Send;
}

impl SendAuthorized for RequestBuilder {
    async fn send_authorized<S: TokenSource + ?Sized>(
        self,
        source: &S,
        origins: &AllowedOrigins,
    ) -> Result<Response, Error> {
        let (client, request) = self.build_split();
        let terms = Terms { source, origins, redirects: Redirects::Theirs, identity: None };
        present(&client, terms, request?).await
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for reqwest::RequestBuilder {}
}
