//! The certificate that connections present, and its private key.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, PrivateKey};
use zeroize::Zeroizing;

use super::Resolving;
use super::missing::Needs;
use crate::desk::Draft;
use crate::fields::{Fields, Line, Provenance};
use crate::finding::FindingKind;
use crate::registration::{Located, MutualTls};

const CERTIFICATE: &str = "CERTIFICATE";
const PRIVATE_KEYS: &[&str] = &["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

impl Resolving<'_> {
    pub(super) fn mutual_tls(
        &mut self,
        fields: &Fields,
        server: Option<&AuthorizationServer>,
    ) -> Option<MutualTls> {
        let section = fields.section("mutualTls")?;
        let in_clear = server.is_some_and(|server| server.token_endpoint().scheme() == "http");
        if let (true, Some(found)) = (in_clear, fields.find("mutualTls")) {
            let what = "mutualTls does nothing here: no certificate is presented over http";
            self.desk.tell(
                Draft::warning(FindingKind::NoEffect, found.key_at, what).expected("an https tokenUrl"),
            );
        }
        Some(MutualTls {
            certificate: self.tls_certificate(section),
            private_key: self.tls_key(section),
            bound_tokens: section.flag("boundTokens").is_some_and(|(bound, _)| bound),
        })
    }

    fn tls_certificate(&mut self, section: &Fields) -> Option<Located<String>> {
        let (literal, file) = (section.text("certificate"), section.text("certificateFile"));
        let (text, line) = match (literal, file) {
            (Some(line), Some(file)) => {
                let what = "certificateFile and certificate are both there: keep one of them";
                self.contradiction(file.at, what, "one of the two", ("certificate is", line.at));
                return None;
            }
            (Some(line), None) => (Zeroizing::new(line.text.to_owned()), line),
            (None, Some(line)) => (self.file_of(line, false)?, Line { provenance: Provenance::File, ..line }),
            (None, None) => return None,
        };
        // A private key beside it is left where it is, which is as bad a place as for any other secret.
        if blocks(&text).any(|block| PRIVATE_KEYS.contains(&block.label)) {
            self.look_at_literal(line);
        }
        let certificates: String =
            blocks(&text).filter(|block| block.label == CERTIFICATE).map(|block| block.lines()).collect();
        if certificates.is_empty() {
            let what = "the certificate of mutualTls is not in PEM";
            self.invalid(line.at, what, "-----BEGIN CERTIFICATE----- ...");
            return None;
        }
        Some(Located::new(certificates, self.place(line.at), line.provenance))
    }

    fn tls_key(&mut self, section: &Fields) -> Option<Located<PrivateKey>> {
        let (text, line) = self.secret(section, "privateKey", "privateKeyFile")?;
        let expected = "-----BEGIN PRIVATE KEY----- ..., one of them";
        let mut keys = blocks(&text).filter(|block| PRIVATE_KEYS.contains(&block.label));
        let key = match (keys.next(), keys.next()) {
            (Some(key), None) => key,
            (Some(_), Some(_)) => {
                self.invalid(line.at, "the private key of mutualTls is several keys", expected);
                return None;
            }
            (None, _) if blocks(&text).any(|block| block.label == ENCRYPTED) => {
                let what = "the private key of mutualTls is encrypted, and nothing here knows its password";
                self.invalid(line.at, what, "it decrypted, in a file that its owner alone may read");
                return None;
            }
            (None, _) => {
                self.invalid(line.at, "the private key of mutualTls is not in PEM", expected);
                return None;
            }
        };
        let key = Zeroizing::new(key.lines());
        Some(Located::new(PrivateKey::new(key.as_str()), self.place(line.at), line.provenance))
    }
}

impl MutualTls {
    /// What it lacks, for a client that authenticates by this method.
    pub(super) fn tell_needs(fields: &Fields, method: Option<Method>, needs: &mut Needs<'_>) {
        let by_certificate = method.is_some_and(is_by_certificate);
        let Some(section) = fields.section("mutualTls") else {
            if by_certificate {
                needs.add("mutualTls", "the client authenticates by its certificate");
            }
            return;
        };
        let has = |key: &str, file: &str| section.find(key).is_some() || section.find(file).is_some();
        if !has("certificate", "certificateFile") {
            needs.add("mutualTls.certificateFile", "connections present it");
        }
        if has("privateKey", "privateKeyFile") {
            return;
        }
        if by_certificate {
            needs.add_unless_in_vault(
                "mutualTls.privateKeyFile",
                "connections prove with it whose certificate it is",
            );
        } else {
            // The vault keeps one key for a client: that of assertions.
            needs.add("mutualTls.privateKeyFile", "connections prove with it whose certificate it is");
        }
    }
}

pub(super) fn is_by_certificate(method: Method) -> bool {
    matches!(method, Method::TlsClientAuth | Method::SelfSignedTlsClientAuth)
}

/// A block of a PEM text (RFC 7468), from its first line to its last.
struct Block<'t> {
    label: &'t str,
    text: &'t str,
}

impl Block<'_> {
    fn lines(&self) -> String {
        let mut lines = String::with_capacity(self.text.len() + 1);
        lines.push_str(self.text);
        lines.push('\n');
        lines
    }
}

/// The blocks that are whole.
fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_at_checked(rest.find("-----BEGIN ")?)?;
        let (label, after) = from.strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let length = from.len() - after.len() + after.find(&end)? + end.len();
        let (text, remaining) = from.split_at_checked(length)?;
        rest = remaining;
        Some(Block { label, text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<&str> {
        blocks(text).map(|block| block.label).collect()
    }

    #[test]
    fn a_text_is_cut_into_its_blocks_and_what_is_cut_short_is_none() {
        let key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----";
        let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
        let both = format!("Bag Attributes\n{key}\r\nsubject=x\n{certificate}\n");
        assert_eq!(labels(&both), ["PRIVATE KEY", "CERTIFICATE"]);
        assert_eq!(blocks(&both).nth(1).unwrap().text, certificate);
        for none in ["", "AA==", "-----BEGIN ", "-----BEGIN X-----", "-----BEGIN X-----\n-----END Y-----"] {
            assert!(labels(none).is_empty(), "{none}");
        }
        assert_eq!(labels(&format!("{certificate}-----BEGIN X-----")), ["CERTIFICATE"]);
    }
}
