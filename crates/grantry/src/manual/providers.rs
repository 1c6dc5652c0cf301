//! Providers: what the presets know.
//!
//! A preset fills in an [`AuthorizationServer`](crate::AuthorizationServer), so that what is special about a provider
//! is said once, and the flows, the endpoint and custody obey it without knowing whose it is.
//!
//! ```
//! use grantry::providers;
//!
//! // By a function:
//! let google = providers::google()?;
//! let org = providers::salesforce_my_domain("https://acme.my.salesforce.com")?;
//!
//! // By a name and values, as a configuration has them:
//! let preset = providers::find("salesforce").ok_or("no such provider")?;
//! assert_eq!(preset.server(&[("instanceUrl", "https://acme.my.salesforce.com")])?, org);
//! let mistake = preset.server(&[("instanceUrl", "https://acme.my.salesforce.com.evil.example")]).unwrap_err();
//! assert!(mistake.to_string().contains("not below the provider's domain"));
//!
//! // What it is, where that is written, and which flow is meant where nobody said:
//! assert_eq!(preset.title, "Salesforce");
//! assert!(preset.documentation[0].starts_with("https://help.salesforce.com/"));
//! assert_eq!(preset.flow_for(&["api"], false).flow, providers::Flow::AuthorizationCode);
//!
//! // Every authorization request at Google carries these, unless the flow is told otherwise:
//! assert_eq!(google.authorization_parameters()[0], ("access_type".to_owned(), "offline".to_owned()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is verified, and what is not
//!
//! Each preset names the pages that its facts are from ([`documentation`](crate::providers::Preset::documentation)), when they
//! were last read ([`verified`](crate::providers::Preset::verified)), and what nobody could verify
//! ([`unverified`](crate::providers::Preset::unverified)). What is not verified is at the default that does the least harm:
//! rotation is strict and a second use revokes the family; nothing is known of lifetimes; there is no endpoint for
//! revocation, and one that there is spares nothing; an error code of the provider's own condemns nothing. If you know better, say
//! so: `server.to_builder().rotation(..).build()`.
//!
//! The list of client authentication methods is what is known to work. A method that is not in it is refused when the
//! endpoint is built, and allowed with
//! [`client_authentication_methods`](crate::AuthorizationServerBuilder::client_authentication_methods).
//!
//! # What a revocation takes along, and how often a token is used
//!
//! A server that revokes one token may revoke others with it (RFC 7009 section 2.1), and few say which. So two things are not done
//! unless it is known that they harm nobody; in a program it is
//! [`revocation_spares`](crate::AuthorizationServerBuilder::revocation_spares) that says it:
//!
//! | fact | where it is known | where nobody knows |
//! |---|---|---|
//! | revoking an access token spares its refresh token | when a client's secret is exchanged, people's old access tokens are revoked; so they are by `auth rotate` without a new secret | they live until they expire |
//! | revoking a token of one consent spares later ones | what comes late of an old consent is revoked | it is left alone while a later consent of that person lives |
//!
//! Okta documents the first. Miro documents the contrary: there a refresh token goes with its access token. Of the others nothing
//! was found that says so.
//!
//! A server may also let one refresh token be used only so often: Zoho, ten times in ten minutes
//! ([`refresh_rate`](crate::AuthorizationServerBuilder::refresh_rate)).
//!
//! | to say it | write |
//! |---|---|
//! | in a configuration | `"revocation": { "sparesRefreshTokens": true, "sparesLaterConsents": true }`, `"refreshRate": { "most": 10, "within": 600 }` |
//! | in a shell | `grantry auth set --revocation-spares refresh_tokens --revocation-spares later_consents --refresh-rate 10/600` |
//!
//! | to take away what a preset says | write |
//! |---|---|
//! | in a configuration | `"revocation": { "sparesRefreshTokens": false, "sparesLaterConsents": false }`, `"refreshRate": { "bounded": false }` |
//! | in a shell | `grantry auth set --revocation-spares nothing --refresh-rate none` |
//!
//! # Which flow
//!
//! [`flow_for`](crate::providers::Preset::flow_for) answers with a reason. What Google, Salesforce and most others guard belongs
//! to people: authorization code. Microsoft: client credentials where every scope ends in `.default` and no redirect
//! URI is set. Okta, Auth0, Discord, ServiceNow, Spotify and Twitch: client credentials where no redirect URI is set.
//!
//! # What a provider says besides the token
//!
//! Some answers hold what an application needs to know: Salesforce's `instance_url`, Zoho's `api_domain`. Presets name
//! them as [`kept_parameters`](crate::AuthorizationServer::kept_parameters), and every token set has those that came with it
//! ([`TokenSet::further`](crate::TokenSet::further)); so has a finished authorization. A stored grant keeps them, sealed in its
//! record: from the consent on, through restarts and into another vault. A renewal's answer that says one of them anew takes
//! its place; what an answer leaves out stays as it was. Another consent begins with what its own answer said.
//!
//! | to | ask |
//! |---|---|
//! | send where the grant's owner is | `StoredSource::further_parameters`, which needs `token.use` |
//! | see what is kept of many grants | `TenantPantry::grants`, or `Custody::health`: `GrantHealth::further`, which needs `grant.read` |
//! | see it in a shell | `grantry auth status`, and `auth diagnose`; with `--json` it is the object `further` |
//! | read it without custody | `GrantView::further` of the vault |
//!
//! It is at most 8 KiB for each grant, in 16 parameters of 2 KiB at most; what is longer is passed over. The values are no
//! secrets, and may be somebody's name: nothing prints them but the names. A record that has some is of a format that versions
//! before this one refuse, and leave as it is; all others are written as before.
//!
//! They are a server's word: before a token goes to such a host, hold it against the preset's own rule.
//!
//! ```
//! let instance_url = &grantry::providers::SALESFORCE.parameters[0];
//! assert!(instance_url.check("https://acme.my.salesforce.com").is_ok());
//! assert!(instance_url.check("https://evil.example").is_err());
//! ```
//!
//! # `instanceUrl` is yours, `instance_url` is theirs
//!
//! `instanceUrl` of a configuration is what you say: the host at which people log in, and what `{instanceUrl}` stands for in
//! `tokenUrl` and the other URLs. It decides where client secrets, codes and refresh tokens go, so it is never taken from an
//! answer: nothing that a server says changes a URL of the configuration. `instance_url` is what Salesforce says of a grant: the
//! host of the API for that person's org. The two are the same where `instanceUrl` names a My Domain. With
//! `https://login.salesforce.com`, for all orgs, each grant has an `instance_url` of its own, and it is the one to send requests
//! to, once it passed the check above. Where you know the org, compare the two:
//!
//! ```
//! # let said = "https://acme.my.salesforce.com";
//! let configured = "https://acme.my.salesforce.com";
//! let is_ours = said.trim_end_matches('/').eq_ignore_ascii_case(configured);
//! # assert!(is_ours);
//! ```
//!
//! What comes with the redirect instead (`realmId` of QuickBooks, `accounts-server` of Zoho) is in the query that your
//! handler has.
//!
//! # Codes of their own
//!
//! A provider that says `invalid_grant` in another way is understood
//! ([`error_aliases`](crate::AuthorizationServer::error_aliases)). Codes inside a description, such as `AADSTS700082`, are told
//! as [`provider_code`](crate::Error::provider_code), and where the preset knows what one means, that is the first cause of
//! the [`diagnosis`](crate::Error::diagnosis). Nothing is ever decided by them.
//!
//! # All presets
//!
//! "Sent" says that a code challenge is always sent, and that nobody verified what becomes of it. "Revokes" says that there
//! is an endpoint for revocation as RFC 7009 has it.
//!
//! | name | values | refresh tokens | which live | PKCE | besides |
//! |---|---|---|---|---|---|
//! | `airtable` |  | rotate, the old one dies | 60 days without use | required | a renewal ends the access token before it |
//! | `asana` |  | not verified: taken for strict |  | sent | revokes |
//! | `atlassian` |  | rotate, the old one is good for 10 min more | 90 days without use, 365 days in all | sent | `audience=api.atlassian.com` `prompt=consent`; 403 `unauthorized_client` is `invalid_grant` |
//! | `auth0` | `domain` | rotate, the old one dies |  | sent | revokes |
//! | `bitbucket` |  | not verified: taken for strict |  | sent |  |
//! | `box` |  | rotate, the old one dies | 60 days without use | sent | revokes |
//! | `discord` |  | not verified: taken for strict |  | yes | revokes |
//! | `docusign` |  | not verified: taken for strict | 30 days without use | sent |  |
//! | `docusign-demo` |  | not verified: taken for strict | 30 days without use | sent |  |
//! | `dropbox` |  | stay |  | sent | `token_access_type=offline`; keeps `account_id`; keeps `uid` |
//! | `exact-online` | `country` | not verified: taken for strict |  | sent | renews 30 s before expiry at the earliest |
//! | `github` |  | rotate, the old one dies | 182 days without use | sent | a renewal ends the access token before it; no `expires_in` means never; 200 `bad_refresh_token` is `invalid_grant`; 200 `bad_verification_code` is `invalid_grant`; 200 `incorrect_client_credentials` is `invalid_client` |
//! | `github-oauth-app` |  | none |  | sent | no `expires_in` means never; 200 `bad_refresh_token` is `invalid_grant`; 200 `bad_verification_code` is `invalid_grant`; 200 `incorrect_client_credentials` is `invalid_client` |
//! | `gitlab` | `host` (`gitlab.com`) | rotate, the old one dies |  | yes | revokes; a renewal ends the access token before it; no `expires_in` means 7200 s |
//! | `google` |  | stay | 182 days without use | yes | `access_type=offline` `prompt=consent`; revokes |
//! | `google-testing` |  | stay | 182 days without use, 7 days in all | yes | `access_type=offline` `prompt=consent`; revokes |
//! | `hubspot` |  | not verified: taken for strict |  | sent | 400 `BAD_REFRESH_TOKEN` is `invalid_grant`; keeps `hub_id`; keeps `user_id` |
//! | `linear` |  | not verified: taken for strict |  | sent | `prompt=consent`; revokes; commas between scopes |
//! | `linkedin` |  | not verified: taken for strict | 365 days in all | refused: say `"pkce": false` | 1 of its own codes explained |
//! | `mailchimp` |  | none |  | sent | no `expires_in` means never; `expires_in` of 0 means never |
//! | `microsoft` | `tenantId` | rotate, the old one stays valid | 90 days without use | yes | 23 of its own codes explained |
//! | `miro` |  | rotate, the old one dies | 60 days without use | sent | a renewal ends the access token before it; no `expires_in` means never; keeps `team_id`; keeps `user_id` |
//! | `okta` | `domain` | rotate, the old one dies |  | sent | revokes; revoking an access token spares its refresh token |
//! | `okta-custom` | `domain`, `serverId` | rotate, the old one dies |  | sent | revokes; revoking an access token spares its refresh token |
//! | `pipedrive` |  | not verified: taken for strict |  | sent | keeps `api_domain` |
//! | `quickbooks` |  | rotate, the old one dies | 100 days without use, 1825 days in all | sent |  |
//! | `salesforce` | `instanceUrl` (`https://login.salesforce.com`) | rotate, the old one dies |  | sent | `prompt=consent`; revokes; keeps `instance_url`; keeps `id` |
//! | `salesforce-sandbox` | `instanceUrl` (`https://test.salesforce.com`) | rotate, the old one dies |  | sent | `prompt=consent`; revokes; keeps `instance_url`; keeps `id` |
//! | `servicenow` | `instance` | not verified: taken for strict | 100 days in all | sent | revokes |
//! | `shopify` | `shop` | rotate, the old one is good for 30 days more | 90 days without use | sent | `expiring=1` in token requests; no `expires_in` means never |
//! | `slack` |  | rotate, the old one dies |  | sent | commas between scopes; no `expires_in` means never; 200 `invalid_refresh_token` is `invalid_grant`; 200 `invalid_code` is `invalid_grant`; 200 `code_already_used` is `invalid_grant`; 200 `invalid_client_id` is `invalid_client`; 200 `bad_client_secret` is `invalid_client`; token type `bot`; token type `user`; keeps `app_id`; keeps `bot_user_id` |
//! | `spotify` |  | not verified: taken for strict |  | sent |  |
//! | `stripe` |  | not verified: taken for strict |  | sent | keeps `stripe_user_id` |
//! | `twitch` |  | not verified: taken for strict |  | sent |  |
//! | `x` |  | rotate, the old one dies |  | required |  |
//! | `xero` |  | rotate, the old one is good for 30 min more | 60 days without use | yes |  |
//! | `zendesk` | `subdomain` | rotate, the old one dies |  | yes | `expires_in=1800` in token requests; a renewal ends the access token before it; no `expires_in` means never |
//! | `zoho` | `dataCenter` (`com`) | stay |  | sent | `access_type=offline` `prompt=consent`; commas between scopes; at most 10 renewals in 600 s; keeps `api_domain` |
//! | `zoom` |  | rotate, the old one dies | 90 days without use | sent | commas between scopes |
