//! The routes, and what they stand on.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, HeaderValue, REFERRER_POLICY, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use grantry::authorization_code::{AuthorizationCode, AuthorizationCodes};
use grantry::vault::PrincipalVault;
use grantry::{Entropy, Error, Scope, ServiceName, SystemEntropy, TenantId};

use crate::outcome::{Outcome, PlainPages, ResultPages};
use crate::{GrantKeeper, PendingPlace, People, VaultKeeper, callback, start};

/// The routes by which people connect their accounts, for all tenants and services of an application.
///
/// | route | what it does |
/// |---|---|
/// | `GET /oauth/start/{service}` | begins: sends the browser to the service's authorization server |
/// | `GET /oauth/callback` | finishes: the redirect URI of every service |
/// | `GET /oauth/callback/{service}` | the same, for a server that does not name itself in its responses (RFC 9207) and so needs a redirect URI of its own |
///
/// Link to the first from the application's own pages. Limit how often one stranger may ask for it, where strangers can.
/// Clones are the same routes; any replica with the same services and the same vault finishes what another began.
#[derive(Clone)]
pub struct Logins(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) codes: AuthorizationCodes,
    pub(crate) people: Arc<dyn People>,
    pub(crate) keeper: Arc<dyn GrantKeeper>,
    pub(crate) pending: PendingPlace,
    pub(crate) entropy: Arc<dyn Entropy>,
    pages: Arc<dyn ResultPages>,
    path: String,
}

impl Logins {
    /// With the vault for both: logins wait in it, and grants are kept in it. Its principal needs `grant.create` and
    /// `grant.read` for the tenants, and the tenants have to be there.
    pub fn in_vault(people: impl People, vault: PrincipalVault) -> LoginsBuilder {
        Self::builder(people, VaultKeeper::new(vault.clone()), PendingPlace::vault(vault))
    }

    /// From who the people are, where their grants go, and where unfinished logins wait.
    pub fn builder(people: impl People, keeper: impl GrantKeeper, pending: PendingPlace) -> LoginsBuilder {
        LoginsBuilder {
            people: Arc::new(people),
            keeper: Arc::new(keeper),
            pending,
            pages: Arc::new(PlainPages::new()),
            entropy: Arc::new(SystemEntropy),
            path: "/oauth".to_owned(),
            services: Vec::new(),
        }
    }

    /// The routes, to be merged into the application's.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let path = &self.0.path;
        // HEAD is not GET here: it would take a response out and show nobody the page.
        let (start, callback) = (get(start::start), get(callback::callback));
        Router::new()
            .route(&format!("{path}/start/{{service}}"), start.head(not_allowed))
            .route(&format!("{path}/callback"), callback.clone().head(not_allowed))
            .route(&format!("{path}/callback/{{service}}"), callback.head(not_allowed))
            .with_state(Arc::clone(&self.0))
    }

    /// The answer to a request of a person's browser for which a resource server wants more scope, or another login: it sends
    /// the browser to the service's authorization server, and from there to the callback as always. `refusal` is the error
    /// of the client that presented the token, `granted` the token's scope.
    ///
    /// A browser is sent a bounded number of times, as [`StepUps`](grantry::authorization_code::StepUps) has it; where nobody
    /// can be asked any more the answer is a page that says so. Other requests than navigations are not sent anywhere.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::sync::Arc;
    /// # use grantry::authorization_code::AuthorizationCode;
    /// # use grantry::vault::access::{AccessPolicy, Principal};
    /// # use grantry::vault::{LocalKey, MemoryVault, SealedVault};
    /// # use grantry::{Client, ClientAuthentication, TokenEndpoint};
    /// # use grantry_axum::{People, Person};
    /// # #[derive(Debug)]
    /// # struct Ada;
    /// # #[async_trait::async_trait]
    /// # impl People for Ada {
    /// #     async fn person(&self, _: &Parts) -> Result<Person, Response<Body>> {
    /// #         Person::new("acme", "ada").map_err(|_| Response::default())
    /// #     }
    /// # }
    /// # let callback = "https://gateway.example.com/oauth/callback";
    /// # let registered = grantry_testkit::RegisteredClient::with_secret("gateway", "s3cret").redirect_uri(callback);
    /// # let test = grantry_testkit::TestServer::builder().client(registered).build();
    /// # let client = Client::new("gateway", ClientAuthentication::secret_basic("s3cret"))?;
    /// # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
    /// # let crm = AuthorizationCode::builder(endpoint, callback).scope("contacts.read").build()?;
    /// # let (me, key) = (Principal::workload("gateway")?, LocalKey::from_bytes(zeroize::Zeroizing::new([7; 32])));
    /// # let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me)).open().await?;
    /// # let mine = vault.as_principal(me);
    /// # mine.create_tenant("acme").await?;
    /// # let logins = Logins::in_vault(Ada, mine).service("crm", crm).build()?;
    /// # let (request, _) = axum::http::Request::get("/contacts").body(())?.into_parts();
    /// # let challenge = r#"Bearer error="insufficient_scope", scope="contacts.write""#;
    /// # let challenge = grantry::presenting::Challenges::parse([challenge]).iter().next().cloned();
    /// # let error = Error::new(grantry::ErrorKind::InsufficientScope, grantry::Stage::Present, "refused")
    /// #     .with_challenge(challenge.ok_or("no challenge")?);
    /// # let granted = Scope::parse("contacts.read")?;
    /// use axum::body::Body;
    /// use axum::http::{Response, StatusCode, request::Parts};
    /// use grantry::{Error, Scope};
    /// use grantry_axum::Logins;
    ///
    /// /// For an error that carries the challenge of a resource server.
    /// async fn refused(logins: &Logins, request: &Parts, error: &Error, granted: &Scope) -> Option<Response<Body>> {
    ///     error.challenge()?;
    ///     Some(logins.step_up("crm", request, error, granted).await)
    /// }
    ///
    /// let sent = refused(&logins, &request, &error, &granted).await.ok_or("nothing to ask a person for")?;
    /// assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    /// # assert!(sent.headers()["location"].to_str()?.contains("contacts.write"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn step_up(
        &self,
        service: &str,
        request: &Parts,
        refusal: &Error,
        granted: &Scope,
    ) -> Response<Body> {
        start::step_up(&self.0, service, request, refusal, granted).await
    }
}

async fn not_allowed() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

impl Inner {
    /// The page of an outcome, traced, with the headers that every answer here has.
    pub(crate) fn answer(&self, outcome: &Outcome) -> Response<Body> {
        if let Some(error) = outcome.error() {
            tracing::warn!(
                error.type = error.kind().as_str(),
                exception.message = %error,
                grantry.cause = std::error::Error::source(error).map(tracing::field::display),
                grantry.remedy = error.diagnosis().remedy(),
                grantry.outcome = outcome.word(),
                "a login did not work"
            );
        } else {
            tracing::info!(grantry.outcome = outcome.word(), "a login was asked for");
        }
        let mut response = private(self.pages.page(outcome));
        if matches!(outcome, Outcome::Busy(_)) {
            response.headers_mut().entry(RETRY_AFTER).or_insert(HeaderValue::from_static("60"));
        }
        response
    }

    /// The flows, with the store of this tenant.
    pub(crate) fn codes_of(&self, tenant: &TenantId) -> Result<AuthorizationCodes, Error> {
        Ok(self.codes.with_store(self.pending.of(tenant)?))
    }
}

/// The address of the request may hold a code, and the answer a state: nobody keeps either.
pub(crate) fn private(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Builds [`Logins`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LoginsBuilder {
    people: Arc<dyn People>,
    keeper: Arc<dyn GrantKeeper>,
    pending: PendingPlace,
    pages: Arc<dyn ResultPages>,
    entropy: Arc<dyn Entropy>,
    path: String,
    services: Vec<(String, AuthorizationCode)>,
}

impl LoginsBuilder {
    /// Adds a service under the name that its grants have in the vault. Its redirect URI has to lead to one of the routes.
    pub fn service(mut self, name: impl Into<String>, flow: AuthorizationCode) -> Self {
        self.services.push((name.into(), flow));
        self
    }

    /// Where the routes are, instead of `/oauth`.
    pub fn path(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Other pages than the plain ones.
    pub fn pages(self, pages: impl ResultPages) -> Self {
        Self { pages: Arc::new(pages), ..self }
    }

    /// Another source of randomness for the browsers' values than the system's.
    pub fn entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`Configuration`](grantry::ErrorKind::Configuration): a name that is no service's, a path that is none, a redirect
    /// URI that leads to none of the routes, a response by form post, or two servers that cannot be told apart at one
    /// redirect URI ([`AuthorizationCodes::new`]).
    pub fn build(self) -> Result<Logins, Error> {
        let path = self.path;
        let is_path = path.is_empty()
            || (path.starts_with('/')
                && path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..")
                && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b)));
        if !is_path {
            return Err(Error::configuration(
                "the path of the routes is not usable: expected one such as /oauth, without a slash at its end",
            ));
        }
        for (name, flow) in &self.services {
            ServiceName::new(name).map_err(|error| Error::configuration(error.to_string()))?;
            let route = callback::route(flow);
            if route != format!("{path}/callback") && route != format!("{path}/callback/{name}") {
                return Err(Error::configuration(format!(
                    "the redirect URI of {name} does not lead to the routes: its path has to be {path}/callback or \
                     {path}/callback/{name}"
                )));
            }
            if flow.is_form_post() {
                return Err(Error::configuration(format!(
                    "the response of {name} would come as a form post, with which a browser sends no SameSite=Lax \
                     cookie: leave form_post() out"
                )));
            }
        }
        let nowhere = Arc::new(crate::callback::NoStore);
        Ok(Logins(Arc::new(Inner {
            codes: AuthorizationCodes::new(nowhere, self.services)?,
            people: self.people,
            keeper: self.keeper,
            pending: self.pending,
            entropy: self.entropy,
            pages: self.pages,
            path,
        })))
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins")
            .field("codes", &self.codes)
            .field("people", &self.people)
            .field("keeper", &self.keeper)
            .field("pending", &self.pending)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
