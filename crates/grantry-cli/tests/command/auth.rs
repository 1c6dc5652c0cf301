//! Set, list, token, refresh, rotate, remove: from end to end.

use std::os::unix::fs::PermissionsExt;

use grantry_testkit::{Endpoint, Fault, RegisteredClient};

use crate::fixture::{Home, NEW_SECRET, SECRET, server};

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_stored_listed_used_rotated_and_removed() {
    let (home, server) = (Home::new(), server().await);
    let set = home.set(&server).await.ends(0);
    assert!(set.stderr.contains("made a vault in"), "{}", set.stderr);
    assert!(set.stdout.is_empty());

    let list = home.run(&["auth", "list"]).await.ends(0);
    assert!(list.stdout.contains("crm") && list.stdout.contains("billing"), "{}", list.stdout);

    let first = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let token = first.stdout.trim().to_owned();
    assert!(!token.is_empty() && first.stderr.is_empty(), "{first:?}");
    let second = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_eq!(second.stdout.trim(), token, "the vault has it");
    assert_eq!(server.ledger().count(Endpoint::Token), 1);

    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
    let renewed = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_ne!(renewed.stdout.trim(), token);

    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", SECRET).or_secret(NEW_SECRET));
    });
    let flags = ["auth", "rotate", "--service", "crm", "--client-secret-stdin"];
    let rotated = home.run_with_stdin(&flags, NEW_SECRET).await.ends(0);
    for step in ["stored the new secret", "accepts the new secret", "1 revoked", "dropped the old secret"] {
        assert!(rotated.stderr.contains(step), "{step}: {}", rotated.stderr);
    }
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", NEW_SECRET));
    });
    let after = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_ne!(after.stdout, renewed.stdout);

    let removed = home.run(&["auth", "remove", "--service", "crm"]).await.ends(0);
    assert!(removed.stderr.contains("access token: revoked at the server"), "{}", removed.stderr);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(3);
    let list = home.run(&["auth", "list"]).await.ends(0);
    assert!(list.stdout.is_empty() && list.stderr.contains("auth set"), "{list:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_people_consent_a_new_secret_is_proven_without_a_revocation_endpoint() {
    let (home, server) = (Home::new(), server().await);
    let token_url = server.token_endpoint();
    let authorize = server.authorization_server().unwrap().authorization_endpoint().unwrap().to_string();
    let set = ["auth", "set", "--service", "mail", "--client-id", "billing", "--client-secret-stdin"];
    let more = ["--token-url", &token_url, "--authorization-url", &authorize];
    let flow = ["--flow", "authorization_code", "--redirect-uri", "http://127.0.0.1/callback"];
    home.run_with_stdin(&[&set[..], &more, &flow].concat(), SECRET).await.ends(0);
    let rotate = ["auth", "rotate", "--service", "mail", "--client-secret-stdin"];

    server.inject(Endpoint::Token, Fault::status(401).with_body(r#"{"error":"unauthorized_client"}"#));
    let unproven = home.run_with_stdin(&rotate, NEW_SECRET).await.ends(5).stderr;
    for said in ["does not prove the new secret", "(unauthorized_client)", "to do: "] {
        assert!(unproven.contains(said), "{said}: {unproven}");
    }
    let wrong = home.run_with_stdin(&rotate, NEW_SECRET).await.ends(5).stderr;
    assert!(wrong.contains("does not accept the new secret: took it out again"), "{wrong}");
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", SECRET).or_secret(NEW_SECRET));
    });
    let proven = home.run_with_stdin(&rotate, NEW_SECRET).await.ends(0).stderr;
    assert!(proven.contains("the server accepts the new secret"), "{proven}");
    assert!(proven.contains("dropped the old secret"), "{proven}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_new_secret_rotate_brings_fresh_keys_and_tokens_and_says_that_the_secret_is_the_same() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let before = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let rotated = home.run(&["auth", "rotate", "--service", "crm"]).await.ends(0);
    for said in ["fresh data key", "revoked 1 old access token", "secret itself is unchanged"] {
        assert!(rotated.stderr.contains(said), "{said}: {}", rotated.stderr);
    }
    let after = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_ne!(before.stdout, after.stdout);
    let json = home.run(&["auth", "rotate", "--service", "crm", "--json"]).await.ends(0).json();
    assert_eq!((json["secret_changed"].as_bool(), json["finished"].as_bool()), (Some(false), Some(true)));
    home.run(&["auth", "rotate", "--service", "payroll"]).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_comes_from_an_environment_variable_or_a_file_too() {
    let (mut home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", SECRET).or_secret(NEW_SECRET));
    });
    let rotate = ["auth", "rotate", "--service", "crm"];
    let by_variable = [&rotate[..], &["--client-secret-env", "NEW_CRM_SECRET"]].concat();
    let unset = home.run(&by_variable).await.ends(2);
    assert!(unset.stderr.contains("NEW_CRM_SECRET is not set"), "{}", unset.stderr);
    home.variables.push(("NEW_CRM_SECRET", String::new()));
    let empty = home.run(&by_variable).await.ends(2);
    assert!(empty.stderr.contains("the client secret from NEW_CRM_SECRET is empty"), "{}", empty.stderr);
    home.variables = vec![("NEW_CRM_SECRET", NEW_SECRET.to_owned())];
    // Who gives the secret in a variable's place is not told it back.
    let slipped = home.run(&[&rotate[..], &["--client-secret-env", SECRET]].concat()).await.ends(2);
    assert!(slipped.stderr.contains("that --client-secret-env names"), "{}", slipped.stderr);
    let rotated = home.run(&by_variable).await.ends(0);
    assert!(rotated.stderr.contains("the new secret is used from now on"), "{}", rotated.stderr);
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", NEW_SECRET));
    });
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);

    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", NEW_SECRET).or_secret(SECRET));
    });
    let file = home.folder.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let rotated = home.run(&[&rotate[..], &["--client-secret-file", "secret"]].concat()).await.ends(0);
    assert!(!rotated.stderr.contains("warning"), "{}", rotated.stderr);
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_that_the_server_does_not_accept_leaves_the_old_one_in_use() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let flags = ["auth", "rotate", "--service", "crm", "--client-secret-stdin"];
    let rotated = home.run_with_stdin(&flags, NEW_SECRET).await.ends(5);
    assert!(rotated.stderr.contains("took it out again"), "{}", rotated.stderr);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_command_of_the_specification_works_at_once_and_says_what_is_missing() {
    let (home, server) = (Home::new(), server().await);
    let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret", SECRET];
    let set = home.run(&flags).await.ends(0);
    assert!(set.stderr.contains("warning: other users of this machine"), "{}", set.stderr);
    assert!(set.stderr.contains("--token-url"), "{}", set.stderr);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(2);
    assert!(token.stderr.contains("token endpoint"), "{}", token.stderr);
    home.run(&["auth", "set", "--service", "crm", "--token-url", &server.token_endpoint()]).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_named_stays_and_what_is_unset_goes() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "set", "--service", "crm", "--audience", "https://api.example.com"]).await.ends(0);
    let fields = |json: serde_json::Value| json["services"][0]["fields"].clone();
    let listed = fields(home.run(&["auth", "list", "--json"]).await.ends(0).json());
    assert_eq!(listed["audience"], "https://api.example.com");
    assert_eq!(listed["scopes"], "contacts.read");
    home.run(&["auth", "set", "--service", "crm", "--unset", "audience"]).await.ends(0);
    let listed = fields(home.run(&["auth", "list", "--json"]).await.ends(0).json());
    assert!(listed["audience"].is_null());
    let again = home.run(&["auth", "set", "--service", "crm", "--unset", "audience"]).await.ends(2);
    assert!(
        again.stderr.contains("name one of what is stored: revocation_url, scopes, token_url"),
        "{again:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_consent_for_a_clients_own_tokens_that_are_being_revoked() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    server.inject(Endpoint::Revocation, Fault::status(503).until_cleared());
    home.run(&["auth", "remove", "--service", "crm"]).await.ends(5);
    for command in ["auth token", "auth refresh", "auth rotate", "credential-process"] {
        let words: Vec<&str> = command.split(' ').chain(["--service", "crm"]).collect();
        let said = home.run(&words).await.ends(5).stderr;
        assert!(!said.contains("login") && !said.contains("consent"), "{command}: {said}");
        assert!(
            said.contains("ask it again: grantry auth revoke --service crm; with --local-only"),
            "{said}"
        );
    }
    let diagnosed = home.run(&["auth", "diagnose", "--service", "crm"]).await.ends(0).stdout;
    assert!(diagnosed.contains("to do: ask it again: grantry auth revoke --service crm"), "{diagnosed}");
    server.clear_faults(Endpoint::Revocation);
    home.run(&["auth", "revoke", "--service", "crm"]).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    // Nor where its server takes a client's own request for a spent grant.
    let refused = Fault::status(400).with_body(r#"{"error":"invalid_grant"}"#).until_cleared();
    server.inject(Endpoint::Token, refused);
    home.run(&["auth", "refresh", "--service", "crm"]).await;
    let diagnosed = home.run(&["auth", "diagnose", "--service", "crm"]).await;
    assert!(!diagnosed.stdout.contains("auth login"), "{diagnosed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_grant_is_revoked_and_the_next_token_is_new() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let before = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let json = home.run(&["auth", "revoke", "--service", "crm", "--json"]).await.ends(0).json();
    assert_eq!(json["revoked_at_server"], true);
    home.run(&["auth", "revoke", "--service", "crm"]).await.ends(3);
    let after = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_ne!(before.stdout, after.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_how_grants_are_and_diagnose_why() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let status = home.run(&["auth", "status"]).await.ends(0);
    assert!(status.stdout.contains("active"), "{}", status.stdout);
    let json = home.run(&["auth", "status", "--json", "--check"]).await.ends(0).json();
    let grant = &json["grants"][0];
    assert_eq!((grant["service"].as_str(), grant["state"].as_str()), (Some("crm"), Some("active")));
    assert!(grant["next_renewal_at"].is_string());
    let diagnosed = home.run(&["auth", "diagnose", "--service", "crm"]).await.ends(0);
    assert!(diagnosed.stdout.contains("history:"), "{}", diagnosed.stdout);
    home.run(&["auth", "status", "--service", "payroll"]).await.ends(3);
    home.run(&["auth", "diagnose", "--service", "payroll"]).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_see_each_other() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let other = home.run(&["auth", "token", "--service", "crm", "--tenant", "acme"]).await.ends(3);
    assert!(other.stderr.contains("the tenant acme"), "{}", other.stderr);
    let token_url = server.token_endpoint();
    let flags = ["--tenant", "acme", "auth", "set", "--service", "crm", "--client-id", "other"];
    let more = ["--client-secret-stdin", "--token-url", &token_url];
    home.run_with_stdin(&[flags.as_slice(), &more].concat(), NEW_SECRET).await.ends(0);
    let list = home.run(&["auth", "list", "--all-tenants", "--json"]).await.ends(0).json();
    assert_eq!(list["services"].as_array().unwrap().len(), 2);
    let list = home.run(&["auth", "list", "--json"]).await.ends(0).json();
    assert_eq!(list["services"][0]["client_id"], "billing");
    assert_eq!(list["services"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grants_of_all_tenants_are_shown_at_once_and_those_of_erased_ones_are_none() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    let url = server.token_endpoint();
    for tenant in ["acme", "gone"] {
        let set = ["auth", "set", "--tenant", tenant, "--service", "erp", "--client-id", "billing"];
        let more = ["--client-secret-stdin", "--token-url", &url];
        home.run_with_stdin(&[&set[..], &more].concat(), SECRET).await.ends(0);
        home.run(&["auth", "token", "--service", "erp", "--tenant", tenant]).await.ends(0);
    }
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    home.run(&["vault", "shred-tenant", "gone", "--yes"]).await.ends(0);
    let all = home.run(&["auth", "status", "--all-tenants"]).await.ends(0).stdout;
    let lines: Vec<Vec<&str>> = all.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(
        lines,
        [["TENANT", "SERVICE", "ACCOUNT"], ["acme", "erp", "default"], ["default", "crm", "default"]]
    );
    let json = home.run(&["auth", "status", "--all-tenants", "--json"]).await.ends(0).json();
    let of = |grant: &serde_json::Value| (grant["tenant"].clone(), grant["service"].clone());
    let grants: Vec<_> = json["grants"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(grants, [("acme".into(), "erp".into()), ("default".into(), "crm".into())]);
    assert!(json.get("tenant").is_none(), "{json}");
    let status = ["auth", "status", "--service"];
    assert!(
        !home.run(&[&status[..], &["erp", "--all-tenants"]].concat()).await.ends(0).stdout.contains("crm")
    );
    home.run(&[&status[..], &["erp"]].concat()).await.ends(3);
    home.run(&[&status[..], &["payroll", "--all-tenants"]].concat()).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_alone_says_where_everything_is() {
    let (home, server) = (Home::new(), server().await);
    let issuer = server.issuer();
    let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
    let more = ["--issuer", &issuer, "--flow", "client_credentials"];
    home.run_with_stdin(&[flags.as_slice(), &more].concat(), SECRET).await.ends(0);
    let listed = home.run(&["auth", "list", "--json"]).await.ends(0).json();
    let fields = &listed["services"][0]["fields"];
    assert_eq!(fields["token_url"], server.token_endpoint());
    let others = ["revocation_url", "device_url", "jwks_uri"];
    assert!(others.iter().all(|name| fields[name].is_string()), "{fields}");
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let gone =
        ["auth", "set", "--service", "erp", "--client-id", "x", "--public", "--issuer", "http://127.0.0.1:9"];
    home.run(&gone).await.ends(5);
    home.run(&["auth", "status", "--service", "erp"]).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_asked_only_where_nothing_else_that_was_given_is_wrong() {
    let home = Home::new();
    let of_nobody = ["--client-id", "x", "--issuer", "http://127.0.0.1:9"];
    for (service, mistake) in [
        ("a/b", "--public"),
        ("crm", "--scope=one,two"),
        ("crm", "--param=no-pair"),
        ("crm", "--redirect-uri= https://app.example.com"),
        ("crm", "--auth-method=by-handshake"),
        ("crm", "--signing-algorithm=none"),
        ("crm", "--authorization-url=ftp://as.example.com"),
    ] {
        for command in ["set", "login"] {
            let given = ["auth", command, "--service", service, "--public", mistake];
            let given = if mistake == "--public" { &given[..5] } else { &given };
            home.run(&[given, &of_nobody].concat()).await.ends(2);
        }
    }
    let lacking = home.run(&[&["auth", "set", "--service", "crm"], &of_nobody[..]].concat()).await.ends(2);
    assert!(lacking.stderr.contains("--client-secret-stdin"), "{}", lacking.stderr);
    assert!(!home.vault().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flow_that_an_issuer_leads_to_is_told_with_the_reason_and_how_to_have_another() {
    let (home, server) = (Home::new(), server().await);
    let issuer = server.issuer();
    let flags = ["auth", "set", "--service", "crm", "--client-id", "billing", "--client-secret-stdin"];
    let set = [flags.as_slice(), &["--issuer", &issuer]].concat();
    let told = home.run_with_stdin(&set, SECRET).await.ends(0);
    let lines = "crm uses the flow authorization_code: its server has an authorization endpoint, where a person consents\n\
                 for another one: grantry auth set --service crm --flow client_credentials\n";
    assert!(told.stderr.ends_with(lines), "{}", told.stderr);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(4);
    let change = ["auth", "set", "--service", "crm", "--flow", "client_credentials", "--json"];
    let json = home.run(&change).await.ends(0).json();
    assert_eq!(json["flow"], "client_credentials");
    assert_eq!(json["because"], "the command says so");
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    // Nobody is told again what was said once.
    let again = home.run_with_stdin(&set, SECRET).await.ends(0);
    assert!(!again.stderr.contains("uses the flow"), "{}", again.stderr);
    let other = [&["auth", "set", "--service", "erp"], &set[4..], &["--json"]].concat();
    let json = home.run_with_stdin(&other, SECRET).await.ends(0).json();
    assert_eq!(json["flow"], "authorization_code");
    assert!(json["because"].as_str().unwrap().contains("has an authorization endpoint"), "{json}");
    assert_eq!(json["for_another_flow"], "grantry auth set --service erp --flow client_credentials");
}
