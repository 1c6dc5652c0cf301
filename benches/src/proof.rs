//! A proof of possession for a resource request, beside the bare signature under it.

use std::hint::black_box;
use std::sync::Arc;

use grantry_core::presenting::prove;
use grantry_core::{
    AccessToken, Binding, Instant, Origin, PrivateKey, SystemClock, SystemEntropy, Token, TokenSet,
};
use grantry_endpoint::{DpopKey, DpopProvers};
use grantry_jose::{Algorithm, ProofKey};
use http::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};

use crate::figure::Report;
use crate::timing::side_by_side;

/// A token of the length that authorization servers issue as JWTs.
const TOKEN_BYTES: usize = 1_000;

/// A token that is bound to the key, and a nonce for its next proof.
fn bound(key: &ProofKey, origin: &Origin) -> Token {
    let provers = DpopProvers::new(Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
    let key = DpopKey::from_private_key(&PrivateKey::new(key.expose_jwk())).unwrap();
    let prover = provers.prover(key);
    prover.saw_nonce(origin, "eyJ7S_zG.eyJH0-Z.HX4w-7v");
    TokenSet::builder(AccessToken::new("t".repeat(TOKEN_BYTES)), Instant::ZERO)
        .binding(Binding::Proof(prover))
        .build()
        .unwrap()
        .token()
        .clone()
}

/// The bare signature of a message of that length.
fn signing(algorithm: Algorithm, message: Vec<u8>) -> Box<dyn Fn()> {
    let random = SystemRandom::new();
    if algorithm == Algorithm::Es256 {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
        let pair = pair.unwrap();
        return Box::new(move || {
            black_box(pair.sign(&random, &message).unwrap());
        });
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    Box::new(move || {
        black_box(pair.sign(&message));
    })
}

pub(crate) fn run(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let origin = Origin::parse("https://api.example.com").unwrap();
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let token = bound(&ProofKey::generate(algorithm).unwrap(), &origin);
        let proof =
            || runtime.block_on(prove(&token, &Method::GET, &origin, "/v1/orders/17")).unwrap().unwrap();
        let signed = proof();
        let signed = signed.to_str().unwrap().rsplit_once('.').unwrap().0.as_bytes().to_vec();
        let bare = signing(algorithm, signed);
        let name = algorithm.as_str();

        let allocations = allocation_counter::measure(|| {
            black_box(proof());
        });
        let allocations = allocations.count_total as f64;
        report.add(
            format!("allocations of a proof, {name}"),
            allocations,
            "",
            None,
            "<= 12",
            allocations <= 12.0,
        );

        let (ours, least) = side_by_side(2_000, |_| drop(black_box(proof())), |_| bare());
        let (ours, least) = (ours / 1_000.0, least / 1_000.0);
        let what = format!("a proof for a request, {name}");
        report.add(what, ours, "us", Some(least), "<= 1.3", ours <= 1.3 * least);
    }
}
