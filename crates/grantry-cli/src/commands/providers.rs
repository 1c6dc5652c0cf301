//! `providers list` and `providers show`.

use grantry::Rotation;
use grantry::providers::{Preset, catalogue, find};
use serde_json::{Value, json};

use crate::arguments::ProvidersCommand;
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND};
use crate::spoken::length;
use crate::table::Table;

pub(super) fn run(console: &Console, wanted: &ProvidersCommand) -> Result<(), Failed> {
    match wanted {
        ProvidersCommand::List => list(console),
        ProvidersCommand::Show { name } => show(console, name),
    }
}

fn list(console: &Console) -> Result<(), Failed> {
    if console.json {
        let all: Vec<Value> = catalogue().map(of).collect();
        return console.object(json!({ "providers": all }));
    }
    let mut table = Table::new(&["PROVIDER", "NAME", "NEEDS", "TOKEN ENDPOINT", "READ LAST"]);
    for preset in catalogue() {
        let needed: Vec<&str> = preset.parameters.iter().map(|parameter| parameter.name).collect();
        table.row([
            preset.name.into(),
            preset.title.into(),
            needed.join(", ").into(),
            preset.token_endpoint.as_str().into(),
            preset.verified.into(),
        ]);
    }
    console.table(&table)
}

fn show(console: &Console, name: &str) -> Result<(), Failed> {
    let Some(preset) = find(name) else {
        let fact = format!("no provider is called {name}");
        return Err(Failed::new(NOT_FOUND, fact).with_remedy("see: grantry providers list"));
    };
    if console.json {
        return console.object(of(preset));
    }
    let mut text = format!("{} ({})\n", preset.title, preset.name);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<17} {value}\n"));
    line("token endpoint", preset.token_endpoint.as_str().to_owned());
    if let Some(endpoint) = preset.authorization_endpoint {
        line("authorization", endpoint.as_str().to_owned());
    }
    if let Some(endpoint) = preset.revocation_endpoint {
        line("revocation", endpoint.as_str().to_owned());
    }
    for parameter in preset.parameters {
        line("needs", format!("{}, {}: {}", parameter.name, parameter.title, parameter.expected));
    }
    line("refresh tokens", rotation(preset));
    line("client auth", methods(preset).join(", "));
    line("read last", preset.verified.to_owned());
    preset.notes.iter().for_each(|note| line("note", (*note).to_owned()));
    preset.unverified.iter().for_each(|fact| line("not verified", (*fact).to_owned()));
    preset.documentation.iter().for_each(|page| line("documentation", (*page).to_owned()));
    console.data(&text)
}

/// What becomes of refresh tokens that were used.
fn rotation(preset: &Preset) -> String {
    match preset.rotation {
        Rotation::None => "stay as they are, where there are any".to_owned(),
        Rotation::KeepOld => "rotate, and the old one stays valid".to_owned(),
        Rotation::Grace { window, .. } => {
            format!("rotate, and the old one is good for {} more", length(window))
        }
        Rotation::Strict { revokes_family: true } => {
            "rotate, and the old one dies: its use ends the grant".to_owned()
        }
        _ => "rotate, and the old one dies".to_owned(),
    }
}

fn methods(preset: &Preset) -> Vec<&'static str> {
    preset.client_authentication_methods.iter().map(|method| method.as_str()).collect()
}

fn of(preset: &Preset) -> Value {
    json!({
        "name": preset.name,
        "title": preset.title,
        "aliases": preset.aliases,
        "needs": preset.parameters.iter().map(|parameter| parameter.name).collect::<Vec<_>>(),
        "token_endpoint": preset.token_endpoint.as_str(),
        "authorization_endpoint": preset.authorization_endpoint.map(|template| template.as_str().to_owned()),
        "revocation_endpoint": preset.revocation_endpoint.map(|template| template.as_str().to_owned()),
        "client_authentication_methods": methods(preset),
        "verified": preset.verified,
        "notes": preset.notes,
        "unverified": preset.unverified,
        "documentation": preset.documentation,
    })
}
