//! Which flow is meant, and what it needs.

use grantry_core::Scope;
use grantry_providers::Preset;

use super::Resolving;
use super::missing::Needs;
use crate::desk::Draft;
use crate::fields::{Fields, Found, Line};
use crate::finding::FindingKind;
use crate::flow::{ChosenFlow, Flow};
use crate::presets;

/// Keys that mean one flow.
const OF_ONE_FLOW: &[(&str, Flow)] = &[
    ("redirectUri", Flow::AuthorizationCode),
    ("subjectTokenType", Flow::TokenExchange),
    ("requestedTokenType", Flow::TokenExchange),
];

impl Resolving<'_> {
    pub(super) fn flow(
        &mut self,
        name: &str,
        fields: &Fields,
        preset: Option<&Preset>,
        scope: &Scope,
        needs: &mut Needs<'_>,
    ) -> Option<ChosenFlow> {
        if fields.find("flow").is_some() {
            let line = fields.text("flow")?;
            let flow = Flow::from_name(line.text)?;
            self.contradicts(flow, line, fields);
            self.unused_by(flow, fields);
            return Some(ChosenFlow { flow, because: "the configuration says so".into(), configured: true });
        }
        let scopes: Vec<&str> = scope.tokens().collect();
        let has_redirect_uri = fields.find("redirectUri").is_some();
        let chosen = preset.and_then(|preset| presets::flow_for(preset, &scopes, has_redirect_uri));
        let Some((flow, because)) = chosen else {
            // A preset of another name would have said it.
            if preset.is_some() || fields.find("provider").is_none() {
                needs.add("flow", "nothing says how tokens are obtained");
            }
            return None;
        };
        let what = format!("{} uses the flow {flow}: {because}", crate::read::quoted(name));
        let at = fields.find("provider").map_or(fields.at, |found| found.at);
        self.desk.tell(Draft::note(FindingKind::Chosen, at, what));
        self.unused_by(flow, fields);
        Some(ChosenFlow { flow, because: because.into(), configured: false })
    }

    /// Keys that stand beside a flow which has no use for them: one of the two is a mistake, and nobody knows which.
    ///
    /// What stands in another layer, or holds for every service, may be meant for other flows.
    fn contradicts(&mut self, flow: Flow, line: Line<'_>, fields: &Fields) {
        let object = fields.find("flow").and_then(|found| found.object);
        for (key, used) in OF_ONE_FLOW {
            let Some(found) = fields.find(key).filter(|_| *used != flow) else { continue };
            if object.is_some() && found.object == object {
                let what = format!("{key} belongs to the flow {used}, and the flow is {flow}");
                let expected = format!("the flow {used}, or {key} left out");
                self.contradiction(found.key_at, what, expected, ("the flow is", line.at));
            } else {
                self.has_no_effect(key, flow, found);
            }
        }
    }

    /// Keys that only other flows use, and that mean no other flow.
    fn unused_by(&mut self, flow: Flow, fields: &Fields) {
        let mut keys = vec![("pkce", Flow::AuthorizationCode), ("jwksUri", Flow::AuthorizationCode)];
        if fields.find("flow").is_none() {
            keys.extend(OF_ONE_FLOW);
        }
        for (key, used) in keys {
            if let Some(found) = fields.find(key).filter(|_| used != flow) {
                self.has_no_effect(key, flow, found);
            }
        }
    }

    fn has_no_effect(&mut self, key: &str, flow: Flow, found: &Found) {
        let what = format!("{key} does nothing here: the flow is {flow}");
        let draft = Draft::warning(FindingKind::NoEffect, found.key_at, what);
        self.desk.tell(draft.expected("the key left out, or the flow that uses it"));
    }

    /// PKCE is used, unless the configuration says no and the provider is known to make nothing of it, or to refuse it.
    pub(super) fn pkce(&mut self, fields: &Fields, flow: Option<Flow>, does_without: bool) -> bool {
        let Some((false, at)) = fields.flag("pkce") else { return true };
        if flow.is_some_and(|flow| flow != Flow::AuthorizationCode) {
            // That it does nothing was told.
            return true;
        }
        if does_without {
            let what = "PKCE is off, as this provider needs it: a stolen code is worth a token to whoever has the client's secret";
            let draft = Draft::warning(FindingKind::Pkce, at, what);
            self.desk.tell(draft.expected("true, as soon as the provider takes it"));
            return false;
        }
        let what = "pkce is false, which is not followed: PKCE stays on, since nothing says that this provider does without";
        self.desk.tell(Draft::warning(FindingKind::Pkce, at, what).expected("true, or the key left out"));
        true
    }
}
