//! What the server is set to, looked at on each new connection: whether it keeps what the vault promises.

use std::collections::HashMap;
use std::time::Duration;

use grantry_vault::VaultError;
use redis::Value;

use crate::answer;
use crate::live::{Failure, Live};

/// The oldest major version whose scripts say what they need.
const OLDEST: u64 = 7;

/// What somebody said that may be lost, or need not be checked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Accepted {
    pub(crate) no_persistence: bool,
    pub(crate) losing_recent_writes: bool,
    pub(crate) unchecked_settings: bool,
}

/// Looks at the server, and refuses one that may lose what nobody said it may.
pub(crate) async fn check(live: &Live, accepted: Accepted, patience: Duration) -> Result<(), VaultError> {
    let hello = match live.send(&redis::cmd("HELLO"), patience).await {
        Err(Failure::Refused(error))
            if error.details().is_some_and(|text| text.contains("unknown command")) =>
        {
            return Err(too_old());
        }
        answered => pairs(answered.map_err(Failure::of_a_reading)?)?,
    };
    check_server(&hello)?;
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(&["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy"]);
    let settings = match live.send(&command, patience).await {
        Err(Failure::Refused(error)) if is_not_permitted(error.code(), error.details()) => {
            return if accepted.unchecked_settings { Ok(()) } else { Err(unchecked()) };
        }
        answered => pairs(answered.map_err(Failure::of_a_reading)?)?,
    };
    check_settings(&settings, accepted)
}

fn is_not_permitted(code: &str, details: Option<&str>) -> bool {
    code == "NOPERM" || details.is_some_and(|text| text.contains("unknown command"))
}

fn check_server(hello: &HashMap<String, String>) -> Result<(), VaultError> {
    let told = |name: &str| hello.get(name).map(String::as_str).unwrap_or_default();
    let major = told("version").split('.').next().and_then(|major| major.parse::<u64>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        return Err(too_old());
    }
    match told("mode") {
        "cluster" => {
            return Err(VaultError::refused("this is a Redis Cluster, which the vault does not support"));
        }
        "sentinel" => {
            return Err(VaultError::refused("this is a sentinel: name the primary that it watches"));
        }
        _ => {}
    }
    match told("role") {
        "master" => Ok(()),
        _ => Err(VaultError::unavailable("this Redis is a replica: the primary is needed")),
    }
}

fn check_settings(settings: &HashMap<String, String>, accepted: Accepted) -> Result<(), VaultError> {
    let told = |name: &str| settings.get(name).map(String::as_str);
    let (Some(appendonly), Some(appendfsync), Some(policy)) =
        (told("appendonly"), told("appendfsync"), told("maxmemory-policy"))
    else {
        return if accepted.unchecked_settings { Ok(()) } else { Err(unchecked()) };
    };
    if policy != "noeviction" {
        return Err(VaultError::refused(
            "maxmemory-policy is not noeviction: Redis would throw records away when memory is short",
        ));
    }
    if appendonly != "yes" {
        return if accepted.no_persistence { Ok(()) } else { Err(not_kept()) };
    }
    let skips = told("no-appendfsync-on-rewrite") == Some("yes");
    if (appendfsync == "always" && !skips) || accepted.losing_recent_writes || accepted.no_persistence {
        return Ok(());
    }
    Err(VaultError::refused(if appendfsync == "always" {
        "no-appendfsync-on-rewrite is yes: a crash while Redis rewrites its file loses writes that were confirmed; \
         set it to no, or accept losing recent writes"
    } else if appendfsync == "everysec" {
        "appendfsync is everysec: a crash of the machine loses the writes of the last second or two, though they \
         were confirmed; set it to always, or accept losing recent writes"
    } else {
        "appendfsync is no: a crash of the machine loses what the system had not written yet, half a minute or so, \
         though it was confirmed; set it to always, or accept losing recent writes"
    }))
}

fn too_old() -> VaultError {
    VaultError::refused("the vault needs Redis 7 or newer")
}

fn not_kept() -> VaultError {
    VaultError::refused(
        "appendonly is no: Redis loses confirmed writes when it ends; set appendonly to yes and appendfsync to always, \
         or accept no persistence",
    )
}

fn unchecked() -> VaultError {
    VaultError::refused(
        "the user may not read the settings (CONFIG GET), so appendonly, appendfsync, no-appendfsync-on-rewrite and \
         maxmemory-policy could not be checked; permit +config|get, or accept unchecked settings",
    )
}

/// Names and values, which come in turn.
fn pairs(value: Value) -> Result<HashMap<String, String>, VaultError> {
    let Value::Array(parts) = value else { return Err(answer::strange()) };
    let mut pairs = HashMap::new();
    let mut parts = parts.into_iter();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        // What is no text, such as the list of modules, is not asked for.
        if let (Ok(name), Ok(value)) = (answer::bytes(name), answer::bytes(value)) {
            pairs.insert(answer::text(name)?, answer::text(value)?);
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn server(version: &str, mode: &str, role: &str) -> Result<(), VaultError> {
        check_server(&map(&[("version", version), ("mode", mode), ("role", role)]))
    }

    fn set(appendonly: &str, appendfsync: &str, policy: &str, accepted: Accepted) -> Result<(), VaultError> {
        let told = [("appendonly", appendonly), ("appendfsync", appendfsync), ("maxmemory-policy", policy)];
        check_settings(&map(&told), accepted)
    }

    #[test]
    fn only_a_primary_of_a_new_enough_redis_will_do() {
        assert_eq!(server("7.0.15", "standalone", "master"), Ok(()));
        assert_eq!(server("10.2.0", "standalone", "master"), Ok(()));
        for (version, mode) in
            [("6.2.1", "standalone"), ("", "standalone"), ("7.2.0", "cluster"), ("7.2.0", "sentinel")]
        {
            assert!(
                matches!(server(version, mode, "master"), Err(VaultError::Refused(_))),
                "{version} {mode}"
            );
        }
        assert!(matches!(server("7.0.0", "standalone", "replica"), Err(VaultError::Unavailable(_))));
    }

    #[test]
    fn each_way_to_lose_writes_is_refused_until_somebody_accepts_it() {
        let (nothing, recent) =
            (Accepted::default(), Accepted { losing_recent_writes: true, ..Accepted::default() });
        let no_persistence = Accepted { no_persistence: true, ..Accepted::default() };
        assert_eq!(set("yes", "always", "noeviction", nothing), Ok(()));
        for (appendonly, appendfsync, enough) in
            [("no", "always", no_persistence), ("yes", "everysec", recent), ("yes", "no", recent)]
        {
            let refused = set(appendonly, appendfsync, "noeviction", nothing);
            assert!(matches!(refused, Err(VaultError::Refused(_))), "{appendonly} {appendfsync}");
            assert_eq!(set(appendonly, appendfsync, "noeviction", enough), Ok(()));
        }
        assert!(set("no", "always", "noeviction", recent).is_err());
        assert!(set("yes", "always", "allkeys-lru", no_persistence).is_err());
    }

    #[test]
    fn a_file_that_is_not_synced_while_it_is_rewritten_is_refused() {
        let told = map(&[
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("no-appendfsync-on-rewrite", "yes"),
            ("maxmemory-policy", "noeviction"),
        ]);
        assert!(check_settings(&told, Accepted::default()).is_err());
    }

    #[test]
    fn settings_that_are_not_told_have_to_be_accepted() {
        assert!(check_settings(&HashMap::new(), Accepted::default()).is_err());
        let accepted = Accepted { unchecked_settings: true, ..Accepted::default() };
        assert_eq!(check_settings(&HashMap::new(), accepted), Ok(()));
    }
}
