//! The authorization endpoint (RFC 6749 section 3.1), for codes with PKCE by S256 alone.

use std::sync::Arc;

use grantry_core::Scope;
use grantry_endpoint::Answer;
use http::{HeaderValue, Method, StatusCode, header};
use url::Url;

use super::answers::Refusal;
use super::store::StoredCode;
use super::{Authority, Decision, Moment, PERSON, ResponseIssuer, ResponseState, pushed};
use crate::{Form, ReceivedRequest, RegisteredClient};

pub(super) fn answer(
    authority: &mut Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Answer, Refusal> {
    let query = match *request.method() {
        Method::GET => Form::parse(request.expose_query().unwrap_or_default().as_bytes()),
        Method::POST => request.form().clone(),
        _ => return Err(Refusal::method_not_allowed("GET")),
    };
    let id = query.value("client_id").ok_or(invalid("client_id is missing"))?;
    let client = authority.client(id).ok_or(invalid("the client is not known"))?;
    let parameters = if query.value("request_uri").is_some() {
        pushed::take(authority, &query, &client, at)?
    } else if authority.settings.requires_pushed_requests {
        return Err(invalid("the request has to be pushed"));
    } else {
        query
    };
    // Until client and redirect URI are known to be right, the person stays here (RFC 6749 section 4.1.2.1).
    let redirect_uri = parameters.value("redirect_uri").ok_or(invalid("redirect_uri is missing"))?;
    if !client.may_redirect_to(redirect_uri) {
        return Err(invalid("redirect_uri is not registered"));
    }
    let mut response = Response::new(authority, &parameters);
    match check(&parameters, authority.settings.refuses_pkce) {
        Err(error) => response.add("error", error),
        Ok((challenge, scope)) => {
            let (thumbprint, nonce) = (parameters.value("dpop_jkt"), parameters.value("nonce"));
            let asked = Asked { client: &client, redirect_uri, challenge, thumbprint, nonce, scope };
            decide(authority, asked, &mut response, at);
        }
    }
    response.to(redirect_uri)
}

/// What the request says, or the error code for what is wrong with it. The same is checked of pushed requests.
pub(super) fn check(
    parameters: &Form,
    may_be_without_pkce: bool,
) -> Result<(Option<&str>, Scope), &'static str> {
    if parameters.repeated().is_some() {
        return Err("invalid_request");
    }
    if parameters.value("response_type") != Some("code") {
        return Err("unsupported_response_type");
    }
    let challenge = parameters.value("code_challenge");
    let is_right = challenge.is_some_and(|challenge| challenge.len() == 43)
        && parameters.value("code_challenge_method") == Some("S256");
    let is_left_out = may_be_without_pkce && challenge.is_none();
    if !(is_right || is_left_out) {
        return Err("invalid_request");
    }
    let scope = Scope::parse(parameters.value("scope").unwrap_or_default()).map_err(|_| "invalid_scope")?;
    Ok((challenge, scope))
}

struct Asked<'a> {
    client: &'a Arc<RegisteredClient>,
    redirect_uri: &'a str,
    challenge: Option<&'a str>,
    /// The key that the code is bound to (RFC 9449 section 10).
    thumbprint: Option<&'a str>,
    nonce: Option<&'a str>,
    scope: Scope,
}

fn decide(authority: &mut Authority, asked: Asked<'_>, response: &mut Response, at: Moment) {
    let decision = authority.settings.decision.clone();
    let subject = match &decision {
        Decision::ConsentBy(somebody) => somebody.as_str(),
        _ => PERSON,
    };
    match &decision {
        Decision::Deny => return response.add("error", "access_denied"),
        Decision::Fail { code, description } => {
            response.add("error", code);
            return response.add("error_description", description);
        }
        Decision::SayNothing => return,
        Decision::Contradict(error) => response.add("error", error),
        Decision::Consent | Decision::ConsentBy(_) => {}
    }
    let Some(scope) = authority.settings.scope_policy.grant(&asked.scope) else {
        return response.add("error", "invalid_scope");
    };
    let code = authority.store.opaque("code");
    let stored = StoredCode {
        client: asked.client.id().clone(),
        subject: subject.into(),
        scope,
        redirect_uri: asked.redirect_uri.to_owned(),
        challenge: asked.challenge.map(str::to_owned),
        nonce: asked.nonce.map(str::to_owned),
        authenticated: at.wall,
        expires: at.now.after(authority.settings.code_lifetime),
        grant: None,
    };
    response.add("code", &code);
    if let Some(thumbprint) = asked.thumbprint {
        authority.store.bound.insert(code.clone(), thumbprint.to_owned());
    }
    authority.store.codes.insert(code, stored);
}

/// An authorization response under way (RFC 6749 section 4.1.2).
struct Response(Vec<(&'static str, String)>);

impl Response {
    fn new(authority: &Authority, parameters: &Form) -> Self {
        let mut response = Self(Vec::new());
        match &authority.settings.response_state {
            ResponseState::AsAsked => {
                if let Some(state) = parameters.value("state") {
                    response.add("state", state);
                }
            }
            ResponseState::Absent => {}
            ResponseState::Other(state) => response.add("state", state),
        }
        match &authority.settings.response_issuer {
            ResponseIssuer::Own => response.add("iss", authority.issuer()),
            ResponseIssuer::Absent => {}
            ResponseIssuer::Other(issuer) => response.add("iss", issuer),
        }
        response
    }

    fn add(&mut self, name: &'static str, value: &str) {
        self.0.push((name, value.to_owned()));
    }

    /// The answer that sends the browser back, with the query of the redirect URI kept.
    fn to(self, redirect_uri: &str) -> Result<Answer, Refusal> {
        let mut url = Url::parse(redirect_uri).map_err(|_| invalid("redirect_uri is no URI"))?;
        url.query_pairs_mut().extend_pairs(self.0);
        let location = HeaderValue::try_from(url.as_str()).map_err(|_| invalid("redirect_uri is no URI"))?;
        let headers =
            [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        Ok(Answer::new(StatusCode::FOUND).with_headers(headers.into_iter().collect()))
    }
}

pub(super) const fn invalid(description: &'static str) -> Refusal {
    Refusal::new("invalid_request", description)
}
