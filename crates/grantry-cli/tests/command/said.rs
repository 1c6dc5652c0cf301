//! What a server says beside its tokens.

use grantry_testkit::AnswerStyle;

use crate::fixture::{Home, SECRET, server};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_says_beside_the_token_is_shown_and_moves_no_cursor() {
    let (home, server) = (Home::new(), server().await);
    let said = "https://acme.example/\u{202e}\u{200b}\u{feff}x";
    server.with_authority(|authority, _| {
        let style = AnswerStyle::default().further("instance_url", said).further("id", "7");
        authority.settings_mut().answer_style = style.further("colour", "green");
    });
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let silent = home.run(&["auth", "status"]).await.ends(0);
    assert!(!silent.stdout.contains("THE SERVER SAYS"), "{}", silent.stdout);
    let silent = home.run(&["auth", "status", "--json"]).await.ends(0).json();
    assert_eq!(silent["grants"][0]["further"], serde_json::json!({}));

    let url = server.token_endpoint();
    let set = ["auth", "set", "--service", "org", "--client-id", "billing", "--client-secret-stdin"];
    let more = ["--provider", "salesforce", "--token-url", &url, "--flow", "client_credentials"];
    home.run_with_stdin(&[set.as_slice(), &more].concat(), SECRET).await.ends(0);
    home.run(&["auth", "token", "--service", "org"]).await.ends(0);
    let json = home.run(&["auth", "status", "--service", "org", "--json"]).await.ends(0);
    let further = serde_json::json!({ "id": "7", "instance_url": said });
    assert_eq!(json.json()["grants"][0]["further"], further, "only what the facts say to keep");
    let table = home.run(&["auth", "status"]).await.ends(0);
    assert!(table.stdout.contains("THE SERVER SAYS") && table.stdout.contains("id=7"), "{}", table.stdout);
    let diagnosed = home.run(&["auth", "diagnose", "--service", "org"]).await.ends(0);
    assert!(diagnosed.stdout.contains("the server says: id = 7"), "{}", diagnosed.stdout);
    for shown in [json.stdout, table.stdout, diagnosed.stdout] {
        assert!(shown.contains("https://acme.example/"), "{shown}");
        assert!(shown.is_ascii() && shown.chars().all(|c| !c.is_control() || c == '\n'), "{shown:?}");
    }
}
