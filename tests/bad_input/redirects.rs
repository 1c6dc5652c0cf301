//! Redirects of the token endpoint, which would carry the credential to another place.

use grantry_core::{Consumed, ErrorKind};
use grantry_testkit::{RawAnswer, RawServer};

use crate::ask;
use crate::rows::{self, Outcome, Way};

#[tokio::test]
async fn req_a07_no_redirect_is_followed_wherever_it_leads() {
    let elsewhere = RawServer::start(RawAnswer::json(rows::good())).await.unwrap();
    for status in [300, 301, 302, 303, 305, 307, 308] {
        for way in [Way::ClientCredentials, Way::RefreshToken] {
            for location in
                ["/token", &elsewhere.url("/token"), &elsewhere.url("/").replace("127.0.0.1", "localhost")]
            {
                let head = format!("{status} X\r\nLocation: {location}");
                let redirect = RawAnswer::with_length(&head, rows::good());
                // Whoever follows comes to a good answer.
                let server =
                    RawServer::start_sequence([redirect, RawAnswer::json(rows::good())]).await.unwrap();
                let came = ask::ask(&server, way, ask::transport(false)).await;
                let expected = Outcome::Failed {
                    kind: ErrorKind::InvalidAnswer,
                    consumed: Consumed::Unknown,
                    salvaged: Some(rows::REFRESH.to_owned()),
                    wait: None,
                };
                assert_eq!(came.outcome, expected, "{status} to {location}");
                assert_eq!(server.exchanges().len(), 1, "{status} to {location}");
            }
        }
    }
    assert_eq!(elsewhere.exchanges().len(), 0, "a request went to another place");
}
