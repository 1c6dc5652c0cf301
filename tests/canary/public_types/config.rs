//! Samples of configurations, with the canary for every secret.

use grantry_config::{
    Config, FileContent, FixedSurroundings, KeyProviderSection, Loaded, ServerConfig, Source, StoreSection,
    Surroundings, SystemSurroundings, Unreadable,
};

use super::Printed;
use crate::secrets::CANARY;

/// A configuration in which whatever may be a secret is one.
fn with_secrets() -> String {
    format!(
        r#"{{
            // An old secret: {CANARY}
            "services": {{"crm": {{
                "flow": "token_exchange", "tokenUrl": "https://as.example.com/token", "clientId": "billing",
                "clientSecret": "{CANARY}", "additionalParams": {{"api_key": "{CANARY}"}}, "dpop": true,
                "mutualTls": {{
                    "certificate": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
                    "privateKey": "-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"
                }},
                "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt"
            }}, "part": {{"clientSecretFile": "secret"}}}},
            "tenants": {{"acme": {{"services": {{"crm": {{"clientSecret": "{CANARY}", "scopes": ["a"]}}}}}}}},
            "vault": {{"type": "postgres", "url": "postgres://grantry:{CANARY}@db.example.com/grantry",
                       "reaper": {{"unusedFor": 90}}}},
            "keys": {{"type": "pkcs11", "module": "m", "tokenLabel": "t", "pin": "{CANARY}"}},
            "audit": {{"folder": "audit"}}
        }}"#
    )
}

fn surroundings() -> FixedSurroundings {
    FixedSurroundings::new().with_variable("SECRET", CANARY).with_file("secret", CANARY)
}

fn load(text: String) -> Loaded {
    Config::load([Source::text("grantry.json", text)], &surroundings()).unwrap()
}

pub(super) fn config(to: &Printed) {
    let loaded = load(with_secrets());
    to.print("grantry_config::Loaded", &loaded);
    to.print("grantry_config::Config", &loaded.config);
    let url = format!("http://user:{CANARY}@as.example.com/");
    to.print("grantry_config::InvalidUrl", &grantry_config::check_url("tokenUrl", &url).unwrap_err());
    to.print("grantry_config::Finding", &loaded.warnings[0]);
    to.print("grantry_config::Severity", &loaded.warnings[0].severity());
    to.print("grantry_config::FindingKind", &loaded.warnings[0].kind());
    for finding in loaded.warnings.iter().chain(&loaded.notes) {
        to.shown.debug(&finding.report().to_string());
    }
    to.print("grantry_config::TenantConfig", loaded.config.tenants().next().unwrap().1);
    let crm = loaded.config.service("crm").unwrap();
    to.print("grantry_config::ServiceConfig", &**crm);
    to.print("grantry_config::ServerConfig", crm.server());
    to.print("grantry_config::ServerFacts", &crm.facts());
    to.print("grantry_config::Parameters", crm.parameters());
    to.print("grantry_config::ChosenFlow", crm.flow().unwrap());
    to.print("grantry_config::Flow", &crm.flow().unwrap().flow());
    to.print("grantry_config::Place", crm.place());
    to.print("grantry_config::Registration", crm.registration());
    to.print("grantry_config::MutualTls", crm.registration().mutual_tls().unwrap());
    let secret = crm.registration().client_secret().unwrap();
    to.print("grantry_config::Located", secret);
    to.print("grantry_config::Provenance", &secret.provenance());
    let part = loaded.config.service("part").unwrap();
    let ServerConfig::Partial(partial) = part.server() else { panic!("it has a server") };
    to.print("grantry_config::PartialServer", &**partial);
    to.print("grantry_config::Missing", &part.missing()[0]);
    deployment(to, &loaded.config);
    changes(to, &loaded.config);
    handed_in(to);
    mistakes(to);
}

fn deployment(to: &Printed, config: &Config) {
    let (vault, keys) = (config.vault().unwrap(), config.keys().unwrap());
    to.print("grantry_config::VaultSection", vault);
    to.print("grantry_config::ReaperSection", vault.reaper.as_ref().unwrap());
    to.print("grantry_config::StoreSection", &vault.store);
    let StoreSection::Postgres { url, .. } = &vault.store else { panic!("another store") };
    to.print("grantry_config::SecretText", url);
    to.print("grantry_config::KeysSection", keys);
    to.print("grantry_config::KeyProviderSection", &keys.provider);
    let KeyProviderSection::Pkcs11 { token, .. } = &keys.provider else { panic!("another provider") };
    to.print("grantry_config::TokenSection", token);
    to.print("grantry_config::AuditSection", config.audit().unwrap());
    for keys in [
        format!(
            r#"{{"keys": {{"type": "passphrase", "passphrase": "{CANARY}", "salt": "0123456789abcdef"}}}}"#
        ),
        format!(
            r#"{{"keys": {{"type": "transit", "address": "https://v.example.com", "key": "k", "token": "{CANARY}"}}}}"#
        ),
    ] {
        to.shown.debug(&load(keys));
    }
}

fn changes(to: &Printed, config: &Config) {
    let newer = load(with_secrets().replace(CANARY, &format!("{CANARY}2")));
    let changes = config.changes(&newer.config);
    to.print("grantry_config::ConfigChanges", &changes);
    to.print("grantry_config::ServiceChange", &changes.changed[0]);
    to.print("grantry_config::ServiceId", &changes.changed[0].id);
}

fn handed_in(to: &Printed) {
    to.print("grantry_config::Source", &Source::text("grantry.json", with_secrets()));
    to.print("grantry_config::FixedSurroundings", &surroundings());
    to.print("grantry_config::SystemSurroundings", &SystemSurroundings::new());
    to.print("grantry_config::FileContent", &FileContent::new(CANARY));
    let missing: Unreadable = surroundings().file("nowhere".as_ref(), 1).unwrap_err();
    to.print("grantry_config::Unreadable", &missing);
    to.print("grantry_config::Completeness", &grantry_config::Completeness::Whole);
}

/// A mistake beside each secret, and in it.
fn mistakes(to: &Printed) {
    let whole = with_secrets();
    for (from, into) in [
        ("\"clientSecret\": ", "\"clientSecrte\": "),
        ("\"clientSecret\": ", "\"clientSecret\" "),
        ("\"clientSecret\": ", "\"clientSecret\": 5, \"x\": "),
        ("\"pin\": \"", "\"pin\": \"\\x"),
        ("END PRIVATE", "END PUBLIC"),
        ("\"privateKey\"", "\"certificateFile\""),
        (CANARY, &format!("{CANARY}\\n")),
        (&format!("\"{CANARY}\""), CANARY),
        (&format!("\"{CANARY}\""), &format!("\"{CANARY}")),
        ("postgres://", "mysql://"),
        ("https://as.example.com", &format!("https://user:{CANARY}@as.example.com")),
    ] {
        let mistaken = whole.replace(from, into);
        let errors = Config::load([Source::text("grantry.json", mistaken)], &surroundings()).unwrap_err();
        to.print("grantry_config::ConfigErrors", &errors);
        to.shown.debug(&errors.report().to_string());
        to.shown.error(&grantry_core::Error::from(errors));
    }
}
