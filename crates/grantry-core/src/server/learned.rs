//! Which of a server's URLs nobody configured.

use url::Url;

use super::{AuthorizationServer, AuthorizationServerBuilder};

/// Which of a server's URLs were learned at run time, so that nobody vouches for where they lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Learned {
    /// None: a person configured them.
    #[default]
    Nothing,
    /// All but those at the origin of the issuer, which a person configured.
    BeyondIssuer,
    /// All of them.
    Everything,
}

impl AuthorizationServerBuilder {
    /// Which of the URLs were learned at run time; nothing if left out. The facts keep it, whatever way they go.
    pub fn learned(mut self, learned: Learned) -> Self {
        self.learned = learned;
        self
    }
}

impl AuthorizationServer {
    /// Whether a URL of this server was learned at run time: whoever sends a request there keeps it away from addresses
    /// that are not public (RFC 8414 section 6).
    pub fn is_learned(&self, url: &Url) -> bool {
        match self.facts.learned {
            Learned::Nothing => false,
            Learned::Everything => true,
            Learned::BeyondIssuer => {
                let issuer = self.issuer().and_then(|issuer| Url::parse(issuer).ok());
                issuer.is_none_or(|issuer| issuer.origin() != url.origin())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_e20_facts_say_of_each_url_whether_it_was_learned() {
        let url = |text: &str| Url::parse(text).unwrap();
        let (own, other) = (url("https://a.example/keys"), url("https://a.example:8443/keys"));
        for (learned, expected) in [
            (Learned::Nothing, [false, false]),
            (Learned::BeyondIssuer, [false, true]),
            (Learned::Everything, [true, true]),
        ] {
            let server = AuthorizationServer::builder("https://a.example/t").learned(learned);
            let server = server.issuer("https://a.example/tenant").build().unwrap();
            for server in [server.for_mutual_tls().unwrap(), server.to_builder().build().unwrap(), server] {
                assert_eq!([server.is_learned(&own), server.is_learned(&other)], expected, "{learned:?}");
            }
        }
        let nobody = AuthorizationServer::builder("https://a.example/t").learned(Learned::BeyondIssuer);
        assert!(nobody.build().unwrap().is_learned(&own), "nobody configured an issuer");
    }
}
