//! The parameters that both grants share.

use zeroize::Zeroizing;

/// Parameters in the order of the request; the values may be secrets.
pub(crate) type Parameters = Vec<(String, Zeroizing<String>)>;

/// The names alone, for `Debug`.
pub(crate) fn names(parameters: &Parameters) -> Vec<&str> {
    parameters.iter().map(|(name, _)| name.as_str()).collect()
}
