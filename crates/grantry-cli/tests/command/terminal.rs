//! With a person at a terminal.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use grantry_testkit::{DeviceDecision, Endpoint, Fault, RegisteredClient};
use rustix::process::Signal;
use unicode_width::UnicodeWidthStr;

use crate::fixture::{Home, NEW_SECRET, SECRET, server, server_with};
use crate::pty::{TELLS_HOW_IT_ENDED, Terminal};

const SET: &[&str] = &["auth", "set", "--service", "crm", "--client-id", "billing", "--token-url"];
const TOKEN: &[&str] = &["auth", "token", "--service", "crm"];
const SHRED: &[&str] = &["vault", "shred-tenant", "default"];

/// What stands after it in a terminal, each word on a line of its own.
fn echoes_again(seen: &str) -> bool {
    let words = |word: &str| seen.contains(&format!("\n{word}\r"));
    words("echo") && words("icanon") && words("isig") && !words("-echo")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_asked_for_and_does_not_show_while_it_is_typed() {
    let (home, server) = (Home::new(), server().await);
    let url = server.token_endpoint();
    let set = [SET, &[&url]].concat();
    let mut terminal = Terminal::of(home.command(&set));
    terminal.shows("Client secret of crm: ").await;
    // Whoever errs takes it back.
    terminal.types(&format!("wrong\u{15}{SECRET}x\u{7f}\r")).await;
    let (code, seen) = terminal.ends().await;
    assert!(code == Some(0) && seen.contains("stored the credentials of crm"), "{seen:?}");
    assert!(!seen.contains("wrong") && !seen.contains(SECRET), "{seen:?}");
    home.run(TOKEN).await.ends(0);

    let mut terminal = Terminal::of(home.command(&[&set[..], &["--client-secret-stdin"]].concat()));
    terminal.shows("Client secret: ").await;
    terminal.types("\r").await;
    let (code, seen) = terminal.ends().await;
    assert!(code == Some(2) && seen.contains("what was typed is empty"), "{seen:?}");
    home.run(TOKEN).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_types_a_secret_for_a_command_that_is_refused_anyway() {
    let home = Home::new();
    let set = [SET, &["https://as.example.com/token"]].concat();
    for mistake in ["--scope=one,two", "--redirect-uri=http://app.example.com", "--param=no-pair"] {
        for asks in [&[][..], &["--client-secret-stdin"]] {
            let mut terminal = Terminal::of(home.command(&[&set[..], &[mistake], asks].concat()));
            terminal.shows("error: ").await;
            let (code, seen) = terminal.ends().await;
            assert!(code == Some(2) && !seen.contains("Client secret"), "{mistake}: {seen:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_a_question_for_a_secret_gets_the_terminal_back_and_nothing_is_stored() {
    let home = Home::new();
    let set = [SET, &["https://as.example.com/token"]].concat();
    for (keys, signal) in
        [("\u{3}", None), ("half\u{3}", None), ("", Some(Signal::TERM)), ("ha", Some(Signal::INT))]
    {
        let mut terminal = Terminal::of(home.through_shell(TELLS_HOW_IT_ENDED, &set));
        terminal.shows("Client secret of crm: ").await;
        terminal.types(keys).await;
        if let Some(signal) = signal {
            terminal.signals(signal);
        }
        terminal.shows("over").await;
        let (_, seen) = terminal.ends().await;
        assert!(seen.contains("ended with 130") && echoes_again(&seen), "{keys:?}: {seen:?}");
        assert!(!seen.contains("error") && !seen.contains("half"), "{seen:?}");
        assert!(seen.contains(": \r\n"), "what comes next has a line of its own: {seen:?}");
    }
    // The end of the input is no secret.
    let mut terminal = Terminal::of(home.through_shell(TELLS_HOW_IT_ENDED, &set));
    terminal.shows("Client secret of crm: ").await;
    terminal.types("\u{4}").await;
    let (_, seen) = terminal.ends().await;
    assert!(seen.contains("ended with 2") && echoes_again(&seen), "{seen:?}");
    assert!(!home.vault().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_erased_after_its_name_was_typed_and_after_nothing_else() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    for (keys, code) in [("yes\r", 1), ("\r", 1), ("\u{4}", 1), ("\u{3}", 130)] {
        let mut terminal = Terminal::of(home.through_shell(TELLS_HOW_IT_ENDED, SHRED));
        terminal.shows("type the name of the tenant to go on: ").await;
        terminal.types(keys).await;
        let (_, seen) = terminal.ends().await;
        assert!(seen.contains(&format!("ended with {code}")) && echoes_again(&seen), "{keys:?}: {seen:?}");
        assert_eq!(seen.contains("nothing was erased"), code == 1, "{seen:?}");
        assert!(
            code != 130 || seen.contains("^C\r\nended"),
            "what comes next has a line of its own: {seen:?}"
        );
        home.run(TOKEN).await.ends(0);
    }
    let mut terminal = Terminal::of(home.command(SHRED));
    terminal.shows("type the name of the tenant to go on: ").await;
    terminal.types("default\r").await;
    let (code, seen) = terminal.ends().await;
    assert!(code == Some(0) && seen.contains("erased default"), "{seen:?}");
    home.run(TOKEN).await.ends(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_what_waits_for_a_server_goes_on_in_a_line_of_their_own() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(60)).until_cleared());
    let refresh = ["auth", "refresh", "--service", "crm"];
    let mut terminal = Terminal::of(home.through_shell(TELLS_HOW_IT_ENDED, &refresh));
    server.ledger().wait_for(Endpoint::Token, 1, Duration::from_secs(20)).await.unwrap();
    // Twice, since a person does not wait for what was sent.
    terminal.types("\u{3}\u{3}").await;
    let (_, seen) = terminal.ends().await;
    assert!(seen.contains("^C\r\nended with 130") && echoes_again(&seen), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_to_a_person_only_who_asks_for_it() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    for command in
        [TOKEN, &["credential-process", "--service", "crm"], &["auth", "token", "--service", "crm", "--json"]]
    {
        let (code, seen) = Terminal::of(home.command(command)).ends().await;
        assert!(code == Some(2) && seen.contains("--show"), "{command:?}: {seen:?}");
        assert_eq!(server.ledger().count(Endpoint::Token), 0, "none was asked for in vain");
    }
    let token = home.run(TOKEN).await.ends(0).stdout;
    for command in [TOKEN, &["credential-process", "--service", "crm"]] {
        let (code, seen) = Terminal::of(home.command(&[command, &["--show"]].concat())).ends().await;
        assert!(code == Some(0) && seen.contains(token.trim()), "{command:?}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_on_terminals_that_have_them_for_people_who_want_them() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(TOKEN).await.ends(0);
    let status = |name: &str, value: &str| {
        // The last says what counts.
        let lines = format!("export {name}={value}; exec \"$0\" \"$@\"");
        Terminal::of(home.through_shell(&lines, &["auth", "status"])).ends()
    };
    let (_, coloured) = status("X", "x").await;
    assert!(coloured.contains("\u{1b}[32mactive\u{1b}[0m"), "{coloured:?}");
    assert!(status("NO_COLOR", "").await.1.contains("\u{1b}[32m"), "an empty one says nothing");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")] {
        let (code, seen) = status(name, value).await;
        assert!(code == Some(0) && seen.contains("active"), "{seen:?}");
        assert!(!seen.contains('\u{1b}'), "{name}={value}: {seen:?}");
    }
    let piped = home.run(&["auth", "status"]).await.ends(0);
    assert!(!piped.stdout.contains('\u{1b}') && piped.stdout.contains("active"), "{piped:?}");
    let (_, seen) = Terminal::of(home.command(&["auth", "status", "--json"])).ends().await;
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_fit_into_terminals_of_any_width_and_nothing_is_cut_in_a_pipe() {
    let home = Home::new();
    let long = "a-client-with-a-name-that-is-longer-than-most-terminals-are-wide-which-some-have";
    let url = "https://as.example.com/token";
    home.run(&["auth", "set", "--service", "crm", "--client-id", long, "--public", "--token-url", url])
        .await
        .ends(0);
    for (columns, most) in [(80, 80), (20, 34), (1, 34)] {
        let (code, seen) = Terminal::with_columns(home.command(&["auth", "list"]), columns).ends().await;
        let widest = seen.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
        assert!(code == Some(0) && widest <= most, "{columns}: {widest} {seen:?}");
        assert!(seen.contains("crm") && seen.contains('…') && !seen.contains(long), "{columns}: {seen:?}");
    }
    for columns in [1, 20, 80, 4000] {
        for command in [
            ["auth", "set", "--help"].as_slice(),
            &["doctor", "--offline"],
            &["vault", "status"],
            &["audit", "show"],
        ] {
            let (code, _) = Terminal::with_columns(home.command(command), columns).ends().await;
            assert_eq!(code, Some(0), "{command:?} in {columns} columns");
        }
    }
    for (wanted, is_cut) in
        [("30", true), ("0", true), ("4000", false), ("99999999999999999999999", true), ("wide", true)]
    {
        let lines = format!("export COLUMNS={wanted}; exec \"$0\" \"$@\"");
        let (code, seen) = Terminal::of(home.through_shell(&lines, &["auth", "list"])).ends().await;
        assert_eq!((code, seen.contains(long)), (Some(0), !is_cut), "{wanted}: {seen:?}");
    }
    assert!(home.run(&["auth", "list"]).await.ends(0).stdout.contains(long));
}

/// What a person sees, without what paints it.
fn unpainted(seen: &str) -> String {
    let mut parts = seen.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| shown + part.split_once('m').unwrap().1)
}

/// How many columns the widest line takes.
fn widest(seen: &str) -> usize {
    unpainted(seen).lines().map(|line| line.trim_end().width()).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_fits_into_eighty_and_into_forty_columns_whatever_is_written_in_it() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(TOKEN).await.ends(0);
    let wide = "請求書の係の長い名前のクライアント-請求書の係の長い名前のクライアント";
    let set = ["auth", "set", "--service", "erp-of-the-whole-company", "--client-id", wide, "--public"];
    home.run(&[&set[..], &["--token-url", "https://as.example.com/oauth2/v1/token"]].concat()).await.ends(0);
    let config = r#"{ "services": {
  "one": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "請求書の係" },
  "two": { "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "請求書の係",
           "refreshToken": { "enabled": false } } } }"#;
    let path = home.folder.path().join("grantry.json");
    std::fs::write(&path, config).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    // What stands below or above a table are messages, which a terminal wraps by itself.
    for (command, is_cut) in [
        (["auth", "list"].as_slice(), true),
        (&["auth", "status"], true),
        (&["providers", "list"], true),
        (&["audit", "show"], true),
        (&["vault", "status"], true),
        (&["config", "check", "grantry.json"], true),
        (&["doctor", "--offline", "--config", "grantry.json"], false),
    ] {
        let whole = home.run(command).await.ends(0).stdout;
        for columns in [80, 40] {
            let lines = "exec \"$0\" \"$@\" 2>/dev/null";
            let terminal = Terminal::with_columns(home.through_shell(lines, command), columns);
            let (code, mut seen) = terminal.ends().await;
            assert_eq!(code, Some(0), "{command:?}: {seen:?}");
            if command[0] == "vault" {
                // Where it is stands above in full.
                seen = seen.split_once("\r\n\r\n").unwrap().1.to_owned();
            }
            assert!(widest(&seen) <= usize::from(columns), "{command:?}: {}\n{seen}", widest(&seen));
            assert!(is_cut || !seen.contains('…'), "{command:?}: {seen}");
            if command[0] == "doctor" {
                let letters =
                    |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().len();
                assert_eq!(letters(&unpainted(&seen)), letters(&whole), "nothing is left out: {seen}");
            }
        }
    }
    let (_, list) = Terminal::with_columns(home.command(&["auth", "list"]), 80).ends().await;
    assert!(list.contains("請求書の") && list.contains('…'), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_it_got_is_drawn_on_terminals_and_not_where_a_program_reads() {
    let client = RegisteredClient::with_secret("billing", SECRET);
    let (home, server) = (Home::new(), server_with(client).await);
    server.with_authority(|authority, _| {
        let settings = authority.settings_mut();
        (settings.device_decision, settings.device_interval) =
            (DeviceDecision::Approve, Some(Duration::from_secs(1)));
    });
    let facts = server.authorization_server().unwrap();
    let device = facts.device_authorization_endpoint().unwrap().to_string();
    home.set(&server).await.ends(0);
    home.run(TOKEN).await.ends(0);
    let flow = ["--flow", "authorization_code"];
    let set = [
        "auth",
        "set",
        "--service",
        "mail",
        "--client-id",
        "billing",
        "--client-secret-stdin",
        "--device-url",
        &device,
    ];
    home.run_with_stdin(&[&set[..], &["--token-url", &server.token_endpoint()], &flow].concat(), SECRET)
        .await
        .ends(0);
    for (command, drawn) in [
        (["vault", "rotate-keys"].as_slice(), "\r\u{1b}[Krecords [########################] "),
        (&["auth", "login", "--service", "mail", "--device"], "\r\u{1b}[Kwaiting"),
    ] {
        let (code, seen) = Terminal::of(home.command(command)).ends().await;
        assert!(code == Some(0) && seen.contains(drawn), "{command:?}: {seen:?}");
        let (code, seen) = Terminal::of(home.command(&[command, &["--json"]].concat())).ends().await;
        assert!(code == Some(0) && !seen.contains("\u{1b}["), "{command:?}: {seen:?}");
        let piped = home.run(command).await.ends(0);
        assert!(!piped.stderr.contains(['\r', '\u{1b}']), "{piped:?}");
        // A terminal that cannot draw over a line has each thing told once.
        for dumb in ["export TERM=dumb", "unset TERM"] {
            let lines = format!("{dumb}; exec \"$0\" \"$@\"");
            let (code, seen) = Terminal::of(home.through_shell(&lines, command)).ends().await;
            assert!(code == Some(0) && !seen.contains('\u{1b}') && !seen.contains("###"), "{dumb}: {seen:?}");
            assert_eq!(
                seen.matches("\nwaiting").count(),
                usize::from(command[0] == "auth"),
                "{dumb}: {seen:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_is_asked_for_by_rotate_and_does_not_show_while_it_is_typed() {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(TOKEN).await.ends(0);
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", SECRET).or_secret(NEW_SECRET));
    });
    let rotate = ["auth", "rotate", "--service", "crm"];
    let asking = [&rotate[..], &["--client-secret-stdin"]].concat();
    for (keys, code) in [("\r", 2), ("\u{4}", 2), ("half\u{3}", 130)] {
        let mut terminal = Terminal::of(home.through_shell(TELLS_HOW_IT_ENDED, &asking));
        terminal.shows("Client secret: ").await;
        terminal.types(keys).await;
        terminal.shows("over").await;
        let (_, seen) = terminal.ends().await;
        assert!(seen.contains(&format!("ended with {code}")) && echoes_again(&seen), "{keys:?}: {seen:?}");
        assert!(!seen.contains("half") && !seen.contains("stored the new secret"), "{seen:?}");
    }
    let mut terminal = Terminal::of(home.command(&asking));
    terminal.shows("Client secret: ").await;
    terminal.types(&format!("{NEW_SECRET}\r")).await;
    let (code, seen) = terminal.ends().await;
    assert!(code == Some(0) && seen.contains("the new secret is used from now on"), "{seen:?}");
    assert!(!seen.contains(NEW_SECRET) && !seen.contains(SECRET), "{seen:?}");
    server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", NEW_SECRET));
    });
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
    // Without that flag nobody is asked: what is stored is made anew, and how to give a secret is said.
    let (code, seen) = Terminal::of(home.command(&rotate)).ends().await;
    assert!(code == Some(0) && !seen.contains("Client secret: "), "{seen:?}");
    assert!(seen.contains("then give it with --client-secret-stdin"), "{seen:?}");
}
