//! The commands that the project was specified by, as a person types them into a shell.

use std::path::Path;

use grantry_testkit::{Endpoint, TestServer};

use crate::fixture::{Home, NEW_SECRET, SECRET, server};

/// What a shell did with some lines, in which `grantry` is this command.
struct Shell<'a> {
    home: &'a Home,
    variables: Vec<(&'a str, &'a str)>,
}

impl Shell<'_> {
    async fn runs(&self, line: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_grantry"));
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
        let mut command = tokio::process::Command::new("sh");
        command.args(["-euc", line]).env_clear().current_dir(self.home.folder.path());
        command.env("HOME", self.home.folder.path()).env("USER", "ana").env("PATH", path);
        command.envs(self.variables.iter().copied()).stdin(std::process::Stdio::null());
        let output = command.output().await.unwrap();
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{line}\nstdout: {stdout}\nstderr: {stderr}");
        for secret in [SECRET, NEW_SECRET] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{line}: {stdout}{stderr}");
        }
        stdout
    }
}

fn configured(home: &Home, server: &TestServer, client: &str) {
    let url = server.token_endpoint();
    let text = format!(
        r#"{{
  "service": "crm",
  "auth": {{
    "type": "oauth2",
    "flow": "client_credentials",
    "tokenUrl": "{url}",  // the one thing that the commands do not name
    "scopes": ["read:data", "write:data"]{client}
  }}
}}"#
    );
    std::fs::write(home.folder.path().join("grantry.json"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_stored_rotated_listed_and_removed_as_the_specification_has_it() {
    let (home, server) = (Home::new(), server().await);
    configured(&home, &server, "");
    let variables =
        vec![("CLIENT_ID", "billing"), ("CLIENT_SECRET", SECRET), ("GRANTRY_CONFIG", "grantry.json")];
    let shell = Shell { home: &home, variables };
    shell
        .runs(
            "grantry auth set \\
  --service crm \\
  --client-id $CLIENT_ID \\
  --client-secret $CLIENT_SECRET",
        )
        .await;
    let listed = shell.runs("grantry auth list").await;
    assert!(listed.contains("crm") && listed.contains("billing"), "{listed}");
    let token = shell.runs("grantry auth token --service crm").await;
    assert!(!token.trim().is_empty());
    shell.runs("grantry auth rotate --service crm").await;
    let after = shell.runs("grantry auth token --service crm").await;
    assert_ne!(token, after);
    assert!(server.ledger().count(Endpoint::Token) >= 2);
    shell.runs("grantry auth remove --service crm").await;
    let listed = shell.runs("grantry auth list --json").await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert!(listed["services"][0]["client_id"].is_null(), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_refers_to_environment_variables_as_the_specification_has_it() {
    let (home, server) = (Home::new(), server().await);
    let client = r#",
    "clientId": "${GRANTRY_CRM_CLIENT_ID}",
    "clientSecret": "${GRANTRY_CRM_CLIENT_SECRET}""#;
    configured(&home, &server, client);
    let shell = Shell { home: &home, variables: vec![("GIVEN", SECRET)] };
    let exports = "export GRANTRY_CRM_CLIENT_ID=billing\nexport GRANTRY_CRM_CLIENT_SECRET=$GIVEN\n";
    let lines = "grantry vault init\ngrantry auth token --service crm --config grantry.json";
    let token = shell.runs(&format!("{exports}{lines}")).await;
    assert!(!token.trim().is_empty());
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
}
