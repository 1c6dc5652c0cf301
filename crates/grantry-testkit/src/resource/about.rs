//! What a resource says of itself (RFC 9728).

use std::sync::{Mutex, PoisonError};

use grantry_core::Scope;
use grantry_endpoint::Answer;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::ReceivedRequest;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Whether a path is one of metadata.
pub(super) fn is_at(path: &str) -> bool {
    path.strip_prefix(WELL_KNOWN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A resource's own metadata.
pub(super) struct About {
    origin: String,
    issuer: String,
    scopes: Vec<String>,
    path: Mutex<String>,
}

/// The members in the order in which they are written (RFC 9728 section 2).
#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    authorization_servers: [&'a str; 1],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
}

impl About {
    pub(super) fn new(origin: &str, issuer: String, scope: &Scope) -> Self {
        let scopes = scope.tokens().map(str::to_owned).collect();
        Self { origin: origin.to_owned(), issuer, scopes, path: Mutex::default() }
    }

    pub(super) fn identify_as(&self, path: &str) {
        path.clone_into(&mut self.path.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn identifier(&self) -> String {
        format!("{}{}", self.origin, self.path())
    }

    fn path(&self) -> String {
        self.path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn answer(&self, request: &ReceivedRequest) -> Answer {
        let asked = request.path().strip_prefix(WELL_KNOWN);
        if request.method() != Method::GET || asked != Some(self.path().as_str()) {
            return Answer::new(StatusCode::NOT_FOUND);
        }
        let resource = self.identifier();
        let metadata = Metadata {
            resource: &resource,
            authorization_servers: [&self.issuer],
            scopes_supported: &self.scopes,
            bearer_methods_supported: ["header"],
        };
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = serde_json::to_vec(&metadata).unwrap_or_default();
        Answer::new(StatusCode::OK).with_headers([json].into_iter().collect()).with_body(body)
    }

    /// The same answer, with the address of the metadata in its challenge (RFC 9728 section 5.1).
    pub(super) fn named_in(&self, answer: Answer) -> Answer {
        let mut headers = answer.headers().clone();
        let challenge = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let Some(challenge) = challenge else { return answer };
        let separator = if challenge.contains('=') { ", " } else { " " };
        let named =
            format!("{challenge}{separator}resource_metadata=\"{}{WELL_KNOWN}{}\"", self.origin, self.path());
        // A path that cannot stand in a header is left out.
        if let Ok(named) = HeaderValue::try_from(named) {
            headers.insert(header::WWW_AUTHENTICATE, named);
        }
        answer.with_headers(headers)
    }
}
