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
    /// ```no_run
    /// # async fn example(acme: grantry::pantry::TenantPantry) -> Result<(), Box<dyn std::error::Error>> {
    /// let login = acme.authorize(("calendar", "user-17"));
    /// let loopback = login.loopback().await?.listen().await?;
    /// login.login(loopback, |url| println!("To log in, open\n\n  {url}\n")).await.map_err(|failed| failed.error)?;
    /// # Ok(())
    /// # }
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
