//! The `vault` and `audit` sections.

use std::time::Duration;

use grantry_vault::access::Principal;

use super::Resolving;
use super::kind::Kind;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::registration::SecretText;
use crate::sections::{AuditSection, ReaperSection, StoreSection, VaultSection};

impl Resolving<'_> {
    pub(crate) fn vault(&mut self, fields: &Fields) -> Option<VaultSection> {
        let deployment = self.some_text(fields, "deployment").map(|line| line.text.to_owned());
        let lifeboats = self.some_text(fields, "lifeboats").map(|line| self.path(line));
        let reaper = fields.section("reaper").and_then(|reaper| self.reaper(reaper));
        let kind = self.kind(fields, "vault")?;
        let store = match kind.name() {
            "sqlite" => self.needed_path(fields, "path", kind).map(|path| StoreSection::Sqlite { path }),
            "postgres" => self.postgres(fields, kind),
            "redis" => self.redis(fields, kind),
            _ => Some(StoreSection::Memory),
        };
        Some(VaultSection { store: store?, deployment, lifeboats, reaper })
    }

    fn reaper(&mut self, fields: &Fields) -> Option<ReaperSection> {
        let by = match fields.find("principal") {
            Some(_) => self.pattern(fields, "principal", "such as workload:reaper", Principal::parse),
            None => Principal::workload("reaper").ok(),
        };
        if fields.find("unusedFor").is_none() {
            let expected = "unusedFor: a number of days, such as 90";
            self.missing(fields.at, "the reaper does not say for how long nobody used a grant", expected);
        }
        let (days, at) = fields.whole("unusedFor")?;
        if days == 0 {
            self.invalid(at, "unusedFor is 0 days, so that every grant would be revoked", "1 or more days");
        }
        Some(ReaperSection { unused_for: Duration::from_secs(days * 24 * 3600), by: by? })
    }

    fn postgres(&mut self, fields: &Fields, kind: Kind<'_>) -> Option<StoreSection> {
        let url = self.store_url(fields, kind, &["postgres", "postgresql"]);
        let schema = self.some_text(fields, "schema").map(|line| line.text.to_owned());
        let connections = self.count(fields, "connections").map(|n| n as usize);
        Some(StoreSection::Postgres { url: url?, schema, connections })
    }

    fn redis(&mut self, fields: &Fields, kind: Kind<'_>) -> Option<StoreSection> {
        let url = self.store_url(fields, kind, &["redis", "rediss"]);
        let namespace = self.some_text(fields, "namespace").map(|line| line.text.to_owned());
        let flag = |key: &str| fields.flag(key).is_some_and(|(flag, _)| flag);
        Some(StoreSection::Redis {
            url: url?,
            namespace,
            wait_for_replicas: fields.whole("waitForReplicas").and_then(|(n, _)| u32::try_from(n).ok()),
            accept_no_persistence: flag("acceptNoPersistence"),
            accept_losing_recent_writes: flag("acceptLosingRecentWrites"),
        })
    }

    pub(crate) fn audit(&mut self, fields: &Fields) -> AuditSection {
        let in_vault = fields.flag("vault");
        let folder = self.some_text(fields, "folder").map(|line| self.path(line));
        if let (Some((false, at)), None) = (in_vault, fields.find("folder")) {
            let what =
                "the trail is neither in the vault nor in a folder, and nothing is released without it";
            self.desk.tell(Draft::error(FindingKind::Contradiction, at, what).expected("true, or a folder"));
        }
        let patience = fields.whole("patience").and_then(|(milliseconds, at)| {
            if milliseconds == 0 {
                self.invalid(
                    at,
                    "patience is 0, so that everything would be refused",
                    "1 or more milliseconds",
                );
                return None;
            }
            Some(Duration::from_millis(milliseconds))
        });
        AuditSection { in_vault: in_vault.is_none_or(|(flag, _)| flag), folder, patience }
    }

    /// A secret that the vault cannot have, since it opens the vault.
    pub(super) fn opening_secret(&mut self, fields: &Fields, key: &'static str) -> Option<SecretText> {
        let line = self.some_text(fields, key)?;
        self.look_at_literal(line);
        Some(SecretText::new(line.text))
    }

    fn store_url(&mut self, fields: &Fields, kind: Kind<'_>, schemes: &[&str]) -> Option<SecretText> {
        let line = self.needed(fields, "url", kind)?;
        let Some((scheme, rest)) = line.text.split_once("://") else {
            self.invalid(
                line.at,
                "url has no scheme",
                "such as postgres://user@host/database or rediss://host",
            );
            return None;
        };
        if !schemes.contains(&scheme) {
            let what = format!("url is not one of the type {}", kind.name());
            self.invalid(line.at, what, format!("{}://...", schemes.join(":// or ")));
            return None;
        }
        // A URL without a password is no secret.
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
        if has_password || rest.contains("password=") {
            self.look_at_literal(line);
        }
        Some(SecretText::new(line.text))
    }

    pub(super) fn count(&mut self, fields: &Fields, key: &'static str) -> Option<u32> {
        let (count, at) = fields.whole(key)?;
        if count == 0 {
            self.invalid(at, format!("{key} is 0"), "1 or more");
            return None;
        }
        u32::try_from(count).ok()
    }
}
