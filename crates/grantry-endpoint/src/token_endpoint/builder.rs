//! Builds a token endpoint.

use std::sync::{Arc, OnceLock};

use grantry_core::{
    AssertionAudience, AuthorizationServer, ClientAuthenticationMethod, Clock, ContainedObserver, Entropy,
    Error, Learned, NoObserver, Observer, SystemClock, SystemEntropy, Thumbprint,
};

use super::TokenEndpoint;
use crate::channel::Channel;
use crate::server_clock::ServerClock;
use crate::{Client, Dpop, DpopKey, DpopProvers, Transport};

/// Builds a [`TokenEndpoint`].
#[derive(Debug)]
#[must_use]
pub struct TokenEndpointBuilder {
    server: AuthorizationServer,
    client: Client,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    observer: Arc<dyn Observer>,
    learned: bool,
    dpop: Option<Dpop>,
    certificate_bound: bool,
}

impl TokenEndpointBuilder {
    pub(super) fn new(server: AuthorizationServer, client: Client, transport: Arc<dyn Transport>) -> Self {
        Self {
            server,
            client,
            transport,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            observer: Arc::new(NoObserver),
            learned: false,
            dpop: None,
            certificate_bound: false,
        }
    }

    /// The clock that lifetimes are measured with; the machine's if left out.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where random bytes come from; the operating system if left out.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Who is told of changed scopes and clock skew; nobody if left out.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Says that all of the server's URLs were learned at run time, so that they may lead to public addresses only,
    /// unless the transport allows others. Facts that came by [`Discovery`](crate::Discovery) know by themselves which were
    /// ([`AuthorizationServer::is_learned`]).
    pub fn learned(mut self) -> Self {
        self.learned = true;
        self
    }

    /// Binds the tokens to keys (RFC 9449): every token request carries a proof, and so does every request of the clients
    /// that present its tokens.
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Says that the server binds this client's access tokens to the certificate of the connection (RFC 8705 section 3,
    /// `tls_client_certificate_bound_access_tokens`), which no answer tells. Only clients that were built with that
    /// certificate present them.
    pub fn certificate_bound(mut self) -> Self {
        self.certificate_bound = true;
        self
    }

    /// Checks that client and server fit each other.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where the server is known not to accept the
    /// client's authentication method, or where the client signs assertions and nothing says whom they are
    /// addressed to; where the client has to have a certificate and the transport has none; where the server is
    /// known not to take proofs by the key's algorithm.
    pub fn build(mut self) -> Result<TokenEndpoint, Error> {
        if self.learned {
            self.server = self.server.to_builder().learned(Learned::Everything).build()?;
        }
        let certificate = self.transport.certificate();
        if certificate.is_some() {
            self.server = self.server.for_mutual_tls()?;
        }
        self.check_certificate(certificate)?;
        let (method, accepted) = (self.client.method(), self.server.client_authentication_methods());
        if !accepted.is_empty() && !accepted.contains(&method) {
            let names: Vec<&str> = accepted.iter().map(|m| m.as_str()).collect();
            return Err(Error::configuration(format!(
                "the server does not accept {}: use one of {}",
                method.as_str(),
                names.join(", ")
            )));
        }
        let is_for_issuer = self.server.assertion_audience() != AssertionAudience::TokenEndpoint;
        if self.client.signs() && is_for_issuer && self.server.issuer().is_none() {
            return Err(Error::configuration(format!(
                "{} needs to know whom its assertions are addressed to: name the server's issuer, or set its \
                 assertion audience to the token endpoint where it accepts nothing else",
                method.as_str()
            )));
        }
        let dpop_key = self.dpop.as_ref().map(Dpop::key).transpose()?;
        if let Some(key) = &dpop_key {
            self.check_algorithm(key)?;
        }
        let server_clock = Arc::new(ServerClock::default());
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        Ok(TokenEndpoint(Arc::new(Channel {
            provers: DpopProvers::by_the_clock_of(Arc::clone(&server_clock), clock, entropy),
            certificate: certificate.filter(|_| self.certificate_bound),
            dpop: self.dpop,
            dpop_key,
            server: self.server,
            client: self.client,
            transport: self.transport,
            clock: self.clock,
            entropy: self.entropy,
            observer: ContainedObserver::new(self.observer),
            server_clock,
            server_keys: OnceLock::new(),
        })))
    }

    fn check_certificate(&self, certificate: Option<Thumbprint>) -> Result<(), Error> {
        use ClientAuthenticationMethod::{SelfSignedTlsClientAuth, TlsClientAuth};
        let needs = match self.client.method() {
            method @ (TlsClientAuth | SelfSignedTlsClientAuth) => method.as_str(),
            _ if self.certificate_bound => "a certificate-bound token",
            _ => return Ok(()),
        };
        if certificate.is_some() {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "{needs} needs a client certificate, and the transport has none: build one with `identity`"
        )))
    }

    fn check_algorithm(&self, key: &DpopKey) -> Result<(), Error> {
        let known: Vec<&str> = self.server.dpop_algorithms().collect();
        let algorithm = key.algorithm().as_str();
        // Some name the curve (RFC 9864).
        let is_taken = |name: &&str| *name == algorithm || (*name == "Ed25519" && algorithm == "EdDSA");
        if known.is_empty() || known.iter().any(is_taken) {
            return Ok(());
        }
        Err(Error::configuration(format!(
            "the server does not take proofs by {algorithm}: use one of {}",
            known.join(", ")
        )))
    }
}
