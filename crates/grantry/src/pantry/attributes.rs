//! Services whose description stands in the vault, in the attributes of the client's registration.

use std::collections::BTreeMap;
use std::time::Duration;

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod, Error};
use grantry_jose::Algorithm;
use grantry_refresh::{Fallback, RefreshPolicy};
use zeroize::Zeroizing;

use super::described_server::server;
use super::parts::{Parts, dpop_for};
use super::service::Flow;

/// Names and meanings of the attributes of a [`ClientRecord`](grantry_vault::ClientRecord) that describe its service.
/// What is not among them is left alone.
///
/// | name | value |
/// |---|---|
/// | `flow` | `client_credentials`, `authorization_code`, `device_authorization`, `token_exchange`; left out, what the preset means, else the first |
/// | `provider` | the name of a [preset](grantry_providers::find); what it needs is `provider.NAME`, such as `provider.tenantId` |
/// | `token_url`, `authorization_url`, `revocation_url`, `introspection_url`, `device_url`, `par_url`, `jwks_uri`, `issuer` | endpoints, also in the place of a preset's; `{tenantId}` in one is `provider.tenantId` |
/// | `auth_method` | as registered for OAuth, such as `client_secret_post` |
/// | `key_id` | the `kid` of a private key |
/// | `signing_algorithm` | how assertions are signed, such as `PS256`; left out, as the key is |
/// | `certificate` | the certificate of that private key in PEM, for servers that want its thumbprint in assertions |
/// | `tls_certificate` | the certificate that connections present (RFC 8705), in PEM; its private key is the registration's |
/// | `certificate_bound` | `true` where the server binds access tokens to that certificate |
/// | `dpop` | `true` where tokens are bound to keys (RFC 9449) |
/// | `rotation` | `none`, `keep-old`, `strict`, `grace:SECONDS` |
/// | `revocation_spares` | what a revocation leaves alone (RFC 7009 section 2.1): `refresh_tokens`, `later_consents`, or both with a space between; `nothing` takes away what a preset says |
/// | `refresh_rate` | how often one refresh token may be used: `TIMES/SECONDS`, such as `10/600`; `none` takes away what a preset says |
/// | `redirect_uri` | where the browser comes back to |
/// | `pkce` | `false` leaves PKCE out, where the preset says that the provider takes no notice of it or refuses it |
/// | `subject_token_type`, `requested_token_type` | what is exchanged for what (RFC 8693), by its URI |
/// | `scopes`, `resources` | with spaces between |
/// | `audience` | the parameter of that name |
/// | `param.NAME` | any other parameter |
/// | `refresh.enabled`, `refresh.buffer_seconds`, `refresh.max_retries`, `refresh.retry_delay_ms`, `refresh.fallback` | the specification's `refreshToken` |
/// | `refresh.queue_patience_seconds`, `refresh.expired_grace_seconds` | how long `queue` waits, and how long `use-expired` gives a token out |
pub const ATTRIBUTES: &[&str] = &[
    "flow",
    "provider",
    "issuer",
    "token_url",
    "authorization_url",
    "revocation_url",
    "introspection_url",
    "device_url",
    "par_url",
    "jwks_uri",
    "auth_method",
    "key_id",
    "signing_algorithm",
    "certificate",
    "tls_certificate",
    "certificate_bound",
    "dpop",
    "rotation",
    "revocation_spares",
    "refresh_rate",
    "redirect_uri",
    "pkce",
    "subject_token_type",
    "requested_token_type",
    "scopes",
    "resources",
    "audience",
    "refresh.enabled",
    "refresh.buffer_seconds",
    "refresh.max_retries",
    "refresh.retry_delay_ms",
    "refresh.fallback",
    "refresh.queue_patience_seconds",
    "refresh.expired_grace_seconds",
];

pub(super) type Attributes = BTreeMap<String, String>;

/// Whether the attributes of a registration describe a service that can be used, without secrets and keys. What they
/// name is checked as [`Service`](super::Service) would be.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) names the attribute and says what to change.
pub fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), Error> {
    parts_of(attributes).map(drop)
}

/// The authorization server that the attributes of a registration describe.
///
/// # Errors
/// As [`check_attributes`].
pub fn described_server(attributes: &BTreeMap<String, String>) -> Result<AuthorizationServer, Error> {
    server(attributes)
}

/// The service that the attributes describe, without client id and secrets.
pub(super) fn parts_of(attributes: &Attributes) -> Result<Parts, Error> {
    let mut parts = Parts::new(server(attributes)?);
    parts.flow = flow_of(attributes)?.unwrap_or_default();
    fill(&mut parts, attributes)?;
    check(&parts)?;
    Ok(parts)
}

/// The flow, where the attributes say it or their provider's preset means one.
pub(super) fn flow_of(attributes: &Attributes) -> Result<Option<Flow>, Error> {
    let Some(flow) = attributes.get("flow") else { return Ok(default_flow(attributes)) };
    let known = "client_credentials, authorization_code, device_authorization or token_exchange";
    Flow::from_name(flow).map(Some).ok_or_else(|| unknown("flow", known))
}

/// What the attributes say besides server and flow.
pub(super) fn fill(parts: &mut Parts, attributes: &Attributes) -> Result<(), Error> {
    let value = |name: &str| attributes.get(name).map(String::as_str);
    if let Some(method) = value("auth_method") {
        let known = "client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, \
                     self_signed_tls_client_auth or none";
        let method = ClientAuthenticationMethod::from_name(method);
        parts.method = Some(method.ok_or_else(|| unknown("auth_method", known))?);
    }
    let words = |name: &str| -> Vec<String> {
        value(name).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
    };
    parts.scopes = words("scopes");
    parts.resources = words("resources");
    parts.key_id = value("key_id").map(str::to_owned);
    if let Some(name) = value("signing_algorithm") {
        let known = "ES256, PS256, RS256 or EdDSA";
        let algorithm = Algorithm::from_name(name).ok_or_else(|| unknown("signing_algorithm", known))?;
        parts.signing_algorithm = Some(algorithm);
    }
    parts.certificate = certificate(attributes, "certificate")?;
    parts.audience = value("audience").map(str::to_owned);
    parts.redirect_uri = value("redirect_uri").map(str::to_owned);
    parts.subject_token_type = value("subject_token_type").map(str::to_owned);
    parts.requested_token_type = value("requested_token_type").map(str::to_owned);
    let flag = |name: &str| -> Result<bool, Error> {
        value(name).map_or(Ok(false), |text| text.parse().map_err(|_| unknown(name, "true or false")))
    };
    parts.tls.certificate = certificate(attributes, "tls_certificate")?;
    parts.tls.bound_tokens = flag("certificate_bound")?;
    parts.without_pkce = value("pkce").is_some() && !flag("pkce")?;
    parts.dpop = flag("dpop")?.then(|| dpop_for(&parts.server));
    for (name, value) in attributes {
        if let Some(name) = name.strip_prefix("param.") {
            parts.parameters.push((name.to_owned(), Zeroizing::new(value.clone())));
        }
    }
    parts.policy = policy(attributes)?;
    Ok(())
}

fn certificate(attributes: &Attributes, name: &str) -> Result<Option<String>, Error> {
    match attributes.get(name) {
        Some(pem) if grantry_jose::certificate_thumbprint(pem).is_err() => {
            Err(unknown(name, "-----BEGIN CERTIFICATE----- ..."))
        }
        pem => Ok(pem.cloned()),
    }
}

/// What can be said of it without the key, which the attributes do not have.
fn check(parts: &Parts) -> Result<(), Error> {
    let needs = parts.is_by_certificate() || parts.tls.bound_tokens;
    if needs && parts.tls.certificate.is_none() {
        return Err(Error::configuration(
            "nothing says which certificate is presented (RFC 8705): store one as the attribute tls_certificate",
        ));
    }
    #[cfg(feature = "token-exchange")]
    super::exchange::TokenTypes::of(parts)?;
    Ok(())
}

/// The flow that a provider's preset means where nobody says; `None` without a preset.
pub fn default_flow(attributes: &BTreeMap<String, String>) -> Option<Flow> {
    let preset = grantry_providers::find(attributes.get("provider")?)?;
    let scopes: Vec<&str> =
        attributes.get("scopes").map(|scopes| scopes.split_ascii_whitespace().collect()).unwrap_or_default();
    let chosen = preset.flow_for(&scopes, attributes.contains_key("redirect_uri"));
    Some(match chosen.flow {
        grantry_providers::Flow::ClientCredentials => Flow::ClientCredentials,
        _ => Flow::AuthorizationCode,
    })
}

fn policy(attributes: &Attributes) -> Result<RefreshPolicy, Error> {
    let value = |name: &str| attributes.get(&format!("refresh.{name}")).map(String::as_str);
    let number = |name: &str| -> Result<Option<u64>, Error> {
        let wanted = || unknown(&format!("refresh.{name}"), "a whole number");
        value(name).map(|text| text.parse().map_err(|_| wanted())).transpose()
    };
    let mut policy = RefreshPolicy::builder();
    if let Some(enabled) = value("enabled") {
        policy = policy.enabled(enabled.parse().map_err(|_| unknown("refresh.enabled", "true or false"))?);
    }
    if let Some(seconds) = number("buffer_seconds")? {
        policy = policy.buffer(Duration::from_secs(seconds));
    }
    if let Some(retries) = number("max_retries")? {
        policy = policy.max_retries(u32::try_from(retries).unwrap_or(u32::MAX));
    }
    if let Some(delay) = number("retry_delay_ms")? {
        policy = policy.retry_delay(Duration::from_millis(delay));
    }
    if let Some(fallback) = value("fallback") {
        policy = policy.fallback(match fallback {
            "queue" => Fallback::QUEUE,
            "fail" => Fallback::Fail,
            "use-expired" => Fallback::USE_EXPIRED,
            _ => return Err(unknown("refresh.fallback", "queue, fail or use-expired")),
        });
    }
    let time = |name: &str| -> Result<Option<Duration>, Error> {
        match number(name)? {
            Some(0) => Err(unknown(&format!("refresh.{name}"), "1 or more, or the fallback fail")),
            seconds => Ok(seconds.map(Duration::from_secs)),
        }
    };
    // One that is not for the fallback in use waits for another one.
    let (patience, grace) = (time("queue_patience_seconds")?, time("expired_grace_seconds")?);
    match (value("fallback").unwrap_or("queue"), patience, grace) {
        ("queue", Some(patience), _) => policy = policy.fallback(Fallback::Queue { patience }),
        ("use-expired", _, Some(grace)) => policy = policy.fallback(Fallback::UseExpired { grace }),
        _ => {}
    }
    policy.build()
}

/// What was given is not shown: it may be a secret in the wrong place.
pub(super) fn unknown(attribute: &str, known: &str) -> Error {
    Error::configuration(format!("the attribute {attribute} has a value that is not known: use {known}"))
}

#[cfg(test)]
mod tests {
    use grantry_core::Rotation;

    use super::*;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_description_comes_back_as_it_was_stored() {
        let parts = parts_of(&attributes(&[
            ("token_url", "https://as.example.com/token"),
            ("revocation_url", "https://as.example.com/revoke"),
            ("flow", "authorization_code"),
            ("rotation", "grace:30"),
            ("scopes", "a  b"),
            ("param.audience_hint", "x"),
            ("refresh.buffer_seconds", "60"),
            ("refresh.fallback", "fail"),
            ("colour", "green"),
        ]))
        .unwrap();
        assert_eq!(parts.flow, Flow::AuthorizationCode);
        assert_eq!(parts.server.rotation(), Rotation::Grace { window: Duration::from_secs(30), same: false });
        assert!(parts.server.revocation_endpoint().is_some());
        assert_eq!(parts.scopes, ["a", "b"]);
        assert_eq!(
            (parts.policy.buffer(), parts.policy.fallback()),
            (Duration::from_secs(60), Fallback::Fail)
        );
        assert_eq!(parts.parameters.len(), 1);
    }

    #[test]
    fn times_of_a_fallback_count_where_it_is_the_one_in_use() {
        let fallback = |pairs: &[(&str, &str)]| {
            let base = [("token_url", "https://as.example.com/token")];
            parts_of(&attributes(&[&base, pairs].concat())).map(|parts| parts.policy.fallback())
        };
        let patience = ("refresh.queue_patience_seconds", "7");
        let grace = ("refresh.expired_grace_seconds", "8");
        let seconds = Duration::from_secs;
        assert_eq!(fallback(&[patience, grace]).unwrap(), Fallback::Queue { patience: seconds(7) });
        let by = |name| [("refresh.fallback", name), patience, grace];
        assert_eq!(fallback(&by("queue")).unwrap(), Fallback::Queue { patience: seconds(7) });
        assert_eq!(fallback(&by("use-expired")).unwrap(), Fallback::UseExpired { grace: seconds(8) });
        assert_eq!(fallback(&by("fail")).unwrap(), Fallback::Fail);
        assert!(fallback(&[("refresh.expired_grace_seconds", "0")]).is_err());
    }

    #[test]
    fn how_assertions_are_signed_is_stored_beside_the_key() {
        let base = [("token_url", "https://as.example.com/token"), ("signing_algorithm", "PS256")];
        assert_eq!(parts_of(&attributes(&base)).unwrap().signing_algorithm, Some(Algorithm::Ps256));
        let flow = [base[0], ("flow", "device_authorization")];
        assert_eq!(parts_of(&attributes(&flow)).unwrap().flow, Flow::AuthorizationCode);
    }

    #[test]
    fn a_preset_is_filled_in_and_its_urls_can_be_replaced() {
        let okta = [("provider", "okta"), ("provider.domain", "acme")];
        let parts = parts_of(&attributes(&okta)).unwrap();
        assert_eq!(parts.server.token_endpoint().as_str(), "https://acme.okta.com/oauth2/v1/token");
        let mut custom = okta.to_vec();
        custom.push(("token_url", "https://login.acme.com/token"));
        let parts = parts_of(&attributes(&custom)).unwrap();
        assert_eq!(parts.server.token_endpoint().as_str(), "https://login.acme.com/token");
        assert_eq!(parts.server.provider(), Some("okta"));
    }

    #[test]
    fn mistakes_name_the_attribute_and_not_what_was_given() {
        let base = ("token_url", "https://as.example.com/token");
        for (pair, named) in [
            (("flow", "s3cret"), "flow"),
            (("auth_method", "s3cret"), "auth_method"),
            (("rotation", "s3cret"), "rotation"),
            (("signing_algorithm", "s3cret"), "signing_algorithm"),
            (("certificate", "s3cret"), "certificate"),
            (("refresh.queue_patience_seconds", "s3cret"), "refresh.queue_patience_seconds"),
            (("refresh.buffer_seconds", "s3cret"), "refresh.buffer_seconds"),
            (("refresh.fallback", "s3cret"), "refresh.fallback"),
            (("provider", "s3cret"), "provider"),
        ] {
            let error = check_attributes(&attributes(&[base, pair])).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains("s3cret"), "{error}");
        }
        assert!(check_attributes(&Attributes::new()).unwrap_err().to_string().contains("token endpoint"));
        let domain = check_attributes(&attributes(&[("provider", "okta")])).unwrap_err().to_string();
        assert!(domain.contains("domain"), "{domain}");
    }
}
