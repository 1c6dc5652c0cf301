//! The authorization server that the attributes of a registration describe.

use std::time::Duration;

use grantry_core::{
    AuthorizationServer, AuthorizationServerBuilder, Error, RefreshRate, RevocationSpares, Rotation,
};
use grantry_custody::protocol::Terms;

use super::attributes::{Attributes, unknown};

type Setter = fn(AuthorizationServerBuilder, String) -> AuthorizationServerBuilder;

/// The attributes of endpoints, and how a server takes them.
const ENDPOINTS: &[(&str, Setter)] = &[
    ("token_url", |server, url| server.token_endpoint(url)),
    ("authorization_url", |server, url| server.authorization_endpoint(url)),
    ("revocation_url", |server, url| server.revocation_endpoint(url)),
    ("introspection_url", |server, url| server.introspection_endpoint(url)),
    ("device_url", |server, url| server.device_authorization_endpoint(url)),
    ("par_url", |server, url| server.pushed_authorization_request_endpoint(url)),
    ("jwks_uri", |server, url| server.jwks_uri(url)),
    ("issuer", |server, issuer| server.issuer(issuer)),
];

/// The attributes of what is known of a server besides.
#[cfg(feature = "config")]
pub(super) const FACTS: [&str; 3] = ["rotation", "revocation_spares", "refresh_rate"];

/// # Errors
/// `Configuration` where they do not say where tokens come from, or something that cannot be used.
pub(super) fn server(attributes: &Attributes) -> Result<AuthorizationServer, Error> {
    let value = |name: &str| attributes.get(name).map(String::as_str);
    let server = match (value("provider"), value("token_url")) {
        (Some(provider), url) => preset(provider, url, attributes)?.to_builder(),
        (None, Some(url)) => AuthorizationServer::builder(filled("token_url", url, attributes)?),
        (None, None) => {
            return Err(Error::configuration(
                "nothing says where the tokens come from: name a provider, or the token endpoint's URL",
            ));
        }
    };
    with_endpoints(server, attributes)?.build()
}

/// The endpoints and facts that are named, in the place of what is known otherwise.
pub(super) fn with_endpoints(
    mut server: AuthorizationServerBuilder,
    attributes: &Attributes,
) -> Result<AuthorizationServerBuilder, Error> {
    for (name, set) in ENDPOINTS {
        if let Some(url) = attributes.get(*name) {
            server = set(server, filled(name, url, attributes)?);
        }
    }
    if let Some(rotation) = attributes.get("rotation") {
        server = server.rotation(rotation_of(rotation)?);
    }
    if let Some(spares) = attributes.get("revocation_spares") {
        server = server.revocation_spares(spares_of(spares)?);
    }
    if let Some(rate) = attributes.get("refresh_rate") {
        server = server.refresh_rate(rate_of(rate)?);
    }
    Ok(server)
}

/// The names of the attributes of endpoints.
#[cfg(feature = "config")]
pub(super) fn endpoints() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().map(|(name, _)| *name)
}

/// Where the token endpoint is known, what the preset knows of others counts as far as what they are made of is there.
fn preset(
    provider: &str,
    token_url: Option<&str>,
    attributes: &Attributes,
) -> Result<AuthorizationServer, Error> {
    let preset = grantry_providers::find(provider).ok_or_else(|| {
        unknown("provider", "one of `grantry providers list`, or name the token endpoint's URL")
    })?;
    let values: Vec<(&str, &str)> = attributes
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("provider.")?, value.as_str())))
        .collect();
    let Some(url) = token_url else { return preset.server(&values) };
    let is_known = |name: &str| preset.parameters.iter().any(|parameter| parameter.name == name);
    let named = |name: &str| {
        let named = format!("{{{name}}}");
        ENDPOINTS.iter().any(|(url, _)| attributes.get(*url).is_some_and(|url| url.contains(&named)))
    };
    if values.iter().any(|(name, _)| !is_known(name) && !named(name)) {
        // It says which there are.
        preset.server(&values)?;
    }
    preset.server_at(filled("token_url", url, attributes)?, &values)
}

/// A URL with the provider's values where it names them in braces.
fn filled(attribute: &str, url: &str, attributes: &Attributes) -> Result<String, Error> {
    let mut filled = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        filled.push_str(before);
        let Some(value) = attributes.get(&format!("provider.{name}")) else {
            let name = name.escape_debug();
            let fact = format!("{attribute} has {{{name}}}, and nothing gives {name} a value");
            return Err(Error::configuration(fact));
        };
        let is_host = name == "instanceUrl" && filled.is_empty();
        if !is_host && !is_segment(value) {
            return Err(unknown(
                &format!("provider.{name}"),
                "letters, digits, '-', '_' and single dots within",
            ));
        }
        filled.push_str(if is_host { value.trim_end_matches('/') } else { value });
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Whether a value stays in its segment of a path, or its part of a host.
fn is_segment(value: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_bare = !value.starts_with('.') && !value.ends_with('.') && !value.contains("..");
    !value.is_empty() && value.len() <= 253 && value.bytes().all(fits) && is_bare
}

fn rotation_of(text: &str) -> Result<Rotation, Error> {
    let grace = text.strip_prefix("grace:").and_then(|seconds| seconds.parse().ok());
    match (text, grace) {
        ("none", _) => Ok(Rotation::None),
        ("keep-old", _) => Ok(Rotation::KeepOld),
        ("strict", _) => Ok(Rotation::UNKNOWN),
        (_, Some(seconds)) => {
            let rotation = Rotation::Grace { window: Duration::from_secs(seconds), same: false };
            let fits = Terms::of(rotation).check().map(|()| rotation);
            fits.map_err(|error| {
                Error::configuration("the attribute rotation is of no use").with_source(error)
            })
        }
        _ => Err(unknown("rotation", "none, keep-old, strict or grace:SECONDS")),
    }
}

fn spares_of(text: &str) -> Result<RevocationSpares, Error> {
    let known = "nothing, or one or both of refresh_tokens and later_consents";
    text.split_ascii_whitespace().try_fold(RevocationSpares::UNKNOWN, |spares, word| match word {
        "refresh_tokens" => Ok(spares.with_refresh_tokens(true)),
        "later_consents" => Ok(spares.with_later_consents(true)),
        "nothing" => Ok(spares),
        _ => Err(unknown("revocation_spares", known)),
    })
}

fn rate_of(text: &str) -> Result<Option<RefreshRate>, Error> {
    if text == "none" {
        return Ok(None);
    }
    let parsed = text.split_once('/').and_then(|(most, seconds)| {
        RefreshRate::at_most(most.parse().ok()?, Duration::from_secs(seconds.parse().ok()?))
    });
    parsed.map(Some).ok_or_else(|| unknown("refresh_rate", "none, or TIMES/SECONDS, such as 10/600"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_endpoint(pairs: &[(&str, &str)]) -> Result<String, String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let server = server(&pairs.collect()).map_err(|error| error.to_string())?;
        Ok(server.token_endpoint().to_string())
    }

    #[test]
    fn a_provider_with_a_token_endpoint_of_its_own_needs_nothing_more_as_in_a_file() {
        let elsewhere = ("token_url", "https://login.microsoftonline.us/common/oauth2/v2.0/token");
        let microsoft = ("provider", "microsoft");
        assert_eq!(token_endpoint(&[microsoft, elsewhere]).unwrap(), elsewhere.1);
        assert_eq!(
            token_endpoint(&[microsoft, elsewhere, ("provider.tenantId", "a/b")]).unwrap(),
            elsewhere.1
        );
        assert!(token_endpoint(&[microsoft]).unwrap_err().contains("needs tenantId"));
        let misspelt = token_endpoint(&[microsoft, elsewhere, ("provider.tenant", "acme")]).unwrap_err();
        assert!(misspelt.contains("it takes tenantId"), "{misspelt}");
    }

    #[test]
    fn what_a_revocation_spares_and_how_often_a_token_is_used_is_said_in_words() {
        let described = |name: &str, value: &str| {
            let token_url = ("token_url".to_owned(), "https://as.example.com/token".to_owned());
            server(&[token_url, (name.to_owned(), value.to_owned())].into())
        };
        let unknown = RevocationSpares::UNKNOWN;
        for (text, meant) in [
            ("refresh_tokens", unknown.with_refresh_tokens(true)),
            ("later_consents", unknown.with_later_consents(true)),
            ("refresh_tokens later_consents", unknown.with_refresh_tokens(true).with_later_consents(true)),
            ("nothing", unknown),
        ] {
            assert_eq!(described("revocation_spares", text).unwrap().revocation_spares(), meant, "{text}");
        }
        let rate = described("refresh_rate", "10/600").unwrap().refresh_rate();
        assert_eq!(rate, RefreshRate::at_most(10, Duration::from_secs(600)));
        assert_eq!(described("refresh_rate", "none").unwrap().refresh_rate(), None);
        for (name, value) in [
            ("revocation_spares", "everything"),
            ("refresh_rate", "10"),
            ("refresh_rate", "0/600"),
            ("refresh_rate", "10/0"),
            ("refresh_rate", "-1/600"),
        ] {
            let error = described(name, value).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn what_a_preset_knows_is_taken_away_by_a_word() {
        let described = |provider: &str, name: &str, value: &str| {
            let pairs = [("provider", provider), ("provider.domain", "acme"), (name, value)];
            let pairs =
                pairs.into_iter().filter(|(name, _)| provider == "okta" || *name != "provider.domain");
            server(&pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()).unwrap()
        };
        assert_eq!(described("zoho", "refresh_rate", "5/600").refresh_rate().unwrap().most.get(), 5);
        assert_eq!(described("zoho", "refresh_rate", "none").refresh_rate(), None);
        assert!(described("okta", "refresh_rate", "none").revocation_spares().refresh_tokens);
        let nothing = described("okta", "revocation_spares", "nothing").revocation_spares();
        assert_eq!(nothing, RevocationSpares::UNKNOWN);
    }

    #[test]
    fn what_a_url_names_in_braces_is_filled_in_as_in_a_file() {
        let template = ("token_url", "https://login.microsoftonline.com/{tenantId}/oauth2/v2.0/token");
        let acme = "https://login.microsoftonline.com/acme/oauth2/v2.0/token";
        for provider in [None, Some(("provider", "microsoft"))] {
            let pairs = |value| [Some(template), Some(("provider.tenantId", value)), provider];
            let of = |value| token_endpoint(&pairs(value).into_iter().flatten().collect::<Vec<_>>());
            assert_eq!(of("acme").unwrap(), acme);
            assert!(of("a/../b").is_err());
        }
        let open = token_endpoint(&[template]).unwrap_err();
        assert!(open.contains("nothing gives tenantId a value"), "{open}");
        let instance = ("token_url", "{instanceUrl}/services/oauth2/token");
        let mine = [instance, ("provider.instanceUrl", "https://acme.my.salesforce.com/")];
        assert_eq!(token_endpoint(&mine).unwrap(), "https://acme.my.salesforce.com/services/oauth2/token");
        let plain = [instance, ("provider.instanceUrl", "http://as.example.com")];
        assert!(token_endpoint(&plain).is_err());
    }
}
