//! Loading, step by step: read, parse, lay over each other, understand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use grantry_core::ServiceName;
use zeroize::Zeroizing;

use crate::config::{Completeness, Config, Loaded, Parts, TenantConfig};
use crate::desk::{Desk, Draft, OnDesk};
use crate::fields::{Fields, Found, Value};
use crate::finding::{ConfigErrors, Finding, FindingKind, Severity};
use crate::interpolate::Resolver;
use crate::jsonc;
use crate::place::{At, Span};
use crate::read::Reader;
use crate::resolve::Resolving;
use crate::service::ServiceConfig;
use crate::source::{Origin, Source, SourceText};
use crate::surroundings::{Surroundings, Unreadable};
use crate::table::ROOT;

/// The most bytes of a source: more than a hundred thousand services.
const MOST_OF_A_SOURCE: usize = 48 * 1024 * 1024;

/// The text of a source; it is zeroized when the last owner drops it.
type Text = Arc<Zeroizing<String>>;

pub(crate) fn load(
    sources: Vec<Source>,
    surroundings: &dyn Surroundings,
    completeness: Completeness,
) -> Result<Loaded, ConfigErrors> {
    let mut desk = Desk::default();
    let mut layers = Vec::new();
    let mut folders = Vec::new();
    for source in sources {
        let number = u32::try_from(desk.sources.len()).unwrap_or(u32::MAX);
        folders.push(source.folder().to_owned());
        let read = layer(&mut desk, &source, number, surroundings);
        desk.lacks_a_source |= read.is_none();
        layers.extend(read);
    }
    let merged = merge(&mut desk, layers);
    let mut parts = understand(&mut desk, surroundings, &folders, merged, completeness);
    parts.secret_variables = std::mem::take(&mut desk.secret_variables);
    let (errors, rest): (Vec<Finding>, Vec<Finding>) =
        desk.finish().into_iter().partition(|finding| finding.severity() == Severity::Error);
    let (warnings, notes) = rest.into_iter().partition(|finding| finding.severity() == Severity::Warning);
    if errors.is_empty() {
        Ok(Loaded { config: Config(Arc::new(parts)), warnings, notes })
    } else {
        Err(ConfigErrors { errors, warnings })
    }
}

/// Reads one source as far as it goes.
fn layer(desk: &mut Desk, source: &Source, number: u32, surroundings: &dyn Surroundings) -> Option<Fields> {
    let name = source.name();
    let read = text_of(source, surroundings);
    let (text, readable_by_all, writable_by_all) = match read {
        Ok(read) => read,
        Err(why) => {
            let what = format!("the configuration {} cannot be used: {why}", name.escape_debug());
            let draft = Draft::error(FindingKind::Unreadable, None, what);
            desk.tell(draft.expected("a file of JSON in UTF-8, which this process may read"));
            desk.sources.push(on_desk(&name, Arc::default(), false));
            return None;
        }
    };
    let document_text = Arc::clone(&text);
    desk.sources.push(on_desk(&name, text, readable_by_all));
    if writable_by_all {
        let what = format!("everybody on this machine may write the configuration {}", name.escape_debug());
        let draft = Draft::error(FindingKind::Exposed, None, what);
        desk.tell(draft.expected("a file that its owner alone may write"));
    }
    let document = jsonc::read(&document_text);
    for fault in document.faults {
        let at = At { source: number, span: fault.span };
        desk.tell(Draft::error(FindingKind::Syntax, at, fault.what).expected(fault.expected));
    }
    if let Some(source) = desk.sources.last_mut() {
        source.veiled = document.veiled;
    }
    let resolver = Resolver { surroundings, folder: source.folder() };
    let root = document.root?;
    let at = Span::new(root.span.start(), root.span.start() + 1);
    Reader { desk, source: number, resolver }.section(&ROOT, root, at)
}

fn on_desk(name: &str, text: Text, readable_by_all: bool) -> OnDesk {
    OnDesk { text: SourceText::new(name, text), readable_by_all, veiled: Vec::new(), shown: Vec::new() }
}

/// The text, and whether everybody may read and write it.
fn text_of(source: &Source, surroundings: &dyn Surroundings) -> Result<(Text, bool, bool), Unreadable> {
    match &source.0 {
        Origin::Text { text, .. } if text.len() > MOST_OF_A_SOURCE => {
            Err(Unreadable::TooLarge { most: MOST_OF_A_SOURCE })
        }
        Origin::Text { text, .. } => Ok((Arc::clone(text), false, false)),
        Origin::File(path) => {
            let mut content = surroundings.file(path, MOST_OF_A_SOURCE)?;
            let text = String::from_utf8(std::mem::take(&mut *content.bytes)).map_err(|error| {
                // What was read may hold secrets, in whatever encoding.
                drop(Zeroizing::new(error.into_bytes()));
                Unreadable::NotText
            })?;
            Ok((Arc::new(Zeroizing::new(text)), content.readable_by_all, content.writable_by_all))
        }
    }
}

/// Lays the layers over each other, the one service of a file put where the map of services has it.
fn merge(desk: &mut Desk, layers: Vec<Fields>) -> Fields {
    let nowhere = At { source: 0, span: Span::new(0, 0) };
    let mut merged = Fields::new(nowhere);
    let mut sole: Option<(String, At)> = None;
    for mut layer in layers {
        let name = take(&mut layer, "service");
        if let Some(auth) = take(&mut layer, "auth") {
            let named = name.as_ref().and_then(|found| match &found.value {
                Value::Text(written) => Some((written.text.as_str().to_owned(), found.at)),
                _ => None,
            });
            let is_named = named.is_some();
            let (name, name_at) = named
                .or_else(|| sole.clone().map(|(name, _)| (name, auth.key_at)))
                .unwrap_or_else(|| ("default".to_owned(), auth.key_at));
            contradict_services(desk, &layer, &auth);
            if let Value::Section(fields) = auth.value {
                let fields = Fields { at: name_at, ..fields };
                let services = Value::Map(BTreeMap::from([(name.clone(), fields)]));
                if let Some(key) = ROOT.key("services") {
                    let (key_at, at) = (auth.key_at, auth.at);
                    layer.found.push(Found { key, key_at, at, value: services, sound: true, object: None });
                }
            }
            if is_named || sole.is_none() {
                sole = Some((name, auth.key_at));
            }
        } else if let Some(found) = name {
            let what = "service names the one service of auth, and there is no auth";
            let draft = Draft::warning(FindingKind::NoEffect, found.key_at, what);
            desk.tell(draft.expected("auth as well, or the name among the services"));
        }
        merged.overlay(layer);
    }
    merged
}

/// One file describes one service or several.
fn contradict_services(desk: &mut Desk, layer: &Fields, auth: &Found) {
    if let Some(services) = layer.find("services") {
        let what = "auth describes the one service of a file, and there is a map of services besides";
        let draft = Draft::error(FindingKind::Contradiction, auth.key_at, what)
            .also("services is", services.key_at)
            .expected("it among the services, or under defaults if it is meant for all");
        desk.tell(draft);
    }
}

fn take(fields: &mut Fields, name: &str) -> Option<Found> {
    let place = fields.found.iter().position(|found| found.key.name == name)?;
    Some(fields.found.remove(place))
}

fn understand(
    desk: &mut Desk,
    surroundings: &dyn Surroundings,
    folders: &[PathBuf],
    mut merged: Fields,
    completeness: Completeness,
) -> Parts {
    let mut resolving = Resolving { desk, surroundings, folders };
    let mut parts = Parts::default();
    let services = match take(&mut merged, "services").map(|found| found.value) {
        Some(Value::Map(services)) => services,
        _ => BTreeMap::new(),
    };
    let for_all = merged.section("defaults").cloned().map(Fields::for_every_service);
    let defaults = for_all.as_ref();
    // What tenants have in another way is laid over this once more.
    let of_tenants: BTreeSet<&str> = merged
        .map("tenants")
        .flat_map(|(_, tenant)| tenant.map("services"))
        .map(|(name, _)| name.as_str())
        .collect();
    if let Some(defaults) = merged.section("defaults") {
        let of_tenants = merged.map("tenants").flat_map(|(_, tenant)| tenant.map("services"));
        let all: Vec<&Fields> = services.values().chain(of_tenants.map(|(_, own)| own)).collect();
        resolving.defaults(defaults, &all);
    }
    let mut shared = BTreeMap::new();
    for (name, own) in services {
        let fields = over(defaults, own);
        if let Some((name, service)) = resolving.checked(&name, &fields, completeness) {
            parts.services.insert(name, service);
        }
        if of_tenants.contains(name.as_str()) {
            shared.insert(name, fields);
        }
    }
    for (tenant, fields) in merged.map("tenants") {
        let tenant = resolving.tenant_name(tenant, fields.at);
        let mut services = BTreeMap::new();
        for (name, own) in fields.map("services") {
            let fields = over(shared.get(name).or(defaults), own.clone());
            services.extend(resolving.checked(name, &fields, completeness));
        }
        parts.tenants.extend(tenant.map(|tenant| (tenant, TenantConfig { services })));
    }
    parts.vault = merged.section("vault").and_then(|fields| resolving.vault(fields));
    parts.keys = merged.section("keys").and_then(|fields| resolving.keys(fields));
    parts.audit = merged.section("audit").map(|fields| resolving.audit(fields));
    parts.access = merged.section("access").and_then(|fields| resolving.access(fields));
    parts
}

/// The fields, laid over those that hold for all.
fn over(under: Option<&Fields>, fields: Fields) -> Fields {
    match under {
        Some(under) => {
            let mut all = under.clone();
            all.overlay(fields);
            all
        }
        None => fields,
    }
}

impl Resolving<'_> {
    fn checked(
        &mut self,
        name: &str,
        fields: &Fields,
        completeness: Completeness,
    ) -> Option<(ServiceName, Arc<ServiceConfig>)> {
        let Some(name) = self.service_name(name, fields.at) else {
            // What else is wrong with it is told as well.
            let other = ServiceName::new("default").ok()?;
            self.service(&other, fields);
            return None;
        };
        let service = self.service(&name, fields);
        let refused = match completeness {
            Completeness::Partial => false,
            Completeness::ExceptRegistrations => !service.is_complete(true),
            Completeness::Whole => !service.is_complete(false),
        };
        self.tell_missing(&service, fields, refused);
        Some((name, Arc::new(service)))
    }
}
