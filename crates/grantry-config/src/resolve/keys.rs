//! The `keys` section.

use std::time::Duration;

use grantry_vault::RotationPolicy;

use super::Resolving;
use super::kind::Kind;
use crate::fields::Fields;
use crate::registration::SecretText;
use crate::sections::{KeyProviderSection, KeysSection, TokenSection};

/// The shortest passphrase and salt, as the vault's key derivation has them.
const PASSPHRASE_LEAST: usize = 12;
const SALT_LEAST: usize = 16;

impl Resolving<'_> {
    pub(crate) fn keys(&mut self, fields: &Fields) -> Option<KeysSection> {
        let rotation = self.rotation(fields.section("rotation"));
        let kind = self.kind(fields, "keys")?;
        let provider = match kind.name() {
            "file" => self.needed_path(fields, "path", kind).map(|path| KeyProviderSection::File { path }),
            "environment" => self
                .needed(fields, "variable", kind)
                .map(|line| KeyProviderSection::Environment { variable: line.text.to_owned() }),
            "passphrase" => self.passphrase(fields, kind),
            "pkcs11" => self.pkcs11(fields, kind),
            "keychain" => self
                .needed(fields, "entry", kind)
                .map(|line| KeyProviderSection::Keychain { entry: line.text.to_owned() }),
            "aws-kms" => self.aws_kms(fields, kind),
            _ => self.transit(fields, kind),
        };
        Some(KeysSection { provider: provider?, rotation })
    }

    fn aws_kms(&mut self, fields: &Fields, kind: Kind<'_>) -> Option<KeyProviderSection> {
        let (region, key) = (self.needed(fields, "region", kind), self.needed(fields, "key", kind));
        let endpoint_url = self.checked_url(fields, "endpointUrl");
        Some(KeyProviderSection::AwsKms {
            region: region?.text.to_owned(),
            key: key?.text.to_owned(),
            endpoint_url,
        })
    }

    fn passphrase(&mut self, fields: &Fields, kind: Kind<'_>) -> Option<KeyProviderSection> {
        let (phrase, salt) = (self.needed(fields, "passphrase", kind), self.needed(fields, "salt", kind));
        if let Some(phrase) = phrase {
            self.look_at_literal(phrase);
            if phrase.text.chars().count() < PASSPHRASE_LEAST {
                self.invalid(phrase.at, "the passphrase is short", "12 characters or more");
            }
        }
        if let Some(salt) = salt
            && salt.text.len() < SALT_LEAST
        {
            self.invalid(salt.at, "the salt is short", "16 characters or more, others for each deployment");
        }
        Some(KeyProviderSection::Passphrase {
            passphrase: SecretText::new(phrase?.text),
            salt: salt?.text.to_owned(),
        })
    }

    fn pkcs11(&mut self, fields: &Fields, kind: Kind<'_>) -> Option<KeyProviderSection> {
        let module = self.needed_path(fields, "module", kind);
        let token = self.token(fields, kind);
        let pin = self.opening_secret(fields, "pin");
        let key_label = self.some_text(fields, "keyLabel").map(|line| line.text.to_owned());
        let serial_in_key_ids = self.some_text(fields, "serialInKeyIds").map(|line| line.text.to_owned());
        Some(KeyProviderSection::Pkcs11 {
            pin,
            key_label,
            serial_in_key_ids,
            create_if_missing: fields.flag("createIfMissing").is_some_and(|(flag, _)| flag),
            module: module?,
            token: token?,
        })
    }

    /// Exactly one of the three ways to name a token.
    fn token(&mut self, fields: &Fields, kind: Kind<'_>) -> Option<TokenSection> {
        let serial = self.some_text(fields, "tokenSerial").map(|line| line.text.to_owned());
        let label = self.some_text(fields, "tokenLabel").map(|line| line.text.to_owned());
        let slot = fields.whole("slot").map(|(slot, _)| slot);
        let mut named = ["tokenSerial", "tokenLabel", "slot"].into_iter().filter_map(|key| fields.find(key));
        match (named.next(), named.next()) {
            (None, _) => {
                let what = "nothing says which token of the module it is";
                self.missing(kind.line().at, what, "tokenSerial, tokenLabel or slot");
            }
            (Some(first), Some(second)) => {
                let what = format!("{} and {} both name the token", first.key.name, second.key.name);
                let other = (format!("{} is", first.key.name), first.key_at);
                self.contradiction(second.key_at, what, "one of the two", other);
                return None;
            }
            (Some(_), None) => {}
        }
        let by_name = serial.map(TokenSection::Serial).or(label.map(TokenSection::Label));
        by_name.or(slot.map(TokenSection::Slot))
    }

    fn transit(&mut self, fields: &Fields, kind: Kind<'_>) -> Option<KeyProviderSection> {
        if let (Some(token), Some(file)) = (fields.find("token"), fields.find("tokenFile")) {
            let what = "tokenFile and token are both there: keep one of them";
            self.contradiction(file.key_at, what, "one of the two", ("token is", token.key_at));
        }
        let (key, address) = (self.needed(fields, "key", kind), self.needed_url(fields, "address", kind));
        let token = self.opening_secret(fields, "token");
        let token_file = self.some_text(fields, "tokenFile").map(|line| self.path(line));
        let mount = self.some_text(fields, "mount").map(|line| line.text.to_owned());
        let namespace = self.some_text(fields, "namespace").map(|line| line.text.to_owned());
        Some(KeyProviderSection::Transit {
            address: address?,
            key: key?.text.to_owned(),
            token,
            token_file,
            mount,
            namespace,
        })
    }

    pub(super) fn checked_url(&mut self, fields: &Fields, key: &str) -> Option<String> {
        let line = self.some_text(fields, key)?;
        self.url(line, line.text)?;
        Some(line.text.to_owned())
    }

    fn rotation(&mut self, fields: Option<&Fields>) -> Option<RotationPolicy> {
        let Some(fields) = fields else { return Some(RotationPolicy::default()) };
        let mut policy = RotationPolicy::default();
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        let every = fields.whole("every");
        if let Some((age, at)) = every {
            if age == 0 {
                self.invalid(
                    at,
                    "every is 0 days, so that keys would be exchanged all the time",
                    "1 or more days",
                );
            }
            policy = policy.every(days(age));
        }
        if let Some((before, at)) = fields.whole("warnBefore") {
            let age = every.map_or(90, |(age, _)| age);
            // An age that was refused is no age to compare with.
            let is_refused = age == 0 || fields.is_spoilt("every");
            if before >= age && !is_refused {
                let what = format!("warnBefore is not before the {age} days at which a key is exchanged");
                self.invalid(at, what, "fewer days than every");
            }
            policy = policy.warn_before(days(before));
        } else if let Some((age, _)) = every {
            // The usual five days, but never more than the age.
            policy = policy.warn_before(days(5.min(age / 2)));
        }
        if let Some((hold, at)) = fields.whole("hold") {
            if hold == 0 {
                self.invalid(
                    at,
                    "hold is 0 days: what a slow process seals under a key that is gone is lost",
                    "1 or more",
                );
            }
            policy = policy.hold(days(hold));
        }
        if let Some((records, at)) = fields.whole("recordsPerSecond") {
            if records == 0 {
                self.invalid(at, "recordsPerSecond is 0, so that a rotation would never end", "1 or more");
            }
            policy = policy.records_per_second(u32::try_from(records).unwrap_or(u32::MAX));
        }
        fields.flag("enabled").is_none_or(|(enabled, _)| enabled).then_some(policy)
    }
}
