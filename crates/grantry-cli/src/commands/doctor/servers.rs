//! Servers, as they answer now: whether they can be reached, what time it is there, and what they publish.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use grantry::{
    AuthorizationServer, Clock, Discovery, Error, ErrorKind, HttpTransport, Request, SystemClock, Timestamp,
    Transport,
};

use super::findings::{Check, Finding, Findings, Severity};
use super::services::Examined;
use crate::failed::Failed;
use crate::spoken::length;

/// `Date` counts whole seconds, and answers take time.
const SKEW: Duration = Duration::from_secs(5);
/// Assertions and proofs are refused from here on, and tokens seem to live where they do not.
const TOO_MUCH: Duration = Duration::from_secs(60);
/// No server is waited for longer.
const PATIENCE: Duration = Duration::from_secs(15);
/// So many are asked at once.
const AT_ONCE: usize = 8;

const TO_REACH: &str = "see whether the name is right, and whether a proxy or a firewall is in between";

/// Asks each server once. A service whose issuer alone is known has its server's facts from then on.
pub(super) async fn asked(examined: &mut [Examined], findings: &mut Findings) {
    match HttpTransport::new() {
        Ok(transport) => asked_over(&(Arc::new(transport) as Arc<dyn Transport>), examined, findings).await,
        Err(error) => findings.add(Finding::failed("TLS", Check::Server, &Failed::from(error))),
    }
}

async fn asked_over(transport: &Arc<dyn Transport>, examined: &mut [Examined], findings: &mut Findings) {
    let mut issuers: Vec<String> = examined.iter().filter_map(|service| service.issuer.clone()).collect();
    issuers.sort_unstable();
    issuers.dedup();
    let asked = all(issuers.iter().map(|issuer| published(issuer.clone(), Arc::clone(transport)))).await;
    let published: BTreeMap<String, Published> = issuers.into_iter().zip(asked).collect();
    let mut told: BTreeSet<String> = BTreeSet::new();
    for service in &mut *examined {
        let Some(issuer) = &service.issuer else { continue };
        let Some(found) = published.get(issuer) else { continue };
        match found {
            Published::Facts(facts) => {
                let facts =
                    if service.has_certificate { facts.for_mutual_tls() } else { Ok((**facts).clone()) };
                let Ok(facts) = facts else { continue };
                match &service.server {
                    Some(server) => compare(service, server, &facts, findings),
                    None => service.server = Some(facts.clone()),
                }
                offers(service, &facts, findings);
            }
            Published::Not(check, what) => {
                // Once is enough, unless a service cannot do without it.
                if !told.insert(issuer.clone()) && !service.is_discovered {
                    continue;
                }
                let severity = if service.is_discovered { Severity::Broken } else { Severity::Note };
                let remedy = match check {
                    Check::Server => TO_REACH.to_owned(),
                    _ => service.change(
                        "name the issuer as the server's metadata has it, or the endpoints themselves",
                        "--issuer with what the server's metadata says",
                    ),
                };
                findings.found(severity, *check, &service.place, what.as_str(), remedy);
            }
        }
    }
    let mut origins: BTreeMap<String, (&Examined, &AuthorizationServer)> = BTreeMap::new();
    for service in &*examined {
        let Some(server) = &service.server else { continue };
        origins.entry(server.token_endpoint().origin().ascii_serialization()).or_insert((service, server));
    }
    let servers = origins.values().map(|(_, server)| reached((*server).clone(), Arc::clone(transport)));
    let answers = all(servers).await;
    for ((service, server), reached) in origins.into_values().zip(answers) {
        let host = server.token_endpoint().host_str().unwrap_or_default();
        match reached {
            Reached::Answered(None) => {}
            Reached::Answered(Some((theirs, ours))) => skew(host, theirs, ours, findings),
            Reached::Not(why) => {
                let what = format!("{host} {why}");
                findings.found(Severity::Broken, Check::Server, &service.place, what, TO_REACH);
            }
        }
    }
}

/// What becomes of each, in their order, some of them at once.
async fn all<F>(asked: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + Unasked + 'static,
{
    let mut asked = asked.peekable();
    let mut answers = Vec::new();
    while asked.peek().is_some() {
        let running: Vec<_> = asked.by_ref().take(AT_ONCE).map(tokio::spawn).collect();
        for one in running {
            answers.push(one.await.unwrap_or_else(|_| F::Output::unasked()));
        }
    }
    answers
}

/// What takes the place of an answer where asking ended by itself.
trait Unasked {
    fn unasked() -> Self;
}

/// What an issuer's metadata says.
#[derive(Debug)]
enum Published {
    /// Boxed, since they are many.
    Facts(Box<AuthorizationServer>),
    /// Why there is nothing to go by.
    Not(Check, String),
}

impl Unasked for Published {
    fn unasked() -> Self {
        Self::Not(Check::Server, "the issuer could not be asked".to_owned())
    }
}

async fn published(issuer: String, transport: Arc<dyn Transport>) -> Published {
    let silent = format!("the issuer {issuer} does not answer within {}", length(PATIENCE));
    let found = match Discovery::new(&issuer, transport) {
        Ok(discovery) => match tokio::time::timeout(PATIENCE, discovery.discover()).await {
            Ok(found) => found,
            Err(_) => return Published::Not(Check::Server, silent),
        },
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => Published::Facts(Box::new(found.server().clone())),
        Err(error) if is_out_of_reach(&error) => {
            let why = crate::failed::chain(&error);
            Published::Not(Check::Server, format!("the issuer {issuer} cannot be reached: {why}"))
        }
        Err(error) => {
            let why = crate::failed::chain(&error);
            let what = format!("the issuer {issuer} publishes no metadata that can be used: {why}");
            Published::Not(Check::Metadata, what)
        }
    }
}

fn is_out_of_reach(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unreachable | ErrorKind::Untrusted | ErrorKind::Interrupted | ErrorKind::Unavailable
    )
}

/// Whether somebody answers, and what time it is there and here.
#[derive(Debug)]
enum Reached {
    Answered(Option<(Timestamp, Timestamp)>),
    Not(String),
}

impl Unasked for Reached {
    fn unasked() -> Self {
        Self::Not("could not be asked".to_owned())
    }
}

/// The token endpoint answers a GET with a refusal, and nothing more.
async fn reached(server: AuthorizationServer, transport: Arc<dyn Transport>) -> Reached {
    let url = server.token_endpoint();
    let request = Request::new(http::Method::GET, url.clone());
    // Metadata leads nobody to addresses that are not public.
    let request = if server.is_learned(url) { request.learned() } else { request };
    let answer = match tokio::time::timeout(PATIENCE, transport.send(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(failure)) => return Reached::Not(format!("cannot be reached: {failure}")),
        Err(_) => return Reached::Not(format!("does not answer within {}", length(PATIENCE))),
    };
    let ours = SystemClock::new().wall();
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let theirs = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let theirs = theirs.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    let theirs = theirs.and_then(|since| i64::try_from(since.as_secs()).ok());
    Reached::Answered(theirs.map(|seconds| (Timestamp::from_unix_seconds(seconds), ours)))
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
    findings.found(severity, Check::Clock, "this machine", what, remedy);
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
        let flag = match name {
            "device authorization" => "--device-url",
            "pushed authorization request" => "--par-url",
            "JWK Set" => "--jwks-uri",
            _ => &format!("--{name}-url"),
        };
        let remedy = service.change(
            "name the endpoint that the metadata has, or the issuer alone",
            &format!("{flag} with what the metadata says"),
        );
        findings.found(severity, Check::Metadata, &service.place, what, remedy);
    }
}

/// What the server has and nobody uses.
fn offers(service: &Examined, published: &AuthorizationServer, findings: &mut Findings) {
    // Either of them is enough.
    if service.is_bound_to_key || service.has_certificate {
        return;
    }
    if published.dpop_algorithms().next().is_some() {
        findings.found(
            Severity::Note,
            Check::TokenBinding,
            &service.place,
            "its server binds tokens to a key (DPoP), which this service does not use: a stolen token works",
            service.change("\"dpop\": true", "--dpop"),
        );
    }
    if published.for_mutual_tls().is_ok_and(|bound| bound != *published) {
        findings.found(
            Severity::Note,
            Check::TokenBinding,
            &service.place,
            "its server binds tokens to client certificates (mTLS), which this service does not use",
            service.change(
                "name a certificate as mutualTls",
                "--tls-certificate-file with a certificate that is registered at the server",
            ),
        );
    }
}

#[cfg(test)]
#[path = "servers_tests.rs"]
mod tests;
