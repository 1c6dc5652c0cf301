//! How everything is, in the form that is told to others.

use std::time::Duration;

use grantry::TokenSource;
use grantry::vault::GrantRecord;
use grantry_testkit::{Endpoint, Fault};
use serde_json::{Value, json};

use grantry::Clock;

use crate::fixture::{LIFETIME, World, acme, admin};

#[tokio::test(start_paused = true)]
async fn memory_and_vault_tell_the_same_of_a_grant_in_one_form() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    pantry.as_principal(admin()).create_tenant("globex").await.unwrap();
    let globex = pantry.as_principal(admin()).tenant("globex").unwrap();
    globex.source("crm").await.unwrap().token().await.unwrap();

    let memory = serde_json::to_value(pantry.status()).unwrap();
    assert_eq!(memory["version"], 1);
    assert_eq!(memory["at"], world.clock.wall().to_string());
    assert_eq!(memory["process"]["closed"], false);
    assert_eq!(memory["grants"].as_array().unwrap().len(), 2);
    assert!(memory.get("tenant").is_none());
    let of_memory = &memory["grants"][0];
    assert_eq!((&of_memory["tenant"], &of_memory["open"]["condition"]), (&json!("acme"), &json!("fresh")));
    let expires = world.clock.wall().after(LIFETIME).to_string();
    assert_eq!(&of_memory["open"]["expires_at"].as_str().unwrap()[..16], &expires[..16]);

    // The vault knows more of it, and nothing else of the same.
    let status = acme(&pantry).status().await.unwrap();
    assert!(status.is_well() && !status.needs_person());
    let vault = serde_json::to_value(&status).unwrap();
    assert_eq!(vault["tenant"], "acme");
    assert_eq!(vault["grants"].as_array().unwrap().len(), 1, "nothing of globex: {vault}");
    let of_vault = &vault["grants"][0];
    assert_eq!(of_vault["state"], "active");
    for (name, value) in of_memory.as_object().unwrap() {
        assert_eq!(&of_vault[name], value, "{name}");
    }

    // Of all tenants it is the same, one after the other, and of those that were erased nothing.
    let mine = pantry.as_principal(admin());
    mine.create_tenant("gone").await.unwrap();
    mine.vault().erase_tenant(&grantry::TenantId::new("gone").unwrap()).await.unwrap();
    let all = serde_json::to_value(mine.status().await.unwrap()).unwrap();
    assert!(all.get("tenant").is_none(), "{all}");
    assert_eq!(all["grants"].as_array().unwrap().len(), 2, "{all}");
    assert_eq!(all["grants"][0], *of_vault);
    assert_eq!(
        (&all["grants"][1]["tenant"], &all["grants"][1]["state"]),
        (&json!("globex"), &json!("active"))
    );

    // Another process over the same vault tells the same of what is stored.
    let other = world.open([world.service()]).await;
    let stored = |mut status: Value| {
        let object = status.as_object_mut().unwrap();
        object.remove("process");
        let grants = object["grants"].as_array_mut().unwrap();
        grants.iter_mut().for_each(|grant| drop(grant.as_object_mut().unwrap().remove("open")));
        status
    };
    let others = serde_json::to_value(acme(&other).status().await.unwrap()).unwrap();
    assert!(others["grants"][0].get("open").is_none());
    assert_eq!(stored(others), stored(vault));
    pantry.shutdown().await.unwrap();
    assert!(!pantry.status().is_well());
    assert_eq!(serde_json::to_value(pantry.status()).unwrap()["process"]["closed"], true);
}

#[tokio::test(start_paused = true)]
async fn what_needs_somebody_is_not_well() {
    let world = World::new();
    let pantry = world.open([world.service(), world.calendar()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    source.token().await.unwrap();
    assert!(pantry.status().is_well());

    // The server is away: as long as the token is fit nobody is called, and then somebody is.
    world.server.inject(Endpoint::Token, Fault::status(503).until_cleared());
    world.pass(LIFETIME - Duration::from_secs(30)).await;
    let status = pantry.status();
    let open = status.grants[0].open.as_ref().unwrap();
    assert!(status.is_well() && open.trouble.is_some() && open.renewals.1 > 0, "{open:?}");
    world.pass(Duration::from_secs(60)).await;
    let status = pantry.status();
    assert!(!status.is_well() && !status.needs_person(), "{status:?}");
    let told = serde_json::to_value(&status).unwrap();
    assert_eq!(told["grants"][0]["open"]["trouble"]["party"], "authorization_server", "{told}");
    world.server.clear_faults(Endpoint::Token);
    world.pass(Duration::from_secs(600)).await;
    source.token().await.unwrap();
    assert!(pantry.status().is_well());

    // A consent that is refused is a person's matter, whoever is asked.
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(grantry::RefreshToken::new("never granted"), wall);
    acme(&pantry).vault().create_grant("calendar", "user-17", record).await.unwrap();
    let calendar = acme(&pantry).source(("calendar", "user-17")).await.unwrap();
    calendar.token().await.unwrap_err();
    for status in [pantry.status(), acme(&pantry).status().await.unwrap()] {
        assert!(!status.is_well() && status.needs_person(), "{status:?}");
        let told = serde_json::to_value(&status).unwrap();
        let needing: Vec<&Value> =
            told["grants"].as_array().unwrap().iter().filter(|grant| grant["needs_person"] == true).collect();
        assert_eq!(needing.len(), 1, "{told}");
        assert_eq!(needing[0]["account"], "user-17");
        assert!(!told.to_string().contains("never granted"));
    }
}
