//! The end of a login.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::http::request::Parts;
use grantry::authorization_code::{
    AuthorizationCode, Callback, PendingAuthorizations, PendingKey, PendingStoreError, UserAgentBinding,
};
use grantry::{Error, ErrorKind};
use zeroize::Zeroizing;

use crate::logins::{Inner, private};
use crate::outcome::Outcome;
use crate::start::Ended;
use crate::{Person, cookies, requests};

/// Takes the response.
pub(crate) async fn callback(State(inner): State<Arc<Inner>>, parts: Parts) -> Response<Body> {
    match take(&inner, &parts).await {
        Ok((outcome, cookie)) => {
            let mut response = inner.answer(&outcome);
            if let Some(cookie) = cookie {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(Ended::Here(outcome)) => inner.answer(&outcome),
        Err(Ended::ByTheApplication(response)) => private(*response),
    }
}

async fn take(inner: &Arc<Inner>, parts: &Parts) -> Result<(Outcome, Option<HeaderValue>), Ended> {
    if requests::is_in_advance(&parts.headers) || requests::is_no_navigation(&parts.headers) {
        return Err(Outcome::OnlyLooking.into());
    }
    if parts.uri.query().is_none() && cookies::has_finished_one(&parts.headers) {
        // The page takes the query out of the address bar; this is what loading it again asks for.
        return Err(Outcome::AlreadyFinished.into());
    }
    let callback =
        Callback::from_query(parts.uri.query().unwrap_or_default()).map_err(Outcome::NoResponse)?;
    let binding = cookies::binding(&parts.headers).ok_or(Outcome::AnotherBrowser)?;
    let key = callback.key(&binding).ok_or(Outcome::NothingPending)?;
    if cookies::has_finished(&parts.headers, &key) {
        return Err(Outcome::AlreadyFinished.into());
    }
    let person =
        inner.people.person(parts).await.map_err(|response| Ended::ByTheApplication(Box::new(response)))?;
    let request = Returned { person, binding, callback, path: parts.uri.path().to_owned() };
    // A browser that goes away must not take the tokens along.
    let inner = Arc::clone(inner);
    let finished = tokio::spawn(async move { finish(&inner, request).await }).await;
    let outcome =
        finished.unwrap_or_else(|_| Outcome::NotKept(Error::internal("whoever keeps grants panicked")));
    let cookie = matches!(outcome, Outcome::Connected { .. }).then(|| cookies::set_finished(&key)).flatten();
    Ok((outcome, cookie))
}

/// A browser that came back.
struct Returned {
    person: Person,
    binding: UserAgentBinding,
    callback: Callback,
    path: String,
}

async fn finish(inner: &Inner, request: Returned) -> Outcome {
    let Returned { person, binding, callback, path } = request;
    let codes = match inner.codes_of(person.tenant()) {
        Ok(codes) => codes,
        Err(error) => return Outcome::NotBegun(error),
    };
    let (mut was_found, mut is_theirs) = (false, false);
    let finished = codes
        .finish_for(&binding, &callback, |name, note| {
            was_found = true;
            is_theirs = note == person.note();
            // At a redirect URI of its own, a server gets its own codes only (RFC 9700 section 4.4.2).
            is_theirs && codes.flow(name).is_some_and(|flow| is_at(&path, &route(flow)))
        })
        .await;
    let (service, granted) = match finished {
        Ok((service, granted)) => (service.to_owned(), granted),
        Err(unfinished) => {
            return match (was_found, is_theirs, unfinished.error.kind()) {
                (false, _, ErrorKind::InvalidAnswer) => Outcome::NothingPending,
                (false, _, ErrorKind::Storage | ErrorKind::Overloaded) => Outcome::Busy(unfinished.error),
                (true, false, _) => Outcome::AnotherPerson,
                _ => Outcome::Unfinished(unfinished),
            };
        }
    };
    let (missing_scope, claims) = (granted.missing_scope(), granted.claims.clone());
    match inner.keeper.keep(&person, &service, granted).await {
        Ok(()) => Outcome::Connected { person, service, missing_scope, claims },
        Err(error) => Outcome::NotKept(error),
    }
}

/// The path of a flow's redirect URI.
pub(crate) fn route(flow: &AuthorizationCode) -> String {
    let after_scheme = flow.redirect_uri().split_once("://").map_or("", |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    path.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// Whether a request came to that path; a proxy in front, or a router around, may have taken the beginning away.
fn is_at(path: &str, route: &str) -> bool {
    !path.is_empty() && route.ends_with(path)
}

/// What stands in the place of a tenant's store until the tenant is known.
#[derive(Debug)]
pub(crate) struct NoStore;

#[async_trait]
impl PendingAuthorizations for NoStore {
    async fn keep(&self, _: PendingKey, _: Zeroizing<Vec<u8>>, _: Duration) -> Result<(), PendingStoreError> {
        Err(PendingStoreError::Unusable("no tenant was named".to_owned()))
    }

    async fn take(&self, _: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
        Err(PendingStoreError::Unusable("no tenant was named".to_owned()))
    }
}
