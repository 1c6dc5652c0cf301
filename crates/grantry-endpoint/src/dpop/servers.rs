//! What servers told: the newest nonce of each, and how far each one's clock is from ours.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_core::{Origin, Timestamp};
use http::HeaderValue;

use crate::server_clock::ServerClock;

/// The most servers that are remembered. Whoever presents tokens names its origins, so there are few.
const MOST: usize = 256;

/// Who a proof is for. An authorization server and a resource server keep nonces of their own (RFC 9449 sections 8 and 9),
/// also where both are at one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    AuthorizationServer,
    ResourceServer,
}

/// What is known of one server.
#[derive(Debug, Default)]
struct Known {
    nonce: Option<Arc<str>>,
    /// `None` until it showed a date.
    clock: Option<ServerClock>,
}

#[derive(Debug, Default)]
pub(crate) struct Servers(Mutex<HashMap<(Role, Origin), Known>>);

impl Servers {
    /// The nonce for the next proof to this server, and its time; `None` where it never showed its clock.
    pub(super) fn of(
        &self,
        role: Role,
        origin: &Origin,
        ours: Timestamp,
    ) -> (Option<Arc<str>>, Option<Timestamp>) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&(role, origin.clone())) {
            Some(known) => (known.nonce.clone(), known.clock.as_ref().map(|clock| clock.now(ours))),
            None => (None, None),
        }
    }

    pub(super) fn saw_nonce(&self, role: Role, origin: &Origin, nonce: &str) {
        self.with(role, origin, |known| {
            if known.nonce.as_deref() != Some(nonce) {
                known.nonce = Some(nonce.into());
            }
        });
    }

    pub(super) fn saw_date(&self, role: Role, origin: &Origin, date: &HeaderValue, ours: Timestamp) {
        self.with(role, origin, |known| {
            let _ = known.clock.get_or_insert_default().measure_date(date, ours);
        });
    }

    fn with(&self, role: Role, origin: &Origin, change: impl FnOnce(&mut Known)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&(role, origin.clone())) {
            // Whichever: the next proof for it is asked for a nonce again, that is all.
            let one = all.keys().next().cloned();
            one.and_then(|one| all.remove(&one));
        }
        change(all.entry((role, origin.clone())).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Timestamp = Timestamp::from_unix_seconds(784_111_777);

    #[test]
    fn req_e11_the_nonces_of_servers_never_mix_and_the_newest_counts() {
        let servers = Servers::default();
        let (a, b) = ("https://a.example", "https://b.example");
        let (a, b) = (Origin::parse(a).unwrap(), Origin::parse(b).unwrap());
        servers.saw_nonce(Role::ResourceServer, &a, "old");
        servers.saw_nonce(Role::ResourceServer, &a, "new");
        servers.saw_nonce(Role::AuthorizationServer, &a, "theirs");
        let nonce = |role, origin| servers.of(role, origin, OURS).0;
        assert_eq!(nonce(Role::ResourceServer, &a).as_deref(), Some("new"));
        assert_eq!(nonce(Role::AuthorizationServer, &a).as_deref(), Some("theirs"));
        assert_eq!(nonce(Role::ResourceServer, &b), None);
        assert_eq!(nonce(Role::AuthorizationServer, &b), None);
    }

    #[test]
    fn the_clock_of_one_server_is_no_other_s() {
        let servers = Servers::default();
        let (a, b) =
            (Origin::parse("https://a.example").unwrap(), Origin::parse("https://b.example").unwrap());
        let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:59:37 GMT");
        servers.saw_date(Role::ResourceServer, &a, &date, OURS);
        let time = |origin| servers.of(Role::ResourceServer, origin, OURS).1;
        assert_eq!(time(&a).map(Timestamp::as_unix_seconds), Some(784_111_777 + 600));
        assert_eq!(time(&b), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let servers = Servers::default();
        for port in 1..=1000 {
            let origin = Origin::parse(&format!("https://a.example:{port}")).unwrap();
            servers.saw_nonce(Role::ResourceServer, &origin, "n");
        }
        assert_eq!(servers.0.lock().unwrap().len(), MOST);
    }
}
