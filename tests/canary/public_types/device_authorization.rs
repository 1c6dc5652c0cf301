//! Samples of the device authorization flow, whose codes are the canary.

use std::sync::Mutex;

use grantry_core::Scope;
use grantry_device_authorization::{DeviceAuthorization, DeviceEnding, Waiting};

use super::Printed;
use super::token_endpoint::{answering, device_codes, plain_refusal, refusal, tokens};
use crate::secrets::CANARY;

pub(super) async fn device_authorization(to: &Printed) {
    let builder = || {
        let (pending, denied) = (plain_refusal("authorization_pending"), plain_refusal("access_denied"));
        let answers = [device_codes(), device_codes(), pending, denied];
        DeviceAuthorization::builder(answering(answers)).scope("a").parameter("api_key", CANARY)
    };
    to.print("grantry_device_authorization::DeviceAuthorizationBuilder", &builder());
    let flow = builder().build().unwrap();
    to.print("grantry_device_authorization::DeviceAuthorization", &flow);
    let _another = flow.begin().await.unwrap();
    let denied = flow.begin().await.unwrap();
    assert_eq!(denied.user_code(), CANARY);
    to.print("grantry_device_authorization::PendingDevice", &denied);

    let endpoint = answering([device_codes(), tokens(), device_codes(), refusal("invalid_client")]);
    let flow = DeviceAuthorization::builder(endpoint).scope("a").build().unwrap();
    let approved = flow.begin().await.unwrap();
    let told = Mutex::new(None::<Waiting>);
    let denied = denied.finish_telling(|waiting| {
        told.lock().unwrap().get_or_insert(waiting);
    });
    // Each waits for the seconds that its server asks for.
    let (denied, granted) = tokio::join!(denied, approved.finish());
    let granted = granted.unwrap();
    assert_eq!(granted.requested, Scope::parse("a").unwrap());
    assert!(granted.id_token.is_some() && granted.refresh_token().is_some());
    to.print("grantry_device_authorization::DeviceGranted", &granted);
    let denied = denied.unwrap_err();
    assert_eq!(denied.ending, DeviceEnding::Denied);
    to.print("grantry_device_authorization::DeviceEnding", &denied.ending);
    to.print("grantry_device_authorization::DeviceUnfinished", &denied);
    to.shown.chain(&denied);
    to.shown.error(&denied.error);
    let told = told.lock().unwrap().take().unwrap();
    to.print("grantry_device_authorization::WaitingFor", &told.waiting_for);
    to.print("grantry_device_authorization::Waiting", &told);
    to.shown.debug(&told.to_string());

    let refused = flow.begin().await.unwrap().finish().await.unwrap_err();
    assert!(refused.ending == DeviceEnding::Failed && refused.salvaged.is_some(), "{refused:?}");
    to.print("grantry_device_authorization::DeviceUnfinished", &refused);
    to.shown.error(&refused.error);
}
