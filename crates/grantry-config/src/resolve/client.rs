//! The client's registration.

use grantry_core::{
    AuthorizationServer, ClientAuthenticationMethod as Method, ClientId, ClientSecret, PrivateKey,
};

use super::Resolving;
use super::missing::Needs;
use super::mutual_tls::is_by_certificate;
use crate::desk::Draft;
use crate::fields::{Fields, Line, Provenance};
use crate::finding::FindingKind;
use crate::flow::Flow;
use crate::registration::{Located, MutualTls, Registration};

impl Resolving<'_> {
    pub(super) fn registration(
        &mut self,
        fields: &Fields,
        server: Option<&AuthorizationServer>,
        flow: Option<Flow>,
        needs: &mut Needs<'_>,
    ) -> Registration {
        let authentication = fields.text("clientAuthentication").and_then(|line| {
            Some(Located::new(Method::from_name(line.text)?, self.place(line.at), line.provenance))
        });
        let explicit = authentication.as_ref().map(|located| *located.value());
        self.contradicting_credentials(fields, explicit);
        let client_secret = self.secret(fields, "clientSecret", "clientSecretFile").map(|(secret, line)| {
            Located::new(ClientSecret::new(secret.as_str()), self.place(line.at), line.provenance)
        });
        let private_key = self.private_key(fields);
        let known = accepted(server, flow);
        let mutual_tls = self.mutual_tls(fields, server);
        let method = explicit.or_else(|| {
            preferred(known, client_secret.is_some(), private_key.is_some())
                .or_else(|| mutual_tls.as_ref().map(|_| by_certificate(known)))
        });
        if let (Some(located), Some(line)) = (&authentication, fields.text("clientAuthentication")) {
            self.look_at_method(*located.value(), known, line);
        }
        let registration = Registration {
            client_id: self.client_id(fields, method),
            client_secret,
            private_key,
            private_key_id: self.some_text(fields, "privateKeyId").map(|line| line.text.to_owned()),
            signing_algorithm: fields.text("signingAlgorithm").map(|line| line.text.to_owned()),
            certificate: self.certificate(fields),
            mutual_tls,
            authentication,
            method,
        };
        // One that was refused may be none.
        if !fields.is_spoilt("clientAuthentication") {
            registration.tell_needs(flow, needs);
        }
        MutualTls::tell_needs(fields, method, needs);
        registration
    }

    pub(super) fn private_key(&mut self, fields: &Fields) -> Option<Located<PrivateKey>> {
        let (key, line) = self.secret(fields, "privateKey", "privateKeyFile")?;
        if !key.starts_with("-----BEGIN ") && !key.trim_start().starts_with('{') {
            let what = "the private key is neither in PEM nor a JWK";
            self.invalid(line.at, what, "-----BEGIN PRIVATE KEY----- ...");
            return None;
        }
        Some(Located::new(PrivateKey::new(key.as_str()), self.place(line.at), line.provenance))
    }

    /// A client identifier that a server may have issued.
    pub(super) fn issued<'f>(&mut self, fields: &'f Fields) -> Option<Line<'f>> {
        let line = self.some_text(fields, "clientId")?;
        if line.text.trim() != line.text {
            self.invalid(line.at, "clientId has white space around it", "it as the server issued it");
            return None;
        }
        Some(line)
    }

    fn client_id(&mut self, fields: &Fields, method: Option<Method>) -> Option<Located<ClientId>> {
        let line = self.issued(fields)?;
        if line.text.contains(':') && method.is_none_or(|method| method == Method::ClientSecretBasic) {
            let what =
                "clientId holds a colon, which client_secret_basic sends as %3A (RFC 6749 section 2.3.1)";
            let draft = Draft::warning(FindingKind::Doubtful, line.at, what);
            self.desk
                .tell(draft.expected("clientAuthentication client_secret_post, if the server refuses that"));
        }
        Some(Located::new(ClientId::new(line.text), self.place(line.at), line.provenance))
    }

    /// A secret that stands there or in a file that is named.
    pub(super) fn secret<'f>(
        &mut self,
        fields: &'f Fields,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<(zeroize::Zeroizing<String>, Line<'f>)> {
        let (literal, file) = (fields.text(key), fields.text(file_key));
        if let (Some(line), Some(file)) = (literal, file) {
            let what = format!("{file_key} and {key} are both there: keep one of them");
            self.contradiction(file.at, what, "one of the two", (format!("{key} is"), line.at));
            return None;
        }
        let (secret, line) = match (literal, file) {
            (Some(line), _) => {
                self.look_at_literal(line);
                (zeroize::Zeroizing::new(line.text.to_owned()), line)
            }
            (None, Some(line)) => (self.file_of(line, true)?, Line { provenance: Provenance::File, ..line }),
            (None, None) => return None,
        };
        if secret.is_empty() {
            self.invalid(line.at, format!("{} is empty", line.key), "the secret, or the key left out");
            return None;
        }
        // A private key in PEM has lines.
        let is_odd = |c: char| c.is_control() && !(key == "privateKey" && matches!(c, '\n' | '\r' | '\t'));
        if secret.chars().any(is_odd) {
            let what = format!("{} holds a control character, such as a line break at its end", line.key);
            self.invalid(line.at, what, "it without");
            return None;
        }
        Some((secret, line))
    }

    /// A secret that stands in a configuration goes wherever the configuration goes.
    pub(super) fn look_at_literal(&mut self, line: Line<'_>) {
        if line.provenance != Provenance::Literal || line.text.is_empty() {
            return;
        }
        let open =
            self.desk.sources.get(line.at.source as usize).is_some_and(|source| source.readable_by_all);
        let readers = if open { ", in a file that everybody on this machine may read" } else { "" };
        let what = format!("{} stands in the configuration itself{readers}", line.key);
        let draft = Draft::warning(FindingKind::Exposed, line.at, what);
        self.desk
            .tell(draft.expected("${NAME} from the environment or ${file:path}, or the vault to have it"));
    }

    pub(super) fn certificate(&mut self, fields: &Fields) -> Option<String> {
        let line = self.some_text(fields, "certificateFile")?;
        let text = self.file_of(line, false)?;
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            self.invalid(line.at, "the certificate is not in PEM", "-----BEGIN CERTIFICATE----- ...");
            return None;
        }
        Some(text.as_str().to_owned())
    }

    fn contradicting_credentials(&mut self, fields: &Fields, method: Option<Method>) {
        let Some(line) = fields.text("clientAuthentication") else { return };
        let unused: &[&'static str] = match method {
            Some(Method::None | Method::TlsClientAuth | Method::SelfSignedTlsClientAuth) => {
                &["clientSecret", "clientSecretFile", "privateKey", "privateKeyFile"]
            }
            Some(Method::PrivateKeyJwt) => &["clientSecret", "clientSecretFile"],
            Some(_) => &["privateKey", "privateKeyFile"],
            None => &[],
        };
        for key in unused {
            if let Some(found) = fields.find(key) {
                let what = format!("clientAuthentication is {}, which has no use for {key}", line.text);
                let expected = format!("{}, or {key} left out", fitting(key));
                self.contradiction(line.at, what, expected, (format!("{key} is"), found.key_at));
            }
        }
    }

    fn look_at_method(&mut self, method: Method, known: &[Method], line: Line<'_>) {
        if known.is_empty() || known.contains(&method) {
            return;
        }
        let names: Vec<&str> = known.iter().map(|method| method.as_str()).collect();
        let what = format!("the provider is not known to accept {}", method.as_str());
        let draft = Draft::warning(FindingKind::Doubtful, line.at, what);
        self.desk.tell(draft.expected(format!("one of {}", names.join(", "))));
    }
}

impl Registration {
    fn tell_needs(&self, flow: Option<Flow>, needs: &mut Needs<'_>) {
        if self.client_id.is_none() {
            needs.add_unless_in_vault("clientId", "every request names the client");
        }
        match self.authentication.as_ref().map(|located| *located.value()) {
            Some(Method::None) if flow == Some(Flow::ClientCredentials) => {
                needs.add("clientAuthentication", "a client that acts for itself has to authenticate");
            }
            Some(Method::PrivateKeyJwt) if self.private_key.is_none() => {
                needs.add_unless_in_vault("privateKey", "private_key_jwt signs with it");
            }
            Some(Method::PrivateKeyJwt | Method::None) => {}
            _ if self.method.is_some_and(is_by_certificate) => {}
            _ if self.client_secret.is_none() && self.private_key.is_none() => needs.add_unless_in_vault(
                "clientSecret",
                "the client authenticates by it; a public client says clientAuthentication none",
            ),
            _ => {}
        }
    }
}

/// How a client authenticates that has this.
fn fitting(key: &str) -> &'static str {
    match key {
        "privateKey" | "privateKeyFile" => "private_key_jwt",
        _ => "client_secret_basic, client_secret_post or client_secret_jwt",
    }
}

/// What the server is known to accept.
fn accepted(server: Option<&AuthorizationServer>, flow: Option<Flow>) -> &[Method] {
    server.map_or(&[], |server| match flow {
        Some(Flow::ClientCredentials) => server.client_credentials_methods(),
        _ => server.client_authentication_methods(),
    })
}

/// For a client that has a certificate and nothing else; the two differ in what the server makes of it.
fn by_certificate(known: &[Method]) -> Method {
    known.iter().copied().find(|method| is_by_certificate(*method)).unwrap_or(Method::TlsClientAuth)
}

/// The first that the server is known to accept and the credentials are there for; without a list that of RFC 6749.
fn preferred(known: &[Method], has_secret: bool, has_key: bool) -> Option<Method> {
    if !has_secret && !has_key {
        return None;
    }
    let fits = |method: &Method| match method {
        Method::PrivateKeyJwt => has_key,
        Method::ClientSecretBasic | Method::ClientSecretPost => has_secret,
        _ => false,
    };
    let usual = if has_key { Method::PrivateKeyJwt } else { Method::ClientSecretBasic };
    Some(known.iter().copied().find(fits).unwrap_or(usual))
}
