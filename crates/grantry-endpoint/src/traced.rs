//! A request in a span of its own, named as the conventions of OpenTelemetry have it.

use grantry_core::shown_url;

use crate::failure::said_of;
use crate::quiet::{inside, quietly};
use crate::{Answer, Request, Transport, TransportFailure};

/// Sends the request. The span shows where it went, without what stands in the query, and what came of it.
///
/// # Errors
/// Those of the transport.
pub(crate) async fn send(transport: &dyn Transport, request: Request) -> Result<Answer, TransportFailure> {
    let url = shown_url(request.url());
    let span = tracing::debug_span!(
        "oauth.request",
        otel.kind = "client",
        http.request.method = request.method().as_str(),
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        url.full = url.as_str(),
        http.response.status_code = tracing::field::Empty,
        error.type = tracing::field::Empty,
        grantry.transport_cause = tracing::field::Empty,
    );
    let result = inside(&span, transport.send(request)).await;
    let head = match &result {
        Ok(answer) => Some(answer),
        Err(failure) => failure.partial(),
    };
    quietly(|| {
        if let Err(failure) = &result {
            let (kind, _) = said_of(failure.cause());
            span.record("error.type", kind.as_str());
            span.record("grantry.transport_cause", tracing::field::debug(failure.cause()));
        }
        if let Some(head) = head {
            span.record("http.response.status_code", head.status().as_u16());
        }
    });
    quietly(|| drop(span));
    result
}
