//! The configuration files that a command is given.

use std::path::PathBuf;
use std::sync::Arc;

use grantry_config::{Config, ConfigErrors, Loaded, ServiceConfig, Source, SystemSurroundings};

use crate::console::Console;
use crate::failed::{Failed, USAGE};
use crate::session::shell_word;
use crate::spoken::count;

/// The environment variable that names them, with colons between.
const VARIABLE: &str = "GRANTRY_CONFIG";

/// The files that were named, in the command or in the environment.
pub(crate) fn files(named: &[PathBuf]) -> Vec<PathBuf> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let listed = std::env::var_os(VARIABLE).map(|list| std::env::split_paths(&list).collect::<Vec<_>>());
    listed.unwrap_or_default().into_iter().filter(|path| !path.as_os_str().is_empty()).collect()
}

/// What the files say, each over those before it.
///
/// # Errors
/// Usage, with each mistake and its place.
pub(crate) fn load(files: &[PathBuf]) -> Result<Config, Failed> {
    loaded(files).map(|loaded| loaded.config)
}

/// The same, with what else there is to say of them.
///
/// # Errors
/// As [`load`].
pub(crate) fn loaded(files: &[PathBuf]) -> Result<Loaded, Failed> {
    Config::load(files.iter().map(Source::file), &SystemSurroundings::new())
        .map_err(|errors| refused(&errors))
}

/// Says that there are warnings, and how they can be seen: once, however many there are.
pub(crate) fn tell_warnings(console: &Console, files: &[PathBuf], loaded: &Loaded) {
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let check: Vec<String> = names.iter().map(|name| shell_word(name)).collect();
    let (names, check) = (names.join(", "), check.join(" "));
    if loaded.warnings.is_empty() {
        return;
    }
    let count = count(loaded.warnings.len(), "warning", "warnings");
    console.warn(&format!("{count} in {names}: see grantry config check {check}"));
}

/// A configuration with mistakes.
pub(crate) fn refused(errors: &ConfigErrors) -> Failed {
    let counted = errors.to_string();
    let mut failed = Failed::new(USAGE, counted.lines().next().unwrap_or_default());
    // Its end is what the message says already.
    let report = errors.report().to_string();
    let report = report.trim_end();
    failed.details = report.strip_suffix(&failed.message).unwrap_or(report).trim_end().to_owned();
    failed
}

/// The services that a tenant has by a configuration: its own, and those of every tenant that it does not describe anew.
pub(crate) fn services_of<'a>(
    config: &'a Config,
    tenant: &'a str,
) -> impl Iterator<Item = &'a Arc<ServiceConfig>> {
    let own = config.tenants().filter(move |(name, _)| name.as_str() == tenant);
    let own: Vec<_> = own.flat_map(|(_, own)| own.services()).collect();
    let is_own = {
        let names: Vec<_> = own.iter().map(|service| service.name().clone()).collect();
        move |service: &&Arc<ServiceConfig>| names.contains(service.name())
    };
    config.services().filter(move |service| !is_own(service)).chain(own)
}
