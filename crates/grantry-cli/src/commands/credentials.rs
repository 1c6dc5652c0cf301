//! What a client has to show: a secret, a private key, a certificate, a token of somebody else.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use grantry::vault::ClientRecord;
use grantry::{ClientAuthenticationMethod as Method, Error, HttpTransport, SigningKey};
use zeroize::Zeroizing;

use crate::arguments::{Registered, SecretGiven};
use crate::console::Console;
use crate::failed::Failed;
use crate::secret::{self, Secret};

/// What was given of it.
#[derive(Default)]
pub(super) struct Credentials {
    pub(super) secret: Option<Secret>,
    pub(super) private_key: Option<Secret>,
    pub(super) certificates: Certificates,
    /// What is exchanged for a token.
    pub(super) subject_token: Option<Secret>,
}

/// Certificates in PEM, and nothing else: what stands in a file beside one may be its key.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    /// That of the connections.
    pub(super) of_connections: Option<String>,
    /// That of the key by which assertions are signed.
    pub(super) of_assertions: Option<String>,
}

impl Credentials {
    /// Reads them from where they are said to be.
    ///
    /// # Errors
    /// Usage where something cannot be read, or is not what it is said to be.
    pub(super) fn read(console: &Console, registered: &Registered) -> Result<Self, Failed> {
        let private_key = registered.private_key_file.as_deref();
        Ok(Self {
            private_key: private_key.map(|path| secret::file(console, path)).transpose()?,
            certificates: Certificates {
                of_connections: registered.tls_certificate_file.as_deref().map(certificate).transpose()?,
                of_assertions: registered.certificate_file.as_deref().map(certificate).transpose()?,
            },
            ..Self::secret(console, &registered.secret)?
        })
    }

    /// A secret alone.
    ///
    /// # Errors
    /// As [`read`](Credentials::read).
    pub(super) fn secret(console: &Console, given: &SecretGiven) -> Result<Self, Failed> {
        Ok(Self { secret: secret::given(console, given)?, ..Self::default() })
    }
}

/// What there is, and none of it.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("secret", &self.secret.is_some())
            .field("private_key", &self.private_key.is_some())
            .field("certificate", &self.certificates.of_connections.is_some())
            .field("subject_token", &self.subject_token.is_some())
            .finish()
    }
}

/// Whether the client authenticates by the certificate of its connections (RFC 8705 section 2).
pub(super) fn is_by_certificate(attributes: &BTreeMap<String, String>) -> bool {
    let method = attributes.get("auth_method").and_then(|name| Method::from_name(name));
    matches!(method, Some(Method::TlsClientAuth | Method::SelfSignedTlsClientAuth))
}

/// Whether a certificate is there where one is needed, and is of use where one is there.
///
/// # Errors
/// Usage, with the flag that is missing.
pub(super) fn check_certificate(attributes: &BTreeMap<String, String>) -> Result<(), Failed> {
    let has_one = attributes.contains_key("tls_certificate");
    let is_bound = attributes.get("certificate_bound").is_some_and(|bound| bound == "true");
    let why = match (is_by_certificate(attributes), is_bound) {
        (true, _) if !has_one => "the client is to authenticate by a certificate, and none is there",
        (_, true) if !has_one => "tokens are to be bound to a certificate, and none is there",
        (false, _) if has_one => {
            let fact = "there is a certificate, and nothing says that the client authenticates by it";
            let remedy = "add --auth-method tls_client_auth, or self_signed_tls_client_auth where the server knows the \
                          certificate itself; --unset tls-certificate forgets a stored one";
            return Err(Failed::usage(fact).with_remedy(remedy));
        }
        _ => return Ok(()),
    };
    Err(Failed::usage(why).with_remedy("add --tls-certificate-file FILE"))
}

/// The private key as it is stored.
///
/// # Errors
/// Usage where it is none that can be used.
pub(super) fn usable_key(key: &Secret, by_certificate: bool) -> Result<Secret, Failed> {
    if by_certificate {
        let own = blocks(key, |label| label.ends_with("PRIVATE KEY"));
        if own.is_empty() {
            let fact = "the private key of a certificate has to be PEM: -----BEGIN PRIVATE KEY-----";
            return Err(Failed::usage(fact));
        }
        return Ok(own);
    }
    let text = key.trim();
    let parsed = if text.starts_with('{') { SigningKey::from_jwk(text) } else { SigningKey::from_pem(text) };
    parsed.map_err(|error| unusable("the private key cannot be used: give a PEM or a JWK", error))?;
    Ok(key.clone())
}

/// Whether certificate and key of a registration belong together, so that connections can present them.
///
/// # Errors
/// Usage where they do not, or the key is missing.
pub(super) fn check_pair(record: &ClientRecord) -> Result<(), Failed> {
    let certificate = record.attributes().get("tls_certificate");
    let Some(certificate) = certificate.filter(|_| is_by_certificate(record.attributes())) else {
        return Ok(());
    };
    let Some(key) = record.private_key() else {
        let failed = Failed::usage("the private key of the certificate is missing");
        return Err(failed.with_remedy("add --private-key-file FILE: the same file, where one holds both"));
    };
    // Keys of kinds that sign no assertions are left to TLS.
    if let Ok(key) = SigningKey::from_pem(key.expose()) {
        let key = key.with_certificate(certificate);
        key.map_err(|error| unusable("certificate and private key do not belong together", error))?;
    }
    let (certificate, key) = (certificate.as_str(), key.expose());
    let mut both = Zeroizing::new(String::with_capacity(certificate.len() + key.len() + 1));
    for part in [certificate, "\n", key] {
        both.push_str(part);
    }
    let connecting = HttpTransport::builder().identity(both.as_bytes()).build();
    connecting.map(drop).map_err(|error| unusable("no connection can present the certificate", error))
}

fn unusable(fact: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> Failed {
    Error::configuration(fact).with_source(error).into()
}

fn certificate(path: &Path) -> Result<String, Failed> {
    let own = blocks(&secret::public_file(path)?, |label| label == "CERTIFICATE");
    if own.is_empty() {
        let path = path.display();
        return Err(Failed::usage(format!("{path} has no certificate in PEM: -----BEGIN CERTIFICATE-----")));
    }
    Ok(own.to_string())
}

/// The blocks of a PEM text that have such a label.
fn blocks(text: &Secret, is_wanted: impl Fn(&str) -> bool) -> Secret {
    // At its full length, so that no copy is left behind.
    let mut wanted = Zeroizing::new(String::with_capacity(text.len() + 1));
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        let label = |mark: &str| line.strip_prefix(mark).and_then(|rest| rest.strip_suffix("-----"));
        if let Some(label) = label("-----BEGIN ") {
            is_inside = is_wanted(label);
        }
        if is_inside {
            wanted.push_str(line);
            wanted.push('\n');
        }
        is_inside &= label("-----END ").is_none();
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_file_with_both_is_found_and_none_of_the_other() {
        let (one, two) = (
            "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
            "-----BEGIN EC PRIVATE KEY-----\nAQ==\n-----END EC PRIVATE KEY-----\n",
        );
        let both = Zeroizing::new(format!("Bag Attributes\r\n{}{two}and\n{one}", one.replace('\n', "\r\n")));
        assert_eq!(*blocks(&both, |label| label == "CERTIFICATE"), format!("{one}{one}"));
        assert_eq!(usable_key(&both, true).unwrap().as_str(), two);
        let one = Zeroizing::new(one.to_owned());
        assert_eq!(usable_key(&one, true).unwrap_err().code, 2);
        let cut = Zeroizing::new("-----BEGIN PRIVATE KEY-----\nAQ==".to_owned());
        assert_eq!(blocks(&cut, |_| true).len(), cut.len() + 1);
    }

    #[test]
    fn what_is_missing_for_a_certificate_is_named_by_its_flag() {
        let remedy = |pairs: &[(&str, &str)]| {
            let attributes = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            check_certificate(&attributes.collect()).err().and_then(|failed| failed.remedy)
        };
        let (certificate, method) = (("tls_certificate", "a PEM"), ("auth_method", "tls_client_auth"));
        let bound = ("certificate_bound", "true");
        for lacking in [&[method][..], &[bound], &[method, bound], &[("auth_method", "none"), bound]] {
            assert!(remedy(lacking).unwrap().contains("--tls-certificate-file"), "{lacking:?}");
        }
        for useless in [&[certificate][..], &[certificate, ("auth_method", "client_secret_post")]] {
            assert!(remedy(useless).unwrap().contains("--auth-method tls_client_auth"), "{useless:?}");
        }
        let own = ("auth_method", "self_signed_tls_client_auth");
        for whole in [&[][..], &[certificate, method, bound], &[certificate, own]] {
            assert_eq!(remedy(whole), None, "{whole:?}");
        }
    }
}
