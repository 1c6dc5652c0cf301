//! The authorization server: what the configuration says of it, over what the preset knows.

use grantry_core::{AuthorizationServer, AuthorizationServerBuilder};

use super::Resolving;
use super::missing::Needs;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::flow::Flow;
use crate::nearest::nearest;
use crate::presets::{self, Provider};
use crate::service::ServerConfig;

/// Keys of endpoints besides the token endpoint, and how a server takes them.
type Setter = fn(AuthorizationServerBuilder, String) -> AuthorizationServerBuilder;
const ENDPOINTS: &[(&str, Setter)] = &[
    ("issuer", |to, url| to.issuer(url)),
    ("authorizationUrl", |to, url| to.authorization_endpoint(url)),
    ("revocationUrl", |to, url| to.revocation_endpoint(url)),
    ("introspectionUrl", |to, url| to.introspection_endpoint(url)),
    ("deviceAuthorizationUrl", |to, url| to.device_authorization_endpoint(url)),
    ("pushedAuthorizationUrl", |to, url| to.pushed_authorization_request_endpoint(url)),
];

/// URLs of the configuration, checked.
struct Urls {
    token: Option<String>,
    others: Vec<(&'static str, Setter, String)>,
}

impl Resolving<'_> {
    pub(super) fn provider(&mut self, fields: &Fields) -> Option<&'static Provider> {
        let line = self.some_text(fields, "provider")?;
        let provider = presets::find(line.text);
        if provider.is_none() {
            let known = presets::names();
            let draft = Draft::error(FindingKind::InvalidValue, line.at, "there is no preset of that name")
                .nearest(nearest(line.text, known.iter().copied()))
                .expected(format!("one of {}; any other server is described by its URLs", known.join(", ")));
            self.desk.tell(draft);
        }
        provider
    }

    pub(super) fn server(
        &mut self,
        fields: &Fields,
        provider: Option<&'static Provider>,
        needs: &mut Needs,
    ) -> ServerConfig {
        self.instance_url(fields);
        let urls = self.urls(fields, needs);
        let start = match provider {
            Some(provider) => self.of_preset(fields, provider, &urls, needs),
            None => urls.token.clone().map(AuthorizationServer::builder),
        };
        let Some(start) = start else {
            return self.without_token_url(fields, provider, &urls, needs);
        };
        let with_urls = urls.others.into_iter().fold(start, |to, (_, set, url)| set(to, url));
        match with_urls.build() {
            Ok(server) => ServerConfig::Known(Box::new(server)),
            Err(why) => {
                self.refuse(FindingKind::InvalidValue, fields.at, why.to_string());
                ServerConfig::Unknown
            }
        }
    }

    /// The instance is checked by itself, so that a mistake in it is told at its place.
    fn instance_url(&mut self, fields: &Fields) {
        if let Some(line) = self.some_text(fields, "instanceUrl")
            && let Some(url) = self.url(line, line.text)
            && (url.query().is_some() || !matches!(url.path(), "" | "/"))
        {
            self.invalid(line.at, "instanceUrl has a path or a query", "scheme and host alone");
        }
    }

    fn urls(&mut self, fields: &Fields, needs: &mut Needs) -> Urls {
        let mut checked = |key: &str| {
            let line = self.some_text(fields, key)?;
            let filled = self.filled(fields, line, needs)?;
            self.url(line, &filled)?;
            Some(filled)
        };
        let token = checked("tokenUrl");
        let others = ENDPOINTS.iter().filter_map(|(key, set)| Some((*key, *set, checked(key)?))).collect();
        Urls { token, others }
    }

    /// The facts of the preset, with the token endpoint of the configuration if it has one.
    fn of_preset(
        &mut self,
        fields: &Fields,
        provider: &'static Provider,
        urls: &Urls,
        needs: &mut Needs,
    ) -> Option<AuthorizationServerBuilder> {
        let mut values = Vec::new();
        for name in provider.parameters() {
            let by_key = fields.text(name).map(|line| (line.text, line.at));
            let by_name = || fields.text_map("providerParams").find(|(other, _)| *other == name);
            match by_key.or_else(|| by_name().map(|(_, (at, written))| (written.text.as_str(), *at))) {
                Some(value) => values.push((name, value)),
                None if urls.token.is_some() || fields.find("tokenUrl").is_some() => {}
                None => needs.add(name, "the provider's URLs are made of it"),
            }
        }
        let given: Vec<(&str, &str)> = values.iter().map(|(name, (text, _))| (*name, *text)).collect();
        match (provider.server(&given), &urls.token) {
            (Ok(server), None) => Some(server.to_builder()),
            (Ok(server), Some(token)) => Some(server.to_builder().token_endpoint(token)),
            (Err(_), Some(token)) => Some(AuthorizationServer::builder(token).provider(provider.name)),
            (Err(_), None) => None,
        }
    }

    /// The issuer alone is enough; without it something is missing.
    fn without_token_url(
        &mut self,
        fields: &Fields,
        provider: Option<&'static Provider>,
        urls: &Urls,
        needs: &mut Needs,
    ) -> ServerConfig {
        let issuer =
            urls.others.iter().find(|(key, ..)| *key == "issuer").map(|(_, _, issuer)| issuer.clone());
        if fields.find("tokenUrl").is_some() {
            // It is there, and was reported.
            return ServerConfig::Unknown;
        }
        match issuer {
            Some(issuer) => {
                let other = urls.others.iter().find(|(key, ..)| *key != "issuer");
                if let Some(found) = other.and_then(|(key, ..)| fields.find(key)) {
                    let what = format!("{} is there and tokenUrl is not", found.key.name);
                    let draft = Draft::error(FindingKind::Contradiction, found.key_at, what);
                    self.desk.tell(
                        draft.expected("tokenUrl as well, or the issuer alone, whose metadata has the rest"),
                    );
                }
                ServerConfig::Discover { issuer }
            }
            None => {
                if provider.is_none() {
                    needs.add(
                        "tokenUrl",
                        "nothing says where tokens come from; a provider or an issuer would do as well",
                    );
                }
                ServerConfig::Unknown
            }
        }
    }

    /// What the flow needs of the server and of the configuration.
    pub(super) fn needs_of_flow(
        flow: Option<Flow>,
        fields: &Fields,
        server: &ServerConfig,
        needs: &mut Needs,
    ) {
        let known = match server {
            ServerConfig::Known(server) => Some(server),
            ServerConfig::Discover { .. } | ServerConfig::Unknown => None,
        };
        match flow {
            Some(Flow::AuthorizationCode) => {
                if fields.find("redirectUri").is_none() {
                    needs.add("redirectUri", "the server sends the person back to it");
                }
                if known.is_some_and(|server| server.authorization_endpoint().is_none()) {
                    needs.add("authorizationUrl", "the person consents there");
                }
            }
            Some(Flow::DeviceAuthorization) => {
                if known.is_some_and(|server| server.device_authorization_endpoint().is_none()) {
                    needs.add("deviceAuthorizationUrl", "the device asks there");
                }
            }
            Some(Flow::TokenExchange) => {
                if fields.find("subjectTokenType").is_none() {
                    needs.add("subjectTokenType", "the request names what kind of token is exchanged");
                }
            }
            Some(Flow::ClientCredentials) | None => {}
        }
    }
}
