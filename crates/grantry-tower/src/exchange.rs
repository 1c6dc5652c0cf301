//! One request and what is known of it, from the check of its origin to the answer for the caller.

use std::pin::Pin;
use std::sync::Arc;

use grantry_core::presenting::{
    Answer, Next, Tried, after_answer, check_binding, check_headers, is_another, prove, remember_answer,
    token_rejected,
};
use grantry_core::{Binding, Error, Origin, Token, TokenSource};
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};

use crate::Replay;
use crate::terms::Terms;

/// The header of a proof of possession (RFC 9449 section 4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// What has to happen before the request can be sent.
pub(crate) enum Before {
    /// Waiting for a token.
    Take(Boxed<Token>),
    /// Waiting for a proof.
    Prove(Boxed<Option<HeaderValue>>),
    /// Nothing more.
    Send,
}

pub(crate) struct Exchange<S, B, R> {
    pub(crate) inner: S,
    terms: Arc<Terms>,
    replay: R,
    origin: Origin,
    /// What is sent next, without a token; during a send, the copy for the next one.
    request: Option<Request<B>>,
    token: Option<Token>,
    /// The token that was refused and has to be replaced by another, and the status that said so.
    refused: Option<(Token, StatusCode)>,
    tried: Tried,
}

impl<S, B, R: Replay<B>> Exchange<S, B, R> {
    /// Checks the request and takes a token if one is at hand.
    pub(crate) fn begin(
        inner: S,
        terms: Arc<Terms>,
        replay: R,
        request: Request<B>,
    ) -> Result<(Self, Before), Error> {
        let origin = terms.origin_of(request.uri())?.clone();
        check_headers(request.headers(), &origin)?;
        let mut exchange = Self {
            inner,
            terms,
            replay,
            origin,
            request: Some(request),
            token: None,
            refused: None,
            tried: Tried::default(),
        };
        let before = exchange.take()?;
        Ok((exchange, before))
    }

    fn take(&mut self) -> Result<Before, Error> {
        if let Some(token) = self.terms.source.ready() {
            return self.hold(token);
        }
        let terms = Arc::clone(&self.terms);
        Ok(Before::Take(Box::pin(async move { terms.source.token().await })))
    }

    /// Takes the token for the next send.
    pub(crate) fn hold(&mut self, token: Token) -> Result<Before, Error> {
        check_binding(&token, self.terms.identity())?;
        if let Some((refused, status)) = self.refused.take()
            && !is_another(&token, &refused)
        {
            return Err(token_rejected(status));
        }
        Ok(self.prove(token))
    }

    fn prove(&mut self, token: Token) -> Before {
        let request = self.request.as_ref().filter(|_| matches!(token.binding(), Binding::Proof(_)));
        let before = match request {
            None => Before::Send,
            Some(request) => {
                let (token, origin) = (token.clone(), self.origin.clone());
                let (method, path) = (request.method().clone(), request.uri().path().to_owned());
                Before::Prove(Box::pin(async move { prove(&token, &method, &origin, &path).await }))
            }
        };
        self.token = Some(token);
        before
    }

    /// The request with its token and proof, to be sent now.
    pub(crate) fn outgoing(&mut self, proof: Option<HeaderValue>) -> Result<Request<B>, Error> {
        let (Some(mut request), Some(token)) = (self.request.take(), &self.token) else {
            return Err(Error::internal("a request was to be sent before it had a token"));
        };
        self.request = self.replay.replay(request.body()).map(|body| copy(&request, body));
        let headers = request.headers_mut();
        if let Some(proof) = proof {
            headers.insert(DPOP, proof);
        }
        headers.insert(AUTHORIZATION, token.header().clone());
        Ok(request)
    }

    /// What has to happen before the request is sent once more; `None` where the answer is the caller's.
    pub(crate) fn after<A>(&mut self, answer: &Response<A>) -> Result<Option<Before>, Error> {
        let Some(token) = self.token.take() else {
            return Ok(None);
        };
        remember_answer(&token, &self.origin, answer.headers());
        let seen = Answer::new(answer.status(), answer.headers(), &token);
        match after_answer(&seen.after(self.tried).resendable(self.request.is_some())) {
            Next::RejectAndResend => {
                self.terms.source.reject(&token);
                self.refused = Some((token, answer.status()));
                self.tried.another_token = true;
                self.tell(answer.status(), "the resource server refused the token, sending once more");
                self.take().map(Some)
            }
            Next::ResendWithNonce => {
                self.tried.nonce = true;
                self.tell(answer.status(), "the resource server asked for a nonce, sending once more");
                Ok(Some(self.prove(token)))
            }
            Next::RejectAndDeliver => {
                self.terms.source.reject(&token);
                Ok(None)
            }
            Next::Fail(error) => Err(error),
            _ => Ok(None),
        }
    }

    fn tell(&self, status: StatusCode, what: &str) {
        tracing::debug!(
            server.address = self.origin.host(),
            server.port = self.origin.port(),
            http.response.status_code = status.as_u16(),
            http.request.resend_count = self.tried.resends(),
            "{what}"
        );
    }
}

/// The same request with another body.
fn copy<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    copy
}
