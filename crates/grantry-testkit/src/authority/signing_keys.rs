//! The keys that ID tokens are signed with, and how they are published (RFC 7517).

use grantry_endpoint::Answer;
use grantry_jose::{Algorithm, Jwk, SigningKey};
use http::{Method, StatusCode};
use serde::Serialize;

use super::Authority;
use super::answers::{self, Refusal};
use super::store::Store;
use crate::ReceivedRequest;

/// Nothing here generates RSA keys, so two take turns. Everybody knows them.
const RSA: [&str; 2] = [include_str!("keys/rsa-1.pem"), include_str!("keys/rsa-2.pem")];

/// The keys of one server, which are made when they are first asked for.
#[derive(Default)]
pub(super) struct SigningKeys {
    generation: usize,
    current: Vec<SigningKey>,
}

#[derive(Serialize)]
struct Published {
    keys: Vec<Jwk>,
}

impl SigningKeys {
    /// Other keys from now on.
    pub(super) fn rotate(&mut self) {
        self.generation += 1;
        self.current.clear();
    }
}

/// The key for an algorithm.
pub(super) fn of(authority: &mut Authority, algorithm: Algorithm) -> Result<SigningKey, Refusal> {
    let found = all(authority)?.iter().find(|key| key.algorithm() == algorithm);
    found.cloned().ok_or(Refusal::new("server_error", "there is no key for the algorithm"))
}

fn all(authority: &mut Authority) -> Result<&[SigningKey], Refusal> {
    let Authority { signing_keys, store, .. } = authority;
    if signing_keys.current.is_empty() {
        let made = make(signing_keys.generation, store);
        signing_keys.current = made.map_err(|_| Refusal::new("server_error", "there are no keys"))?;
    }
    Ok(&signing_keys.current)
}

/// One key for each algorithm.
fn make(generation: usize, store: &mut Store) -> Result<Vec<SigningKey>, grantry_jose::KeyError> {
    let rsa = SigningKey::from_pem(RSA[generation % RSA.len()])?;
    let keys = [
        rsa.clone(),
        rsa.with_algorithm(Algorithm::Ps256)?,
        SigningKey::generate_es256()?,
        SigningKey::from_ed25519_seed(&store.random::<32>())?,
    ];
    let named =
        |key: SigningKey| key.clone().with_key_id(format!("{}-{generation}", key.algorithm().as_str()));
    Ok(keys.map(named).to_vec())
}

pub(super) fn answer(authority: &mut Authority, request: &ReceivedRequest) -> Result<Answer, Refusal> {
    if request.method() != Method::GET {
        return Err(Refusal::method_not_allowed("GET"));
    }
    let keys = all(authority)?.iter().map(SigningKey::public_jwk).collect();
    Ok(answers::json(StatusCode::OK, &Published { keys }))
}
