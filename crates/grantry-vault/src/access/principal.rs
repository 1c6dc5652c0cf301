//! Who asks.

use std::fmt;
use std::sync::Arc;

/// The most bytes of a principal's name.
const MOST_BYTES: usize = 255;

/// A text that names no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a principal is `workload:NAME`, `person:NAME` or `system:NAME`; the name has 1 to 255 bytes without control characters"
)]
#[non_exhaustive]
pub struct InvalidPrincipal;

/// Somebody who uses the vault: a workload, a person, or a task of this library. Names are compared byte by byte: no
/// case folding, no Unicode normalisation.
///
/// ```
/// use grantry_vault::access::Principal;
/// let billing = Principal::workload("billing")?;
/// assert_eq!(billing.as_str(), "workload:billing");
/// assert_eq!(Principal::parse("workload:billing")?, billing);
/// # Ok::<(), grantry_vault::access::InvalidPrincipal>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A program.
    ///
    /// # Errors
    /// [`InvalidPrincipal`] for an empty or too long name, or one with control characters.
    pub fn workload(name: impl AsRef<str>) -> Result<Self, InvalidPrincipal> {
        Self::parse(&format!("workload:{}", name.as_ref()))
    }

    /// A person.
    ///
    /// # Errors
    /// As [`workload`](Principal::workload).
    pub fn person(name: impl AsRef<str>) -> Result<Self, InvalidPrincipal> {
        Self::parse(&format!("person:{}", name.as_ref()))
    }

    /// The renewal of grants in the background. It may renew every grant and use every token, without a binding: it
    /// acts for those who were let in by name.
    pub fn system_renewal() -> Self {
        Self("system:renewal".into())
    }

    /// The rotation of keys in the background. It may rotate keys, without a binding.
    pub fn system_rotation() -> Self {
        Self("system:rotation".into())
    }

    /// Reads what [`as_str`](Principal::as_str) returns.
    ///
    /// # Errors
    /// [`InvalidPrincipal`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidPrincipal> {
        let (kind, name) = text.split_once(':').ok_or(InvalidPrincipal)?;
        let is_known =
            matches!(kind, "workload" | "person") || matches!(text, "system:renewal" | "system:rotation");
        let is_name = !name.is_empty() && name.len() <= MOST_BYTES && !name.chars().any(char::is_control);
        if is_known && is_name { Ok(Self(text.into())) } else { Err(InvalidPrincipal) }
    }

    /// The kind and the name, with a colon between them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({:?})", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_somebody_is_a_principal() {
        for good in ["workload:a", "person:Ana \u{f1}:x", "system:renewal", "system:rotation"] {
            assert_eq!(Principal::parse(good).unwrap().as_str(), good);
        }
        let long = format!("person:{}", "a".repeat(256));
        for bad in ["", "a", "workload:", "robot:a", "system:root", "person:a\nb", "Workload:a", &long] {
            assert_eq!(Principal::parse(bad), Err(InvalidPrincipal), "{bad:?}");
        }
    }
}
