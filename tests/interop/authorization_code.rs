//! The authorization code flow, with a person who logs in and consents on the server's own pages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use grantry::{
    Attempt, Client, ClientAuthentication, Discovery, ErrorKind, Grant, HttpTransport, KeepError, Keeper,
    Kept, Party, RefreshTokenGrant,
};
use grantry_authorization_code::{AuthorizationCode, AuthorizationCodeBuilder, Callback, Unfinished};
use grantry_endpoint::{Answer, Request, Transport};
use grantry_tests::{Fallible, OidcProvider};
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method};
use reqwest::Url;
use zeroize::Zeroizing;

use crate::support::start;

/// As it is registered.
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback?from=oidc-provider";

/// More pages than a login and a consent ever take, so that a walk in circles fails.
const PAGES: usize = 20;

/// What the person does on the consent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    Consents,
    Cancels,
}

/// A browser without a screen: it keeps cookies, and sends the forms that it finds.
pub(crate) struct Browser {
    transport: HttpTransport,
    cookies: BTreeMap<String, String>,
    person: Person,
}

impl Browser {
    pub(crate) fn new(person: Person) -> Fallible<Self> {
        Ok(Self::over(HttpTransport::new()?, person))
    }

    pub(crate) fn over(transport: HttpTransport, person: Person) -> Self {
        Self { transport, cookies: BTreeMap::new(), person }
    }

    /// Walks from the authorization endpoint to the redirect URI, and gives that with what is behind it.
    async fn walk(&mut self, from: &str) -> Fallible<String> {
        self.walk_to(from, REDIRECT_URI).await
    }

    /// The same to a redirect URI of another client's.
    pub(crate) async fn walk_to(&mut self, from: &str, redirect_uri: &str) -> Fallible<String> {
        let mut url = Url::parse(from)?;
        let mut form = None;
        for _ in 0..PAGES {
            let answer = self.load(&url, form.take()).await?;
            if let Some(location) = answer.headers().get(LOCATION) {
                url = url.join(location.to_str()?)?;
                if url.as_str().starts_with(redirect_uri) {
                    return Ok(url.into());
                }
                continue;
            }
            let page = String::from_utf8(answer.expose_body().to_vec())?;
            let prompt = between(&page, "name=\"prompt\" value=\"", "\"").ok_or_else(|| {
                format!("{} answered with a page that asks nothing:\n{page}", answer.status())
            })?;
            let action = between(&page, "action=\"", "\"").ok_or("the form goes nowhere")?;
            if prompt == "consent" && self.person == Person::Cancels {
                url = url.join(&format!("{action}/abort"))?;
                continue;
            }
            url = url.join(action)?;
            form = Some(format!("prompt={prompt}&login=ada&password=x"));
        }
        Err("the walk does not end".into())
    }

    pub(crate) async fn load(&mut self, url: &Url, form: Option<String>) -> Fallible<Answer> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::new(method, url.clone());
        if !cookies.is_empty() {
            request = request.with_header(COOKIE, HeaderValue::try_from(cookies.join("; "))?);
        }
        if let Some(form) = form {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request = request.with_header(CONTENT_TYPE, kind).with_body(Zeroizing::new(form.into_bytes()));
        }
        let answer = self.transport.send(request).await?;
        for set in answer.headers().get_all(SET_COOKIE) {
            let pair = set.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').ok_or("a cookie without a name")?;
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(inside, _)| inside)
}

/// The flow of a client, with what the server's metadata says.
pub(crate) async fn flow(server: &OidcProvider, client: &str) -> Fallible<AuthorizationCodeBuilder> {
    let found = Discovery::new(server.issuer(), Arc::new(HttpTransport::new()?))?.discover().await?;
    assert!(found.server().authorization_response_iss_parameter());
    let secret = ClientAuthentication::secret_basic(format!("{client}-secret"));
    let endpoint = found.endpoint(Client::new(client, secret)?).build()?;
    Ok(AuthorizationCode::builder(endpoint, REDIRECT_URI)
        .scope("openid offline_access read")
        .prompt("consent"))
}

pub(crate) async fn run(flow: &AuthorizationCode, person: Person) -> Fallible<Result<Done, Unfinished>> {
    run_in(Browser::new(person)?, flow).await
}

pub(crate) async fn run_in(
    mut browser: Browser,
    flow: &AuthorizationCode,
) -> Fallible<Result<Done, Unfinished>> {
    let user_agent = flow.user_agent();
    let (redirect, pending) = flow.begin(&user_agent).await?;
    let location = redirect.into_location()?;
    let back = browser.walk(&location).await?;
    let finished = pending.finish(flow, &user_agent, &Callback::from_url(&back)?).await;
    Ok(finished.map(|granted| Done { granted, location: location.to_string(), back }))
}

#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) granted: grantry_authorization_code::Granted,
    pub(crate) location: String,
    back: String,
}

/// The last refresh token that was to be kept.
#[derive(Debug, Default)]
struct Shelf(Mutex<Vec<String>>);

#[async_trait]
impl Keeper for Shelf {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.push(kept.refresh_token.expose().to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn req_b01_b12_a_person_logs_in_consents_and_the_tokens_renew() {
    let server = start().unwrap();
    let flow = flow(&server, "web").await.unwrap().build().unwrap();
    let done = run(&flow, Person::Consents).await.unwrap().unwrap();
    assert!(done.back.contains("&iss=http"), "{}", done.back);
    let granted = done.granted;
    assert_eq!(granted.scope().as_str(), "offline_access openid read");
    assert!(granted.missing_scope().is_empty());
    assert!(granted.id_token.is_some() && granted.claims.is_some());
    assert_eq!(granted.issuer.as_deref(), Some(server.issuer()));
    assert_eq!(server.requests("POST /token").unwrap(), 1);

    let first = granted.refresh_token().unwrap().clone();
    let shelf = Arc::new(Shelf::default());
    let keeper = Arc::clone(&shelf) as Arc<dyn Keeper>;
    let grant = RefreshTokenGrant::new(flow.endpoint().clone(), first.clone(), keeper).unwrap();
    for _ in 0..2 {
        grant.obtain(Attempt::first()).await.unwrap();
    }
    let kept = shelf.0.lock().unwrap().clone();
    assert_eq!(kept.len(), 2, "each answer brought another refresh token");
    assert!(kept[0] != kept[1] && kept[0] != first.expose());
}

#[tokio::test]
async fn req_c19_c21_a_pushed_request_is_accepted_and_a_plain_one_of_a_client_that_has_to_push_is_not() {
    let server = start().unwrap();
    let pushing = flow(&server, "web-pushing").await.unwrap().pushed().build().unwrap();
    let done = run(&pushing, Person::Consents).await.unwrap().unwrap();
    let names: Vec<String> =
        Url::parse(&done.location).unwrap().query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    assert!(done.granted.refresh_token().is_some());
    assert_eq!(server.requests("POST /request").unwrap(), 1);

    let plain = flow(&server, "web-pushing").await.unwrap().build().unwrap();
    let unfinished = run(&plain, Person::Consents).await.unwrap().unwrap_err();
    assert_eq!(unfinished.error.oauth_code(), Some("invalid_request"), "{unfinished:?}");
    assert_eq!(server.requests("POST /token").unwrap(), 1);
}

#[tokio::test]
async fn req_b19_a_person_who_cancels_is_an_error_with_a_diagnosis() {
    let server = start().unwrap();
    let flow = flow(&server, "web").await.unwrap().build().unwrap();
    let unfinished = run(&flow, Person::Cancels).await.unwrap().unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Refused);
    assert_eq!(unfinished.error.oauth_code(), Some("access_denied"));
    assert_eq!(unfinished.error.diagnosis().party(), Party::ResourceOwner);
    assert_eq!(unfinished.said.as_deref(), Some("End-User aborted interaction"));
    assert_eq!(server.requests("POST /token").unwrap(), 0);
}
