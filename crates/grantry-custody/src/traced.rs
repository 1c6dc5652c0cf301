//! Events of `tracing` about a grant, which all name it in the same way.

/// An event at the level, with the fields that say which grant it is before its own.
macro_rules! of_grant {
    ($level:ident, $key:expr, $($rest:tt)+) => {{
        let key: &grantry_core::GrantKey = $key;
        tracing::$level!(
            grantry.tenant = key.tenant(),
            grantry.service = key.service(),
            grantry.account = key.account(),
            $($rest)+
        );
    }};
}

pub(crate) use of_grant;
