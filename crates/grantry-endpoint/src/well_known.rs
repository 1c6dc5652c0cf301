//! Documents at well-known addresses (RFC 8615).

use std::sync::Arc;

use grantry_core::{Error, ErrorKind, Stage};
use http::header::ACCEPT;
use http::{HeaderValue, Method};
use url::Url;

use crate::{Answer, Request, Transport, answer, failure, traced};

/// Where a document may be.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) url: Url,
    /// Whether nobody configured it.
    pub(crate) learned: bool,
}

/// Asks one address after the other; the first document that there is counts. A server that is busy or broken ends it, so
/// that nobody gets another document by breaking the first.
///
/// # Errors
/// `InvalidAnswer` with the fact `none` where no address has a document; the kinds of the transport and of the statuses
/// otherwise.
pub(crate) async fn first(
    transport: &Arc<dyn Transport>,
    addresses: impl IntoIterator<Item = Address>,
    none: &'static str,
) -> Result<Answer, Error> {
    let mut answered = None;
    for Address { url, learned } in addresses {
        let json = HeaderValue::from_static("application/json");
        let request = Request::new(Method::GET, url).with_header(ACCEPT, json);
        let request = if learned { request.learned() } else { request };
        let sent = traced::send(&**transport, request).await;
        let answer = sent.map_err(|failed| failure::error(&failed, Stage::Discover))?;
        let status = answer.status();
        if status.is_success() && is_object(&answer) {
            return Ok(answer);
        }
        if status.is_server_error() || status.as_u16() == 429 {
            let refusal = answer::by_status(status, "");
            let error = Error::new(refusal.kind, Stage::Discover, refusal.fact);
            return Err(error.with_status(status.as_u16()));
        }
        answered = Some(status.as_u16());
    }
    let error = Error::new(ErrorKind::InvalidAnswer, Stage::Discover, none);
    Err(match answered {
        Some(status) => error.with_status(status),
        None => error,
    })
}

fn is_object(answer: &Answer) -> bool {
    answer.expose_body().trim_ascii_start().starts_with(b"{")
}
