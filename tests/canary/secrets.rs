//! The canary secrets, and every form in which a byte of them could show.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Stands in every secret. The rows of `bad_input` have it in all that a server sends.
pub(crate) const CANARY: &str = "c4n4ry5f0c1d9e7b";

/// A client secret, long enough to be the key of a MAC.
pub(crate) fn client_secret() -> String {
    format!("client-secret.{CANARY}.long-enough-for-a-mac")
}

/// The 32 bytes of a private key on Ed25519.
pub(crate) fn private_key() -> [u8; 32] {
    let mut seed = *b"................................";
    for (place, byte) in seed.iter_mut().skip(8).zip(CANARY.bytes()) {
        *place = byte;
    }
    seed
}

/// The same key as a private JWK.
pub(crate) fn private_jwk() -> String {
    let public = grantry_jose::SigningKey::from_ed25519_seed(&private_key()).unwrap().public_jwk();
    let d = grantry_jose::base64url::encode(private_key());
    format!("{},\"d\":\"{d}\"}}", public.bare().to_json().trim_end_matches('}'))
}

/// What must not be found anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Needles(Vec<String>);

impl Needles {
    /// Both halves of the canary as text, as hexadecimal, as a list of numbers and in base64.
    pub(crate) fn of_the_canary() -> Self {
        let (first, second) = CANARY.split_at(CANARY.len() / 2);
        let mut needles = Vec::new();
        for half in [first, second] {
            needles.push(half.to_owned());
            let hex = half.bytes().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            needles.extend([hex.to_uppercase(), hex]);
            let numbers: Vec<String> = half.bytes().map(|byte| byte.to_string()).collect();
            needles.push(numbers.join(", "));
        }
        for shift in 0..3 {
            let padded = STANDARD_NO_PAD.encode([&vec![0; shift][..], CANARY.as_bytes()].concat());
            // The characters that depend on nothing but the canary.
            let (start, end) = ((shift * 4).div_ceil(3), (shift + CANARY.len()) * 4 / 3);
            let core = &padded[start..end];
            let (a, b) = core.split_at(core.len() / 2);
            needles.extend([a.to_owned(), b.to_owned()]);
        }
        Self(needles)
    }

    /// Adds what was made from secrets while the test ran, such as an assertion.
    pub(crate) fn add(&mut self, made: impl Into<String>) {
        let made = made.into();
        assert!(made.len() >= 8, "too short to be looked for: {made}");
        self.0.push(made);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The lines of `text` in which a secret shows.
    pub(crate) fn found_in<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let shows = |line: &&str| self.0.iter().any(|needle| line.contains(needle.as_str()));
        // Most texts hold nothing, and that is quickly said.
        if self.0.iter().all(|needle| !text.contains(needle.as_str())) {
            return Vec::new();
        }
        text.lines().filter(shows).collect()
    }

    /// Says where a secret shows; empty if it does nowhere.
    pub(crate) fn complaint(&self, what: &str, text: &str) -> String {
        let found = self.found_in(text);
        if found.is_empty() {
            return String::new();
        }
        let head: Vec<String> = found.iter().take(5).map(|line| line.chars().take(600).collect()).collect();
        format!("{} lines of {what} show a secret, such as\n{}\n", found.len(), head.join("\n"))
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let needles = Needles::of_the_canary();
    let secret = format!("x{CANARY}y");
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    for text in [secret.clone(), hex, format!("{:?}", secret.as_bytes())] {
        assert_eq!(needles.found_in(&text).len(), 1, "{text}");
    }
    for before in ["", "a", "ab", "abc", "client:"] {
        let text = STANDARD_NO_PAD.encode(format!("{before}{CANARY}:c"));
        assert_eq!(needles.found_in(&text).len(), 1, "{text}");
    }
    assert_eq!(needles.found_in(&format!("the first half: {}", &CANARY[..8])).len(), 1);
    assert!(needles.found_in("nothing").is_empty());
}
