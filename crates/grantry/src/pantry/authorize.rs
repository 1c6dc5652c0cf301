//! A person's consent by the authorization code flow, from the redirect to the vault.

use std::fmt;
use std::time::Duration;

use grantry_authorization_code::{
    AuthorizationCode, Callback, Granted, PendingAuthorization, RedirectUrl, Unfinished, UserAgentBinding,
};
use grantry_core::{Error, ErrorKind, Stage};
use grantry_jose::Algorithm;

use super::consent::{NOT_KEPT, to_its_end};
use super::handles::{GrantName, TenantPantry};

/// All by which an ID token may be signed.
const PUBLIC_KEY_ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];

/// A consent that is to be asked for: made by [`TenantPantry::authorize`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Authorize {
    pub(super) tenant: TenantPantry,
    pub(super) name: GrantName,
    lifetime: Option<Duration>,
}

/// A consent that a person was asked for. It is finished once, by value, in the process that began it; several processes
/// share what is pending by [`AuthorizationCodes`](grantry_authorization_code::AuthorizationCodes) with the
/// [flow](Authorize::flow), and [keep](TenantPantry::keep_consent) what comes of it.
pub struct PendingConsent {
    tenant: TenantPantry,
    name: GrantName,
    flow: AuthorizationCode,
    pending: PendingAuthorization,
}

/// Why a consent is not in the vault.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotKept {
    /// What went wrong.
    pub error: Error,
    /// Why the authorization was not finished, with what can be tried again; `None` where it was.
    pub unfinished: Option<Unfinished>,
    /// The tokens, where the server gave them and the vault did not take them: they are alive, and nobody else has them.
    pub granted: Option<Box<Granted>>,
}

impl TenantPantry {
    /// Has a person consent to a grant: `("crm", "user-17")`. Needs `grant.create` and `grant.read`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let callback = "https://app.example.com/callback";
    /// # let client = grantry_testkit::RegisteredClient::with_secret("app", "s3cret").redirect_uri(callback);
    /// # let test = grantry_testkit::TestServer::builder().client(client).build();
    /// # let crm = grantry::pantry::Service::builder("crm", test.authorization_server()?)
    /// #     .flow(grantry::pantry::Flow::AuthorizationCode)
    /// #     .client_id("app")
    /// #     .secret("s3cret")
    /// #     .redirect_uri(callback)
    /// #     .scope("contacts.read")
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
    /// #     .services([crm])
    /// #     .open()
    /// #     .await?;
    /// # let mine = pantry.as_principal(me);
    /// # mine.create_tenant("acme").await?;
    /// # let acme = mine.tenant("acme")?;
    /// use grantry::TokenSource;
    /// use grantry::authorization_code::{Callback, UserAgentBinding};
    ///
    /// let user_agent = UserAgentBinding::new(&grantry::SystemEntropy); // a cookie of the browser
    /// let (redirect, pending) = acme.authorize(("crm", "user-17")).begin(&user_agent).await?;
    /// let location = redirect.into_location()?; // the browser goes there, and comes back with a query
    /// # let back = test.visit(&location).await.ok_or("nobody came back")?;
    /// # let query = back.split_once('?').ok_or("no query")?.1;
    /// let granted = pending.finish(&user_agent, Callback::from_query(query)?).await.map_err(|failed| failed.error)?;
    ///
    /// let token = acme.source(("crm", "user-17")).await?.token().await?;
    /// assert_eq!(token.scope(), granted.scope());
    /// # pantry.shutdown().await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn authorize(&self, name: impl Into<GrantName>) -> Authorize {
        Authorize { tenant: self.clone(), name: name.into(), lifetime: None }
    }
}

impl Authorize {
    /// How long the person may take; 10 minutes if left out.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// The flow, as the service describes it.
    ///
    /// # Errors
    /// `NotFound` and `Removed` where there is no such service, `Configuration` where it is of another flow, or has no
    /// redirect URI or authorization endpoint.
    pub async fn flow(&self) -> Result<AuthorizationCode, Error> {
        let redirect_uri = self.redirect_uri().await?.ok_or_else(|| {
            let service = self.name.service();
            Error::configuration(format!("{service} has no redirect URI: nobody would find the way back"))
        })?;
        self.flow_to(redirect_uri).await
    }

    /// The redirect URI that the service names.
    pub(super) async fn redirect_uri(&self) -> Result<Option<String>, Error> {
        let key = self.tenant.key(&self.name)?;
        let ready = self.tenant.ready_to_consent(&key).await?;
        Ok(ready.resolved.parts.redirect_uri.clone())
    }

    /// The same, with another redirect URI than the service's.
    ///
    /// # Errors
    /// As [`flow`](Self::flow).
    pub async fn flow_to(&self, redirect_uri: impl Into<String>) -> Result<AuthorizationCode, Error> {
        let key = self.tenant.key(&self.name)?;
        let ready = self.tenant.ready_to_consent(&key).await?;
        let parts = &ready.resolved.parts;
        let mut flow = AuthorizationCode::builder(ready.endpoint.clone(), redirect_uri)
            .scopes(parts.scopes.clone())
            .key(key.clone());
        flow = parts.resources.iter().fold(flow, |flow, resource| flow.resource(resource));
        flow = parts.all_parameters().fold(flow, |flow, (name, value)| match name {
            "prompt" => flow.prompt(value),
            "login_hint" => flow.login_hint(value),
            _ => flow.parameter(name, value),
        });
        if let Some(lifetime) = self.lifetime {
            flow = flow.lifetime(lifetime);
        }
        if parts.without_pkce {
            flow = flow.without_pkce();
        }
        if parts.server.require_pushed_authorization_requests() {
            flow = flow.pushed();
        }
        // The description does not say by which algorithm; whichever it is, it is one of a key that the server publishes.
        flow = match (parts.server.issuer(), parts.server.jwks_uri()) {
            (Some(_), Some(_)) => flow.id_token_algorithms(PUBLIC_KEY_ALGORITHMS),
            // Nobody could check one; what the service is connected for are its access tokens.
            _ => flow.without_id_token(),
        };
        flow.build()
    }

    /// Begins in this user agent: where to send it, and what to keep until it comes back. Who may not keep what comes of it
    /// is told so before anybody is sent anywhere.
    ///
    /// # Errors
    /// As [`flow`](Authorize::flow); `AccessDenied`; and of a pushed request.
    pub async fn begin(&self, user_agent: &UserAgentBinding) -> Result<(RedirectUrl, PendingConsent), Error> {
        self.tenant.may_keep(&self.name)?;
        let flow = self.flow().await?;
        let (redirect, pending) = flow.begin(user_agent).await?;
        let Self { tenant, name, .. } = self.clone();
        Ok((redirect, PendingConsent { tenant, name, flow, pending }))
    }
}

impl PendingConsent {
    /// What is pending, for a store that other processes share.
    pub fn into_pending(self) -> PendingAuthorization {
        self.pending
    }

    /// Checks the response, redeems its code, and keeps what comes of it. It is a task of its own: dropping the future cuts
    /// nothing off. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`NotKept`] says what was spent, and holds what can be tried again.
    pub async fn finish(self, user_agent: &UserAgentBinding, callback: Callback) -> Result<Granted, NotKept> {
        let Self { tenant, name, flow, pending } = self;
        let user_agent = UserAgentBinding::from_cookie(user_agent.expose());
        let house = std::sync::Arc::clone(&tenant.house);
        let finished = to_its_end(&house, |_| async move {
            let not_bound = || NotKept::over(Error::internal("a user agent is bound by no value"));
            let user_agent = user_agent.ok_or_else(not_bound)?;
            let granted = match pending.finish(&flow, &user_agent, &callback).await {
                Ok(granted) => granted,
                Err(unfinished) => {
                    let error = unfinished.error.clone();
                    return Err(NotKept { error, unfinished: Some(unfinished), granted: None });
                }
            };
            tenant.keep_granted(name, granted).await
        });
        let ended = || Error::new(ErrorKind::Closed, Stage::Wait, NOT_KEPT);
        finished.await.unwrap_or_else(|| Err(NotKept::over(ended())))
    }
}

impl TenantPantry {
    pub(super) async fn keep_granted(&self, name: GrantName, granted: Granted) -> Result<Granted, NotKept> {
        match self.keep_consent(name, &granted.token_set).await {
            Ok(()) => Ok(granted),
            Err(error) => Err(NotKept { error, unfinished: None, granted: Some(Box::new(granted)) }),
        }
    }
}

impl NotKept {
    pub(super) fn over(error: Error) -> Self {
        Self { error, unfinished: None, granted: None }
    }
}

impl fmt::Debug for PendingConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingConsent")
            .field("name", &self.name)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}
