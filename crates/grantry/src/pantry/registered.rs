//! The client of a service, as far as a configuration knows it.

use grantry_config::{Located, Registration};
use grantry_core::{ClientAuthenticationMethod, ClientSecret, PrivateKey};
use grantry_jose::Algorithm;

use super::service::ServiceBuilder;

/// Adds the client, as far as the configuration knows it.
///
/// # Errors
/// Says what cannot be used.
pub(super) fn registered(
    mut service: ServiceBuilder,
    registration: &Registration,
    keeps_method: bool,
) -> Result<ServiceBuilder, String> {
    if let Some(id) = registration.client_id() {
        service = service.client_id(id.value().clone());
    }
    if let Some(secret) = registration.client_secret().map(Located::value) {
        service = service.secret(ClientSecret::new(secret.expose()));
    }
    if let Some(key) = registration.private_key().map(Located::value) {
        service = service.private_key(PrivateKey::new(key.expose()));
    }
    if let Some(key_id) = registration.private_key_id() {
        service = service.key_id(key_id);
    }
    if let Some(name) = registration.signing_algorithm() {
        let algorithm = Algorithm::from_name(name).ok_or("signingAlgorithm is unknown here")?;
        service = service.signing_algorithm(algorithm);
    }
    if let Some(certificate) = registration.certificate() {
        service = service.certificate(certificate);
    }
    if let Some(mutual) = registration.mutual_tls() {
        let Some(certificate) = mutual.certificate() else {
            return Err(
                "mutualTls has no certificate: add \"certificateFile\" and \"privateKeyFile\"".to_owned()
            );
        };
        service = service.tls_certificate(certificate.value());
        if let Some(key) = mutual.private_key().map(Located::value) {
            service = service.tls_key(PrivateKey::new(key.expose()));
        }
        if mutual.bound_tokens() {
            service = service.certificate_bound();
        }
    }
    // What only follows from a certificate follows once more where it is known whether the vault has a secret.
    let follows = registration.authentication().is_none() && registration.mutual_tls().is_some();
    // What only follows from a credential comes after what the vault's registration says.
    let is_said = registration.authentication().is_some() || !keeps_method;
    let method = registration.method().filter(|_| is_said);
    if let Some(method) = method.filter(|method| !(follows && is_by_certificate(*method))) {
        service = service.method(method);
    }
    Ok(service)
}

fn is_by_certificate(method: ClientAuthenticationMethod) -> bool {
    use ClientAuthenticationMethod::{SelfSignedTlsClientAuth, TlsClientAuth};
    matches!(method, TlsClientAuth | SelfSignedTlsClientAuth)
}
