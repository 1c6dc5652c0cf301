//! Who the client is (RFC 6749 section 2.3).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::ClientAuthenticationMethod;
use http::header;
use url::form_urlencoded;

use super::Authority;
use super::answers::Refusal;
use crate::{ReceivedRequest, RegisteredClient};

/// What the request shows for itself. There must be exactly one method (RFC 6749 section 2.3).
struct Claim {
    id: String,
    secret: Option<String>,
    method: ClientAuthenticationMethod,
}

/// The client that sent the request, if it proves that it did.
pub(crate) fn authenticate(
    authority: &Authority,
    request: &ReceivedRequest,
) -> Result<Arc<RegisteredClient>, Refusal> {
    let claim = claim(request)?;
    let client = authority.client(&claim.id).ok_or(Refusal::invalid_client("the client is not known"))?;
    if !client.may_use(claim.method) {
        return Err(Refusal::invalid_client("the client may not authenticate by this method"));
    }
    match claim.secret {
        Some(secret) if !client.secrets().any(|s| s == secret) => {
            Err(Refusal::invalid_client("the client secret is wrong"))
        }
        _ => Ok(client),
    }
}

fn claim(request: &ReceivedRequest) -> Result<Claim, Refusal> {
    let form = request.form();
    let basic = basic_credentials(request)?;
    let posted = form.value("client_secret");
    if basic.is_some() && posted.is_some() {
        return Err(Refusal::new("invalid_request", "more than one client authentication method"));
    }
    if let Some((id, secret)) = basic {
        if form.value("client_id").is_some_and(|other| other != id) {
            return Err(Refusal::new("invalid_request", "two different client ids"));
        }
        return Ok(Claim { id, secret: Some(secret), method: ClientAuthenticationMethod::ClientSecretBasic });
    }
    let id = form.value("client_id").ok_or(Refusal::invalid_client("no client authentication"))?.to_owned();
    let method = match posted {
        Some(_) => ClientAuthenticationMethod::ClientSecretPost,
        None => ClientAuthenticationMethod::None,
    };
    Ok(Claim { id, secret: posted.map(str::to_owned), method })
}

/// Id and secret of the `Authorization` header, both form-decoded (RFC 6749 section 2.3.1).
fn basic_credentials(request: &ReceivedRequest) -> Result<Option<(String, String)>, Refusal> {
    let broken = || Refusal::invalid_client("the Authorization header is not Basic with form-encoded parts");
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::new("invalid_request", "more than one Authorization header"));
    }
    let (scheme, credentials) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(broken)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(broken());
    }
    let decoded = STANDARD.decode(credentials.trim()).map_err(|_| broken())?;
    let decoded = String::from_utf8(decoded).map_err(|_| broken())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(broken)?;
    Ok(Some((form_decode(id).ok_or_else(broken)?, form_decode(secret).ok_or_else(broken)?)))
}

/// Undoes form-encoding of a single value; `None` for text that form-encoding cannot have made.
fn form_decode(encoded: &str) -> Option<String> {
    if encoded.contains(['&', '=', ':', ' ']) {
        return None;
    }
    Some(form_urlencoded::parse(encoded.as_bytes()).next().map(|(v, _)| v.into_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_a11_only_form_encoded_credentials_are_read() {
        assert_eq!(form_decode("+%25%26%2B%C2%A3%E2%82%AC").as_deref(), Some(" %&+£€"));
        assert_eq!(form_decode("").as_deref(), Some(""));
        assert_eq!(form_decode("a=="), None);
        assert_eq!(form_decode("a:b"), None);
    }
}
