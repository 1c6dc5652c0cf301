//! The authorization server: what the configuration says of it, over what the preset knows.

use grantry_core::{AuthorizationServer, AuthorizationServerBuilder};
use grantry_providers::Preset;

use super::missing::{Needs, PARAMS};
use super::urls::check;
use super::{Resolving, fact};
use crate::desk::Draft;
use crate::facts::ServerFacts;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::flow::Flow;
use crate::nearest::nearest;
use crate::partial::PartialServer;
use crate::place::At;
use crate::presets;
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
    ("jwksUri", |to, url| to.jwks_uri(url)),
];

/// URLs of the configuration, checked.
struct Urls {
    token: Option<String>,
    others: Vec<(&'static str, Setter, String)>,
    /// Those with a name in braces for which there is no value.
    unfilled: Vec<(&'static str, String)>,
}

/// Values for the URLs of a preset.
pub(super) struct Values<'f> {
    usable: Vec<(&'static str, &'f str)>,
    /// Whether none was refused.
    sound: bool,
}

impl Resolving<'_> {
    pub(super) fn preset(&mut self, fields: &Fields) -> Option<&'static Preset> {
        let line = self.some_text(fields, "provider")?;
        let preset = grantry_providers::find(line.text);
        if preset.is_none() {
            let known = presets::names();
            let draft = Draft::error(FindingKind::InvalidValue, line.at, "there is no preset of that name")
                .nearest(nearest(line.text, known.iter().copied()))
                .expected(format!("one of {}; any other server is described by its URLs", known.join(", ")));
            self.desk.tell(draft);
        }
        preset
    }

    pub(super) fn server(
        &mut self,
        fields: &Fields,
        preset: Option<&'static Preset>,
        facts: &ServerFacts,
        needs: &mut Needs<'_>,
    ) -> ServerConfig {
        self.instance_url(fields);
        let urls = self.urls(fields, needs);
        let start = match preset {
            Some(preset) => self.of_preset(fields, preset, &urls, needs),
            None => urls.token.clone().map(AuthorizationServer::builder),
        };
        let Some(start) = start else {
            return self.without_token_url(fields, preset, &urls, needs);
        };
        let with_urls = urls.others.into_iter().fold(start, |to, (_, set, url)| set(to, url));
        match with_urls.build().and_then(|server| facts.over(&server)) {
            Ok(server) => {
                if let (None, Some(found)) = (server.issuer(), fields.find("jwksUri")) {
                    let what = "jwksUri does nothing here: ID tokens are checked where the issuer is known";
                    let draft = Draft::warning(FindingKind::NoEffect, found.key_at, what);
                    self.desk.tell(draft.expected("issuer as well, which ID tokens name"));
                }
                ServerConfig::Known(Box::new(server))
            }
            Err(why) => {
                self.invalid(fields.at, fact(&why), "URLs of one server");
                ServerConfig::Partial(Box::default())
            }
        }
    }

    /// The instance is checked by itself, so that a mistake in it is told at its place.
    fn instance_url(&mut self, fields: &Fields) {
        let Some(line) = self.some_text(fields, "instanceUrl") else { return };
        if self.url(line, line.text).is_some()
            && let Some(what) = broken_instance(line.text)
        {
            self.invalid(line.at, what, "scheme and host alone");
        }
    }

    /// What is wrong with the URLs alone, whatever else a service says.
    pub(super) fn urls_alone(&mut self, fields: &Fields) {
        self.instance_url(fields);
        self.urls(fields, &mut Needs::of(fields));
    }

    fn urls(&mut self, fields: &Fields, needs: &mut Needs<'_>) -> Urls {
        let mut unfilled = Vec::new();
        let mut checked = |key: &'static str| {
            let line = self.some_text(fields, key)?;
            let Some(filled) = self.filled(fields, line, needs) else {
                unfilled.push((key, line.text.to_owned()));
                return None;
            };
            self.url(line, &filled)?;
            Some(filled)
        };
        let token = checked("tokenUrl");
        let others = ENDPOINTS.iter().filter_map(|(key, set)| Some((*key, *set, checked(key)?))).collect();
        Urls { token, others, unfilled }
    }

    /// The facts of the preset, with the token endpoint of the configuration if it has one.
    fn of_preset(
        &mut self,
        fields: &Fields,
        preset: &'static Preset,
        urls: &Urls,
        needs: &mut Needs<'_>,
    ) -> Option<AuthorizationServerBuilder> {
        let has_token_url = fields.find("tokenUrl").is_some();
        for parameter in preset.parameters.iter().filter(|parameter| parameter.default.is_none()) {
            if value_of(fields, parameter.name).is_none() && !has_token_url {
                needs.add(parameter.name, "the provider's URLs are made of it");
            }
        }
        let is_whole = preset
            .parameters
            .iter()
            .all(|parameter| parameter.default.is_some() || value_of(fields, parameter.name).is_some());
        let values = self.values_of(fields, preset);
        let sound = is_whole && values.sound;
        let values = values.usable;
        self.unknown_params(fields, preset);
        let server = match &urls.token {
            Some(token) => preset.server_at(token, &values),
            None if sound && !has_token_url => preset.server(&values),
            None => return None,
        };
        match server {
            Ok(server) => Some(server.to_builder()),
            Err(why) => {
                self.invalid(fields.at, fact(&why), "what the provider's URLs are made of");
                None
            }
        }
    }

    /// What the provider's URLs are made of, as far as it is there and the preset takes it.
    pub(super) fn values_of<'f>(&mut self, fields: &'f Fields, preset: &Preset) -> Values<'f> {
        let mut values = Values { usable: Vec::new(), sound: true };
        for parameter in preset.parameters {
            let Some((value, at)) = value_of(fields, parameter.name) else { continue };
            let Err(why) = parameter.check(value) else {
                values.usable.push((parameter.name, value));
                continue;
            };
            values.sound = false;
            if parameter.name == "instanceUrl" && broken_instance(value).is_some() {
                // It was told by itself.
                continue;
            }
            let why = fact(&why);
            let why = why.split(". Expected ").next().unwrap_or(&why);
            if fields.find("tokenUrl").is_some() {
                let what = format!("what the preset knows of other endpoints is left out: {why}");
                let draft = Draft::warning(FindingKind::Doubtful, at, what);
                self.desk.tell(draft.expected(parameter.expected));
            } else {
                self.invalid(at, why, parameter.expected);
            }
        }
        values
    }

    /// Names in `providerParams` that neither the preset nor a URL of the configuration has.
    fn unknown_params(&mut self, fields: &Fields, preset: &Preset) {
        let known: Vec<&str> = preset.parameters.iter().map(|parameter| parameter.name).collect();
        for (name, (at, _)) in fields.text_map("providerParams") {
            let in_url = |found: &crate::fields::Found| {
                found.key.name.ends_with("Url")
                    && fields
                        .text(found.key.name)
                        .is_some_and(|line| line.text.contains(&format!("{{{name}}}")))
            };
            if known.contains(&name.as_str()) || fields.found.iter().any(in_url) {
                continue;
            }
            let what = format!("{} takes no {}", preset.title, crate::read::quoted(name));
            let draft = Draft::error(FindingKind::UnknownKey, *at, what)
                .nearest(nearest(name, known.iter().copied()));
            self.desk.tell(match known.as_slice() {
                [] => draft.expected("nothing here: its URLs are the same for every customer"),
                known => draft.expected(known.join(", ")),
            });
        }
    }

    /// The issuer alone is enough; without it something is missing.
    fn without_token_url(
        &mut self,
        fields: &Fields,
        preset: Option<&'static Preset>,
        urls: &Urls,
        needs: &mut Needs<'_>,
    ) -> ServerConfig {
        let issuer =
            urls.others.iter().find(|(key, ..)| *key == "issuer").map(|(_, _, issuer)| issuer.clone());
        if fields.find("tokenUrl").is_some() {
            // It is there, and was reported.
            return ServerConfig::Partial(Box::new(urls.partial(fields)));
        }
        match issuer {
            Some(issuer) => {
                let other = urls.others.iter().find(|(key, ..)| *key != "issuer");
                // A preset of another name would have the token endpoint.
                let may_be_known = preset.is_none() && fields.find("provider").is_some();
                if let Some(found) = other.and_then(|(key, ..)| fields.find(key)).filter(|_| !may_be_known) {
                    let what = format!("{} is there and tokenUrl is not", found.key.name);
                    let draft = Draft::error(FindingKind::Contradiction, found.key_at, what);
                    self.desk.tell(
                        draft.expected("tokenUrl as well, or the issuer alone, whose metadata has the rest"),
                    );
                }
                ServerConfig::Discover { issuer }
            }
            None => {
                if preset.is_none() && fields.find("provider").is_none() {
                    needs.add(
                        "tokenUrl",
                        "nothing says where tokens come from; a provider or an issuer would do as well",
                    );
                }
                ServerConfig::Partial(Box::new(urls.partial(fields)))
            }
        }
    }

    /// What the flow needs of the server and of the configuration.
    pub(super) fn needs_of_flow(
        flow: Option<Flow>,
        fields: &Fields,
        server: &ServerConfig,
        needs: &mut Needs<'_>,
    ) {
        let known = match server {
            ServerConfig::Known(server) => Some(server),
            ServerConfig::Discover { .. } | ServerConfig::Partial(_) => None,
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

impl Urls {
    /// What is said of a server that cannot be made of it.
    fn partial(&self, fields: &Fields) -> PartialServer {
        let by_key =
            PARAMS.iter().filter_map(|name| Some(((*name).to_owned(), fields.text(name)?.text.to_owned())));
        let params = fields.text_map("providerParams");
        let others = params.map(|(name, (_, written))| (name.clone(), written.text.as_str().to_owned()));
        let mut values: Vec<(String, String)> = by_key.collect();
        values.extend(others.filter(|(name, _)| !PARAMS.contains(&name.as_str())));
        let token = self.token.iter().map(|url| ("tokenUrl", url.clone()));
        let filled = self.others.iter().map(|(key, _, url)| (*key, url.clone()));
        PartialServer { values, urls: token.chain(filled).chain(self.unfilled.iter().cloned()).collect() }
    }
}

/// What is wrong with a customer's own host, which URLs begin with.
pub(super) fn broken_instance(text: &str) -> Option<String> {
    match check("instanceUrl", text) {
        Ok(url) if url.query().is_some() || !matches!(url.path(), "" | "/") => {
            Some("instanceUrl has a path or a query".to_owned())
        }
        Ok(_) => None,
        Err(what) => Some(what),
    }
}

/// A value for the provider's URLs, by a key of its own or among `providerParams`.
fn value_of<'f>(fields: &'f Fields, name: &str) -> Option<(&'f str, At)> {
    let by_key = fields.text(name).map(|line| (line.text, line.at));
    by_key.or_else(|| {
        let (_, (at, written)) = fields.text_map("providerParams").find(|(other, _)| *other == name)?;
        Some((written.text.as_str(), *at))
    })
}
