//! Whether the browser finds its way back, and nobody else with it.

use grantry::authorization_code::{Loopback, check_redirect_uri};

use super::findings::{Check, Findings, Severity};
use super::services::Examined;

pub(super) fn uri(service: &Examined, findings: &mut Findings) {
    let Some(uri) = &service.redirect_uri else { return };
    let mut add = |severity, what: &str, remedy: &str| {
        findings.found(severity, Check::RedirectUri, &service.place, what, remedy);
    };
    if let Some(other) = service.other_redirect_uri.as_ref().filter(|other| *other != uri) {
        add(
            Severity::Warning,
            &format!("its redirect URI is {uri}, and the vault has another one: {other}"),
            "keep the one that is registered at the server, and take the other out",
        );
    }
    if uri.contains('*') {
        add(
            Severity::Broken,
            "its redirect URI has a wildcard, which no server may accept (RFC 9700 section 2.1)",
            "register the whole URI",
        );
    } else if uri.contains('#') {
        add(
            Severity::Broken,
            "its redirect URI has a fragment, which no server may accept (RFC 6749 section 3.1.2)",
            "register it without the part from # on",
        );
    } else if uri.starts_with("http://") && Loopback::builder_for(uri).is_err() {
        add(
            Severity::Broken,
            "its redirect URI has no https, and is none of this machine: codes could be read on the way",
            "use https, or http://127.0.0.1/callback for a program on the person's own machine",
        );
    } else if let Err(error) = check_redirect_uri(uri) {
        add(Severity::Broken, &crate::failed::chain(&error), "set it as it is registered at the server");
    } else if let Some(rest) = uri.strip_prefix("http://localhost") {
        add(
            Severity::Note,
            "its redirect URI says localhost, which may be made to mean another machine (RFC 8252 section 8.3)",
            &format!("register http://127.0.0.1{rest} where the server lets it be"),
        );
    } else if let Some(port) = port_of_loopback(uri) {
        add(
            Severity::Note,
            &format!(
                "its redirect URI names the port {port}: while another program listens there, nobody can log in"
            ),
            "register it without a port where the server takes any (RFC 8252 section 7.3)",
        );
    }
}

fn port_of_loopback(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("http://127.0.0.1:").or_else(|| uri.strip_prefix("http://[::1]:"))?;
    rest.split(['/', '?']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(redirect_uri: &str) -> Option<(Severity, String)> {
        let service = Examined { redirect_uri: Some(redirect_uri.to_owned()), ..Examined::default() };
        let mut findings = Findings::default();
        uri(&service, &mut findings);
        assert!(findings.all().len() < 2, "{findings:?}");
        findings.all().first().map(|found| (found.severity, found.what.clone()))
    }

    #[test]
    fn what_leads_nowhere_or_elsewhere_is_found_by_its_form() {
        for (redirect_uri, severity, what) in [
            ("http://app.example.com/callback", Severity::Broken, "no https"),
            ("http://10.0.0.1/callback", Severity::Broken, "no https"),
            ("http://127.0.0.1.example.com/callback", Severity::Broken, "no https"),
            ("https://app.example.com/callback#top", Severity::Broken, "a fragment"),
            ("http://127.0.0.1/callback#top", Severity::Broken, "a fragment"),
            ("https://*.example.com/callback", Severity::Broken, "a wildcard"),
            ("http://localhost/*", Severity::Broken, "a wildcard"),
            ("https://ana:s3cret@app.example.com/callback", Severity::Broken, "a user name or password"),
            ("/callback", Severity::Broken, "not an absolute URI"),
            ("javascript:alert(1)", Severity::Broken, "no application's"),
            ("myapp:/callback", Severity::Broken, "reversed domain name"),
            ("http://localhost:8080/callback", Severity::Note, "localhost"),
            ("http://127.0.0.1:8080/callback", Severity::Note, "the port 8080"),
            ("http://[::1]:9/callback", Severity::Note, "the port 9"),
        ] {
            let found = found(redirect_uri).unwrap_or_else(|| panic!("{redirect_uri}"));
            assert_eq!(found.0, severity, "{redirect_uri}: {}", found.1);
            assert!(found.1.contains(what), "{redirect_uri}: {}", found.1);
            assert!(!found.1.contains("s3cret"));
        }
    }

    #[test]
    fn what_leads_back_is_no_finding() {
        for redirect_uri in [
            "https://app.example.com/callback",
            "https://app.example.com:8443/callback?tenant=a",
            "http://127.0.0.1/callback",
            "http://[::1]/callback",
            "com.example.app:/callback",
        ] {
            assert_eq!(found(redirect_uri), None, "{redirect_uri}");
        }
    }

    #[test]
    fn another_one_in_the_vault_is_found() {
        let with = |other: Option<&str>| {
            let service = Examined {
                redirect_uri: Some("https://app.example.com/callback".to_owned()),
                other_redirect_uri: other.map(str::to_owned),
                ..Examined::default()
            };
            let mut findings = Findings::default();
            uri(&service, &mut findings);
            findings.all().iter().map(|finding| finding.what.clone()).collect::<Vec<_>>()
        };
        assert!(with(None).is_empty() && with(Some("https://app.example.com/callback")).is_empty());
        assert!(with(Some("https://app.example.com/back"))[0].ends_with("https://app.example.com/back"));
    }
}
