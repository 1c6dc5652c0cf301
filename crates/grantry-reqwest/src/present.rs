//! One request, from the check of its origin to the answer for the caller.

use grantry_core::presenting::{
    AllowedOrigins, Answer, Next, Tried, after_answer, check_binding, check_headers, is_another, prove,
    remember_answer, token_rejected,
};
use grantry_core::{Origin, Thumbprint, Token, TokenSource};
use reqwest::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use reqwest::{Request, Response, Url};

use crate::Error;
use crate::redirect::{self, Redirects};

/// The header of a proof of possession (RFC 9449 section 4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Whose tokens go where, and over what.
pub(crate) struct Terms<'a, S: ?Sized> {
    pub(crate) source: &'a S,
    pub(crate) origins: &'a AllowedOrigins,
    pub(crate) redirects: Redirects,
    /// The certificate that the client was built with.
    pub(crate) identity: Option<Thumbprint>,
}

/// Sends one request as it stands: a client, or the rest of a middleware stack.
pub(crate) trait Carrier: Send {
    /// What its users get in the place of an answer.
    type Error: From<Refused>;

    fn send(&mut self, request: Request) -> impl Future<Output = Result<Response, Self::Error>> + Send;
}

/// Why a request was not sent, or its answer is an error.
pub(crate) struct Refused(pub(crate) grantry_core::Error);

impl From<Refused> for Error {
    fn from(Refused(error): Refused) -> Self {
        Self::Token(error)
    }
}

impl Carrier for &reqwest::Client {
    type Error = Error;

    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        Ok(self.execute(request).await?)
    }
}

/// Sends `request` with a token of `source`, as [`grantry_core::presenting`] has it.
pub(crate) async fn present<C: Carrier, S: TokenSource + ?Sized>(
    mut carrier: C,
    terms: Terms<'_, S>,
    mut request: Request,
) -> Result<Response, C::Error> {
    let Terms { source, origins, redirects, identity } = terms;
    let origin = origins.check(request.url()).map_err(Refused)?;
    check_headers(request.headers(), origin).map_err(Refused)?;
    if redirects == Redirects::Ours {
        name_host(&mut request);
    }
    let mut token = take(source).await?;
    let mut tried = Tried::default();
    let mut hops = 0;
    loop {
        let spare = request.try_clone();
        let sent_to = request.url().clone();
        authorize(&mut request, &token, origin, identity).await?;
        let answer = carrier.send(request).await?;
        if origin.contains(answer.url()) {
            remember_answer(&token, origin, answer.headers());
        }
        if !redirect::is_same(&sent_to, answer.url()) {
            // The client followed a redirect, and nobody can see whether the token was still on the last request:
            // it was not, where the way led through another origin, even if it came back.
            return Ok(answer);
        }
        let seen = Answer::new(answer.status(), answer.headers(), &token);
        let next = after_answer(&seen.after(tried).resendable(spare.is_some()));
        request = match (next, spare) {
            (Next::RejectAndResend, Some(spare)) => {
                source.reject(&token);
                let another = take(source).await?;
                if !is_another(&another, &token) {
                    return Err(Refused(token_rejected(answer.status())).into());
                }
                token = another;
                tried.another_token = true;
                tell(origin, &answer, tried, "the resource server refused the token, sending once more");
                spare
            }
            (Next::ResendWithNonce, Some(spare)) => {
                tried.nonce = true;
                tell(origin, &answer, tried, "the resource server asked for a nonce, sending once more");
                spare
            }
            (Next::Fail(error), _) => return Err(Refused(error).into()),
            (Next::Deliver, Some(spare)) if redirects.are_ours(hops) => {
                match redirect::inside(origin, &answer, spare) {
                    Some(onward) => {
                        hops += 1;
                        onward
                    }
                    None => return Ok(answer),
                }
            }
            (Next::RejectAndDeliver, _) => {
                source.reject(&token);
                return Ok(answer);
            }
            _ => return Ok(answer),
        };
    }
}

/// The token that is at hand, or else one that is waited for.
async fn take<S: TokenSource + ?Sized>(source: &S) -> Result<Token, Refused> {
    match source.ready() {
        Some(token) => Ok(token),
        None => source.token().await.map_err(Refused),
    }
}

async fn authorize(
    request: &mut Request,
    token: &Token,
    origin: &Origin,
    identity: Option<Thumbprint>,
) -> Result<(), Refused> {
    check_binding(token, identity).map_err(Refused)?;
    let proof = prove(token, request.method(), origin, request.url().path()).await.map_err(Refused)?;
    let headers = request.headers_mut();
    if let Some(proof) = proof {
        headers.insert(DPOP, proof);
    }
    headers.insert(AUTHORIZATION, token.header().clone());
    Ok(())
}

/// Says the host where the request does not: a client fills in what its `default_headers` say, and nobody is shown those.
///
/// Not where the client follows redirects. It would take the header along to other hosts.
fn name_host(request: &mut Request) {
    if !request.headers().contains_key(HOST)
        && let Some(host) = authority(request.url())
    {
        request.headers_mut().insert(HOST, host);
    }
}

fn authority(url: &Url) -> Option<HeaderValue> {
    let host = url.host_str()?;
    match url.port() {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
        None => HeaderValue::from_str(host),
    }
    .ok()
}

fn tell(origin: &Origin, answer: &Response, tried: Tried, what: &str) {
    tracing::debug!(
        server.address = origin.host(),
        server.port = origin.port(),
        http.response.status_code = answer.status().as_u16(),
        http.request.resend_count = tried.resends(),
        "{what}"
    );
}
