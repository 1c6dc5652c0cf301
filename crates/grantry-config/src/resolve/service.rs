//! One service.

use grantry_core::{Scope, ServiceName};

use super::Resolving;
use super::missing::Needs;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::presets;
use crate::service::{ServerConfig, ServiceConfig, said};

impl Resolving<'_> {
    /// Understands a service's fields, with what the defaults say laid under them.
    pub(crate) fn service(&mut self, name: &ServiceName, fields: &Fields) -> ServiceConfig {
        let mut needs = Needs::of(fields);
        let preset = self.preset(fields);
        let facts = self.facts(fields);
        let server = self.server(fields, preset, &facts, &mut needs);
        let scope = self.scope(fields);
        let flow = self.flow(name.as_str(), fields, preset, &scope, &mut needs);
        let meant = flow.as_ref().map(crate::flow::ChosenFlow::flow);
        let known = match &server {
            ServerConfig::Known(server) => Some(&**server),
            ServerConfig::Discover { .. } | ServerConfig::Partial(_) => None,
        };
        Self::needs_of_flow(meant, fields, &server, &mut needs);
        let registration = self.registration(fields, known, meant, &mut needs);
        let does_without = preset.is_some_and(presets::does_without_pkce);
        let service = ServiceConfig {
            name: name.clone(),
            place: self.place(fields.at),
            provider: preset.map(|preset| preset.name),
            redirect_uri: self.redirect_uri(fields),
            resources: self.resources(fields),
            parameters: self.parameters(fields, meant),
            pkce: self.pkce(fields, meant, does_without),
            dpop: fields.flag("dpop").is_some_and(|(dpop, _)| dpop),
            subject_token_type: self.token_type(fields, "subjectTokenType"),
            requested_token_type: self.token_type(fields, "requestedTokenType"),
            refresh: self.refresh_policy(fields),
            missing: needs.into_missing(),
            said: said(fields),
            scope: Scope::EMPTY,
            flow,
            server,
            facts,
            registration,
        };
        ServiceConfig { scope, ..service }
    }

    /// A URI (RFC 8693 section 3).
    pub(super) fn token_type(&mut self, fields: &Fields, key: &str) -> Option<String> {
        let line = self.some_text(fields, key)?;
        let is_uri = line.text.bytes().all(|b| b.is_ascii_graphic()) && url::Url::parse(line.text).is_ok();
        if !is_uri {
            let what = format!("{key} is no URI (RFC 8693 section 3)");
            self.invalid(line.at, what, "such as urn:ietf:params:oauth:token-type:access_token");
            return None;
        }
        Some(line.text.to_owned())
    }

    /// Says what is missing, as one finding for a service.
    pub(crate) fn tell_missing(&mut self, service: &ServiceConfig, fields: &Fields, refused: bool) {
        if service.missing.is_empty() {
            return;
        }
        let parts: Vec<String> =
            service.missing.iter().map(|missing| format!("{} ({})", missing.key, missing.why)).collect();
        let what = format!("{} still lacks {}", crate::read::quoted(service.name.as_str()), parts.join(", "));
        if refused {
            let keys: Vec<&str> = service.missing.iter().map(|missing| missing.key).collect();
            self.missing(fields.at, what, keys.join(" and "));
        } else {
            self.desk.tell(Draft::note(FindingKind::Missing, fields.at, what));
        }
    }
}
