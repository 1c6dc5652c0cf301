//! Which mechanism wraps, from what the token says that it can do.

use grantry_vault::KeyError;

/// How tenant keys are wrapped in the token.
///
/// A version of the key is made for one of them and keeps it: it is the first byte of its `CKA_ID` and of each wrapped
/// key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyMechanism {
    /// `CKM_AES_GCM`, with the context as associated data. The first choice.
    AesGcm,
    /// `CKM_AES_KEY_WRAP` (RFC 3394) and `CKM_SHA256_HMAC` over the context and the wrapped bytes, because a key wrap binds
    /// no context. A tenant key is brought into the session as a key that is not sensitive, and comes back as one:
    /// tokens that forbid that do not get this plan.
    AesKeyWrap,
    /// `CKM_AES_KEY_WRAP_PAD`, otherwise as [`AesKeyWrap`](KeyMechanism::AesKeyWrap). It comes after it, because 32 bytes
    /// need no padding, and what this mechanism pads with depends on the version of PKCS#11.
    AesKeyWrapPad,
    /// `CKM_AES_CBC_PAD` and then `CKM_SHA256_HMAC` over the context, the initialisation vector and the ciphertext.
    AesCbcPadHmac,
}

/// The order in which they are chosen.
const ORDER: [KeyMechanism; 4] = [
    KeyMechanism::AesGcm,
    KeyMechanism::AesKeyWrap,
    KeyMechanism::AesKeyWrapPad,
    KeyMechanism::AesCbcPadHmac,
];

impl KeyMechanism {
    /// The first byte of what it wraps.
    pub(crate) const fn format(self) -> u8 {
        match self {
            Self::AesGcm => 1,
            Self::AesKeyWrap => 2,
            Self::AesKeyWrapPad => 3,
            Self::AesCbcPadHmac => 4,
        }
    }

    pub(crate) fn of_format(format: u8) -> Option<Self> {
        ORDER.into_iter().find(|mechanism| mechanism.format() == format)
    }

    /// What it needs.
    const fn needs(self) -> &'static [Need] {
        const GCM: Need = Need { mechanism: Known::AesGcm, uses: &[Use::Encrypt, Use::Decrypt] };
        const WRAP: Need = Need { mechanism: Known::AesKeyWrap, uses: &[Use::Wrap, Use::Unwrap] };
        const WRAP_PAD: Need = Need { mechanism: Known::AesKeyWrapPad, uses: &[Use::Wrap, Use::Unwrap] };
        const CBC: Need = Need { mechanism: Known::AesCbcPad, uses: &[Use::Encrypt, Use::Decrypt] };
        const MAC: Need = Need { mechanism: Known::Sha256Hmac, uses: &[Use::Sign, Use::Verify] };
        const AES_KEY: Need = Need { mechanism: Known::AesKeyGen, uses: &[Use::Generate] };
        const MAC_KEY: Need = Need { mechanism: Known::GenericSecretKeyGen, uses: &[Use::Generate] };
        match self {
            Self::AesGcm => &[GCM, AES_KEY],
            Self::AesKeyWrap => &[WRAP, MAC, AES_KEY, MAC_KEY],
            Self::AesKeyWrapPad => &[WRAP_PAD, MAC, AES_KEY, MAC_KEY],
            Self::AesCbcPadHmac => &[CBC, MAC, AES_KEY, MAC_KEY],
        }
    }
}

/// The mechanisms of tokens that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    AesKeyGen,
    GenericSecretKeyGen,
    AesGcm,
    AesKeyWrap,
    AesKeyWrapPad,
    AesCbcPad,
    Sha256Hmac,
}

impl Known {
    const fn name(self) -> &'static str {
        match self {
            Self::AesKeyGen => "CKM_AES_KEY_GEN",
            Self::GenericSecretKeyGen => "CKM_GENERIC_SECRET_KEY_GEN",
            Self::AesGcm => "CKM_AES_GCM",
            Self::AesKeyWrap => "CKM_AES_KEY_WRAP",
            Self::AesKeyWrapPad => "CKM_AES_KEY_WRAP_PAD",
            Self::AesCbcPad => "CKM_AES_CBC_PAD",
            Self::Sha256Hmac => "CKM_SHA256_HMAC",
        }
    }
}

/// What a mechanism may be used for, by the flags of `C_GetMechanismInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Generate,
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    Wrap,
    Unwrap,
}

struct Need {
    mechanism: Known,
    uses: &'static [Use],
}

/// What a token says of one of its mechanisms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MechanismFacts {
    pub(crate) mechanism: Known,
    pub(crate) uses: Vec<Use>,
    /// The sizes of keys: bytes with some tokens, bits with others, and zero with those that do not say.
    pub(crate) sizes: (usize, usize),
}

impl MechanismFacts {
    fn takes_32_bytes(&self) -> bool {
        let (least, most) = self.sizes;
        let holds = |size: usize| least <= size && size <= most;
        most == 0 || holds(32) || holds(256)
    }
}

/// What the token can do, the best first, or the preferred one before all. Pure.
pub(crate) fn plans(
    mechanisms: &[MechanismFacts],
    prefer: Option<KeyMechanism>,
) -> Result<Vec<KeyMechanism>, KeyError> {
    let order = prefer.into_iter().chain(ORDER.into_iter().filter(|plan| Some(*plan) != prefer));
    let plans: Vec<_> = order.filter(|plan| lacks(mechanisms, *plan).is_empty()).collect();
    if plans.is_empty() {
        let lacking = [KeyMechanism::AesGcm, KeyMechanism::AesKeyWrap, KeyMechanism::AesCbcPadHmac]
            .map(|plan| lacks(mechanisms, plan).join(" and "));
        return Err(KeyError::unsupported(format!(
            "the token lacks {}, and as a second choice {}, and as a third {}; each for keys of 256 bits",
            lacking[0], lacking[1], lacking[2]
        )));
    }
    Ok(plans)
}

fn lacks(mechanisms: &[MechanismFacts], plan: KeyMechanism) -> Vec<&'static str> {
    let has = |need: &&Need| {
        mechanisms.iter().any(|facts| {
            facts.mechanism == need.mechanism
                && need.uses.iter().all(|used| facts.uses.contains(used))
                && facts.takes_32_bytes()
        })
    };
    plan.needs().iter().filter(|need| !has(need)).map(|need| need.mechanism.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::soft_hsm;

    fn facts(mechanism: Known, uses: &[Use], sizes: (usize, usize)) -> MechanismFacts {
        MechanismFacts { mechanism, uses: uses.to_vec(), sizes }
    }

    fn without(gone: &[Known]) -> Vec<MechanismFacts> {
        soft_hsm().into_iter().filter(|facts| !gone.contains(&facts.mechanism)).collect()
    }

    #[test]
    fn the_choice_follows_what_the_token_can_do() {
        use KeyMechanism::{AesCbcPadHmac, AesGcm, AesKeyWrap, AesKeyWrapPad};
        use Known as K;
        let table: [(&str, Vec<MechanismFacts>, &[KeyMechanism]); 5] = [
            ("SoftHSM", soft_hsm(), &[AesGcm, AesKeyWrap, AesKeyWrapPad, AesCbcPadHmac]),
            ("no GCM", without(&[K::AesGcm]), &[AesKeyWrap, AesKeyWrapPad, AesCbcPadHmac]),
            ("no HMAC", without(&[K::Sha256Hmac]), &[AesGcm]),
            ("CBC-PAD only", without(&[K::AesGcm, K::AesKeyWrap, K::AesKeyWrapPad]), &[AesCbcPadHmac]),
            ("padded wrap only", without(&[K::AesGcm, K::AesKeyWrap, K::AesCbcPad]), &[AesKeyWrapPad]),
        ];
        for (token, mechanisms, plan) in table {
            assert_eq!(plans(&mechanisms, None).unwrap(), plan, "{token}");
        }
    }

    #[test]
    fn a_preference_comes_first_where_the_token_can_do_it() {
        use KeyMechanism::{AesCbcPadHmac, AesGcm};
        assert_eq!(plans(&soft_hsm(), Some(AesCbcPadHmac)).unwrap()[0], AesCbcPadHmac);
        assert_eq!(plans(&without(&[Known::AesCbcPad]), Some(AesCbcPadHmac)).unwrap()[0], AesGcm);
    }

    #[test]
    fn flags_and_sizes_count() {
        let with_gcm = |gcm: MechanismFacts| {
            let mut mechanisms = without(&[Known::AesGcm]);
            mechanisms.push(gcm);
            plans(&mechanisms, None).unwrap()[0] == KeyMechanism::AesGcm
        };
        let both = [Use::Encrypt, Use::Decrypt];
        assert!(with_gcm(facts(Known::AesGcm, &both, (16, 32))), "in bytes");
        assert!(with_gcm(facts(Known::AesGcm, &both, (128, 256))), "in bits");
        assert!(with_gcm(facts(Known::AesGcm, &both, (0, 0))), "not said");
        assert!(!with_gcm(facts(Known::AesGcm, &both, (16, 24))), "too short, in bytes");
        assert!(!with_gcm(facts(Known::AesGcm, &both, (128, 192))), "too short, in bits");
        assert!(!with_gcm(facts(Known::AesGcm, &[Use::Decrypt], (16, 32))), "decrypts only");
    }

    #[test]
    fn a_token_with_nothing_usable_is_told_what_it_lacks() {
        for mechanisms in [Vec::new(), without(&[Known::AesGcm, Known::Sha256Hmac])] {
            let error = plans(&mechanisms, None).unwrap_err();
            assert!(matches!(error, KeyError::Unsupported(_)), "{error}");
            assert!(error.to_string().contains("CKM_AES_GCM"), "{error}");
            assert!(error.to_string().contains("CKM_SHA256_HMAC"), "{error}");
        }
    }

    #[test]
    fn each_format_is_read_back() {
        for plan in ORDER {
            assert_eq!(KeyMechanism::of_format(plan.format()), Some(plan));
        }
        assert_eq!(KeyMechanism::of_format(0), None);
        assert_eq!(KeyMechanism::of_format(5), None);
    }
}
