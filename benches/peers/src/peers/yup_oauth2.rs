//! `yup-oauth2`: an authorized user over a hyper client whose connector goes to the loopback port.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::yup_oauth2::authenticator::Authenticator;
use ::yup_oauth2::authorized_user::AuthorizedUserSecret;
use ::yup_oauth2::{AuthorizedUserAuthenticator, CustomHyperClientBuilder};
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::peer::{Failed, Lifetimes, Peer, bearer};
use crate::token_endpoint::TokenEndpoint;

/// The authenticator with its default storage in memory.
pub(crate) struct YupOauth2 {
    authenticator: Authenticator<Loopback>,
}

impl Peer for YupOauth2 {
    const NAME: &'static str = "yup-oauth2";
    const PATH: &'static str = "Authenticator::token, then the header from the token's text";
    const OBTAINS_ON_BUILD: bool = false;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: 62,
        outage: 63,
        watched: 12,
        note: "fixed buffer of 60 s, hence tokens of 62 s and 63 s; only the first seconds of the buffer are watched",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        let client = Client::builder(TokioExecutor::new())
            // As its default client does.
            .pool_max_idle_per_host(0)
            .build::<_, String>(Loopback(endpoint.address()));
        let secret = AuthorizedUserSecret {
            client_id: "bench".to_owned(),
            client_secret: "secret".to_owned(),
            refresh_token: "refresh".to_owned(),
            key_type: "authorized_user".to_owned(),
        };
        let authenticator =
            AuthorizedUserAuthenticator::with_client(secret, CustomHyperClientBuilder::from(client))
                .build()
                .await
                .map_err(|error| Failed::from_error(&error))?;
        Ok(Self { authenticator })
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        let token = self
            .authenticator
            .token(&["https://bench.example/scope"])
            .await
            .map_err(|error| Failed::from_error(&error))?;
        bearer(token.token().ok_or_else(|| Failed::because("no access token"))?)
    }
}

/// Connects to the loopback port whatever the request says: this flow's token endpoint is a constant of the crate.
#[derive(Clone, Copy)]
pub(crate) struct Loopback(SocketAddr);

impl Service<Uri> for Loopback {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let address = self.0;
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}
