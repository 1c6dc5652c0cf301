//! The same request for tokens that are not presented.

use grantry_core::{Attempt, Failure};
use grantry_endpoint::IssuedToken;

use crate::{TokenExchange, explained};

/// Obtains tokens of any type by token exchange (RFC 8693): ID tokens, SAML assertions, refresh tokens, or what a server
/// issues with the token type `N_A`. It is no [`Grant`](grantry_core::Grant), for nothing may present them as it
/// presents access tokens; whoever asks knows where they belong.
///
/// **Cancel-safety**: dropping `issue` may lose a token that the server has issued, and nothing else.
/// **Concurrency**: calls are independent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_core::Attempt;
/// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint, TokenRequest};
/// # use grantry_token_exchange::{SubjectToken, TokenExchange, TokenType};
/// # let registered = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret");
/// # let test = grantry_testkit::TestServer::builder().client(registered).build();
/// # let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
/// # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
/// # let first = endpoint.request(TokenRequest::new("client_credentials"), Attempt::first()).await;
/// # let first = first.map_err(|failure| failure.error)?;
/// # let came = SubjectToken::new(first.token().expose());
/// let issue = TokenExchange::builder(endpoint, came, TokenType::ACCESS_TOKEN)
///     .requested_token_type(TokenType::SAML2)
///     .audience("urn:example:payroll")
///     .build_issue()?;
/// let issued = issue.issue().await.map_err(|failure| failure.error)?;
/// assert_eq!(issued.issued_token_type(), Some(TokenType::SAML2.as_str()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TokenIssue(pub(crate) TokenExchange);

impl TokenIssue {
    /// Asks for one token, in one request.
    ///
    /// # Errors
    /// As [`TokenEndpoint::issue`](grantry_endpoint::TokenEndpoint::issue).
    pub async fn issue(&self) -> Result<IssuedToken, Failure> {
        let request = self.0.request().await?;
        self.0.endpoint.issue(request, Attempt::first()).await.map_err(explained::exchange)
    }
}
