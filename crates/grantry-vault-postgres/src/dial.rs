//! How connections are made: by which configuration, with which TLS.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream, StreamExt};
use grantry_vault::VaultError;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Error, NoTls, Socket};

/// What a connection says unasked. It has to be polled for the connection to move on.
pub(crate) type Messages = Pin<Box<dyn Stream<Item = Result<AsyncMessage, Error>> + Send>>;

type Dialled = BoxFuture<'static, Result<(Client, Messages), Error>>;

/// Makes connections to one server. `Debug` shows nothing of the configuration.
#[derive(Clone)]
pub(crate) struct Dial(Arc<dyn Fn() -> Dialled + Send + Sync>);

impl Dial {
    /// Without TLS, which goes to loopback and to sockets only.
    pub(crate) fn plain(config: Config) -> Result<Self, VaultError> {
        if is_local(&config) {
            return Ok(Self::with_tls(config, NoTls));
        }
        Err(VaultError::refused(
            "without TLS the vault speaks to loopback addresses and Unix sockets only: use \
             `PostgresVaultBuilder::tls`, or hand in a pool that brings TLS",
        ))
    }

    pub(crate) fn with_tls<T>(mut config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        if config.get_application_name().is_none() {
            config.application_name("grantry");
        }
        Self(Arc::new(move || {
            let (config, tls) = (config.clone(), tls.clone());
            Box::pin(async move {
                let (client, mut connection) = config.connect(tls).await?;
                let messages = stream::poll_fn(move |context| connection.poll_message(context));
                Ok((client, Box::pin(messages) as Messages))
            })
        }))
    }

    pub(crate) async fn dial(&self) -> Result<(Client, Messages), Error> {
        (self.0)().await
    }
}

impl Connect for Dial {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async move {
            let (client, mut messages) = self.dial().await?;
            // What a server says unasked, or why it hangs up, is of no use here: the next call finds out.
            let driver = tokio::spawn(async move { while let Some(Ok(_)) = messages.next().await {} });
            Ok((client, driver))
        })
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial(..)")
    }
}

/// Whether nothing leaves this machine. Names are believed only where nobody can look them up elsewhere.
fn is_local(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    let is_loopback = |name: &String| {
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => is_loopback(name),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_only_this_machine_is_spoken_to() {
        let is_local = |text: &str| is_local(&text.parse().unwrap());
        for text in [
            "host=127.0.0.1",
            "host=localhost",
            "host=/run/postgresql",
            "host=::1",
            "host=db hostaddr=127.0.0.1",
        ] {
            assert!(is_local(text), "{text}");
        }
        for text in
            ["host=db.example", "host=10.0.0.1", "host=127.0.0.1,db", "host=localhost hostaddr=10.0.0.1"]
        {
            assert!(!is_local(text), "{text}");
        }
        let refused = Dial::plain("host=db.example password=sesame".parse().unwrap()).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("sesame"));
    }
}
