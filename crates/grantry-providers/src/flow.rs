//! Which flow is meant where nobody said.

/// A way to tokens that a provider is used by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flow {
    /// A person consents in a browser (RFC 6749 section 4.1).
    AuthorizationCode,
    /// The client acts for itself (RFC 6749 section 4.4).
    ClientCredentials,
}

/// How a preset tells which flow is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultFlow {
    /// Always the authorization code.
    AuthorizationCode,
    /// Client credentials where no redirect URI is set, else the authorization code.
    ByRedirectUri,
    /// Client credentials where no redirect URI is set and every scope ends so, else the authorization code.
    ByScopes {
        /// The end of the scopes that are for clients themselves.
        end: &'static str,
    },
}

/// A flow, and why it is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChosenFlow {
    /// The flow.
    pub flow: Flow,
    /// Why, as a sentence without a full stop.
    pub because: &'static str,
}

impl DefaultFlow {
    pub(crate) fn choose(self, scopes: &[&str], has_redirect_uri: bool) -> ChosenFlow {
        let code = |because| ChosenFlow { flow: Flow::AuthorizationCode, because };
        let client = |because| ChosenFlow { flow: Flow::ClientCredentials, because };
        match self {
            Self::AuthorizationCode => {
                code("what this provider guards belongs to people, who have to consent")
            }
            _ if has_redirect_uri => code("a redirect URI is set, which only a flow with a person needs"),
            Self::ByRedirectUri => client("no redirect URI is set, so nobody can come back from a consent"),
            Self::ByScopes { end } if !scopes.is_empty() && scopes.iter().all(|s| s.ends_with(end)) => {
                client("the scopes ask for what was granted to the client itself, and no redirect URI is set")
            }
            Self::ByScopes { .. } => code("the scopes name permissions of a person, who has to consent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_follows_from_scopes_and_redirect_uri() {
        use DefaultFlow::{AuthorizationCode as Code, ByRedirectUri, ByScopes};
        let scopes = ByScopes { end: "/.default" };
        let (own, graph) = (&["https://graph.microsoft.com/.default"][..], &["User.Read"][..]);
        for (rule, asked, redirect, flow) in [
            (Code, &[][..], false, Flow::AuthorizationCode),
            (Code, own, true, Flow::AuthorizationCode),
            (ByRedirectUri, graph, false, Flow::ClientCredentials),
            (ByRedirectUri, &[], true, Flow::AuthorizationCode),
            (scopes, own, false, Flow::ClientCredentials),
            (scopes, own, true, Flow::AuthorizationCode),
            (scopes, graph, false, Flow::AuthorizationCode),
            (scopes, &[], false, Flow::AuthorizationCode),
            (scopes, &["a/.default", "User.Read"], false, Flow::AuthorizationCode),
        ] {
            let chosen = rule.choose(asked, redirect);
            assert_eq!(chosen.flow, flow, "{rule:?} {asked:?} {redirect}");
            assert!(!chosen.because.is_empty() && !chosen.because.ends_with('.'));
        }
    }
}
