use async_trait::async_trait;
use grantry::{Answer, Pkce, TransportCause, TransportFailure};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;

/// Servers that answer as their names say.
#[derive(Debug)]
struct Servers;

#[async_trait]
impl Transport for Servers {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        let url = request.url();
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut headers = HeaderMap::new();
        let late = if host == "late.example" { Duration::from_secs(3600) } else { Duration::ZERO };
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + since_epoch() - late);
        headers.insert("date", HeaderValue::from_str(&date).unwrap());
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        match host.as_str() {
            "silent.example" => std::future::pending().await,
            "gone.example" => Err(TransportFailure::unsent(TransportCause::NotConnected)),
            // Its address is none that metadata may lead to.
            "inside.example" if request.is_learned() => {
                Err(TransportFailure::unsent(TransportCause::AddressNotAllowed))
            }
            "odd.example" => Ok(Answer::new(StatusCode::OK).with_headers(headers).with_body("[1, 2]")),
            _ if url.path() == "/token" => {
                Ok(Answer::new(StatusCode::METHOD_NOT_ALLOWED).with_headers(headers))
            }
            _ if url.path() == "/.well-known/oauth-authorization-server" => {
                let body = metadata(&host).to_string();
                Ok(Answer::new(StatusCode::OK).with_headers(headers).with_body(body))
            }
            _ => Ok(Answer::new(StatusCode::NOT_FOUND).with_headers(headers)),
        }
    }
}

fn since_epoch() -> Duration {
    let seconds = SystemClock::new().wall().as_unix_seconds();
    Duration::from_secs(u64::try_from(seconds).unwrap())
}

fn metadata(host: &str) -> serde_json::Value {
    let issuer = format!("https://{host}");
    // The issuer may be of one host, and its endpoints of another.
    let elsewhere = match host {
        "leads-to-gone.example" => "https://gone.example",
        "leads-to-late.example" => "https://late.example",
        "leads-inside.example" => "https://inside.example",
        _ => issuer.as_str(),
    };
    let mut metadata = serde_json::json!({
        "issuer": issuer,
        "token_endpoint": format!("{elsewhere}/token"),
        "authorization_endpoint": format!("{issuer}/authorize"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "response_types_supported": ["code"],
    });
    match host {
        "binds.example" => metadata["dpop_signing_alg_values_supported"] = serde_json::json!(["ES256"]),
        "certifies.example" => {
            metadata["mtls_endpoint_aliases"] =
                serde_json::json!({ "token_endpoint": "https://mtls.example/token" });
        }
        "plain.example" => metadata["code_challenge_methods_supported"] = serde_json::json!(["plain"]),
        _ => {}
    }
    metadata
}

fn discovered(name: &str, host: &str) -> Examined {
    Examined {
        name: name.to_owned(),
        place: name.to_owned(),
        issuer: Some(format!("https://{host}")),
        is_discovered: true,
        ..Examined::default()
    }
}

fn known(name: &str, host: &str) -> Examined {
    let server = AuthorizationServer::builder(format!("https://{host}/token")).build().unwrap();
    Examined { server: Some(server), name: name.to_owned(), place: name.to_owned(), ..Examined::default() }
}

async fn asked_all(examined: &mut [Examined]) -> Vec<Finding> {
    let mut findings = Findings::default();
    asked_over(&(Arc::new(Servers) as Arc<dyn Transport>), examined, &mut findings).await;
    assert!(findings.all().iter().all(|found| !found.remedy.is_empty()), "{findings:?}");
    findings.all().to_vec()
}

async fn asked_for(service: Examined) -> Vec<(Severity, Check, String)> {
    let found = asked_all(&mut [service]).await;
    found.into_iter().map(|found| (found.severity, found.check, found.what)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_well_is_no_finding_whichever_way_it_is_known() {
    let mut examined = [known("a", "well.example"), discovered("b", "well.example")];
    assert!(asked_all(&mut examined).await.is_empty());
    // What was published is gone by from here on.
    let server = examined[1].server.as_ref().unwrap();
    assert_eq!(server.token_endpoint().as_str(), "https://well.example/token");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_or_is_gone_is_found_whichever_way_it_is_known() {
    for (host, what) in
        [("silent.example", "does not answer within 15 s"), ("gone.example", "cannot be reached")]
    {
        for service in [known("a", host), discovered("a", host)] {
            let found = asked_for(service).await;
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].0, found[0].1), (Severity::Broken, Check::Server), "{found:?}");
            assert!(found[0].2.contains(what) && found[0].2.contains(host), "{found:?}");
        }
    }
    // The metadata is there, and the endpoint that it names is not.
    let found = asked_for(discovered("a", "leads-to-gone.example")).await;
    assert_eq!((found.len(), found[0].0, found[0].1), (1, Severity::Broken, Check::Server));
    assert!(found[0].2.starts_with("gone.example cannot be reached"), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn metadata_leads_to_no_address_that_only_a_person_may_name() {
    assert!(asked_for(known("a", "inside.example")).await.is_empty());
    let found = asked_for(discovered("a", "leads-inside.example")).await;
    assert_eq!((found.len(), found[0].0, found[0].1), (1, Severity::Broken, Check::Server), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn many_servers_that_hang_are_waited_for_together() {
    let mut examined: Vec<Examined> =
        (0..AT_ONCE).map(|nth| discovered(&format!("s{nth}"), "silent.example")).collect();
    for (nth, service) in examined.iter_mut().enumerate() {
        service.issuer = Some(format!("https://silent.example/{nth}"));
    }
    let found = tokio::time::timeout(PATIENCE + Duration::from_secs(1), asked_all(&mut examined)).await;
    assert_eq!(found.unwrap().len(), AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn metadata_that_cannot_be_used_stops_whoever_needs_it_and_is_a_note_for_others() {
    let found = asked_for(discovered("a", "odd.example")).await;
    assert_eq!((found.len(), found[0].0, found[0].1), (1, Severity::Broken, Check::Metadata), "{found:?}");
    let mut two = [
        Examined { issuer: Some("https://odd.example".to_owned()), ..known("a", "well.example") },
        Examined { issuer: Some("https://odd.example".to_owned()), ..known("b", "well.example") },
        discovered("c", "odd.example"),
    ];
    let found: Vec<_> =
        asked_all(&mut two).await.into_iter().map(|found| (found.place, found.severity)).collect();
    assert_eq!(found, [("a".to_owned(), Severity::Note), ("c".to_owned(), Severity::Broken)]);
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_compared_with_the_date_of_the_server_whichever_way_it_is_known() {
    for service in [known("a", "late.example"), discovered("a", "leads-to-late.example")] {
        let found = asked_for(service).await;
        assert_eq!((found.len(), found[0].0, found[0].1), (1, Severity::Broken, Check::Clock), "{found:?}");
        assert!(found[0].2.contains("ahead of late.example"), "{found:?}");
    }
}

#[test]
fn a_clock_that_is_off_is_told_with_its_direction() {
    let skewed = |offset: i64| {
        let mut findings = Findings::default();
        let ours = 1_790_000_000;
        let theirs = Timestamp::from_unix_seconds(ours + offset);
        skew("as.example.com", theirs, Timestamp::from_unix_seconds(ours), &mut findings);
        findings.all().iter().map(|found| (found.severity, found.what.clone())).collect::<Vec<_>>()
    };
    assert!(skewed(3).is_empty() && skewed(-5).is_empty());
    let what = "the clock of this machine is";
    assert_eq!(skewed(30), [(Severity::Warning, format!("{what} 30 s behind as.example.com"))]);
    assert_eq!(skewed(-300), [(Severity::Broken, format!("{what} 5 min ahead of as.example.com"))]);
}

#[tokio::test(start_paused = true)]
async fn binding_that_the_server_has_and_nobody_uses_is_found() {
    for (host, what) in [("binds.example", "DPoP"), ("certifies.example", "mTLS")] {
        for interactive in [discovered("a", host), with_issuer(host)] {
            let found = asked_for(interactive).await;
            let found: Vec<_> = found.iter().filter(|found| found.1 == Check::TokenBinding).collect();
            assert_eq!((found.len(), found[0].0), (1, Severity::Note), "{host}");
            assert!(found[0].2.contains(what), "{found:?}");
        }
        let bound = Examined { is_bound_to_key: true, ..discovered("a", host) };
        let certified = Examined { has_certificate: true, ..discovered("a", host) };
        for used in [bound, certified] {
            assert!(asked_for(used).await.is_empty(), "{host}");
        }
    }
}

fn with_issuer(host: &str) -> Examined {
    Examined { issuer: Some(format!("https://{host}")), ..known("a", host) }
}

#[tokio::test(start_paused = true)]
async fn what_is_discovered_says_what_is_known_of_pkce_and_certificates() {
    let mut examined = [discovered("a", "plain.example")];
    asked_all(&mut examined).await;
    assert_eq!(examined[0].server.as_ref().unwrap().pkce(), Pkce::WithoutS256);
    let mut examined = [Examined { has_certificate: true, ..discovered("a", "certifies.example") }];
    assert!(asked_all(&mut examined).await.is_empty());
    let server = examined[0].server.as_ref().unwrap();
    assert_eq!(server.token_endpoint().as_str(), "https://mtls.example/token");
    // Who has the endpoint for certificates configured has the right one.
    let mut examined = [Examined {
        issuer: Some("https://certifies.example".to_owned()),
        has_certificate: true,
        ..known("a", "mtls.example")
    }];
    let found = asked_all(&mut examined).await;
    assert!(found.iter().all(|found| !found.what.contains("token endpoint")), "{found:?}");
}

#[test]
fn an_endpoint_that_is_another_one_than_the_published_is_found() {
    let service = known("crm", "as.example.com");
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
        findings.all().to_vec()
    };
    assert!(compared("as.example.com").is_empty());
    let found = compared("elsewhere.example.com");
    for (name, url, flag) in
        [("pushed authorization request", "par", "--par-url"), ("JWK Set", "jwks", "--jwks-uri")]
    {
        let what =
            format!("its {name} endpoint is another one than the metadata's: https://as.example.com/{url}");
        let found = found.iter().find(|found| found.what == what).unwrap_or_else(|| panic!("{name}"));
        assert!(found.remedy.contains(flag), "{found:?}");
    }
}
