//! The beginning of a login.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{HeaderValue, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use grantry::authorization_code::UserAgentBinding;
use grantry::{Error, ErrorKind, Scope};

use crate::logins::{Inner, private};
use crate::outcome::Outcome;
use crate::{cookies, requests};

/// Sends the browser off.
pub(crate) async fn start(
    State(inner): State<Arc<Inner>>,
    Path(service): Path<String>,
    parts: Parts,
) -> Response<Body> {
    answer(&inner, begin(&inner, &service, &parts, Why::Connect).await)
}

/// Sends the browser off once more, for what a resource server wants.
pub(crate) async fn step_up(
    inner: &Inner,
    service: &str,
    parts: &Parts,
    refusal: &Error,
    granted: &Scope,
) -> Response<Body> {
    answer(inner, begin(inner, service, parts, Why::More { refusal, granted }).await)
}

fn answer(inner: &Inner, begun: Result<Response<Body>, Ended>) -> Response<Body> {
    match begun {
        Ok(response) => response,
        Err(Ended::Here(outcome)) => inner.answer(&outcome),
        Err(Ended::ByTheApplication(response)) => private(*response),
    }
}

/// What the person is asked for.
#[derive(Clone, Copy)]
enum Why<'a> {
    /// What the service's flow asks for.
    Connect,
    /// What a request was refused for, besides.
    More { refusal: &'a Error, granted: &'a Scope },
}

/// Why a request goes no further.
pub(crate) enum Ended {
    Here(Box<Outcome>),
    ByTheApplication(Box<Response<Body>>),
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self::Here(Box::new(outcome))
    }
}

async fn begin(inner: &Inner, service: &str, parts: &Parts, why: Why<'_>) -> Result<Response<Body>, Ended> {
    if requests::is_in_advance(&parts.headers) || requests::is_no_navigation(&parts.headers) {
        return Err(Outcome::OnlyLooking.into());
    }
    if inner.codes.flow(service).is_none() {
        return Err(Outcome::UnknownService.into());
    }
    let person =
        inner.people.person(parts).await.map_err(|response| Ended::ByTheApplication(Box::new(response)))?;
    // The same value for all that one browser begins, so that several windows get along. It says nothing about who the
    // person is: that is kept with each login.
    let known = cookies::binding(&parts.headers);
    let is_new = known.is_none();
    let binding = known.unwrap_or_else(|| UserAgentBinding::new(&*inner.entropy));
    let location = async {
        let (codes, note) = (inner.codes_of(person.tenant())?, person.note());
        let redirect = match why {
            Why::Connect => codes.begin_for(service, &binding, &note).await?,
            Why::More { refusal, granted } => {
                codes.step_up_for(service, &binding, &note, refusal, granted).await?
            }
        };
        let location = redirect.into_location()?;
        let mut location = HeaderValue::try_from(location.as_str())
            .map_err(|_| Error::internal("the authorization endpoint's URL is no header"))?;
        location.set_sensitive(true);
        Ok::<_, Error>(location)
    };
    let location = location.await.map_err(|error| match error.kind() {
        ErrorKind::Overloaded | ErrorKind::Storage => Outcome::Busy(error),
        _ => Outcome::NotBegun(error),
    })?;
    let mut response = private(Response::new(Body::empty()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, location);
    if let Some(cookie) = cookies::set_binding(&binding).filter(|_| is_new) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}
