//! What a keychain answers, sorted by whose move it is.

use grantry_vault::KeyError;
use keyring_core::Error;

/// Why the keychain cannot be reached at all.
pub(crate) fn unreachable(error: &Error) -> KeyError {
    KeyError::unavailable(format!(
        "no keychain answers here{}: log in to a desktop session that has one (GNOME Keyring, KWallet, KeePassXC), or \
         keep the key in a file",
        told(error)
    ))
}

/// Why it did not do what it was asked. What it held is not shown: some of its errors carry it.
pub(crate) fn refused(error: &Error) -> KeyError {
    match error {
        Error::NoStorageAccess(_) => KeyError::refused(format!(
            "the keychain is locked, or has no place for secrets yet{}: unlock it, or make a default keychain, and try \
             again",
            told(error)
        )),
        Error::Ambiguous(entries) => KeyError::configuration(format!(
            "the keychain has {} entries of that name: remove all but the right one",
            entries.len()
        )),
        Error::PlatformFailure(_) => KeyError::unavailable(format!("the keychain failed{}", told(error))),
        Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::BadStoreFormat(_) => {
            KeyError::configuration("what the keychain holds is damaged: bring the entry back from its copy")
        }
        Error::TooLong(_, most) => {
            KeyError::unsupported(format!("the keychain keeps {most} characters at most: use a key file"))
        }
        _ => KeyError::unsupported("the keychain cannot keep a key: use a key file"),
    }
}

/// What the system says, in parentheses: facts about a connection or a prompt, never what is in the entry.
fn told(error: &Error) -> String {
    const MOST: usize = 200;
    match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => {
            let text = cause.to_string();
            let line = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST);
            format!(" ({})", line.collect::<String>())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_holds_is_in_no_error() {
        let secret = b"c4nary".to_vec();
        let cause = || std::io::Error::other("broken\u{1b}[2J pipe").into();
        for error in [
            Error::BadEncoding(secret.clone()),
            Error::BadDataFormat(secret, cause()),
            Error::BadStoreFormat("c4nary".to_owned()),
            Error::Invalid("label".to_owned(), "c4nary".to_owned()),
            Error::NotSupportedByStore("c4nary".to_owned()),
        ] {
            let shown = format!("{0} {0:?}", refused(&error));
            assert!(!shown.contains("c4nary") && !shown.contains("99, 52"), "{shown}");
        }
        let locked = refused(&Error::NoStorageAccess(cause()));
        assert!(matches!(&locked, KeyError::Refused(text) if text.contains("unlock it")), "{locked}");
        assert!(locked.to_string().contains("broken [2J pipe"), "{locked}");
        assert!(unreachable(&Error::PlatformFailure(cause())).is_passing());
        assert!(refused(&Error::PlatformFailure(cause())).is_passing());
    }
}
