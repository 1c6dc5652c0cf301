//! Who is at the browser.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::request::Parts;
use axum::response::Response;
use grantry::{AccountId, Error, TenantId};

/// Whose grant it will be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person {
    tenant: TenantId,
    account: AccountId,
}

impl Person {
    /// A person by the names that the vault has for them.
    ///
    /// # Errors
    /// [`Configuration`](grantry::ErrorKind::Configuration) for a name that breaks its rules.
    pub fn new(tenant: impl AsRef<str>, account: impl AsRef<str>) -> Result<Self, Error> {
        let refuse = |error: grantry::InvalidName| Error::configuration(error.to_string());
        Ok(Self {
            tenant: TenantId::new(tenant).map_err(refuse)?,
            account: AccountId::new(account).map_err(refuse)?,
        })
    }

    /// The tenant that they belong to.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Their account within the tenant.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// What is kept with an authorization. No tenant holds a slash.
    pub(crate) fn note(&self) -> Vec<u8> {
        format!("{}/{}", self.tenant.as_str(), self.account.as_str()).into_bytes()
    }
}

/// Says who is at the browser: the gateway's own session, a header of the proxy in front of it, a client certificate.
///
/// It is asked twice for each login, when it begins and when the browser comes back, and both answers have to be the same
/// person; so somebody who logged in as another in between gets no grant of the first. It must trust nothing that a page
/// of somebody else could make a browser send: a session cookie is right, a query parameter is not.
///
/// **Errors**: the response is sent to the browser as it is, such as a redirect to the application's login page. When the
/// browser came back from the authorization server, its address holds the code: do not write it into a URL or a log.
/// **Cancel-safety**: the future is dropped where the browser goes away. **Concurrency**: calls are independent.
///
/// ```
/// use async_trait::async_trait;
/// use axum::http::request::Parts;
/// use axum::http::{StatusCode, header};
/// use axum::response::{IntoResponse, Redirect, Response};
/// use grantry_axum::{People, Person};
///
/// #[derive(Debug, Clone)]
/// struct Session {
///     organization: String,
///     user: String,
/// }
///
/// /// A middleware in front has put the session into the request.
/// #[derive(Debug)]
/// struct Sessions;
///
/// #[async_trait]
/// impl People for Sessions {
///     async fn person(&self, request: &Parts) -> Result<Person, Response> {
///         let Some(session) = request.extensions.get::<Session>() else {
///             return Err(Redirect::to("/login").into_response());
///         };
///         Person::new(&session.organization, &session.user)
///             .map_err(|_| StatusCode::FORBIDDEN.into_response())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let mut request = axum::http::Request::new(()).into_parts().0;
/// let stranger = Sessions.person(&request).await.unwrap_err();
/// assert_eq!(stranger.headers()[header::LOCATION], "/login");
/// request.extensions.insert(Session { organization: "acme".into(), user: "ada".into() });
/// assert_eq!(Sessions.person(&request).await.unwrap(), Person::new("acme", "ada")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait People: fmt::Debug + Send + Sync + 'static {
    /// Who sent this request.
    ///
    /// # Errors
    /// What the browser gets where it is nobody who may connect an account.
    // The response is what axum passes around everywhere, by value.
    async fn person(&self, request: &Parts) -> Result<Person, Response>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<P: People + ?Sized> People for $pointer<P> {
            async fn person(&self, request: &Parts) -> Result<Person, Response> {
                (**self).person(request).await
            }
        }
    )*};
}
forward!(Arc, Box);
