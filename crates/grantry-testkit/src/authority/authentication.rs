//! Who the client is (RFC 6749 section 2.3).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_core::ClientAuthenticationMethod;
use http::header;
use url::form_urlencoded;

use super::answers::Refusal;
use super::{Authority, Moment, assertion};
use crate::{ReceivedRequest, RegisteredClient};

/// What the request shows for itself. There must be exactly one method (RFC 6749 section 2.3).
struct Claim {
    id: String,
    proof: Proof,
    method: ClientAuthenticationMethod,
}

enum Proof {
    None,
    Secret(String),
    Assertion(String),
}

/// The client that sent the request, if it proves that it did.
pub(super) fn authenticate(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Arc<RegisteredClient>, Refusal> {
    let claim = claim(request)?;
    let client = authority.client(&claim.id).ok_or(Refusal::invalid_client("the client is not known"))?;
    if !client.may_use(claim.method) {
        return Err(Refusal::invalid_client("the client may not authenticate by this method"));
    }
    match claim.proof {
        Proof::None => {}
        Proof::Secret(secret) if client.secrets().any(|s| s == secret) => {}
        Proof::Secret(_) => return Err(Refusal::invalid_client("the client secret is wrong")),
        Proof::Assertion(jwt) => assertion::verify(authority, &client, claim.method, &jwt, at)?,
    }
    Ok(client)
}

fn claim(request: &ReceivedRequest) -> Result<Claim, Refusal> {
    let form = request.form();
    let basic = basic_credentials(request)?;
    let posted = form.value("client_secret");
    let asserted = form.value("client_assertion");
    let methods = [basic.is_some(), posted.is_some(), asserted.is_some()];
    if methods.into_iter().filter(|m| *m).count() > 1 {
        return Err(Refusal::new("invalid_request", "more than one client authentication method"));
    }
    let named = form.value("client_id").map(str::to_owned);
    let (id, proof, method) = if let Some((id, secret)) = basic {
        (Some(id), Proof::Secret(secret), ClientAuthenticationMethod::ClientSecretBasic)
    } else if let Some(jwt) = asserted {
        if form.value("client_assertion_type") != Some(assertion::ASSERTION_TYPE) {
            return Err(Refusal::new("invalid_request", "client_assertion_type is not that of a JWT"));
        }
        let id = assertion::claimed_client(jwt);
        let id = id.ok_or(Refusal::invalid_client("the assertion does not say whom it is from"))?;
        (Some(id), Proof::Assertion(jwt.to_owned()), assertion::method(jwt)?)
    } else if let Some(secret) = posted {
        (named.clone(), Proof::Secret(secret.to_owned()), ClientAuthenticationMethod::ClientSecretPost)
    } else {
        (named.clone(), Proof::None, ClientAuthenticationMethod::None)
    };
    let id = id.ok_or(Refusal::invalid_client("no client authentication"))?;
    if named.is_some_and(|other| other != id) {
        return Err(Refusal::new("invalid_request", "two different client ids"));
    }
    Ok(Claim { id, proof, method })
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
