//! Certificates for https and mutual TLS on loopback, made anew for each test.

use std::fmt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::Fallible;

/// An authority, a server's certificate of it, and clients' certificates.
///
/// A client's text holds its certificate and its private key, both in PEM.
pub struct Certificates {
    folder: tempfile::TempDir,
    authority: String,
    issued: String,
    self_signed: String,
}

impl Certificates {
    /// Makes all of them, and puts those that a server needs into a folder.
    ///
    /// # Errors
    /// A key or a file that cannot be made.
    pub fn make() -> Fallible<Self> {
        let mut authority = named(Vec::new(), "authority")?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority_key = KeyPair::generate()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let issue = |name: &str, usage: ExtendedKeyUsagePurpose| -> Fallible<String> {
            let key = KeyPair::generate()?;
            let mut params = named(vec![name.to_owned()], name)?;
            params.extended_key_usages = vec![usage];
            Ok(format!("{}{}", params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
        };
        let server = issue("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth)?;
        let issued = issue("orders.example", ExtendedKeyUsagePurpose::ClientAuth)?;
        let key = KeyPair::generate()?;
        let name = "self-signed.example";
        let certificate = named(vec![name.to_owned()], name)?.self_signed(&key)?.pem();
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), &authority_pem)?;
        std::fs::write(folder.path().join("server.pem"), server)?;
        std::fs::write(folder.path().join("self-signed.pem"), &certificate)?;
        let self_signed = format!("{certificate}{}", key.serialize_pem());
        Ok(Self { folder, authority: authority_pem, issued, self_signed })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate of the authority, which a client has to trust.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// A client for `orders.example`, whom the authority vouches for.
    pub fn issued(&self) -> &str {
        &self.issued
    }

    /// A client whom nobody vouches for, and whom the server knows by its certificate.
    pub fn self_signed(&self) -> &str {
        &self.self_signed
    }
}

/// One whose subject is no other's: by the same name as its issuer it would pass for self-signed.
fn named(names: Vec<String>, subject: &str) -> Fallible<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, subject);
    Ok(params)
}

/// It holds private keys.
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}
