//! The catalogue as a whole: what each preset owes its readers, and that nothing that is inserted into its URLs leads
//! elsewhere.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use grantry_core::{ErrorKind, Lifetime, Pkce, Rotation};
use grantry_providers::{ALL, Flow, Form, Preset, catalogue, find, microsoft, okta, okta_custom};

const HOSTILE: &[&str] = &[
    "evil.example/",
    "evil.example#",
    "evil.example?",
    "evil.example\\",
    "evil.example:443",
    "user@evil.example",
    "user:password@evil.example",
    "https://evil.example",
    "//evil.example",
    "..",
    "../..",
    "a/../../b",
    "%2e%2e",
    "a%2fb",
    "a%00.example",
    "a\0.example",
    "a\r\nHost: evil.example",
    "a b.example",
    "a\t.example",
    ".",
    ".example.com",
    "example.com.",
    "example..com",
    "{host}",
    "{tenant}.example",
    "127.0.0.1",
    "2130706433",
    "1.2.3.0x7f",
    "169.254.169.254",
    "0xa9fea9fe",
    "[::1]",
    "::1",
    "[::ffff:10.0.0.1]",
    "evil。example",
    "ｅvil.example",
    "\u{202e}moc.live.example",
    "evil\u{ad}.example",
    "-a.example",
    "a-.example",
    "a_b.example",
    "a,b.example",
    "a;b.example",
    "a&b=c",
    "a+b.example",
    "a'b.example",
    "a\"b.example",
    "a<b>.example",
    "${HOME}.example",
];

#[test]
fn hostile_inserts_are_refused_without_being_repeated() {
    for insert in HOSTILE {
        let attempts = [okta(insert), okta_custom(insert, "default"), microsoft(insert)];
        // A number alone is a fair name for an org: it only ever becomes a label before okta.com.
        let label_like = insert.bytes().all(|b| b.is_ascii_alphanumeric());
        for server in attempts {
            match server {
                Ok(server) => {
                    assert!(label_like, "{insert:?}");
                    assert_eq!(server.token_endpoint().host_str().unwrap(), format!("{insert}.okta.com"));
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Configuration, "{insert:?}");
                    assert!(!error.to_string().contains(insert) || insert.len() < 3, "{error}");
                }
            }
        }
    }
}

#[test]
fn hostile_server_ids_are_refused() {
    for id in HOSTILE.iter().chain(&["", "a/b", "a.b", "ä", "a?b", "default/../../../evil"]) {
        if id.bytes().all(|b| b.is_ascii_alphanumeric()) && !id.is_empty() {
            continue;
        }
        assert!(okta_custom("acme", id).is_err(), "{id:?}");
    }
    assert!(okta_custom("acme", &"a".repeat(129)).is_err());
}

/// A good value of each parameter.
fn good(name: &str) -> &'static str {
    match name {
        "tenantId" => "common",
        "instanceUrl" => "https://acme.my.salesforce.com",
        "domain" => "acme.okta.com",
        "serverId" => "default",
        "host" => "gitlab.example.com",
        "dataCenter" => "eu",
        "country" => "nl",
        "shop" | "subdomain" | "instance" => "acme",
        other => panic!("a parameter without a good value: {other}"),
    }
}

#[test]
fn no_insert_into_any_preset_leads_elsewhere() {
    for (preset, parameter) in catalogue().flat_map(|p| p.parameters.iter().map(move |q| (p, q))) {
        let with = |value: &str| {
            let values: Vec<(&str, &str)> = preset
                .parameters
                .iter()
                .map(|other| {
                    (other.name, if other.name == parameter.name { value } else { good(other.name) })
                })
                .collect();
            preset.server(&values)
        };
        let usual = with(good(parameter.name)).unwrap();
        for insert in HOSTILE.iter().chain(&["", "a/b", "acme.okta.com.", "https://acme.my.salesforce.com:1"])
        {
            match with(insert) {
                // A number alone is a fair name before a provider's domain, and a fair id.
                Ok(server) => {
                    assert!(
                        insert.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
                        "{insert:?}"
                    );
                    assert!(!insert.is_empty(), "{}", preset.name);
                    let segments = |url: &url::Url| url.path_segments().unwrap().count();
                    assert_eq!(
                        segments(server.token_endpoint()),
                        segments(usual.token_endpoint()),
                        "{insert:?}"
                    );
                    let host = server.token_endpoint().host_str().unwrap();
                    assert!(
                        host.contains(insert) && host.len() > insert.len() || parameter.name == "serverId"
                    );
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Configuration, "{insert:?}");
                    let text = error.to_string();
                    let (said, expected) = text.split_once(". Expected ").unwrap();
                    assert!(!said.contains(insert) || insert.len() < 3, "{error}");
                    assert_eq!(expected, parameter.expected);
                }
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_inserted_stays_in_its_place(
        value in "[ -~]{0,40}|\\PC{0,20}|https://[a-z.@:/?#-]{0,30}|[a-z-]{1,12}(\\.[a-z-]{1,14}){0,3}",
        end in "(\\.(my\\.)?(salesforce\\.com|myshopify\\.com|zendesk\\.com))?/?",
    ) {
        let value = format!("{value}{end}");
        for (preset, parameter) in catalogue().flat_map(|p| p.parameters.iter().map(move |q| (p, q))) {
            let Ok(checked) = parameter.check(&value) else { continue };
            proptest::prop_assert_eq!(&parameter.check(&checked).unwrap(), &checked, "one form");
            let given = |other: &'static str| if other == parameter.name { value.as_str() } else { good(other) };
            let values: Vec<(&str, &str)> = preset.parameters.iter().map(|p| (p.name, given(p.name))).collect();
            let server = preset.server(&values).unwrap();
            let url = server.token_endpoint();
            let host = url.host_str().unwrap();
            proptest::prop_assert_eq!(
                (url.scheme(), url.port(), url.query(), url.fragment(), url.username(), url.password()),
                ("https", None, None, None, "", None)
            );
            let template = preset.token_endpoint.as_str();
            proptest::prop_assert_eq!(url.as_str().split('/').count(), template.split('/').count());
            match parameter.form {
                Form::Host { homes, custom: false, .. } | Form::Origin { homes } => {
                    let is_below = |home: &&str| host.ends_with(&format!(".{home}"));
                    proptest::prop_assert!(homes.iter().any(is_below), "{}", host);
                }
                Form::Choice(words) => {
                    proptest::prop_assert!(words.iter().any(|(_, known)| *known == host), "{}", host);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_preset_names_its_sources_and_what_it_does_not_know() {
    for preset in ALL {
        assert!(preset.documentation.iter().all(|link| link.starts_with("https://")), "{}", preset.name);
        assert!(!preset.unverified.is_empty() && !preset.notes.is_empty(), "{}", preset.name);
        let texts = preset.unverified.iter().chain(preset.notes);
        assert!(texts.into_iter().all(|text| !text.is_empty() && !text.ends_with('.')), "{}", preset.name);
        assert!(preset.verified.starts_with("2026-11"), "{}", preset.name);
    }
}

#[test]
fn every_preset_is_found_by_names_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for preset in catalogue() {
        for name in preset.aliases.iter().chain([&preset.name]) {
            assert!(names.insert(*name), "two presets are called {name}");
            assert_eq!(*name, name.to_ascii_lowercase());
            assert!(std::ptr::eq(find(name).unwrap(), preset));
            assert!(std::ptr::eq(find(&name.to_ascii_uppercase()).unwrap(), preset));
        }
    }
    assert!(find("").is_none() && find("nobody").is_none());
    assert!(names.len() > 39);
}

#[test]
fn a_preset_that_leaves_everything_to_people_says_so() {
    let flow = |name: &str, scopes: &[&str], redirect| find(name).unwrap().flow_for(scopes, redirect).flow;
    for always in ["google", "salesforce", "github", "slack"] {
        assert_eq!(flow(always, &[], false), Flow::AuthorizationCode, "{always}");
    }
    let own = ["https://graph.microsoft.com/.default"];
    assert_eq!(flow("microsoft", &own, false), Flow::ClientCredentials);
    assert_eq!(flow("microsoft", &own, true), Flow::AuthorizationCode);
    assert_eq!(flow("okta", &[], false), Flow::ClientCredentials);
    assert_eq!(flow("okta", &[], true), Flow::AuthorizationCode);
}

#[test]
fn the_parameters_of_an_authorization_request_are_ones_that_the_flow_accepts() {
    for preset in catalogue() {
        let values: Vec<(&str, &str)> = preset.parameters.iter().map(|p| (p.name, good(p.name))).collect();
        let server = preset.server(&values).unwrap();
        assert_eq!(server.authorization_parameters().len(), preset.authorization_parameters.len());
        assert!(server.authorization_endpoint().is_some(), "{}", preset.name);
        assert_eq!(server.pkce(), preset.pkce);
        assert_eq!(server.refresh_token_idle_limit(), preset.refresh_token_idle_limit);
        assert_eq!(server.refresh_token_absolute_limit(), preset.refresh_token_absolute_limit);
        assert_eq!(server.revocation_spares(), preset.revocation_spares);
        assert_eq!(server.refresh_rate(), preset.refresh_rate);
    }
}

/// The preset as a row of the manual's table.
fn row(preset: &Preset) -> String {
    let days = |limit: Duration| format!("{} days", limit.as_secs() / 86_400);
    let parameters: Vec<String> = preset
        .parameters
        .iter()
        .map(|p| match p.default {
            Some(default) => format!("`{}` (`{default}`)", p.name),
            None => format!("`{}`", p.name),
        })
        .collect();
    let unknown = preset.unverified.iter().any(|fact| fact.starts_with("what it does with used"));
    let has_none = preset.notes.iter().any(|note| note.ends_with("there are no refresh tokens"));
    let rotation = match preset.rotation {
        _ if has_none => "none".to_owned(),
        Rotation::None => "stay".to_owned(),
        Rotation::KeepOld => "rotate, the old one stays valid".to_owned(),
        Rotation::Grace { window, .. } if window > Duration::from_secs(86_400) => {
            format!("rotate, the old one is good for {} more", days(window))
        }
        Rotation::Grace { window, .. } => {
            format!("rotate, the old one is good for {} min more", window.as_secs() / 60)
        }
        Rotation::Strict { .. } if unknown => "not verified: taken for strict".to_owned(),
        _ => "rotate, the old one dies".to_owned(),
    };
    let idle = preset.refresh_token_idle_limit.map(|limit| format!("{} without use", days(limit)));
    let absolute = preset.refresh_token_absolute_limit.map(|limit| format!("{} in all", days(limit)));
    let lives: Vec<String> = idle.into_iter().chain(absolute).collect();
    let pkce = match preset.pkce {
        Pkce::Required => "required",
        Pkce::Supported => "yes",
        Pkce::Ignored => "ignored",
        Pkce::Refused => "refused: say `\"pkce\": false`",
        _ => "sent",
    };
    let mut quirks: Vec<String> = Vec::new();
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| format!("`{name}={value}`")).collect::<Vec<_>>().join(" ")
    };
    if !preset.authorization_parameters.is_empty() {
        quirks.push(pairs(preset.authorization_parameters));
    }
    if !preset.extra_parameters.is_empty() {
        quirks.push(format!("{} in token requests", pairs(preset.extra_parameters)));
    }
    if preset.revocation_endpoint.is_some() {
        quirks.push("revokes".to_owned());
    }
    if preset.revocation_spares.refresh_tokens {
        quirks.push("revoking an access token spares its refresh token".to_owned());
    }
    if preset.scope_separator == ',' {
        quirks.push("commas between scopes".to_owned());
    }
    if preset.old_access_token_dies {
        quirks.push("a renewal ends the access token before it".to_owned());
    }
    match preset.missing_expires_in {
        Lifetime::Never => quirks.push("no `expires_in` means never".to_owned()),
        Lifetime::Documented(lifetime) => {
            quirks.push(format!("no `expires_in` means {} s", lifetime.as_secs()));
        }
        _ => {}
    }
    if preset.zero_means_never {
        quirks.push("`expires_in` of 0 means never".to_owned());
    }
    if let Some(before) = preset.earliest_renewal {
        quirks.push(format!("renews {} s before expiry at the earliest", before.as_secs()));
    }
    if let Some(rate) = preset.refresh_rate {
        quirks.push(format!("at most {} renewals in {} s", rate.most, rate.within.as_secs()));
    }
    for alias in preset.error_aliases {
        quirks.push(format!("{} `{}` is `{}`", alias.status, alias.code, alias.means));
    }
    if !preset.error_causes.is_empty() {
        quirks.push(format!("{} of its own codes explained", preset.error_causes.len()));
    }
    for name in preset.bearer_aliases {
        quirks.push(format!("token type `{name}`"));
    }
    for name in preset.kept_parameters {
        quirks.push(format!("keeps `{name}`"));
    }
    format!(
        "//! | `{}` | {} | {rotation} | {} | {pkce} | {} |",
        preset.name,
        parameters.join(", "),
        lives.join(", "),
        quirks.join("; ")
    )
}

#[test]
fn the_manual_says_what_the_presets_say() {
    let manual = include_str!("../../grantry/src/manual/providers.rs");
    let rows: Vec<String> = catalogue().map(row).collect();
    let missing: Vec<&String> = rows.iter().filter(|row| !manual.lines().any(|line| line == **row)).collect();
    let missing: Vec<&str> = missing.into_iter().map(String::as_str).collect();
    assert!(missing.is_empty(), "put these rows into the manual:\n{}", missing.join("\n"));
    let named = manual.lines().filter(|line| line.starts_with("//! | `")).count();
    assert_eq!(named, rows.len(), "the manual has a row of a preset that is not there");
}
