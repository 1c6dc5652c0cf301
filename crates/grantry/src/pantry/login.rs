//! The login of a program on the person's own machine, from the browser to the vault.

use std::sync::Arc;

use grantry_authorization_code::{Granted, Loopback, LoopbackBuilder};
use grantry_core::{Error, ErrorKind, Stage};

use super::authorize::{Authorize, NotKept};
use super::consent::{NOT_KEPT, to_its_end};

impl Authorize {
    /// Where to listen for the browser: as the service's redirect URI says, or on a free port of this machine where it has
    /// none.
    ///
    /// # Errors
    /// As [`flow`](Authorize::flow); `Configuration` for a redirect URI that leads to another machine.
    pub async fn loopback(&self) -> Result<LoopbackBuilder, Error> {
        match self.redirect_uri().await? {
            Some(redirect_uri) => Loopback::builder_for(&redirect_uri),
            None => Ok(Loopback::builder()),
        }
    }

    /// Has the person log in with a browser on this machine, and keeps what comes of it: gives the URL to `invite`, waits
    /// until the browser comes back, and stores the grant. `invite` should not block.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # grantry::install_crypto_provider();
    /// # let callback = "http://127.0.0.1/callback";
    /// # let client = grantry_testkit::RegisteredClient::public("desktop").redirect_uri(callback);
    /// # let test = std::sync::Arc::new(grantry_testkit::TestServer::builder().client(client).build());
    /// # let calendar = grantry::pantry::Service::builder("calendar", test.authorization_server()?)
    /// #     .flow(grantry::pantry::Flow::AuthorizationCode)
    /// #     .client_id("desktop")
    /// #     .redirect_uri(callback)
    /// #     .scope("calendar.read")
    /// #     .build()?;
    /// # use grantry::vault::access::{AccessPolicy, Principal};
    /// # use grantry::vault::{LocalKey, MemoryVault};
    /// # let folder = tempfile::tempdir()?;
    /// # let me = Principal::workload("app")?;
    /// # let pantry = grantry::Grantry::builder()
    /// #     .vault(MemoryVault::new())
    /// #     .keys(LocalKey::generate(folder.path().join("grantry.key"))?)
    /// #     .lifeboats(folder.path().join("lifeboats"))
    /// #     .access(AccessPolicy::sole(&me))
    /// #     .transport(std::sync::Arc::new(test.transport()))
    /// #     .services([calendar])
    /// #     .open()
    /// #     .await?;
    /// # let mine = pantry.as_principal(me);
    /// # mine.create_tenant("acme").await?;
    /// # let acme = mine.tenant("acme")?;
    /// # let person = std::sync::Arc::clone(&test);
    /// # let open_browser = move |url: &str| {
    /// #     let url = url.to_owned();
    /// #     let browser = reqwest::Client::builder().no_proxy().build().unwrap();
    /// #     tokio::spawn(async move {
    /// #         browser.get(person.visit(&url).await.unwrap()).send().await.unwrap().status()
    /// #     });
    /// # };
    /// let login = acme.authorize(("calendar", "user-17"));
    /// let loopback = login.loopback().await?.listen().await?;
    /// let invite = move |url: &str| {
    ///     println!("To log in, open\n\n  {url}\n");
    ///     open_browser(url);
    /// };
    /// let granted = login.login(loopback, invite).await.map_err(|failed| failed.error)?;
    /// assert_eq!(granted.scope().as_str(), "calendar.read");
    /// # pantry.shutdown().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// **Cancel-safety**: dropping the future gives the login up, and so does a shutdown; but a code that has come by then
    /// is redeemed, and what it brings is kept. A shutdown waits for that.
    ///
    /// # Errors
    /// [`NotKept`] says what went wrong; `Closed` where it was given up.
    pub async fn login(
        &self,
        loopback: Loopback,
        invite: impl FnOnce(&str) + Send + 'static,
    ) -> Result<Granted, NotKept> {
        self.tenant.may_keep(&self.name).map_err(NotKept::over)?;
        let flow = self.flow_to(loopback.redirect_uri()).await.map_err(NotKept::over)?;
        let (tenant, name) = (self.tenant.clone(), self.name.clone());
        let house = Arc::clone(&tenant.house);
        let finished = to_its_end(&house, |given_up| async move {
            match loopback.login_unless(&flow, invite, given_up.happens()).await {
                Ok(granted) => tenant.keep_granted(name, granted).await,
                Err(unfinished) => {
                    let error = unfinished.error.clone();
                    Err(NotKept { error, unfinished: Some(unfinished), granted: None })
                }
            }
        });
        let ended = || Error::new(ErrorKind::Closed, Stage::Wait, NOT_KEPT);
        finished.await.unwrap_or_else(|| Err(NotKept::over(ended())))
    }
}
