//! The names of keys: ARNs of KMS keys, and whether two of them are one key.

use std::fmt;

/// KMS takes no longer ones.
const MOST_BYTES: usize = 256;

/// The ARN of a KMS key, never that of an alias.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyArn(String);

impl KeyArn {
    /// `arn:<partition>:kms:<region>:<account>:key/<id>`; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let ["arn", partition, "kms", region, account, resource] = parts.as_slice() else { return None };
        let id = resource.strip_prefix("key/")?;
        let is_good = text.len() <= MOST_BYTES
            && [partition, region, account, &id].into_iter().all(|part| is_word(part));
        is_good.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both have the same key material: they are the same, or replicas of one multi-region key.
    pub(crate) fn is_same_key(&self, other: &Self) -> bool {
        self == other || (self.is_multi_region() && self.without_region() == other.without_region())
    }

    fn is_multi_region(&self) -> bool {
        self.0.contains(":key/mrk-")
    }

    /// Partition, account and resource.
    fn without_region(&self) -> [Option<&str>; 3] {
        let part = |number| self.0.split(':').nth(number);
        [part(1), part(4), part(5)]
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

fn is_word(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn only_the_arn_of_a_key_is_one() {
        assert_eq!(KeyArn::parse(ONE).unwrap().as_str(), ONE);
        assert!(KeyArn::parse("arn:aws-us-gov:kms:us-gov-west-1:1:key/mrk-1").is_some());
        for wrong in [
            "",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/grantry",
            "arn:aws:kms:eu-central-1:111122223333:alias/grantry",
            "arn:aws:kms:eu-central-1:111122223333:key/",
            "arn:aws:kms::111122223333:key/1",
            "arn:aws:s3:eu-central-1:111122223333:key/1",
            "arn:aws:kms:eu-central-1:111122223333:key/1:2",
            "arn:aws:kms:eu-central-1:111122223333:key/a\nb",
            "transit/transit/grantry:v1",
        ] {
            assert_eq!(KeyArn::parse(wrong), None, "{wrong}");
        }
        assert_eq!(KeyArn::parse(&format!("{ONE}{}", "0".repeat(256))), None);
    }

    #[test]
    fn replicas_of_a_multi_region_key_are_one_key() {
        let arn = |region: &str, account: &str, id: &str| {
            KeyArn::parse(&format!("arn:aws:kms:{region}:{account}:key/{id}")).unwrap()
        };
        let one = arn("eu-central-1", "1", "mrk-1");
        assert!(one.is_same_key(&arn("us-east-1", "1", "mrk-1")));
        assert!(!one.is_same_key(&arn("us-east-1", "2", "mrk-1")));
        assert!(!one.is_same_key(&arn("us-east-1", "1", "mrk-2")));
        assert!(!arn("eu-central-1", "1", "a").is_same_key(&arn("us-east-1", "1", "a")));
        assert!(arn("eu-central-1", "1", "a").is_same_key(&arn("eu-central-1", "1", "a")));
    }
}
