//! A server, a flow, and a clock that goes along with tokio's paused time.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::Instant;
use grantry_device_authorization::*;
use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint, Transport};
use grantry_testkit::*;

pub(crate) const CLIENT: &str = "tv";
pub(crate) const SECRET: &str = "a client secret";

/// A server in memory and everything around it.
pub(crate) struct Case {
    pub(crate) server: TestServer,
    pub(crate) clock: ManualClock,
    pub(crate) flow: DeviceAuthorization,
}

pub(crate) fn builder(
    server: &TestServer,
    clock: &ManualClock,
    transport: impl Transport,
) -> DeviceAuthorizationBuilder {
    let facts = server.authorization_server().unwrap();
    let client = Client::new(CLIENT, ClientAuthentication::secret_basic(SECRET)).unwrap();
    let endpoint = TokenEndpoint::builder(facts, client, Arc::new(transport))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap();
    DeviceAuthorization::builder(endpoint)
}

pub(crate) fn server(clock: &ManualClock) -> TestServer {
    let client = RegisteredClient::with_secret(CLIENT, SECRET);
    TestServer::builder().client(client).clock(Arc::new(clock.clone())).build()
}

impl Case {
    /// Only inside of a runtime with paused time.
    pub(crate) fn new() -> Self {
        Self::over(|transport| transport)
    }

    pub(crate) fn over<T: Transport>(wrap: impl FnOnce(InMemoryTransport) -> T) -> Self {
        let clock = ManualClock::following_tokio();
        let server = server(&clock);
        let flow = builder(&server, &clock, wrap(server.transport())).scope("read write").build().unwrap();
        Self { server, clock, flow }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.server.with_authority(|authority, _| change(authority.settings_mut()));
    }

    /// Makes the next polls go wrong.
    pub(crate) fn polls_fail(&self, fault: Fault) {
        self.server.inject(Endpoint::Token, fault);
    }

    /// An error answer to the next poll, in place of the server's.
    pub(crate) fn next_poll_says(&self, status: u16, code: &str) {
        self.polls_fail(Fault::status(status).with_body(format!(r#"{{"error":"{code}"}}"#)));
    }

    /// When each poll left, in seconds after the codes were asked for; timers in paused time are late by some
    /// milliseconds at most.
    pub(crate) fn polls(&self) -> Vec<u64> {
        let begun = self.server.ledger().last(Endpoint::DeviceAuthorization).unwrap().at;
        let seconds = |at: Instant| {
            let passed = at.since(begun);
            assert!(passed.subsec_millis() < 100, "{passed:?}");
            passed.as_secs()
        };
        self.server.ledger().of(Endpoint::Token).iter().map(|entry| seconds(entry.at)).collect()
    }

    /// Begins, has the person approve so many seconds later, and waits for the end.
    pub(crate) async fn run(&self, approve_after: u64) -> Result<DeviceGranted, DeviceUnfinished> {
        let pending = self.flow.begin().await.unwrap();
        let user_code = pending.user_code().to_owned();
        let person = async {
            tokio::time::sleep(Duration::from_secs(approve_after)).await;
            self.server.approve(&user_code);
        };
        // Whoever comes first: the person may be too late.
        let mut finish = std::pin::pin!(pending.finish());
        tokio::select! {
            biased;
            finished = &mut finish => finished,
            () = person => finish.await,
        }
    }
}
