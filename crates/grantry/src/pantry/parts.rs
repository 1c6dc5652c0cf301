//! What there is to know of a service, wherever it stands.

use std::fmt;

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod, ClientId, ClientSecret, PrivateKey};
use grantry_endpoint::Dpop;
use grantry_jose::Algorithm;
use grantry_refresh::RefreshPolicy;
use zeroize::Zeroizing;

use super::service::Flow;

/// What there is to know of a service, wherever it stands.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) server: AuthorizationServer,
    pub(super) flow: Flow,
    pub(super) client_id: Option<ClientId>,
    pub(super) secrets: Vec<ClientSecret>,
    pub(super) private_key: Option<PrivateKey>,
    pub(super) key_id: Option<String>,
    pub(super) signing_algorithm: Option<Algorithm>,
    /// The certificate of the private key, whose thumbprint assertions name.
    pub(super) certificate: Option<String>,
    pub(super) method: Option<ClientAuthenticationMethod>,
    pub(super) tls: Tls,
    pub(super) dpop: Option<Dpop>,
    pub(super) scopes: Vec<String>,
    pub(super) audience: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) parameters: Vec<(String, Zeroizing<String>)>,
    pub(super) redirect_uri: Option<String>,
    /// Whether PKCE is left out where the server does without.
    pub(super) without_pkce: bool,
    pub(super) subject_token_type: Option<String>,
    pub(super) requested_token_type: Option<String>,
    pub(super) policy: RefreshPolicy,
}

/// What connections to the server present (RFC 8705), as far as it is described.
#[derive(Debug, Clone, Default)]
pub(super) struct Tls {
    pub(super) certificate: Option<String>,
    pub(super) key: Option<PrivateKey>,
    pub(super) bound_tokens: bool,
}

impl Parts {
    pub(super) fn new(server: AuthorizationServer) -> Self {
        Self {
            server,
            flow: Flow::default(),
            client_id: None,
            secrets: Vec::new(),
            private_key: None,
            key_id: None,
            signing_algorithm: None,
            certificate: None,
            method: None,
            tls: Tls::default(),
            dpop: None,
            scopes: Vec::new(),
            audience: None,
            resources: Vec::new(),
            parameters: Vec::new(),
            redirect_uri: None,
            without_pkce: false,
            subject_token_type: None,
            requested_token_type: None,
            policy: RefreshPolicy::default(),
        }
    }

    /// The parameters, `audience` among them.
    #[cfg(any(feature = "authorization-code", feature = "device-authorization"))]
    pub(super) fn all_parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let audience = self.audience.as_deref().map(|audience| ("audience", audience));
        audience
            .into_iter()
            .chain(self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// Whether the client is said to authenticate by the certificate of its connections.
    pub(super) fn is_by_certificate(&self) -> bool {
        use ClientAuthenticationMethod::{SelfSignedTlsClientAuth, TlsClientAuth};
        matches!(self.method, Some(TlsClientAuth | SelfSignedTlsClientAuth))
    }
}

/// Keys of an algorithm that the server is known to take, and on P-256 where nothing is known.
pub(super) fn dpop_for(server: &AuthorizationServer) -> Dpop {
    let takes = |names: &[&str]| server.dpop_algorithms().any(|known| names.contains(&known));
    if takes(&["EdDSA", "Ed25519"]) && !takes(&["ES256"]) { Dpop::ed25519() } else { Dpop::es256() }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Parts")
            .field("token_endpoint", &self.server.token_endpoint().host_str())
            .field("flow", &self.flow)
            .field("client_id", &self.client_id)
            .field("secrets", &self.secrets.len())
            .field("has_private_key", &self.private_key.is_some())
            .field("has_certificate", &self.tls.certificate.is_some())
            .field("dpop", &self.dpop)
            .field("scopes", &self.scopes.len())
            .field("parameters", &parameters)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_a_curve_that_the_server_takes() {
        let algorithm = |names: &[&str]| {
            let server = AuthorizationServer::builder("https://as.example.com/token");
            let server = server.dpop_algorithms(names.iter().copied()).build().unwrap();
            format!("{:?}", dpop_for(&server))
        };
        for names in [&[][..], &["EdDSA", "ES256"], &["PS256"]] {
            assert!(algorithm(names).contains("Es256"), "{names:?}");
        }
        for names in [&["EdDSA"][..], &["PS256", "Ed25519"]] {
            assert!(algorithm(names).contains("EdDsa"), "{names:?}");
        }
    }
}
