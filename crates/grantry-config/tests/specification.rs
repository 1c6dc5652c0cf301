//! Every JSON block of the specification loads, its comments included.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use grantry_config::{
    Completeness, Config, ConfigErrors, FindingKind, FixedSurroundings, Flow, Loaded, Provenance,
    ServerConfig, ServiceConfig, Source,
};
use grantry_core::AuthorizationServer;
use grantry_refresh::{Fallback, RefreshPolicy};

const CLIENT_CREDENTIALS: &str = r#"{
  "auth": {
    "type": "oauth2",
    "flow": "client_credentials",
    "tokenUrl": "https://api.example.com/oauth/token",
    "clientId": "your-client-id",
    "clientSecret": "your-client-secret",
    "scopes": ["read:data", "write:data"],
    "additionalParams": {
      "audience": "https://api.example.com"
    }
  }
}"#;

const AUTHORIZATION_CODE: &str = r#"{
  "auth": {
    "type": "oauth2",
    "flow": "authorization_code",
    "authorizationUrl": "https://auth.example.com/authorize",
    "tokenUrl": "https://auth.example.com/token",
    "clientId": "your-client-id",
    "clientSecret": "your-client-secret",
    "redirectUri": "https://gateway.mcpify.org/oauth/callback",
    "scopes": ["profile", "email", "api.access"],
    "pkce": true  // Enable PKCE for additional security
  }
}"#;

const REFRESH: &str = r#"{
  "auth": {
    "refreshToken": {
      "enabled": true,
      "bufferTime": 300,     // Refresh 5 minutes before expiry
      "maxRetries": 3,
      "retryDelay": 1000,
      "fallbackBehavior": "queue"  // queue, fail, or use-expired
    }
  }
}"#;

const ENVIRONMENT: &str = r#"{
  "auth": {
    "clientId": "${MCPIFY_CRM_CLIENT_ID}",
    "clientSecret": "${MCPIFY_CRM_CLIENT_SECRET}"
  }
}"#;

const MICROSOFT: &str = r#"{
  "auth": {
    "type": "oauth2",
    "provider": "microsoft",
    "tenantId": "your-tenant-id",
    "clientId": "your-client-id",
    "clientSecret": "your-client-secret",
    "scopes": ["https://graph.microsoft.com/.default"],
    "tokenUrl": "https://login.microsoftonline.com/{tenantId}/oauth2/v2.0/token"
  }
}"#;

const GOOGLE: &str = r#"{
  "auth": {
    "type": "oauth2",
    "provider": "google",
    "clientId": "your-client-id.apps.googleusercontent.com",
    "clientSecret": "your-client-secret",
    "scopes": [
      "https://www.googleapis.com/auth/userinfo.email",
      "https://www.googleapis.com/auth/drive.readonly"
    ],
    "authorizationUrl": "https://accounts.google.com/o/oauth2/v2/auth",
    "tokenUrl": "https://oauth2.googleapis.com/token"
  }
}"#;

const SALESFORCE: &str = r#"{
  "auth": {
    "type": "oauth2",
    "provider": "salesforce",
    "clientId": "your-consumer-key",
    "clientSecret": "your-consumer-secret",
    "instanceUrl": "https://yourinstance.salesforce.com",
    "scopes": ["api", "refresh_token", "offline_access"],
    "tokenUrl": "{instanceUrl}/services/oauth2/token"
  }
}"#;

fn surroundings() -> FixedSurroundings {
    FixedSurroundings::new()
        .with_variable("MCPIFY_CRM_CLIENT_ID", "xxx")
        .with_variable("MCPIFY_CRM_CLIENT_SECRET", "yyy")
}

#[track_caller]
fn load(text: &str) -> Loaded {
    match Config::load([Source::text("grantry.json", text)], &surroundings()) {
        Ok(loaded) => loaded,
        Err(errors) => panic!("{}", errors.report()),
    }
}

fn sole(loaded: &Loaded) -> &ServiceConfig {
    loaded.config.service("default").expect("one service")
}

fn server(service: &ServiceConfig) -> &AuthorizationServer {
    match service.server() {
        ServerConfig::Known(server) => server,
        other => panic!("{other:?}"),
    }
}

fn missing(service: &ServiceConfig) -> Vec<&str> {
    service.missing().iter().map(|missing| missing.key).collect()
}

#[test]
fn the_client_credentials_block_is_whole() {
    let loaded = load(CLIENT_CREDENTIALS);
    let service = sole(&loaded);
    let flow = service.flow().unwrap();
    assert_eq!((flow.flow(), flow.is_configured()), (Flow::ClientCredentials, true));
    assert_eq!(server(service).token_endpoint().as_str(), "https://api.example.com/oauth/token");
    assert_eq!(service.registration().client_id().unwrap().value().as_str(), "your-client-id");
    assert_eq!(service.registration().client_secret().unwrap().value().expose(), "your-client-secret");
    assert_eq!(service.scope().as_str(), "read:data write:data");
    let parameters: Vec<_> = service.parameters().iter().collect();
    assert_eq!(parameters, [("audience", "https://api.example.com")]);
    assert_eq!(service.refresh(), &RefreshPolicy::default());
    assert!(service.is_complete(false), "{:?}", service.missing());
    // The one warning is about the secret that stands in it.
    let kinds: Vec<_> = loaded.warnings.iter().map(grantry_config::Finding::kind).collect();
    assert_eq!(kinds, [FindingKind::Exposed]);
    assert_eq!(loaded.warnings[0].place().unwrap().to_string(), "grantry.json:7:21");
    assert!(loaded.notes.is_empty());
}

#[test]
fn the_authorization_code_block_is_whole() {
    let loaded = load(AUTHORIZATION_CODE);
    let service = sole(&loaded);
    assert_eq!(service.flow().unwrap().flow(), Flow::AuthorizationCode);
    let authorize = server(service).authorization_endpoint().unwrap();
    assert_eq!(authorize.as_str(), "https://auth.example.com/authorize");
    assert_eq!(service.redirect_uri(), Some("https://gateway.mcpify.org/oauth/callback"));
    assert!(service.pkce() && service.is_complete(false));
}

#[test]
fn the_refresh_block_is_a_layer() {
    let loaded = load(REFRESH);
    let service = sole(&loaded);
    let refresh = service.refresh();
    assert!(refresh.enabled());
    assert_eq!(refresh.buffer(), Duration::from_secs(300));
    assert_eq!((refresh.max_retries(), refresh.retry_delay()), (3, Duration::from_millis(1000)));
    assert_eq!(refresh.fallback(), Fallback::Queue { patience: Duration::from_secs(30) });
    assert_eq!(missing(service), ["tokenUrl", "flow", "clientId", "clientSecret"]);
    let note = loaded.notes[0].to_string();
    assert!(note.contains("still lacks tokenUrl") && note.contains("clientId"), "{note}");
}

#[test]
fn the_environment_block_is_a_layer() {
    let loaded = load(ENVIRONMENT);
    let registration = sole(&loaded).registration();
    let (id, secret) = (registration.client_id().unwrap(), registration.client_secret().unwrap());
    assert_eq!((id.value().as_str(), secret.value().expose()), ("xxx", "yyy"));
    assert_eq!((id.provenance(), secret.provenance()), (Provenance::Environment, Provenance::Environment));
    assert_eq!(secret.place().to_string(), "grantry.json:4:21");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(missing(sole(&loaded)), ["tokenUrl", "flow"]);
}

#[test]
fn the_blocks_that_are_parts_make_a_whole_over_another() {
    let sources = [CLIENT_CREDENTIALS, REFRESH, ENVIRONMENT].map(|text| Source::text("layer", text));
    let loaded = Config::load_complete(sources, &surroundings(), Completeness::Whole).unwrap();
    let service = sole(&loaded);
    assert_eq!(service.registration().client_secret().unwrap().value().expose(), "yyy");
    assert_eq!(service.scope().as_str(), "read:data write:data");
    assert!(loaded.warnings.is_empty(), "the secret that stood there is laid over: {:?}", loaded.warnings);
}

#[test]
fn a_variable_that_is_not_set_is_an_error_with_its_place() {
    let errors =
        Config::load([Source::text("grantry.json", ENVIRONMENT)], &FixedSurroundings::new()).unwrap_err();
    let texts: Vec<String> = errors.errors().iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(
        texts[0].starts_with("grantry.json:3:18: the environment variable MCPIFY_CRM_CLIENT_ID is not set")
    );
    assert!(
        texts[1]
            .starts_with("grantry.json:4:22: the environment variable MCPIFY_CRM_CLIENT_SECRET is not set")
    );
}

#[test]
fn the_microsoft_block_means_client_credentials_and_says_why() {
    let loaded = load(MICROSOFT);
    let service = sole(&loaded);
    let flow = service.flow().unwrap();
    assert_eq!((flow.flow(), flow.is_configured()), (Flow::ClientCredentials, false));
    let endpoint = "https://login.microsoftonline.com/your-tenant-id/oauth2/v2.0/token";
    assert_eq!(server(service).token_endpoint().as_str(), endpoint);
    assert_eq!(server(service).provider(), Some("microsoft"));
    assert!(service.is_complete(false), "{:?}", service.missing());
    let chosen = loaded.notes.iter().find(|note| note.kind() == FindingKind::Chosen).unwrap().to_string();
    assert!(chosen.contains("uses the flow client_credentials: "), "{chosen}");
}

#[test]
fn microsoft_with_a_redirect_or_with_the_scopes_of_a_person_means_the_authorization_code() {
    let redirect = MICROSOFT
        .replace("\"provider\"", "\"redirectUri\": \"https://app.example.com/callback\",\n    \"provider\"");
    let person = MICROSOFT.replace("https://graph.microsoft.com/.default", "User.Read");
    for text in [redirect, person] {
        assert_eq!(sole(&load(&text)).flow().unwrap().flow(), Flow::AuthorizationCode, "{text}");
    }
}

#[test]
fn the_google_block_means_the_authorization_code_and_lacks_where_to_return_to() {
    let loaded = load(GOOGLE);
    let service = sole(&loaded);
    assert_eq!(service.flow().unwrap().flow(), Flow::AuthorizationCode);
    assert_eq!(server(service).token_endpoint().as_str(), "https://oauth2.googleapis.com/token");
    assert_eq!(missing(service), ["redirectUri"]);
}

#[test]
fn the_salesforce_block_has_its_instance_in_the_token_url() {
    let loaded = load(SALESFORCE);
    let service = sole(&loaded);
    assert_eq!(service.flow().unwrap().flow(), Flow::AuthorizationCode);
    let endpoint = "https://yourinstance.salesforce.com/services/oauth2/token";
    assert_eq!(server(service).token_endpoint().as_str(), endpoint);
    assert!(missing(service).contains(&"redirectUri"));
}

#[test]
fn every_block_may_be_a_service_of_a_map() {
    let blocks =
        [CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH, ENVIRONMENT, MICROSOFT, GOOGLE, SALESFORCE];
    let services: Vec<String> =
        blocks.iter().enumerate().map(|(nth, block)| format!("\"service-{nth}\": {block}")).collect();
    let loaded = load(&format!("{{\"services\": {{{}}}}}", services.join(",\n")));
    assert_eq!(loaded.config.services().count(), blocks.len());
}

#[test]
fn a_whole_service_is_asked_for_by_a_switch() {
    let refused = |text: &str, completeness| -> Result<(), ConfigErrors> {
        Config::load_complete([Source::text("t", text)], &surroundings(), completeness).map(|_| ())
    };
    assert!(refused(CLIENT_CREDENTIALS, Completeness::Whole).is_ok());
    let errors = refused(REFRESH, Completeness::ExceptRegistrations).unwrap_err();
    assert_eq!(errors.errors()[0].kind(), FindingKind::Missing);
    let without_client = CLIENT_CREDENTIALS
        .replace("\"clientId\": \"your-client-id\",", "")
        .replace("\"clientSecret\": \"your-client-secret\",", "");
    assert!(
        refused(&without_client, Completeness::ExceptRegistrations).is_ok(),
        "the vault may have the client"
    );
    assert!(refused(&without_client, Completeness::Whole).is_err());
}
