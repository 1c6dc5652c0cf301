//! What the defaults say, looked at without any service.

use super::Resolving;
use crate::fields::Fields;

impl Resolving<'_> {
    /// Tells what is wrong in the defaults whatever a service says over them, so that a mistake is found that reaches no
    /// service today.
    ///
    /// What is wrong only together with something else is told with the services that it reaches: each may say that
    /// something else, as `services`, their own fields, do or do not.
    pub(crate) fn defaults(&mut self, fields: &Fields, services: &[&Fields]) {
        let said = |key: &str| services.iter().any(|own| own.find(key).is_some());
        let preset = self.preset(fields);
        if !said("providerParams") {
            self.urls_alone(fields);
        }
        if let Some(preset) = preset.filter(|_| !said("provider") && !said("tokenUrl")) {
            self.values_of(fields, preset);
        }
        self.scope(fields);
        self.resources(fields);
        self.redirect_uri(fields);
        self.parameters(fields, None);
        self.token_type(fields, "subjectTokenType");
        self.token_type(fields, "requestedTokenType");
        self.issued(fields);
        self.some_text(fields, "privateKeyId");
        self.secret(fields, "clientSecret", "clientSecretFile");
        self.private_key(fields);
        self.certificate(fields);
        self.mutual_tls(fields, None);
        let said_of_renewal = |key: &str| {
            let blocks = services.iter().filter_map(|own| own.section("refreshToken"));
            blocks.into_iter().any(|block| block.find(key).is_some())
        };
        if !said_of_renewal("maxRetries") && !said_of_renewal("fallbackBehavior") {
            self.refresh_policy(fields);
        }
    }
}
