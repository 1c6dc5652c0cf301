//! What a newer configuration changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grantry_core::{ServiceName, TenantId};

use crate::config::Config;
use crate::registration::{Located, MutualTls, Registration, SecretText};
use crate::sections::{AuditSection, KeyProviderSection, KeysSection, StoreSection, VaultSection};
use crate::service::{Parameters, ServiceConfig};

/// What a newer configuration changes, without any value: names of services, and of what differs in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ConfigChanges {
    /// Services that the older one does not have.
    pub added: Vec<ServiceId>,
    /// Services that differ, and in what.
    pub changed: Vec<ServiceChange>,
    /// Services that the newer one does not have.
    pub removed: Vec<ServiceId>,
    /// Services that are as they were.
    pub unchanged: Vec<ServiceId>,
    /// Sections about the deployment that differ, such as `vault`; most take effect with the next start only.
    pub sections: Vec<&'static str>,
}

impl ConfigChanges {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.removed.is_empty()
            && self.sections.is_empty()
    }
}

/// A service of all tenants, or as one tenant has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ServiceId {
    /// The tenant, where the service is different for it.
    pub tenant: Option<TenantId>,
    /// The service.
    pub service: ServiceName,
}

/// A service that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceChange {
    /// Which it is.
    pub id: ServiceId,
    /// What differs, by the keys of the configuration, such as `clientSecret`; `server` for all of its URLs and facts.
    pub keys: Vec<&'static str>,
}

impl Config {
    /// What `newer` changes. Places do not count, nor does how a value came there: a secret that moved from a file into
    /// a variable is the same secret.
    pub fn changes(&self, newer: &Self) -> ConfigChanges {
        let (old, new) = (self.all(), newer.all());
        let mut changes = ConfigChanges::default();
        for (id, service) in &new {
            match old.get(id) {
                None => changes.added.push(id.clone()),
                Some(before) => match differences(before, service) {
                    keys if keys.is_empty() => changes.unchanged.push(id.clone()),
                    keys => changes.changed.push(ServiceChange { id: id.clone(), keys }),
                },
            }
        }
        changes.removed = old.keys().filter(|id| !new.contains_key(*id)).cloned().collect();
        changes.sections = self.changed_sections(newer);
        changes
    }

    fn all(&self) -> BTreeMap<ServiceId, &Arc<ServiceConfig>> {
        let id = |tenant: Option<&TenantId>, service: &ServiceName| ServiceId {
            tenant: tenant.cloned(),
            service: service.clone(),
        };
        let shared = self.0.services.iter().map(|(name, service)| (id(None, name), service));
        let own = self.0.tenants.iter().flat_map(|(tenant, config)| {
            config.services.iter().map(move |(name, service)| (id(Some(tenant), name), service))
        });
        shared.chain(own).collect()
    }

    fn changed_sections(&self, newer: &Self) -> Vec<&'static str> {
        let tenants = |config: &Self| config.0.tenants.keys().cloned().collect::<BTreeSet<_>>();
        let same = [
            ("tenants", tenants(self) == tenants(newer)),
            ("vault", both(self.vault(), newer.vault(), VaultSection::is_same)),
            ("keys", both(self.keys(), newer.keys(), KeysSection::is_same)),
            ("access", self.access() == newer.access()),
            ("audit", both(self.audit(), newer.audit(), AuditSection::eq)),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

/// Whether both are there and the same, or neither is.
fn both<T>(one: Option<&T>, other: Option<&T>, same: impl FnOnce(&T, &T) -> bool) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => same(one, other),
        _ => false,
    }
}

fn located<T, V: PartialEq + ?Sized>(
    one: Option<&Located<T>>,
    other: Option<&Located<T>>,
    value: impl Fn(&T) -> &V,
) -> bool {
    both(one, other, |one, other| value(one.value()) == value(other.value()))
}

fn secret(one: Option<&SecretText>, other: Option<&SecretText>) -> bool {
    both(one, other, |one, other| one.expose() == other.expose())
}

fn differences(old: &ServiceConfig, new: &ServiceConfig) -> Vec<&'static str> {
    let (was, is): (&Registration, &Registration) = (old.registration(), new.registration());
    let parameters =
        |of: &Parameters| of.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>();
    let flow = |of: &ServiceConfig| of.flow().map(crate::flow::ChosenFlow::flow);
    let exchange = |of: &ServiceConfig| {
        (of.subject_token_type().map(str::to_owned), of.requested_token_type().map(str::to_owned))
    };
    let same = [
        ("provider", old.provider() == new.provider()),
        ("flow", flow(old) == flow(new)),
        ("server", old.server() == new.server() && old.facts() == new.facts()),
        ("clientId", located(was.client_id(), is.client_id(), |id| id.as_str())),
        ("clientSecret", located(was.client_secret(), is.client_secret(), |secret| secret.expose())),
        ("privateKey", located(was.private_key(), is.private_key(), |key| key.expose())),
        ("privateKeyId", was.private_key_id() == is.private_key_id()),
        ("signingAlgorithm", was.signing_algorithm() == is.signing_algorithm()),
        ("certificateFile", was.certificate() == is.certificate()),
        ("mutualTls", both(was.mutual_tls(), is.mutual_tls(), MutualTls::is_same)),
        ("clientAuthentication", was.method() == is.method()),
        ("redirectUri", old.redirect_uri() == new.redirect_uri()),
        ("scopes", old.scope() == new.scope()),
        ("resources", old.resources() == new.resources()),
        ("additionalParams", parameters(old.parameters()) == parameters(new.parameters())),
        ("pkce", old.pkce() == new.pkce()),
        ("dpop", old.dpop() == new.dpop()),
        ("subjectTokenType", exchange(old).0 == exchange(new).0),
        ("requestedTokenType", exchange(old).1 == exchange(new).1),
        ("refreshToken", old.refresh() == new.refresh()),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}

impl MutualTls {
    fn is_same(&self, other: &Self) -> bool {
        located(self.certificate(), other.certificate(), |pem| pem.as_str())
            && located(self.private_key(), other.private_key(), |key| key.expose())
            && self.bound_tokens() == other.bound_tokens()
    }
}

impl VaultSection {
    fn is_same(&self, other: &Self) -> bool {
        use StoreSection::{Memory, Postgres, Redis, Sqlite};
        let same_store = match (&self.store, &other.store) {
            (Sqlite { path }, Sqlite { path: other }) => path == other,
            (
                Postgres { url, schema, connections },
                Postgres { url: other, schema: other_schema, connections: other_connections },
            ) => url.expose() == other.expose() && (schema, connections) == (other_schema, other_connections),
            (
                Redis {
                    url,
                    namespace,
                    wait_for_replicas,
                    accept_no_persistence,
                    accept_losing_recent_writes,
                },
                Redis {
                    url: other_url,
                    namespace: n,
                    wait_for_replicas: w,
                    accept_no_persistence: p,
                    accept_losing_recent_writes: l,
                },
            ) => {
                url.expose() == other_url.expose()
                    && (namespace, wait_for_replicas) == (n, w)
                    && (accept_no_persistence, accept_losing_recent_writes) == (p, l)
            }
            (Memory, Memory) => true,
            _ => false,
        };
        let rest = |of: &Self| (of.deployment.clone(), of.lifeboats.clone(), of.reaper.clone());
        same_store && rest(self) == rest(other)
    }
}

impl KeysSection {
    fn is_same(&self, other: &Self) -> bool {
        self.rotation == other.rotation && self.provider.is_same(&other.provider)
    }
}

impl KeyProviderSection {
    fn is_same(&self, other: &Self) -> bool {
        use KeyProviderSection::{AwsKms, Environment, File, Keychain, Passphrase, Pkcs11, Transit};
        match (self, other) {
            (File { path }, File { path: other }) => path == other,
            (Keychain { entry }, Keychain { entry: other }) => entry == other,
            (Environment { variable }, Environment { variable: other }) => variable == other,
            (Passphrase { passphrase, salt }, Passphrase { passphrase: other, salt: other_salt }) => {
                passphrase.expose() == other.expose() && salt == other_salt
            }
            (
                Pkcs11 { module, token, pin, key_label, serial_in_key_ids, create_if_missing },
                Pkcs11 {
                    module: m,
                    token: t,
                    pin: p,
                    key_label: l,
                    serial_in_key_ids: s,
                    create_if_missing: c,
                },
            ) => {
                secret(pin.as_ref(), p.as_ref())
                    && (module, token, key_label) == (m, t, l)
                    && (serial_in_key_ids, create_if_missing) == (s, c)
            }
            (
                AwsKms { region, key, endpoint_url },
                AwsKms { region: other_region, key: other_key, endpoint_url: other_url },
            ) => (region, key, endpoint_url) == (other_region, other_key, other_url),
            (
                Transit { address, key, token, token_file, mount, namespace },
                Transit { address: a, key: k, token: t, token_file: f, mount: m, namespace: n },
            ) => {
                secret(token.as_ref(), t.as_ref())
                    && (address, key, token_file) == (a, k, f)
                    && (mount, namespace) == (m, n)
            }
            _ => false,
        }
    }
}
