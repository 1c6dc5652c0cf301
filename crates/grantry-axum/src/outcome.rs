//! What became of a login, and what the person sees of it.

use std::fmt;

use axum::body::Body;
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use grantry::authorization_code::{Page, Unfinished};
use grantry::{Error, IdTokenClaims, Scope};

use crate::Person;

/// What became of a request to one of the routes, for [`ResultPages`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The person consented, and the grant is kept.
    Connected {
        /// Who.
        person: Person,
        /// The service.
        service: String,
        /// What was asked for and not granted; empty where everything was.
        missing_scope: Scope,
        /// Who they are at the service, where the flow asks for an ID token.
        claims: Option<IdTokenClaims>,
    },
    /// The person declined, the server refused, or the code could not be redeemed. Nothing is connected.
    Unfinished(Unfinished),
    /// The tokens were there, but could not be kept. Nothing is connected.
    NotKept(Error),
    /// This browser finished this very login a moment ago: the page was loaded again.
    AlreadyFinished,
    /// Nothing is pending for this response here: it is too old, was used before, or is nobody's.
    NothingPending,
    /// The browser is not one in which a login was begun, or keeps no cookies.
    AnotherBrowser,
    /// The login was begun by somebody else, and can still be finished by them.
    AnotherPerson,
    /// What came is no authorization response.
    NoResponse(Error),
    /// There is no such service.
    UnknownService,
    /// Too many logins are under way, or the store of them is away.
    Busy(Error),
    /// The login could not begin.
    NotBegun(Error),
    /// It was fetched in advance, or is no page load: nothing was begun and nothing taken.
    OnlyLooking,
}

impl Outcome {
    /// The plain page for it, in words that a person understands.
    pub fn page(&self) -> Page {
        let (status, title, text) = match self {
            Self::Connected { .. } => return Page::finished(),
            Self::Unfinished(unfinished) => return Page::unfinished(unfinished),
            Self::NotKept(_) => (
                500,
                "Not connected",
                "You consented, but the result could not be saved. Begin again in a few minutes.",
            ),
            Self::AlreadyFinished => {
                (200, "Already connected", "This was finished a moment ago. You may close this window.")
            }
            Self::NothingPending => (
                400,
                "This link does not work any more",
                "It is too old, was used before, or belongs to a login in another window. Begin again in the \
                 application.",
            ),
            Self::AnotherBrowser => (
                400,
                "Another browser",
                "The login was begun in another browser, or this one keeps no cookies. Open the application in this \
                 browser and begin again.",
            ),
            Self::AnotherPerson => (
                403,
                "Another person",
                "This login was begun by somebody else. Log in to the application as that person, or begin again.",
            ),
            Self::NoResponse(_) => (
                400,
                "Not a login",
                "This address was cut off or changed on its way. Begin again in the application.",
            ),
            Self::UnknownService => (404, "No such service", "There is nothing of this name to connect."),
            Self::Busy(_) => {
                (503, "Busy", "Too many people are logging in just now. Wait a minute and begin again.")
            }
            Self::NotBegun(error) if error.kind() == grantry::ErrorKind::Configuration => (
                500,
                "Not connected",
                "The application is not set up for this service. Tell whoever runs it.",
            ),
            Self::NotBegun(_) => (
                502,
                "The service does not answer",
                "The service could not be reached just now. Wait a minute and begin again.",
            ),
            Self::OnlyLooking => (503, "One moment", "Open this page yourself to go on."),
        };
        Page::new(status, title, text)
    }

    /// One word for the trace.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Unfinished(_) => "unfinished",
            Self::NotKept(_) => "not_kept",
            Self::AlreadyFinished => "already_finished",
            Self::NothingPending => "nothing_pending",
            Self::AnotherBrowser => "another_browser",
            Self::AnotherPerson => "another_person",
            Self::NoResponse(_) => "no_response",
            Self::UnknownService => "unknown_service",
            Self::Busy(_) => "busy",
            Self::NotBegun(_) => "not_begun",
            Self::OnlyLooking => "only_looking",
        }
    }

    /// What whoever runs the application has to know of it.
    pub(crate) fn error(&self) -> Option<&Error> {
        match self {
            Self::Unfinished(unfinished) => Some(&unfinished.error),
            Self::NotKept(error) | Self::Busy(error) | Self::NotBegun(error) => Some(error),
            _ => None,
        }
    }
}

/// What the person sees in the end. The application may show a page of its own, or send the browser on to one; [`PlainPages`]
/// is what there is otherwise.
///
/// Whatever it answers is sent with `Cache-Control: no-store` and `Referrer-Policy: no-referrer`, because the address of the
/// request holds the code. A page of its own should load nothing from elsewhere, and escape what it shows.
///
/// ```
/// use axum::response::{IntoResponse, Redirect, Response};
/// use grantry_axum::{Outcome, ResultPages, respond};
///
/// /// Back to the settings where all is well.
/// #[derive(Debug)]
/// struct BackToSettings;
///
/// impl ResultPages for BackToSettings {
///     fn page(&self, outcome: &Outcome) -> Response {
///         match outcome {
///             Outcome::Connected { .. } | Outcome::AlreadyFinished => Redirect::to("/settings").into_response(),
///             other => respond(&other.page()),
///         }
///     }
/// }
/// ```
pub trait ResultPages: fmt::Debug + Send + Sync + 'static {
    /// The answer to the browser.
    fn page(&self, outcome: &Outcome) -> Response<Body>;
}

/// A plain page for each outcome, that loads nothing.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct PlainPages;

impl PlainPages {
    /// They have no settings.
    pub fn new() -> Self {
        Self
    }
}

impl ResultPages for PlainPages {
    fn page(&self, outcome: &Outcome) -> Response<Body> {
        respond(&outcome.page())
    }
}

/// A page as a response, with all its headers.
pub fn respond(page: &Page) -> Response<Body> {
    let mut response = Response::new(Body::from(page.to_html()));
    *response.status_mut() = StatusCode::from_u16(page.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in Page::HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
