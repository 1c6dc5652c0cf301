//! Sealed bytes as a parameter.

use std::fmt;

use bytes::{Bytes, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// The driver writes parameters into its log, and should not write these.
pub(crate) struct Sealed(pub(crate) Bytes);

impl ToSql for Sealed {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        (&*self.0).to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&[u8] as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_not_shown() {
        let parameters = [Sealed(Bytes::from_static(b"sesame"))];
        let shown: &(dyn ToSql + Sync) = &parameters.as_slice();
        assert_eq!(format!("{shown:?}"), "[[6 bytes]]");
    }
}
