//! Servers, as they answer now: whether they can be reached, what time it is there, and what they publish.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use grantry::{
    AuthorizationServer, Clock, Discovery, HttpTransport, Request, SystemClock, Timestamp, Transport,
};

use super::findings::{Finding, Findings, Severity};
use super::services::Examined;
use crate::failed::Failed;
use crate::spoken::length;

/// `Date` counts whole seconds, and answers take time.
const SKEW: Duration = Duration::from_secs(5);
/// Assertions and proofs are refused from here on, and tokens seem to live where they do not.
const TOO_MUCH: Duration = Duration::from_secs(60);
/// No server is waited for longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks each server once.
pub(super) async fn asked(examined: &[Examined], findings: &mut Findings) {
    let transport: Arc<dyn Transport> = match HttpTransport::new() {
        Ok(transport) => Arc::new(transport),
        Err(error) => return findings.add(Finding::failed("TLS", "server", &Failed::from(error))),
    };
    let mut seen: BTreeMap<String, Option<AuthorizationServer>> = BTreeMap::new();
    let mut reached: Vec<String> = Vec::new();
    for service in examined {
        if let Some(server) = &service.server {
            let origin = server.token_endpoint().origin().ascii_serialization();
            if !reached.contains(&origin) {
                reach(service, server, &transport, findings).await;
                reached.push(origin);
            }
        }
        let Some(issuer) = &service.issuer else { continue };
        if !seen.contains_key(issuer) {
            let published = discovered(service, issuer, &transport, findings).await;
            seen.insert(issuer.clone(), published);
        }
        if let (Some(server), Some(Some(published))) = (&service.server, seen.get(issuer)) {
            compare(service, server, published, findings);
        }
        if let Some(Some(published)) = seen.get(issuer) {
            offers(service, published, findings);
        }
    }
}

/// Whether somebody answers, and what time it is there. The token endpoint answers a GET with a refusal, and nothing more.
async fn reach(
    service: &Examined,
    server: &AuthorizationServer,
    transport: &Arc<dyn Transport>,
    findings: &mut Findings,
) {
    let url = server.token_endpoint().clone();
    let host = url.host_str().unwrap_or_default().to_owned();
    let clock = SystemClock::new();
    let asked = tokio::time::timeout(PATIENCE, transport.send(Request::new(http::Method::GET, url))).await;
    let answer = match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(failure)) => {
            let what = format!("{host} cannot be reached: {failure}");
            let remedy = "see whether the name is right, and whether a proxy or a firewall is in between";
            return findings
                .add(Finding::new(Severity::Broken, "server", &service.place, what).remedy(remedy));
        }
        Err(_) => {
            let what = format!("{host} does not answer within {}", length(PATIENCE));
            return findings.add(Finding::new(Severity::Broken, "server", &service.place, what));
        }
    };
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let theirs = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let theirs = theirs.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    let theirs =
        theirs.and_then(|since| i64::try_from(since.as_secs()).ok()).map(Timestamp::from_unix_seconds);
    if let Some(theirs) = theirs {
        skew(&host, theirs, clock.wall(), findings);
    }
}

fn skew(host: &str, theirs: Timestamp, ours: Timestamp, findings: &mut Findings) {
    let (skew, which) =
        if ours > theirs { (ours.since(theirs), "ahead of") } else { (theirs.since(ours), "behind") };
    if skew <= SKEW {
        return;
    }
    let severity = if skew >= TOO_MUCH { Severity::Broken } else { Severity::Warning };
    let what = format!("the clock of this machine is {} {which} {host}", length(skew));
    let remedy = "synchronize the clock (NTP): expiries, assertions and proofs are judged by it";
    findings.add(Finding::new(severity, "clock", "this machine", what).remedy(remedy));
}

async fn discovered(
    service: &Examined,
    issuer: &str,
    transport: &Arc<dyn Transport>,
    findings: &mut Findings,
) -> Option<AuthorizationServer> {
    let severity = if service.is_discovered { Severity::Broken } else { Severity::Note };
    let found = match Discovery::new(issuer, Arc::clone(transport)) {
        Ok(discovery) => match tokio::time::timeout(PATIENCE, discovery.discover()).await {
            Ok(found) => found,
            Err(_) => {
                let what = format!("the issuer does not answer within {}", length(PATIENCE));
                findings.add(Finding::new(severity, "metadata", &service.place, what));
                return None;
            }
        },
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => Some(found.server().clone()),
        Err(error) => {
            let what = format!(
                "the issuer publishes no metadata that can be used: {}",
                crate::failed::chain(&error)
            );
            findings.add(Finding::new(severity, "metadata", &service.place, what));
            None
        }
    }
}

/// Whether the configured endpoints are those that the server publishes.
fn compare(
    service: &Examined,
    configured: &AuthorizationServer,
    published: &AuthorizationServer,
    findings: &mut Findings,
) {
    let pairs = [
        ("token", Some(configured.token_endpoint()), Some(published.token_endpoint())),
        ("authorization", configured.authorization_endpoint(), published.authorization_endpoint()),
        ("revocation", configured.revocation_endpoint(), published.revocation_endpoint()),
        ("introspection", configured.introspection_endpoint(), published.introspection_endpoint()),
        (
            "device authorization",
            configured.device_authorization_endpoint(),
            published.device_authorization_endpoint(),
        ),
        (
            "pushed authorization request",
            configured.pushed_authorization_request_endpoint(),
            published.pushed_authorization_request_endpoint(),
        ),
        ("JWK Set", configured.jwks_uri(), published.jwks_uri()),
    ];
    for (name, ours, theirs) in pairs {
        let (severity, what) = match (ours, theirs) {
            (Some(ours), Some(theirs)) if ours != theirs => (
                Severity::Warning,
                format!("its {name} endpoint is another one than the metadata's: {theirs}"),
            ),
            (None, Some(theirs)) if name == "revocation" => (
                Severity::Note,
                format!("its tokens cannot be revoked: the metadata's revocation endpoint is {theirs}"),
            ),
            _ => continue,
        };
        let remedy =
            format!("set it with grantry auth set --service {}, or in the configuration", service.name);
        findings.add(Finding::new(severity, "metadata", &service.place, what).remedy(remedy));
    }
}

/// What the server has and nobody uses.
fn offers(service: &Examined, published: &AuthorizationServer, findings: &mut Findings) {
    // Either of them is enough.
    if service.is_bound_to_key || service.has_certificate {
        return;
    }
    if published.dpop_algorithms().next().is_some() {
        let what =
            "its server binds tokens to a key (DPoP), which this service does not use: a stolen token works";
        findings.add(
            Finding::new(Severity::Note, "token_binding", &service.place, what)
                .remedy("say dpop in its configuration: see the manual's page on binding"),
        );
    }
    if published.for_mutual_tls().is_ok_and(|bound| bound != *published) {
        let what = "its server binds tokens to client certificates (mTLS), which this service does not use";
        findings.add(Finding::new(Severity::Note, "token_binding", &service.place, what).remedy(
            "name a certificate as mutualTls in its configuration: see the manual's page on binding",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(offset: i64) -> String {
        let mut findings = Findings::default();
        let ours = 1_790_000_000;
        skew(
            "as.example.com",
            Timestamp::from_unix_seconds(ours + offset),
            Timestamp::from_unix_seconds(ours),
            &mut findings,
        );
        format!("{findings:?}")
    }

    #[test]
    fn an_endpoint_that_is_another_one_than_the_published_is_found() {
        let service = Examined {
            name: "crm".to_owned(),
            place: "crm".to_owned(),
            issuer: Some("https://as.example.com".to_owned()),
            ..Examined::default()
        };
        let server = |host: &str| {
            AuthorizationServer::builder("https://as.example.com/token")
                .pushed_authorization_request_endpoint(format!("https://{host}/par"))
                .jwks_uri(format!("https://{host}/jwks"))
                .build()
                .unwrap()
        };
        let compared = |host: &str| {
            let mut findings = Findings::default();
            compare(&service, &server(host), &server("as.example.com"), &mut findings);
            format!("{findings:?}")
        };
        assert_eq!(compared("as.example.com"), "Findings([])");
        let found = compared("elsewhere.example.com");
        for (name, url) in [("pushed authorization request", "par"), ("JWK Set", "jwks")] {
            let what = format!(
                "its {name} endpoint is another one than the metadata's: https://as.example.com/{url}"
            );
            assert!(found.contains(&what), "{found}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_its_direction() {
        assert_eq!(found(3), "Findings([])");
        assert!(found(30).contains("30 s behind as.example.com") && found(30).contains("Warning"));
        assert!(found(-300).contains("5 min ahead of as.example.com") && found(-300).contains("Broken"));
    }
}
