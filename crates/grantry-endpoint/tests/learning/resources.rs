//! Protected resource metadata (RFC 9728).

use std::sync::Arc;

use grantry_core::presenting::Challenges;
use grantry_core::{AuthorizationServer, ErrorKind, Stage};
use grantry_endpoint::{Answer, DiscoveredResource, ResourceDiscovery, TransportCause, TransportFailure};
use proptest::prelude::*;

use crate::support::{Script, answer};

const RESOURCE: &str = "https://api.example.com/mcp";

type Sent = Result<Answer, TransportFailure>;

fn document(resource: &str, servers: &[&str], rest: &str) -> Sent {
    let servers = servers.iter().map(|s| format!("\"{s}\"")).collect::<Vec<_>>().join(",");
    Ok(answer(200, format!(r#"{{"resource":"{resource}","authorization_servers":[{servers}]{rest}}}"#)))
}

fn good(resource: &str) -> Sent {
    document(resource, &["https://as.example.com"], "")
}

fn absent() -> Sent {
    Ok(answer(404, "<html>"))
}

fn asked(script: &Script) -> Vec<(String, bool)> {
    script.left().into_iter().map(|left| (left.url, left.learned)).collect()
}

fn challenges(value: &str) -> Challenges {
    Challenges::parse([value])
}

async fn discover(resource: &str, script: &Arc<Script>) -> Result<DiscoveredResource, grantry_core::Error> {
    ResourceDiscovery::new(resource, script.clone()).unwrap().discover().await
}

#[tokio::test]
async fn req_e19_the_well_known_address_has_the_path_of_the_resource_and_then_none() {
    let at = "https://api.example.com/.well-known/oauth-protected-resource";
    for (resource, expected) in [
        (RESOURCE, vec![format!("{at}/mcp"), at.to_owned()]),
        ("https://api.example.com", vec![at.to_owned()]),
        ("https://api.example.com/", vec![at.to_owned()]),
        ("https://api.example.com/a/b/", vec![format!("{at}/a/b/"), at.to_owned()]),
        ("https://api.example.com/a?tenant=1", vec![format!("{at}/a?tenant=1"), at.to_owned()]),
        ("https://api.example.com?tenant=1", vec![format!("{at}?tenant=1"), at.to_owned()]),
    ] {
        let script = Script::new(expected.iter().map(|_| absent()));
        let error = discover(resource, &script).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::InvalidAnswer, Some(404)), "{resource}");
        assert_eq!(error.stage(), Stage::Discover);
        let expected: Vec<(String, bool)> = expected.into_iter().map(|url| (url, false)).collect();
        assert_eq!(asked(&script), expected, "{resource}");
    }
    let script = Script::new([Ok(answer(200, "<html>")), good(RESOURCE)]);
    assert_eq!(discover(RESOURCE, &script).await.unwrap().resource(), RESOURCE, "a web page is no document");
}

#[tokio::test]
async fn req_e19_e20_what_the_challenge_names_is_asked_first_and_guarded_where_it_leads_elsewhere() {
    let ask = async |named: &str, answers: Vec<Sent>, learned: bool| {
        let script = Script::new(answers);
        let all = challenges(&format!("Bearer resource_metadata=\"{named}\""));
        let discovery = ResourceDiscovery::new(RESOURCE, script.clone()).unwrap();
        let discovery = discovery.challenged(all.iter().next().unwrap());
        let discovery = if learned { discovery.learned() } else { discovery };
        (discovery.discover().await, asked(&script))
    };
    let same = "https://api.example.com/about";
    let (found, urls) = ask(same, vec![good(RESOURCE)], false).await;
    assert_eq!((found.unwrap().resource(), urls), (RESOURCE, vec![(same.to_owned(), false)]));
    let elsewhere = "https://meta.example/api";
    let (found, urls) = ask(elsewhere, vec![good(RESOURCE)], false).await;
    assert_eq!((found.unwrap().resource(), urls), (RESOURCE, vec![(elsewhere.to_owned(), true)]));
    let (found, urls) = ask(same, vec![good(RESOURCE)], true).await;
    assert_eq!((found.is_ok(), urls), (true, vec![(same.to_owned(), true)]), "nobody configured it");
    // It is gone: then as if it had not been named.
    let (found, urls) = ask(elsewhere, vec![absent(), good(RESOURCE)], false).await;
    assert!(found.is_ok());
    assert_eq!(
        urls[1],
        ("https://api.example.com/.well-known/oauth-protected-resource/mcp".to_owned(), false)
    );
    // The well-known address itself is asked once.
    let well_known = "https://api.example.com/.well-known/oauth-protected-resource";
    let (found, urls) = ask(well_known, vec![absent(), absent()], false).await;
    assert_eq!((found.is_err(), urls.len()), (true, 2));
    // What is no https URL is not asked, and nothing else is in its place.
    for bad in [
        "http://api.example.com/m",
        "http://127.0.0.1:8080/m",
        "http://localhost/m",
        "file:///etc/passwd",
        "//api.example.com/m",
        "https://user:pw@api.example.com/m",
        "https://api.example.com/m#x",
        "",
    ] {
        let (found, urls) = ask(bad, vec![], false).await;
        let error = found.unwrap_err();
        assert_eq!((error.kind(), urls.len()), (ErrorKind::InvalidAnswer, 0), "{bad}");
        assert!(!format!("{error} {error:?}").contains("pw"), "{error}");
    }
}

#[tokio::test]
async fn req_e19_a_server_that_is_busy_or_away_ends_it_and_no_other_address_is_asked() {
    for (sent, kind) in [
        (Ok(answer(503, "")), ErrorKind::Unavailable),
        (Ok(answer(429, "{}")), ErrorKind::Unavailable),
        (Err(TransportFailure::unsent(TransportCause::NameNotFound)), ErrorKind::Unreachable),
        (Err(TransportFailure::unknown(TransportCause::TooLarge)), ErrorKind::InvalidAnswer),
    ] {
        let script = Script::new([sent]);
        let error = discover(RESOURCE, &script).await.unwrap_err();
        assert_eq!((error.kind(), asked(&script).len()), (kind, 1));
    }
}

#[tokio::test]
async fn req_e18_metadata_of_another_resource_is_not_used_wherever_it_was_found() {
    for other in [
        "https://api.example.com/mcp/",
        "https://api.example.com/MCP",
        "https://API.example.com/mcp",
        "https://api.example.com:443/mcp",
        "https://api.example.com/%6dcp",
        "https://api.example.com/mcp?x=1",
        "https://api.example.com",
        "https://bank.example/accounts",
        "",
    ] {
        for answers in [vec![good(other)], vec![absent(), good(other)]] {
            let count = answers.len();
            // The last one is never asked for: a document that does not fit is the end.
            let script = Script::new(answers.into_iter().chain([good(RESOURCE)]));
            let error = discover(RESOURCE, &script).await.unwrap_err();
            assert_eq!((error.kind(), asked(&script).len()), (ErrorKind::InvalidAnswer, count), "{other}");
            assert!(!error.to_string().contains("bank"), "{error}");
        }
    }
}

#[tokio::test]
async fn req_e18_a_hostile_document_is_refused_whole() {
    let many: Vec<String> = (0..33).map(|n| format!("https://as{n}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let deep = format!(",\"x\":{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let as_ok = &["https://as.example.com"][..];
    let cases: Vec<Sent> = vec![
        Ok(answer(200, "{")),
        Ok(answer(200, "{}")),
        Ok(answer(200, format!(r#"{{"resource":"{RESOURCE}"}}"#))),
        Ok(answer(
            200,
            format!(r#"{{"resource":["{RESOURCE}"],"authorization_servers":["https://as.example.com"]}}"#),
        )),
        Ok(answer(
            200,
            format!(r#"{{"resource":"{RESOURCE}","authorization_servers":"https://as.example.com"}}"#),
        )),
        Ok(answer(200, [&br#"{"resource":""#[..], &[0xff, 0xfe], b"\"}"].concat())),
        document(RESOURCE, &[], ""),
        document(RESOURCE, as_ok, &format!(r#","resource":"{RESOURCE}""#)),
        document(RESOURCE, as_ok, r#","authorization_servers":["https://evil.example"]"#),
        document(RESOURCE, &["https://as.example.com", "http://as.example.com"], ""),
        document(RESOURCE, &["http://127.0.0.1:9000"], ""),
        document(RESOURCE, &["https://as.example.com?x=1"], ""),
        document(RESOURCE, &["https://as.example.com#x"], ""),
        document(RESOURCE, &["https://user:pw@as.example.com"], ""),
        document(RESOURCE, &["as.example.com"], ""),
        document(RESOURCE, &[""], ""),
        document(RESOURCE, &many, ""),
    ];
    for (nth, case) in cases.into_iter().enumerate() {
        let script = Script::new([case]);
        let error = discover(RESOURCE, &script).await.unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::InvalidAnswer, Stage::Discover), "{nth}");
        assert!(!format!("{error:?}").contains("evil") && !format!("{error:?}").contains("pw@"), "{error:?}");
    }
    let script = Script::new([document(RESOURCE, as_ok, &deep)]);
    assert!(discover(RESOURCE, &script).await.is_ok(), "what nobody knows is passed over, however deep");
    for bad in [
        "",
        "api.example.com",
        "http://api.example.com",
        "https://a.example/#x",
        "https://u:p@a.example",
        "urn:x:y",
    ] {
        let error = ResourceDiscovery::new(bad, Script::new([])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
    }
}

#[tokio::test]
async fn req_e16_e20_the_resources_authorization_server_has_to_be_the_one_it_names_and_is_guarded() {
    let metadata = |issuer: &str| {
        Ok(answer(200, format!(r#"{{"issuer":"{issuer}","token_endpoint":"https://as.example.com/token"}}"#)))
    };
    let servers = &["https://as.example.com/t", "https://api.example.com", "https://as.example.com/t"][..];
    let script = Script::new([
        document(RESOURCE, servers, ""),
        metadata("https://as.example.com/t"),
        metadata("https://api.example.com"),
        metadata("https://evil.example"),
    ]);
    let found = discover(RESOURCE, &script).await.unwrap();
    assert_eq!(found.authorization_servers().count(), 2);
    let server = found.authorization_server().await.unwrap();
    assert_eq!(server.server().issuer(), Some("https://as.example.com/t"));
    assert!(server.server().is_learned(server.server().token_endpoint()), "also at its issuer's own origin");
    let own = found.authorization_server_of("https://api.example.com").await.unwrap();
    assert!(own.server().is_learned(own.server().token_endpoint()), "which is beyond the resource's origin");
    let error = found.authorization_server().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAnswer, "another issuer");
    assert_eq!(
        asked(&script)[1..],
        [
            ("https://as.example.com/.well-known/oauth-authorization-server/t".to_owned(), true),
            // A person configured what is at this origin.
            ("https://api.example.com/.well-known/oauth-authorization-server".to_owned(), false),
            ("https://as.example.com/.well-known/oauth-authorization-server/t".to_owned(), true),
        ]
    );
    for other in ["https://evil.example", "https://as.example.com/t/", "https://as.example.com", ""] {
        let error = found.authorization_server_of(other).await.unwrap_err();
        assert_eq!((error.kind(), script.left().len()), (ErrorKind::Configuration, 4), "{other}");
    }
}

#[tokio::test]
async fn req_e32_the_scope_is_the_challenges_else_all_that_the_resource_knows_else_none() {
    let of = async |rest: &str| {
        let script = Script::new([document(RESOURCE, &["https://as.example.com"], rest)]);
        discover(RESOURCE, &script).await.unwrap()
    };
    let known = of(r#","scopes_supported":["write","read"]"#).await;
    assert_eq!(known.scopes_supported().unwrap().as_str(), "read write");
    let silent = of("").await;
    let long = "x".repeat(5000);
    for (challenge, with_known, with_none) in [
        ("Bearer error=insufficient_scope, scope=\"admin\"", "admin", "admin"),
        ("Bearer scope=\"admin read\"", "admin read", "admin read"),
        ("Bearer", "read write", ""),
        ("Bearer scope=\"\"", "read write", ""),
        ("Bearer scope=\"a\tb\"", "read write", ""),
        (&format!("Bearer scope={long}"), "read write", ""),
    ] {
        let all = challenges(challenge);
        let challenge = all.iter().next();
        assert_eq!(known.scope_to_ask(challenge).as_str(), with_known);
        assert_eq!(silent.scope_to_ask(challenge).as_str(), with_none);
    }
    assert_eq!(known.scope_to_ask(None).as_str(), "read write");
    for odd in [r#"["a\"b"]"#.to_owned(), "[]".to_owned(), "null".to_owned(), format!("[\"{long}\"]")] {
        let odd = of(&format!(",\"scopes_supported\":{odd}")).await;
        assert!(odd.scopes_supported().is_none() && odd.scope_to_ask(None).is_empty());
    }
    let bound =
        of(r#","dpop_bound_access_tokens_required":true,"tls_client_certificate_bound_access_tokens":true"#)
            .await;
    assert!(bound.requires_dpop() && bound.requires_certificate() && !known.requires_dpop());
}

proptest! {
    #[test]
    fn req_e33_a_resource_takes_tokens_of_the_servers_that_it_names_and_of_no_other(
        named in prop::collection::vec(0..20_u8, 1..6),
        path in prop::sample::select(vec!["", "/", "/t", "/t/", "/T"]),
        of in 0..20_u8,
        of_path in prop::sample::select(vec!["", "/", "/t", "/t/", "/T"]),
    ) {
        let issuer = |n: u8, path: &str| format!("https://as{n}.example{path}");
        let servers: Vec<String> = named.iter().map(|n| issuer(*n, path)).collect();
        let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
        let script = Script::new([document(RESOURCE, &servers, "")]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(discover(RESOURCE, &script)).unwrap();
        let facts = AuthorizationServer::builder("https://as.example/t").issuer(issuer(of, of_path));
        let is_named = named.contains(&of) && path == of_path;
        prop_assert_eq!(found.takes_tokens_of(&facts.build().unwrap()), is_named);
        let nobody = AuthorizationServer::builder("https://as.example/t").build().unwrap();
        prop_assert!(!found.takes_tokens_of(&nobody), "nobody knows whose tokens they are");
    }
}
