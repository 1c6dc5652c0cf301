//! One client for several services: whoever has the tokens of one can get those of the other.

use std::collections::BTreeSet;

use super::findings::{Check, Findings, Severity};
use super::services::Examined;

/// Services that use one client, and all that names the server it is registered at.
#[derive(Debug, Default)]
struct Group<'a> {
    client: &'a str,
    servers: BTreeSet<String>,
    services: BTreeSet<&'a str>,
}

/// Those of one tenant; `place_of` says whose something in the vault is.
pub(super) fn clients(examined: &[&Examined], place_of: impl Fn(&str) -> String, findings: &mut Findings) {
    for Group { client, services, .. } in
        grouped(examined).into_iter().filter(|group| group.services.len() > 1)
    {
        let names = services.iter().copied().collect::<Vec<_>>().join(", ");
        // What a configuration describes may be every tenant's, and is told once.
        let is_stored = examined.iter().any(|one| services.contains(one.name.as_str()) && !one.is_configured);
        findings.found(
            Severity::Warning,
            Check::SharedClient,
            if is_stored { place_of(&names) } else { names },
            format!(
                "they share the client {client}: its secret opens all of them, and one refusal stops all"
            ),
            "register a client for each",
        );
    }
}

/// A server is known by its token endpoint, by its issuer, or by both: what has one of them in common is one server.
fn grouped<'a>(examined: &[&'a Examined]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for service in examined {
        let Some(client) = &service.client_id else { continue };
        let endpoint = service.server.as_ref().map(|server| server.token_endpoint().to_string());
        let issuer = service.issuer.as_ref().map(|issuer| format!("issuer {issuer}"));
        let servers: BTreeSet<String> = endpoint.into_iter().chain(issuer).collect();
        let mut group = Group { client, servers, services: BTreeSet::from([service.name.as_str()]) };
        let is_same =
            |other: &Group<'_>| other.client == client && !other.servers.is_disjoint(&group.servers);
        let (same, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(is_same);
        for other in same {
            group.servers.extend(other.servers);
            group.services.extend(other.services);
        }
        groups = others;
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use grantry::AuthorizationServer;

    use super::*;

    fn service(name: &str, client: &str, token_url: Option<&str>, issuer: Option<&str>) -> Examined {
        Examined {
            name: name.to_owned(),
            client_id: Some(client.to_owned()),
            server: token_url.map(|url| AuthorizationServer::builder(url).build().unwrap()),
            issuer: issuer.map(str::to_owned),
            ..Examined::default()
        }
    }

    fn found(examined: &[Examined]) -> Vec<String> {
        let mut findings = Findings::default();
        clients(&examined.iter().collect::<Vec<_>>(), str::to_owned, &mut findings);
        findings.all().iter().map(|finding| finding.place.clone()).collect()
    }

    #[test]
    fn a_client_of_one_server_is_shared_whichever_way_the_server_is_named() {
        let (token, issuer) = (Some("https://as.example.com/token"), Some("https://as.example.com"));
        assert_eq!(found(&[service("a", "x", None, issuer), service("b", "x", None, issuer)]), ["a, b"]);
        assert_eq!(found(&[service("a", "x", token, None), service("b", "x", token, None)]), ["a, b"]);
        // The second tells that both names are one server's.
        let three = [
            service("a", "x", None, issuer),
            service("c", "x", token, None),
            service("b", "x", token, issuer),
        ];
        assert_eq!(found(&three), ["a, b, c"]);
    }

    #[test]
    fn clients_of_their_own_are_not_shared_nor_those_of_the_same_name_elsewhere() {
        let (one, other) = (Some("https://as.example.com/token"), Some("https://bs.example.com/token"));
        assert!(found(&[service("a", "x", one, None), service("b", "y", one, None)]).is_empty());
        assert!(found(&[service("a", "x", one, None), service("b", "x", other, None)]).is_empty());
        assert!(found(&[service("a", "x", None, None), service("b", "x", None, None)]).is_empty());
        let twice = [service("a", "x", one, None), service("a", "x", one, None)];
        assert!(found(&twice).is_empty(), "one service, described in two places");
    }
}
