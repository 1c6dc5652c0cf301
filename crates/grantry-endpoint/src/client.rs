//! The client: who it is, and how it proves it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use grantry_core::{ClientAuthenticationMethod, ClientId, Error};

use crate::client_authentication::{ClientAuthentication, Credential};

/// A client of an authorization server (RFC 6749 section 2): its identifier and its authentication.
///
/// Clones are the same client: they share which of several secrets works.
///
/// ```
/// use grantry_endpoint::{Client, ClientAuthentication};
/// // The secret is being exchanged: the new one first, the old one until the server has both.
/// let client = Client::new(
///     "orders",
///     ClientAuthentication::secret_basic("the new secret").or_secret("the old secret"),
/// )?;
/// assert!(client.is_confidential());
/// assert!(Client::new("", ClientAuthentication::none()).is_err());
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    id: ClientId,
    method: ClientAuthenticationMethod,
    /// Empty for a public client.
    credentials: Vec<Credential>,
    turn: Mutex<Turn>,
}

/// Which credential is used.
#[derive(Clone, Copy, Default)]
struct Turn {
    current: usize,
    /// How many were refused since one last worked.
    refused: usize,
}

impl Client {
    /// A client with this authentication.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where the identifier or a secret is empty or
    /// holds control characters, or a secret is too short for `client_secret_jwt`.
    pub fn new(id: impl Into<ClientId>, authentication: ClientAuthentication) -> Result<Self, Error> {
        let id = id.into();
        check("client id", id.as_str())?;
        let (method, credentials) = authentication.into_credentials()?;
        Ok(Self(Arc::new(Inner { id, method, credentials, turn: Mutex::default() })))
    }

    /// The client identifier.
    pub fn id(&self) -> &ClientId {
        &self.0.id
    }

    /// How it authenticates.
    pub fn method(&self) -> ClientAuthenticationMethod {
        self.0.method
    }

    /// Whether it has a credential (RFC 6749 section 2.1).
    pub fn is_confidential(&self) -> bool {
        self.0.method != ClientAuthenticationMethod::None
    }

    /// Whether it signs assertions, which depend on the clock.
    pub(crate) fn signs(&self) -> bool {
        use ClientAuthenticationMethod::{ClientSecretJwt, PrivateKeyJwt};
        matches!(self.0.method, ClientSecretJwt | PrivateKeyJwt)
    }

    /// The credential whose turn it is, with its number; `None` for a public client.
    pub(crate) fn credential(&self) -> Option<(usize, &Credential)> {
        let current = self.with_turn(|turn| turn.current);
        self.0.credentials.get(current).map(|credential| (current, credential))
    }

    /// The secrets that the server knows, so that it may write them into what it answers.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.credentials.iter().filter_map(Credential::secret)
    }

    /// The server accepted the client with this credential: it is the one to use, whatever was answered about
    /// others meanwhile.
    pub(crate) fn accepted(&self, nth: usize) {
        self.with_turn(|turn| *turn = Turn { current: nth, refused: 0 });
    }

    /// The server refused this credential: the next request uses the next one. Gives whether that one was not
    /// refused yet since one last worked.
    pub(crate) fn refused(&self, nth: usize) -> bool {
        let all = self.0.credentials.len();
        self.with_turn(|turn| {
            // A late answer about another credential says nothing about this one.
            if turn.current != nth {
                return true;
            }
            turn.current = (nth + 1) % all.max(1);
            turn.refused += 1;
            if turn.refused >= all {
                turn.refused = 0;
                return false;
            }
            true
        })
    }

    fn with_turn<T>(&self, with: impl FnOnce(&mut Turn) -> T) -> T {
        with(&mut self.0.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.0.id)
            .field("method", &self.0.method)
            .finish_non_exhaustive()
    }
}

/// Neither empty nor with control characters.
pub(crate) fn check(what: &str, text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::configuration(format!("the {what} is empty: set the one that the server issued")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::configuration(format!(
            "the {what} holds a control character, such as a line break at its end: remove it"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_secret_gives_way_to_the_next_and_the_one_that_works_is_remembered() {
        let both = ClientAuthentication::secret_post("a").or_secret("b");
        let client = Client::new("c", both).unwrap();
        assert_eq!(client.credential().unwrap().0, 0);
        assert!(client.refused(0), "the second was not tried yet");
        assert!(client.refused(0), "a late answer changes nothing");
        assert_eq!(client.credential().unwrap().0, 1);
        client.accepted(1);
        assert_eq!(client.clone().credential().unwrap().0, 1);
        assert!(client.refused(1));
        assert!(!client.refused(0), "both were refused in a row");
    }

    #[test]
    fn a_secret_that_works_is_used_again_although_another_request_with_it_was_refused() {
        let both = ClientAuthentication::secret_post("good").or_secret("bad");
        let client = Client::new("c", both).unwrap();
        assert!(client.refused(0), "by a replica that lags behind");
        client.accepted(0);
        assert_eq!(client.credential().unwrap().0, 0);
        assert!(client.refused(0), "the other one was not refused since");
    }

    #[test]
    fn a_mistaken_client_is_refused_when_it_is_built() {
        for id in ["", "a\n", "a\0b", "\u{85}"] {
            assert!(Client::new(id, ClientAuthentication::none()).is_err(), "{id:?}");
        }
        for secret in ["", "s\r\n"] {
            assert!(Client::new("a", ClientAuthentication::secret_basic(secret)).is_err(), "{secret:?}");
        }
        let short = Client::new("a", ClientAuthentication::secret_jwt("short")).unwrap_err();
        assert!(short.to_string().contains("32"), "{short}");
    }
}
