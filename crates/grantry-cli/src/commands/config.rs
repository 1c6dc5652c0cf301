//! `config check` and `config schema`.

use std::sync::Arc;

use grantry_config::{
    Completeness, Config, ConfigErrors, Finding, Loaded, ServerConfig, ServiceConfig, Source,
    SystemSurroundings, json_schema,
};
use serde_json::{Value, json};

use crate::arguments::{Check, ConfigCommand};
use crate::console::Console;
use crate::failed::Failed;
use crate::settings::refused;
use crate::table::Table;

pub(super) fn run(console: &Console, wanted: &ConfigCommand) -> Result<(), Failed> {
    match wanted {
        ConfigCommand::Check(check) => self::check(console, check),
        ConfigCommand::Schema => console.data(&json_schema()),
    }
}

fn check(console: &Console, check: &Check) -> Result<(), Failed> {
    let sources = check.files.iter().map(Source::file);
    let completeness = if check.complete { Completeness::Whole } else { Completeness::Partial };
    let checked = Config::load_complete(sources, &SystemSurroundings::new(), completeness);
    if console.json {
        console.object(document(&checked))?;
    }
    match checked {
        Ok(loaded) => accepted(console, &loaded),
        Err(errors) => {
            let mut failed = refused(&errors);
            if console.json {
                // The document has them, each with its place.
                failed.details.clear();
            }
            Err(failed)
        }
    }
}

fn accepted(console: &Console, loaded: &Loaded) -> Result<(), Failed> {
    if console.json {
        return Ok(());
    }
    for finding in loaded.warnings.iter().chain(&loaded.notes) {
        console.lines(&finding.report().to_string());
    }
    let mut table = Table::new(&["TENANT", "SERVICE", "FLOW", "TOKEN ENDPOINT", "MISSING"]);
    for (tenant, service) in services(&loaded.config) {
        let missing: Vec<&str> = service.missing().iter().map(|missing| missing.key).collect();
        table.row([
            tenant.unwrap_or("(every)").into(),
            service.name().as_str().into(),
            service.flow().map_or("-".into(), |chosen| chosen.flow().to_string().into()),
            endpoint(service).unwrap_or_else(|| "-".into()).into(),
            missing.join(", ").into(),
        ]);
    }
    if table.is_empty() {
        console.note("it describes no service");
        return Ok(());
    }
    console.table(&table)
}

/// Those of every tenant first, then what tenants have of their own.
fn services(config: &Config) -> Vec<(Option<&str>, &Arc<ServiceConfig>)> {
    let every = config.services().map(|service| (None, service));
    let own = config
        .tenants()
        .flat_map(|(tenant, own)| own.services().map(move |service| (Some(tenant.as_str()), service)));
    every.chain(own).collect()
}

pub(super) fn endpoint(service: &ServiceConfig) -> Option<String> {
    match service.server() {
        ServerConfig::Known(server) => Some(server.token_endpoint().to_string()),
        ServerConfig::Discover { issuer } => Some(format!("by discovery of {issuer}")),
        _ => None,
    }
}

fn document(checked: &Result<Loaded, ConfigErrors>) -> Value {
    let (errors, warnings, notes, services): (&[Finding], &[Finding], &[Finding], Vec<Value>) = match checked
    {
        Ok(loaded) => {
            let services = services(&loaded.config).into_iter().map(of_service).collect();
            (&[], &loaded.warnings, &loaded.notes, services)
        }
        Err(errors) => (errors.errors(), errors.warnings(), &[], Vec::new()),
    };
    let all = |findings: &[Finding]| findings.iter().map(of_finding).collect::<Vec<_>>();
    json!({ "errors": all(errors), "warnings": all(warnings), "notes": all(notes), "services": services })
}

fn of_service((tenant, service): (Option<&str>, &Arc<ServiceConfig>)) -> Value {
    json!({
        "tenant": tenant,
        "service": service.name().as_str(),
        "flow": service.flow().map(|chosen| chosen.flow().to_string()),
        "because": service.flow().map(|chosen| chosen.because().to_owned()),
        "provider": service.provider(),
        "token_endpoint": endpoint(service),
        "missing": service.missing().iter().map(|missing| missing.key).collect::<Vec<_>>(),
    })
}

fn of_finding(finding: &Finding) -> Value {
    json!({
        "source": finding.place().map(|place| place.source().to_owned()),
        "line": finding.place().map(|place| place.line()),
        "column": finding.place().map(|place| place.column()),
        "what": finding.what(),
        "expected": finding.expected(),
        "nearest": finding.nearest(),
    })
}
