//! Which flow is meant, and what it needs.

use grantry_core::Scope;
use grantry_providers::Preset;

use super::Resolving;
use super::missing::Needs;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::flow::{ChosenFlow, Flow};
use crate::presets;

impl Resolving<'_> {
    pub(super) fn flow(
        &mut self,
        name: &str,
        fields: &Fields,
        preset: Option<&Preset>,
        scope: &Scope,
        needs: &mut Needs,
    ) -> Option<ChosenFlow> {
        if let Some(line) = fields.text("flow") {
            let flow = Flow::from_name(line.text)?;
            self.unused_by(flow, fields);
            return Some(ChosenFlow { flow, because: "the configuration says so".into(), configured: true });
        }
        let scopes: Vec<&str> = scope.tokens().collect();
        let has_redirect_uri = fields.find("redirectUri").is_some();
        let chosen = preset.and_then(|preset| presets::flow_for(preset, &scopes, has_redirect_uri));
        let Some((flow, because)) = chosen else {
            needs.add("flow", "nothing says how tokens are obtained");
            return None;
        };
        let what = format!("{} uses the flow {flow}: {because}", crate::read::quoted(name));
        let at = fields.find("provider").map_or(fields.at, |found| found.at);
        self.desk.tell(Draft::note(FindingKind::Chosen, at, what));
        Some(ChosenFlow { flow, because: because.into(), configured: false })
    }

    /// Keys that only other flows use.
    fn unused_by(&mut self, flow: Flow, fields: &Fields) {
        let uses = |flows: &[Flow]| flows.contains(&flow);
        for (key, used) in [
            ("redirectUri", uses(&[Flow::AuthorizationCode])),
            ("pkce", uses(&[Flow::AuthorizationCode])),
            ("jwksUri", uses(&[Flow::AuthorizationCode])),
            ("subjectTokenType", uses(&[Flow::TokenExchange])),
            ("requestedTokenType", uses(&[Flow::TokenExchange])),
        ] {
            if let (false, Some(found)) = (used, fields.find(key)) {
                let what = format!("{key} does nothing here: the flow is {flow}");
                let draft = Draft::warning(FindingKind::NoEffect, found.key_at, what);
                self.desk.tell(draft);
            }
        }
    }

    /// PKCE is used, unless the configuration says no and the provider is known to make nothing of it.
    pub(super) fn pkce(&mut self, fields: &Fields, ignored: bool) -> bool {
        let Some((false, at)) = fields.flag("pkce") else { return true };
        if ignored {
            let what =
                "PKCE is left out: a stolen code is worth as much as a token until the client authenticates";
            self.desk.tell(Draft::warning(FindingKind::Doubtful, at, what).expected("true"));
            return false;
        }
        let what = "pkce is false, which is not followed: nothing says that this provider does without";
        self.desk.tell(Draft::warning(FindingKind::NoEffect, at, what).expected("true, or the key left out"));
        true
    }
}
