//! The `vault` and `audit` sections.

use std::path::PathBuf;
use std::time::Duration;

use super::Resolving;
use crate::desk::Draft;
use crate::fields::{Fields, Line};
use crate::finding::FindingKind;
use crate::registration::SecretText;
use crate::sections::{AuditSection, StoreSection, VaultSection};

impl Resolving<'_> {
    pub(crate) fn vault(&mut self, fields: &Fields) -> Option<VaultSection> {
        let kind = self.kind(fields, "vault")?;
        let deployment = self.some_text(fields, "deployment").map(|line| line.text.to_owned());
        let lifeboats = self.some_text(fields, "lifeboats").map(|line| self.path(line));
        let store = match kind.text {
            "sqlite" => StoreSection::Sqlite { path: self.needed_path(fields, "path", kind)? },
            "postgres" => StoreSection::Postgres {
                url: self.store_url(fields, kind, &["postgres", "postgresql"])?,
                schema: self.some_text(fields, "schema").map(|line| line.text.to_owned()),
                connections: self.count(fields, "connections").map(|n| n as usize),
            },
            "redis" => StoreSection::Redis {
                url: self.store_url(fields, kind, &["redis", "rediss"])?,
                namespace: self.some_text(fields, "namespace").map(|line| line.text.to_owned()),
                wait_for_replicas: fields.whole("waitForReplicas").and_then(|(n, _)| u32::try_from(n).ok()),
                accept_no_persistence: fields.flag("acceptNoPersistence").is_some_and(|(flag, _)| flag),
                accept_losing_recent_writes: fields
                    .flag("acceptLosingRecentWrites")
                    .is_some_and(|(flag, _)| flag),
            },
            _ => StoreSection::Memory,
        };
        Some(VaultSection { store, deployment, lifeboats })
    }

    pub(crate) fn audit(&mut self, fields: &Fields) -> AuditSection {
        let in_vault = fields.flag("vault");
        let folder = self.some_text(fields, "folder").map(|line| self.path(line));
        if let (Some((false, at)), None) = (in_vault, &folder) {
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

    /// The `type` of a section, whose other keys have to belong to it.
    pub(super) fn kind<'f>(&mut self, fields: &'f Fields, section: &str) -> Option<Line<'f>> {
        let Some(kind) = fields.text("type") else {
            // One that is not understood was reported.
            self.refuse(FindingKind::Missing, fields.at, format!("{section} does not say its type"));
            return None;
        };
        for found in &fields.found {
            let only = found.key.only;
            if !only.is_empty() && !only.contains(&kind.text) {
                let what = format!("{} belongs to the type {}", found.key.name, only.join(" or "));
                self.contradiction(found.key_at, what, "the type is", kind.at);
            }
        }
        Some(kind)
    }

    /// A text without which the section is of no use.
    pub(super) fn needed<'f>(
        &mut self,
        fields: &'f Fields,
        key: &'static str,
        kind: Line<'_>,
    ) -> Option<Line<'f>> {
        if fields.find(key).is_none() {
            let what = format!("the type {} needs {key}", kind.text);
            self.refuse(FindingKind::Missing, kind.at, what);
            return None;
        }
        self.some_text(fields, key)
    }

    pub(super) fn needed_path(
        &mut self,
        fields: &Fields,
        key: &'static str,
        kind: Line<'_>,
    ) -> Option<PathBuf> {
        self.needed(fields, key, kind).map(|line| self.path(line))
    }

    /// A secret that the vault cannot have, since it opens the vault.
    pub(super) fn opening_secret(&mut self, fields: &Fields, key: &'static str) -> Option<SecretText> {
        let line = self.some_text(fields, key)?;
        self.look_at_literal(line);
        Some(SecretText::new(line.text))
    }

    fn store_url(&mut self, fields: &Fields, kind: Line<'_>, schemes: &[&str]) -> Option<SecretText> {
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
            let what = format!("url is not one of the type {}", kind.text);
            let draft = Draft::error(FindingKind::InvalidValue, line.at, what);
            self.desk.tell(draft.expected(format!("{}://...", schemes.join(":// or "))));
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

    fn count(&mut self, fields: &Fields, key: &'static str) -> Option<u32> {
        let (count, at) = fields.whole(key)?;
        if count == 0 {
            self.invalid(at, format!("{key} is 0"), "1 or more");
            return None;
        }
        u32::try_from(count).ok()
    }
}
