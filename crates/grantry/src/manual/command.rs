//! The command: credentials, tokens, keys and the audit trail from a shell.
//!
//! `grantry` (the crate `grantry-cli`) works on one vault: a folder with a SQLite file, a key file beside it, and lifeboats.
//! It opens what programs open, and the other way round, also at the same time.
//!
//! ```console
//! $ grantry vault init
//! made a vault in /home/ana/.local/share/grantry
//! its key is /home/ana/.local/share/grantry/grantry.key
//! keep a copy of the key elsewhere, and no backup of the vault beside it: without it nothing can be opened
//! ```
//!
//! With `--keychain` the key is in the operating system's keychain instead: [`keys`](super::keys).
//!
//! `--vault` and `--key-file`, or `GRANTRY_VAULT` and `GRANTRY_KEY_FILE`, name another place. `--tenant` names whose credentials
//! are meant, `default` where nothing is said. `--json` prints objects whose [form stays](#what-programs-read), with a `version`.
//! Errors go to stderr, with what to do. Tables are as wide as the terminal: what does not fit is cut, and nothing is where no terminal is.
//!
//! # Storing credentials
//!
//! ```console
//! $ grantry auth set --service crm --client-id billing --client-secret-file secret.txt \
//!     --token-url https://as.example.com/token --revocation-url https://as.example.com/revoke
//! stored the credentials of crm (tenant default)
//! $ grantry auth set --service crm --scope contacts.read --buffer-time 120
//! changed the credentials of crm (tenant default)
//! $ grantry auth list
//! SERVICE  CLIENT ID  SECRET  SERVER                        FLOW                GRANTS
//! crm      billing    0 s old  https://as.example.com/token  client_credentials  0
//! ```
//!
//! Whatever a [configuration](super::configuration) says of a service has a flag. A secret is read from stdin, an environment
//! variable, a file, or asked for where somebody sits before a terminal; a client that has none is stored with `--public`. What is
//! not named stays as it was; `--unset FIELD` forgets something. A secret on the command line is taken too, with a
//! warning: every user of the machine can see it while the command runs. A file that everybody may read draws a warning as well,
//! and one that everybody may write is refused, as where a configuration names it.
//!
//! `--dpop` binds tokens to a key that the vault keeps, `--tls-certificate-file` has connections present a certificate, whose
//! private key comes by `--private-key-file`: [`binding`](super::binding).
//!
//! For a provider name it instead of URLs. What it needs is said, and so is what nobody could verify:
//!
//! ```console
//! $ grantry providers show google
//! Google (google)
//!   token endpoint    https://oauth2.googleapis.com/token
//! ...
//!   note              a person may grant a part of the scopes only
//!   not verified      that refresh tokens never change: one that did has been seen, and whatever an answer holds is kept
//! ...
//! $ grantry auth set --service mail --provider google --client-id app.example --client-secret-file secret.txt \
//!     --scope https://www.googleapis.com/auth/gmail.readonly --redirect-uri https://app.example.com/callback
//! stored the credentials of mail (tenant default)
//! mail uses the flow authorization_code: what this provider guards belongs to people, who have to consent
//! for another one: grantry auth set --service mail --flow client_credentials
//! ```
//!
//! Where `--flow` is not given it is chosen: by what is known of the provider, else a person consents wherever the server has an
//! endpoint for that, which the metadata of an issuer mostly names. With `--json` the fields `flow` and `because` say it. Who asks
//! for a token before anybody has consented is told the command to log in by:
//!
//! ```console
//! $ grantry auth token --service mail
//! error: vault: there is no consent for default/mail/default in the vault
//!   to do: have the person authorize: grantry auth login --service mail
//! $ echo $?
//! 4
//! ```
//!
//! # A person's consent
//!
//! `login` sends the person to their browser and waits until it comes back to a port of this machine. One command registers the
//! service too; of a server with metadata the issuer is enough:
//!
//! ```console
//! $ grantry auth login --service calendar --account ann --client-id billing --client-secret-file secret.txt \
//!     --issuer https://as.example.com --scope calendar.read
//! ...
//! to log in, open this address in a browser on this machine:
//!
//!   https://as.example.com/authorize?[..]
//!
//! waiting for the browser to come back, for 10 min
//! logged in to calendar (ann): the access token is valid for 59 min
//! $ grantry auth token --service calendar --account ann > token.txt
//! ```
//!
//! `--no-browser` only prints the address. On a machine without a browser `--device` shows a code to type elsewhere, where the
//! server has that flow; a service that was stored with `--flow device_authorization` needs no flag. What such a flow needs to be registered as is in [`logins`](super::logins).
//!
//! # Tokens for scripts
//!
//! | to | run |
//! |---|---|
//! | have a token in a variable | `TOKEN=$(grantry auth token --service crm)` |
//! | run a program with it | `grantry run --service crm -- ./nightly-report`, and `--env NAME` for another variable than `GRANTRY_TOKEN`; the program does not get the variables from which a configuration takes secrets or the vault's key |
//! | exchange a token that came for one of a service of the flow `token_exchange` | `grantry auth token --service orders --subject-token-stdin < came.txt` |
//! | answer kubectl | `grantry credential-process --service crm --format kubernetes` |
//! | answer a program that wants an object | `grantry credential-process --service crm` |
//! | renew now | `grantry auth refresh --service crm` |
//!
//! ```console
//! $ TOKEN=$(grantry auth token --service crm)
//! $ grantry credential-process --service crm
//! {
//!   "access_token": "at-1-8YxsMXe0M7Ut6Sb6Caracf3a",
//!   "expires_at": "2026-11-26T02:14:30Z",
//!   "expires_in": 3599,
//!   "scope": "contacts.read",
//!   "token_type": "Bearer",
//!   "version": 1
//! }
//! $ grantry auth refresh --service crm
//! renewed crm (default): it is valid for 59 min
//! ```
//!
//! A terminal gets no token unless `--show` asks for it: it would stay in the scroll-back. A bound token is printed with a
//! warning: APIs take it with proofs of the vault's key, or over the certificate's connections, and not by itself. Tokens are kept in the vault, so two
//! scripts at once make one request.
//!
//! # How it stands
//!
//! ```console
//! $ grantry auth status
//! SERVICE   ACCOUNT  STATE   NEXT RENEWAL  LAST RENEWED  PERSON NEEDED  LAST ERROR
//! calendar  ann      active  in 59 min     -             -              -
//! crm       default  active  in 59 min     now           -              -
//! $ grantry auth diagnose --service crm
//! crm (default): active
//! consented 4 s ago, renewed 2 times
//! history:
//!   2026-11-26T01:14:30Z  renewed  by grantry command
//!   2026-11-26T01:14:31Z  renewed  by grantry command
//! $ grantry auth status --check
//! ...
//! ```
//!
//! `auth status --json` has the form of [`Status`](crate::pantry::Status), which a service's health endpoint shares:
//! [`observing`](super::observing#health). With `--check` it ends with 4 where a person has to consent again: a line for monitoring.
//! `--all-tenants` shows those of all tenants, as `auth list --all-tenants` lists their services.
//! [`troubleshooting`](super::troubleshooting) has the rest.
//!
//! # Exchanging a secret
//!
//! <!-- scene: the server accepts a new secret, too -->
//! ```console
//! $ grantry auth rotate --service crm --client-secret-file new-secret.txt
//! stored the new secret beside the old one
//! the server accepts the new secret
//! the new secret is used from now on
//! access tokens of the old secret: 1 revoked, 0 left to expire
//! dropped the old secret
//! done
//! ```
//!
//! The new one is stored beside the old one, tried, used for a renewal, and the old one is dropped at the end; a new secret that
//! the server does not accept is taken out again. It comes by `--client-secret-stdin`, which asks where stdin is a terminal,
//! `--client-secret-env` or `--client-secret-file`. Without a new secret the service's data key and its tokens are made anew, also
//! where the secret stands in a configuration, which is said. See
//! [`rotation`](super::rotation).
//!
//! # What is broken, risky or unused
//!
//! ```console
//! $ grantry doctor --offline
//!          WHERE                                       WHAT
//! warning  calendar, crm                               they share the client billing: its secret opens all of them, and one refusal stops all
//!                                                      -> register a client for each
//! note     /home/ana/.local/share/grantry/grantry.key  the key lies beside the store: a copy of the folder opens everything
//!                                                      -> keep it elsewhere with --key-file or GRANTRY_KEY_FILE
//! 0 broken, 1 warning, 1 note
//! ```
//!
//! It looks at files and their permissions, keys, registrations and grants, and without `--offline` asks the servers too: each
//! once, and an issuer for the endpoints of a service that names nothing else. What it finds is a note, a warning, or broken, with
//! what to do. It ends with 1 where something is broken, and with 0 otherwise. The services and grants are those of `--tenant`; where there
//! are other tenants it says so, and `--all-tenants` looks at all of them.
//!
//! With `--json` each finding has `severity` (`broken`, `warning`, `note`), `check`, `where`, `what` and `remedy`, all of them text;
//! `broken`, `warnings` and `notes` beside `findings` count them, `tenants` names those that were looked at and
//! `tenants_left_out` the others. `check` is one of these words, for programs:
//!
//! | check | what is found |
//! |---|---|
//! | `configuration` | mistakes and warnings of a configuration, secrets that stand in it, what is still missing, a service without a server |
//! | `permissions` | files and folders of the vault, and configurations, that others can read or write |
//! | `vault` | a vault that is not there, or cannot be opened |
//! | `key_beside_store` | a key file in the folder of the store that it opens |
//! | `key_in_keychain` | a key of which the keychain may have the only copy |
//! | `key_age` | keys that should have been exchanged, or that a wrong clock made in the future |
//! | `pkce` | PKCE that is off; `"pkce": false` that is not followed; a provider that refuses PKCE, and a server without S256 |
//! | `redirect_uri` | no https, a fragment or a wildcard; `localhost` and fixed ports; another one in the vault than in the configuration |
//! | `renewal` | tokens that are not renewed before they expire, or are used when they have |
//! | `rotation` | refresh tokens that never change where they could be made to, or that do where nobody expects it |
//! | `token_binding` | a server that binds tokens to keys or certificates, and a service that does not use it |
//! | `shared_client` | one client for several services of a server |
//! | `server` | a server or an issuer that cannot be reached, or does not answer within 15 s |
//! | `clock` | a clock that is more than 5 s from a server's; from 60 s on it is broken |
//! | `metadata` | metadata that cannot be used, or that names other endpoints than those in use |
//! | `grants` | a grant that needs a person, cannot be read, or is in doubt |
//! | `idle` | a grant that nobody has used for 60 days |
//! | `unused` | a grant of which no use was counted, and a secret by which nobody got a token, in 30 days |
//! | `scope` | what was asked for and not granted, granted without being asked for, or granted and asked for no more |
//! | `lifetime` | access tokens that live for more than a day, or for nobody knows how long |
//!
//! Uses are counted where tokens are handed out, and written when a grant is renewed. Which of its scopes a token is used for
//! is known to the resource server alone.
//!
//! # Another vault
//!
//! ```console
//! $ grantry vault migrate --to new --dry-run
//! would bring 3 registrations and 2 grants to new/grantry.db; 0 records were there already
//! $ grantry vault migrate --to new
//! brought 3 registrations and 2 grants to new/grantry.db; 0 records were there already
//! programs that still use the old vault renew no consent there any more[..]
//! $ grantry auth token --service calendar --account ann --vault new > token.txt
//! $ grantry auth token --service calendar --account ann
//! error: vault: the grant was moved to another vault
//!   to do: open the vault that it was moved to; to have it here again, move it back
//! $ echo $?
//! 3
//! ```
//!
//! Everything moves under new keys. Each grant is renewed in one of the two at any time, and a run that is cut off is gone on with.
//! A configuration file in place of the folder names a database (`--to database.json`; the command has to be built with its
//! feature, `postgres` or `redis`). The tables of PostgreSQL are made by `grantry vault init --config owner.json`, with the login
//! of the database's owner; it then says what the login of the vaults needs. `export GRANTRY_VAULT=new` has the rest of this page use the new one:
//!
//! ```console
//! $ export GRANTRY_VAULT=new
//! ```
//!
//! # Services of a configuration
//!
//! `--config grantry.json`, or `GRANTRY_CONFIG`, uses the services of a file besides those of the vault, and the vault that it names:
//! [`configuration`](super::configuration).
//!
//! # Ending it
//!
//! ```console
//! $ grantry auth revoke --service crm
//! ...
//! $ grantry auth remove --service crm
//! removed the credentials of crm
//! $ grantry auth token --service crm
//! error: there is no service crm for the tenant default, neither described here nor registered in the vault
//!   to do: check the names of tenant, service and account, or store what is missing
//! $ echo $?
//! 3
//! ```
//!
//! Both ask the server first. If it cannot be asked, what is needed to ask again stays in the vault, and the command says so;
//! `--local-only` deletes without asking, and the tokens live on until they expire.
//!
//! # What programs read
//!
//! With `--json` each command prints one object, and `version` in it is 1 for as long as none of these names goes or changes its meaning; more
//! may come. `a.b` is a name within another one, `a[]` each of a list; what ends with `?` is there only where it is known. What is
//! known to be nothing is `null`. Moments are `2026-11-26T01:14:30Z`.
//!
//! | of | has `version`, and |
//! |---|---|
//! | `auth set` | `tenant` `service` `created` `vault_created` `flow` `because` `for_another_flow` |
//! | `auth login` | `service` `account` `scope` `missing_scope` `expires_at` `renewable` |
//! | the event `open_url` | on a line of stderr: `event` `url` `expires_in` |
//! | the event `enter_code` | on a line of stderr: `event` `verification_uri` `user_code` `verification_uri_complete` `expires_in` |
//! | the event `warning` | on a line of stderr: `event` `message` |
//! | `auth list` | `services[].tenant` `services[].service` `services[].client_id` `services[].secrets_added[]` `services[].has_private_key` `services[].fields` `services[].described_in` `services[].flow` `services[].grants` `services[].grants_that_need_a_person` |
//! | `auth token` | `access_token` `token_type` `expires_at` `expires_in` `scope` |
//! | `credential-process` | `access_token` `token_type` `expires_at` `expires_in` `scope` |
//! | `auth refresh` | `service` `account` `expires_at` `scope` |
//! | `auth rotate` | `service` `secret_changed` `finished` `resealed` `renewed[]` `old_tokens_revoked` |
//! | `auth rotate`, of a secret | `service` `secret_changed` `finished` `steps[].step` `steps[].revoked?` `steps[].unsupported?` `steps[].failed?` `steps[].unknown?` |
//! | `auth status` | `at` `tenant?` `grants[].tenant` `grants[].service` `grants[].account` `grants[].needs_person` `grants[].state` `grants[].consented_at` `grants[].generation` `grants[].last_renewal_at` `grants[].next_renewal_at` `grants[].person_needed_at` `grants[].idle_limit_at` `grants[].absolute_limit_at` `grants[].calls` `grants[].last_used_day` `grants[].last_error.at` `grants[].last_error.kind` `grants[].last_error.provider_code` `grants[].last_error.remedy` `grants[].last_error.causes[].evidence` `grants[].last_error.causes[].remedy` `grants[].further` `grants[].history[].at` `grants[].history[].by` `grants[].history[].what` `grants[].history[].rotated` `grants[].history[].kind?` `grants[].history[].provider_code?` |
//! | `auth diagnose` | `tenant` `service` `account` `needs_person` `state` `consented_at` `generation` `last_renewal_at` `next_renewal_at` `person_needed_at` `idle_limit_at` `absolute_limit_at` `calls` `last_used_day` `last_error.at` `last_error.kind` `last_error.provider_code` `last_error.remedy` `last_error.causes[].evidence` `last_error.causes[].remedy` `further` `history[].at` `history[].by` `history[].what` `history[].rotated` `history[].kind?` `history[].provider_code?` `had_token` `how_to_authorize` `configuration_error` |
//! | `auth remove` | `service` `removed` `grants[].service` `grants[].account` `grants[].deleted` `grants[].revoked_at_server` `grants[].queued` `grants[].steps[].part` `grants[].steps[].outcome` `grants[].steps[].error` `left[].account` `left[].kind` `left[].message` |
//! | `auth revoke` | `service` `account` `deleted` `revoked_at_server` `queued` `steps[].part` `steps[].outcome` `steps[].error` |
//! | `vault init` | `created` `folder` `store` `key_file` `keychain_entry` |
//! | `vault status` | `folder` `store` `store_bytes` `key_file` `keychain_entry` `tenants[]` `keys[].of` `keys[].tenant` `keys[].made_at` `keys[].age_seconds` `keys[].state` `due_soon_after_days` |
//! | `vault rotate-keys` | `provider_key_promoted` `sets_rewrapped` `new_epochs` `records_seen` `records_resealed` `records_removed` `epochs_retired` `provider_keys_retired` `provider_keys_waiting` `refused[].record` `refused[].why` `failed[].tenant` `failed[].why` |
//! | `vault migrate` | `to` `dry_run` `registrations` `moved` `copied` `there_already` `obstacles[]` |
//! | `vault shred-tenant` | `tenant` `erased` |
//! | `audit show` | `entries[].at` `entries[].process` `entries[].line` `entries[].principal` `entries[].action` `entries[].object` `entries[].decision` `entries[].reason` `entries[].outcome` |
//! | `audit verify` | `intact` `lines` `writers` `breaks[]` `places[].process` `places[].line` `places[].last_line` `places[].kind` `places[].file` `places[].line_of_file` `torn[].file` `torn[].line` `unlisted_breaks` `attempts_without_outcome` `checkpoints_written` |
//! | `config check` | `errors[].source` `errors[].line` `errors[].column` `errors[].what` `errors[].expected` `errors[].nearest` `warnings[].source` `warnings[].line` `warnings[].column` `warnings[].what` `warnings[].expected` `warnings[].nearest` `notes[].source` `notes[].line` `notes[].column` `notes[].what` `notes[].expected` `notes[].nearest` `services[].tenant` `services[].service` `services[].flow` `services[].because` `services[].provider` `services[].token_endpoint` `services[].missing[]` |
//! | `doctor` | `broken` `warnings` `notes` `tenants[]` `tenants_left_out[]` `findings[].severity` `findings[].check` `findings[].where` `findings[].what` `findings[].remedy` |
//! | `providers list` | `providers[].name` `providers[].title` `providers[].aliases[]` `providers[].needs[]` `providers[].token_endpoint` `providers[].authorization_endpoint` `providers[].revocation_endpoint` `providers[].client_authentication_methods[]` `providers[].verified` `providers[].notes[]` `providers[].unverified[]` `providers[].documentation[]` |
//! | `providers show` | `name` `title` `aliases[]` `needs[]` `token_endpoint` `authorization_endpoint` `revocation_endpoint` `client_authentication_methods[]` `verified` `notes[]` `unverified[]` `documentation[]` |
//! | `man` | `folder` |
//! | an error, on stderr | `error.kind` `error.exit_code` `error.message` `error.remedy` `error.causes[]` `error.details[]` |
//!
//! `config schema` is JSON Schema, `credential-process --format kubernetes` is an ExecCredential, `run` prints what its command does,
//! and `completions` has no such form.
//!
//! # Exit codes
//!
//! | code | it means |
//! |---|---|
//! | 0 | done |
//! | 1 | failed |
//! | 2 | usage or configuration |
//! | 3 | not found |
//! | 4 | a person has to authorize again |
//! | 5 | the server or the network |
//! | 6 | the vault or a key |
//! | 130 | interrupted; what was received is stored all the same |
//!
//! `run` ends with the code of what it ran.
//!
//! # Keys and the trail
//!
//! ```console
//! $ grantry vault status
//! vault     new
//! key file  new/grantry.key
//! tenants   1
//!
//! KEY              MADE                  AGE      STATE
//! key file         2026-11-26T01:14:34Z  12 days  fresh
//! the vault's own  2026-11-26T01:14:34Z  12 days  fresh
//! tenant default   2026-11-26T01:14:34Z  12 days  fresh
//! $ grantry vault rotate-keys
//! new keys for 2 sets, 119 of 122 records sealed anew, 0 old keys retired
//! keys that were in use wait for 7 days before they are destroyed
//! $ grantry audit verify --write-checkpoint checkpoints.jsonl
//! intact: 208 lines of 19 processes
//! wrote the checkpoints of 18 processes to checkpoints.jsonl
//! $ grantry audit verify --checkpoint checkpoints.jsonl
//! intact: 212 lines of 20 processes
//! ```
//!
//! Each run of the command is a process with a chain of its own. What is broken is said with its process and the lines there, and
//! the command ends with 6. Why checkpoints are kept elsewhere: [access](super::access#what-verifying-proves); a trail in a
//! folder: [access](super::access#a-trail-in-files). See [`keys`](super::keys) and [`access`](super::access).
//!
//! # Completions and manual pages
//!
//! ```console
//! $ grantry completions bash > grantry.bash
//! $ mkdir man && grantry man man
//! the manual pages are in man
//! ```
