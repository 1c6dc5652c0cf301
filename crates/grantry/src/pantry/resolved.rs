//! A service as it is used: the description and the vault's registration, put together.

use std::fmt;

use grantry_client_credentials::ClientCredentials;
use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod as Method, ClientId, ClientSecret, Error, Grant,
    GrantKey, PrivateKey, RefreshToken, Scope, Target,
};
use grantry_endpoint::{
    Client, ClientAuthentication, DpopKey, RefreshTokenRedemption, TokenEndpoint, TokenEndpointBuilder,
};
use grantry_jose::{Algorithm, KeyError, SigningKey};
use grantry_vault::{ClientRecord, Fingerprint};
use zeroize::Zeroizing;

use super::attributes::parts_of;
use super::identity::TlsIdentity;
use super::parts::Parts;
use super::service::{Flow, Service};

/// Everything that is needed to ask for a service's tokens.
pub(super) struct Resolved {
    pub(super) parts: Parts,
    pub(super) client_id: ClientId,
    /// What connections to the server present.
    pub(super) identity: Option<TlsIdentity>,
    /// Where its secret stands, if that is not the vault.
    pub(super) described_secret: Option<String>,
    /// Of everything but the server's facts, secrets included.
    digest: Fingerprint,
    /// What tokens are kept under: one that another client brought, from another server or with other parameters, is not
    /// taken for this service's.
    pub(super) target: Target,
}

impl Resolved {
    /// Puts the two together.
    ///
    /// # Errors
    /// `NotFound` where neither is there, `Configuration` where they contradict each other.
    pub(super) fn new(
        tenant: &str,
        name: &str,
        described: Option<&Service>,
        record: Option<&ClientRecord>,
    ) -> Result<Self, Error> {
        let in_vault = || in_vault(tenant, name);
        let mut parts = match (described, record) {
            (Some(service), _) => service.parts.clone(),
            (None, Some(record)) => parts_of(record.attributes()).map_err(|error| {
                let place = in_vault();
                Error::configuration(format!("{place} describes no service that can be used"))
                    .with_source(error)
            })?,
            (None, None) => return Err(not_found(tenant, name)),
        };
        let place = || described.map_or_else(in_vault, |service| service.place.clone());
        let by_certificate = parts.is_by_certificate();
        let has_secret = !parts.secrets.is_empty() || parts.private_key.is_some();
        let described_has =
            described.is_some() && (has_secret || (by_certificate && parts.tls.key.is_some()));
        if let Some(record) = record {
            agree(tenant, name, &place(), parts.client_id.as_ref(), described_has, record)?;
            parts.client_id.get_or_insert_with(|| record.client_id().clone());
            if !described_has {
                parts.secrets = record.secrets().iter().map(|stored| stored.secret.clone()).collect();
                parts.private_key = record.private_key().cloned();
            }
        }
        let Some(client_id) = parts.client_id.clone() else {
            return Err(Error::configuration(format!(
                "{name} has no client id: name it in {}, or store it with `grantry auth set --tenant {tenant} \
                 --service {name} --client-id ID`",
                place()
            )));
        };
        if by_certificate && parts.tls.key.is_none() {
            // It signs no assertions, so it is the certificate's.
            parts.tls.key = parts.private_key.take();
        }
        let identity = TlsIdentity::of(&parts.tls, false)
            .map_err(|error| Error::configuration(format!("{}: {name}: {error}", place())))?;
        let target = target(&parts, &client_id, identity.as_ref())?;
        let digest = digest(&parts, &client_id);
        Ok(Self { described_secret: described_has.then(place), parts, client_id, identity, digest, target })
    }

    /// Whether nothing is different.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.parts.server == other.parts.server && self.digest == other.digest
    }

    /// Whether the description has another secret than it had before.
    pub(super) fn has_another_described_secret(&self, before: &Self) -> bool {
        let of = |resolved: &Self| -> Fingerprint {
            let mut digest = Digest::default();
            resolved.parts.secrets.iter().for_each(|secret| digest.part(secret.expose()));
            digest.part(resolved.parts.private_key.as_ref().map_or("", PrivateKey::expose));
            digest.finish()
        };
        self.described_secret.is_some() && before.described_secret.is_some() && of(self) != of(before)
    }

    /// Whether the client's own tokens are asked for, to which nobody has to consent.
    pub(super) fn is_clients_own(&self) -> bool {
        self.parts.flow == Flow::ClientCredentials
    }

    pub(super) fn server(&self) -> &AuthorizationServer {
        &self.parts.server
    }

    /// The client, authenticating with these secrets.
    pub(super) fn client(&self, secrets: &[ClientSecret]) -> Result<Client, Error> {
        Client::new(self.client_id.clone(), self.authentication(secrets)?)
    }

    pub(super) fn secrets(&self) -> &[ClientSecret] {
        &self.parts.secrets
    }

    fn authentication(&self, secrets: &[ClientSecret]) -> Result<ClientAuthentication, Error> {
        match self.parts.method {
            Some(Method::TlsClientAuth) => return Ok(ClientAuthentication::tls()),
            Some(Method::SelfSignedTlsClientAuth) => return Ok(ClientAuthentication::self_signed_tls()),
            _ => {}
        }
        if let Some(key) = &self.parts.private_key {
            return Ok(ClientAuthentication::private_key(signing_key(&self.parts, key)?));
        }
        let [first, others @ ..] = secrets else { return Ok(self.without_secret()) };
        let first = first.clone();
        let authentication = match self.method() {
            Method::ClientSecretPost => ClientAuthentication::secret_post(first),
            Method::ClientSecretJwt => ClientAuthentication::secret_jwt(first),
            _ => ClientAuthentication::secret_basic(first),
        };
        Ok(others.iter().fold(authentication, |all, other| all.or_secret(other.clone())))
    }

    /// A client with a certificate and nothing else authenticates by that, unless it is said to be public.
    fn without_secret(&self) -> ClientAuthentication {
        if self.identity.is_none() || self.parts.method == Some(Method::None) {
            return ClientAuthentication::none();
        }
        let ours = [Method::TlsClientAuth, Method::SelfSignedTlsClientAuth];
        match self.accepted().iter().find(|method| ours.contains(method)) {
            Some(Method::SelfSignedTlsClientAuth) => ClientAuthentication::self_signed_tls(),
            _ => ClientAuthentication::tls(),
        }
    }

    fn accepted(&self) -> &[Method] {
        if self.is_clients_own() {
            self.server().client_credentials_methods()
        } else {
            self.server().client_authentication_methods()
        }
    }

    /// The method for a secret: the one that was chosen, else the first of ours that the server accepts.
    fn method(&self) -> Method {
        let accepted = self.accepted();
        let ours = [Method::ClientSecretBasic, Method::ClientSecretPost, Method::ClientSecretJwt];
        let known = ours.into_iter().find(|method| accepted.contains(method));
        self.parts.method.or(known).unwrap_or(Method::ClientSecretBasic)
    }

    /// The grant that custody is put around.
    pub(super) fn grant(&self, endpoint: &TokenEndpoint, key: &GrantKey) -> Result<Box<dyn Grant>, Error> {
        if !self.is_clients_own() {
            let scope = Scope::from_tokens(self.parts.scopes.iter().map(String::as_str));
            let scope = scope.map_err(|error| unusable_scope().with_source(error))?;
            let mut redemption =
                RefreshTokenRedemption::new(endpoint.clone()).granted_scope(scope).key(key.clone());
            for resource in &self.parts.resources {
                redemption = redemption.resource(resource.clone())?;
            }
            return Ok(Box::new(redemption));
        }
        let mut grant =
            ClientCredentials::builder(endpoint.clone()).scopes(self.parts.scopes.clone()).key(key.clone());
        for resource in &self.parts.resources {
            grant = grant.resource(resource.clone());
        }
        for (name, value) in &self.parts.parameters {
            grant = grant.parameter(name.clone(), value.as_str());
        }
        if let Some(audience) = &self.parts.audience {
            grant = grant.audience(audience.clone());
        }
        Ok(Box::new(grant.build()?))
    }

    /// An endpoint for a client of this service.
    pub(super) fn endpoint(
        &self,
        secrets: &[ClientSecret],
        transport: std::sync::Arc<dyn grantry_endpoint::Transport>,
    ) -> Result<TokenEndpointBuilder, Error> {
        let mut endpoint = TokenEndpoint::builder(self.server().clone(), self.client(secrets)?, transport);
        if let Some(dpop) = &self.parts.dpop {
            endpoint = endpoint.dpop(dpop.clone());
        }
        if self.parts.tls.bound_tokens {
            endpoint = endpoint.certificate_bound();
        }
        Ok(endpoint)
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolved")
            .field("client_id", &self.client_id)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

fn in_vault(tenant: &str, name: &str) -> String {
    format!("the vault (tenant {tenant}, registration {name})")
}

/// Whether a description, and where it stands, says nothing that the vault's registration says in another way.
///
/// # Errors
/// `Configuration` names both places.
pub(super) fn agree(
    tenant: &str,
    name: &str,
    place: &str,
    client_id: Option<&ClientId>,
    has_secret: bool,
    record: &ClientRecord,
) -> Result<(), Error> {
    let in_vault = in_vault(tenant, name);
    if client_id.is_some_and(|id| id != record.client_id()) {
        return Err(Error::configuration(format!(
            "the client id of {name} is one in {place} and another in {in_vault}: let one place name it"
        )));
    }
    let vault_has = !record.secrets().is_empty() || record.private_key().is_some();
    if has_secret && vault_has {
        return Err(Error::configuration(format!(
            "the client's secret of {name} stands in {place} and in {in_vault}: take it out of one of them"
        )));
    }
    Ok(())
}

pub(super) fn not_found(tenant: &str, name: &str) -> Error {
    let fact = format!(
        "there is no service {name} for the tenant {tenant}, neither described here nor registered in the vault"
    );
    Error::new(grantry_core::ErrorKind::NotFound, grantry_core::Stage::Build, fact)
}

fn unusable_scope() -> Error {
    Error::configuration("a scope is not usable")
}

fn signing_key(parts: &Parts, key: &PrivateKey) -> Result<SigningKey, Error> {
    let unusable = |fact: &'static str| move |error: KeyError| Error::configuration(fact).with_source(error);
    let text = key.expose().trim();
    let parsed = if text.starts_with('{') { SigningKey::from_jwk(text) } else { SigningKey::from_pem(text) };
    let mut parsed =
        parsed.map_err(unusable("the client's private key cannot be used: give a PEM or a JWK"))?;
    if let Some(id) = &parts.key_id {
        parsed = parsed.with_key_id(id.clone());
    }
    if let Some(algorithm) = parts.signing_algorithm {
        let fact = "the client's private key cannot sign by the algorithm that is named: leave that out";
        parsed = parsed.with_algorithm(algorithm).map_err(unusable(fact))?;
    }
    if let Some(certificate) = &parts.certificate {
        let fact = "the certificate of the client's private key cannot be used: give the one that belongs to that key";
        parsed = parsed.with_certificate(certificate).map_err(unusable(fact))?;
    }
    Ok(parsed)
}

/// What tokens are kept under: the scope, the resources, and a name for whoever else has a say in what they are.
fn target(parts: &Parts, client_id: &ClientId, identity: Option<&TlsIdentity>) -> Result<Target, Error> {
    let scope = Scope::from_tokens(parts.scopes.iter().map(String::as_str))
        .map_err(|error| unusable_scope().with_source(error))?;
    let mut name = Digest::default();
    name.part(parts.server.token_endpoint().as_str());
    name.part(client_id.as_str());
    if parts.flow != Flow::AuthorizationCode {
        name.part(parts.audience.as_deref().unwrap_or_default());
        for (parameter, value) in &parts.parameters {
            name.part(parameter);
            name.part(value);
        }
    }
    // A bound token is not what an unbound one is, nor one that is bound to a certificate that was exchanged.
    if let Some(dpop) = &parts.dpop {
        name.part("dpop");
        name.part(dpop.key_elsewhere().map_or("", DpopKey::thumbprint));
    }
    if let (true, Some(identity)) = (parts.tls.bound_tokens, identity) {
        name.part("certificate");
        name.part(&hex(&identity.thumbprint().0));
    }
    let mut target = Target::new(scope);
    target.resources.clone_from(&parts.resources);
    target.resources.push(format!("urn:grantry:registration:{}", hex(name.finish().as_bytes())));
    target.resources.sort_unstable();
    target.resources.dedup();
    Ok(target)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name for a resolved service in all respects but its server's facts.
fn digest(parts: &Parts, client_id: &ClientId) -> Fingerprint {
    let mut digest = Digest::default();
    digest.part(parts.flow.as_str());
    digest.part(client_id.as_str());
    parts.secrets.iter().for_each(|secret| digest.part(secret.expose()));
    digest.part(parts.private_key.as_ref().map_or("", PrivateKey::expose));
    digest.part(parts.key_id.as_deref().unwrap_or_default());
    digest.part(parts.signing_algorithm.map_or("", Algorithm::as_str));
    digest.part(parts.certificate.as_deref().unwrap_or_default());
    digest.part(parts.method.map_or("", Method::as_str));
    digest.part(parts.tls.certificate.as_deref().unwrap_or_default());
    digest.part(parts.tls.key.as_ref().map_or("", PrivateKey::expose));
    digest.part(if parts.tls.bound_tokens { "bound" } else { "" });
    digest.part(&parts.dpop.as_ref().map(|dpop| format!("{dpop:?}")).unwrap_or_default());
    digest.part(parts.subject_token_type.as_deref().unwrap_or_default());
    digest.part(parts.requested_token_type.as_deref().unwrap_or_default());
    for list in [&parts.scopes, &parts.resources] {
        digest.part(&list.len().to_string());
        list.iter().for_each(|item| digest.part(item));
    }
    digest.part(parts.audience.as_deref().unwrap_or_default());
    for (name, value) in &parts.parameters {
        digest.part(name);
        digest.part(value);
    }
    digest.part(parts.redirect_uri.as_deref().unwrap_or_default());
    digest.part(if parts.without_pkce { "without PKCE" } else { "" });
    digest.part(&format!("{:?}", parts.policy));
    digest.finish()
}

/// Sixteen bytes for a list of texts.
#[derive(Default)]
struct Digest(Zeroizing<String>);

impl Digest {
    fn part(&mut self, part: &str) {
        let mut longer = Zeroizing::new(String::with_capacity(self.0.len() + part.len() + 24));
        longer.push_str(&self.0);
        longer.push_str(&part.len().to_string());
        longer.push(':');
        longer.push_str(part);
        self.0 = longer;
    }

    fn finish(self) -> Fingerprint {
        Fingerprint::of(&RefreshToken::new(self.0.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use grantry_core::{ErrorKind, Timestamp};

    use super::*;

    fn service() -> super::super::service::ServiceBuilder {
        let server = AuthorizationServer::builder("https://as.example.com/token").build().unwrap();
        Service::builder("crm", server).described_in("grantry.json, line 3")
    }

    fn record() -> ClientRecord {
        ClientRecord::new("billing").with_attribute("token_url", "https://as.example.com/token")
    }

    fn resolve(service: Option<&Service>, record: Option<&ClientRecord>) -> Result<Resolved, Error> {
        Resolved::new("acme", "crm", service, record)
    }

    #[test]
    fn a_secret_in_both_places_is_an_error_that_names_them() {
        let described = service().client_id("billing").secret("s3cret").build().unwrap();
        let kept = record().with_secret("other-s3cret", Timestamp::from_unix_seconds(0));
        let error = resolve(Some(&described), Some(&kept)).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(text.contains("grantry.json, line 3") && text.contains("tenant acme"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(resolve(Some(&described), Some(&record())).is_ok());
        let bare = service().build().unwrap();
        let resolved = resolve(Some(&bare), Some(&kept)).unwrap();
        assert_eq!((resolved.client_id.as_str(), resolved.secrets().len()), ("billing", 1));
    }

    #[test]
    fn two_client_ids_are_an_error_and_none_says_where_one_belongs() {
        let described = service().client_id("another").build().unwrap();
        assert!(
            resolve(Some(&described), Some(&record())).unwrap_err().to_string().contains("let one place")
        );
        let bare = service().build().unwrap();
        let text = resolve(Some(&bare), None).unwrap_err().to_string();
        assert!(text.contains("auth set --tenant acme --service crm"), "{text}");
        assert_eq!(resolve(None, None).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn tokens_are_kept_apart_by_whatever_makes_them_others_and_not_by_a_secret() {
        let target = |service: super::super::service::ServiceBuilder| {
            resolve(Some(&service.build().unwrap()), None).unwrap().target
        };
        let base = || service().client_id("billing").secret("one").scope("b a");
        assert_eq!(target(base()), target(base().secret("two")));
        assert_eq!(target(base()).scope.as_str(), "a b");
        assert_ne!(target(base()), target(base().client_id("other")));
        assert_ne!(target(base()), target(base().audience("https://api.example.com")));
        assert_ne!(target(base()), target(base().parameter("x", "y")));
        let whole = |service: super::super::service::ServiceBuilder| {
            resolve(Some(&service.build().unwrap()), None).unwrap()
        };
        assert!(whole(base()).is_same(&whole(base())));
        assert!(!whole(base()).is_same(&whole(base().secret("two"))));
    }

    #[test]
    fn a_certificate_authenticates_a_client_that_has_nothing_else_and_is_not_public() {
        const PEM: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
        let method = |service: super::super::service::ServiceBuilder| {
            let resolved = resolve(Some(&service.client_id("billing").build().unwrap()), None).unwrap();
            resolved.client(resolved.secrets()).unwrap().method()
        };
        let base = || service().tls_certificate(PEM).tls_key("a key");
        assert_eq!(method(base()), Method::TlsClientAuth);
        assert_eq!(method(base().secret("s3cret")), Method::ClientSecretBasic);
        assert_eq!(method(base().method(Method::None)), Method::None);
        assert_eq!(method(base().method(Method::SelfSignedTlsClientAuth)), Method::SelfSignedTlsClientAuth);
        assert_eq!(method(service()), Method::None);
    }
}
