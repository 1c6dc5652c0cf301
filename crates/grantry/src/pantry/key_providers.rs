//! The keys that a configuration describes.

use std::path::PathBuf;

use grantry_config::{KeyProviderSection, StoreSection, VaultSection};
use grantry_core::{Error, ErrorKind, Stage};
#[cfg(any(feature = "aws-kms", feature = "pkcs11", feature = "transit"))]
use grantry_vault::KeyError;
use grantry_vault::{LocalKey, VaultKeys};

/// Opens the key provider that a `keys` section describes. HSMs, key services and the keychain are features of this crate.
/// Keys that can be exchanged are, with those of the vault; KMS exchanges its own by itself.
///
/// `vault` is the section of the vault that is opened by them: beside its file is the lock by which the processes of this
/// machine change an entry of the keychain one at a time.
///
/// # Errors
/// `Configuration` for a kind whose feature is off, and says which it is; `KeyUnavailable` where the key cannot be used.
#[cfg_attr(
    not(any(feature = "keychain", feature = "pkcs11", feature = "aws-kms")),
    allow(clippy::unused_async, reason = "with these features it asks them")
)]
pub async fn open_keys(
    section: &KeyProviderSection,
    vault: Option<&VaultSection>,
) -> Result<VaultKeys, Error> {
    let _ = vault;
    let keys = match section {
        KeyProviderSection::File { path, .. } => LocalKey::from_file(path).map(VaultKeys::rotating),
        // What can hold no more than one version of the key is not exchanged with the others.
        KeyProviderSection::Environment { variable, .. } => LocalKey::from_env(variable).map(VaultKeys::new),
        KeyProviderSection::Passphrase { passphrase, salt, .. } => {
            LocalKey::from_passphrase(passphrase.expose(), salt.as_bytes()).map(VaultKeys::new)
        }
        #[cfg(feature = "keychain")]
        KeyProviderSection::Keychain { entry, .. } => {
            let lock = keychain_lock(vault)?;
            grantry_keys_keychain::KeychainKey::builder(entry, lock).open().await.map(VaultKeys::rotating)
        }
        #[cfg(not(feature = "keychain"))]
        KeyProviderSection::Keychain { .. } => return Err(is_off("keychain")),
        #[cfg(feature = "pkcs11")]
        section @ KeyProviderSection::Pkcs11 { .. } => pkcs11(section).await,
        #[cfg(not(feature = "pkcs11"))]
        KeyProviderSection::Pkcs11 { .. } => return Err(is_off("pkcs11")),
        #[cfg(feature = "aws-kms")]
        KeyProviderSection::AwsKms { region, key, endpoint_url, .. } => {
            aws_kms(region, key, endpoint_url.as_deref()).await
        }
        #[cfg(not(feature = "aws-kms"))]
        KeyProviderSection::AwsKms { .. } => return Err(is_off("aws-kms")),
        #[cfg(feature = "transit")]
        section @ KeyProviderSection::Transit { .. } => transit(section),
        #[cfg(not(feature = "transit"))]
        KeyProviderSection::Transit { .. } => return Err(is_off("transit")),
        _ => {
            return Err(Error::configuration(
                "the configured keys are unknown here: hand them in with .keys(..)",
            ));
        }
    };
    keys.map_err(|error| {
        let fact = "the configured key cannot be used";
        Error::new(ErrorKind::KeyUnavailable, Stage::Vault, fact).with_source(error)
    })
}

/// The file by which the processes of this machine change a key in the keychain one at a time: beside the vault's file, or,
/// where the vault is a database, in the user's own folder. It is the same for all programs, and the command.
///
/// # Errors
/// `Configuration` where the user has no folder.
pub fn keychain_lock(vault: Option<&VaultSection>) -> Result<PathBuf, Error> {
    const NAME: &str = "grantry.keychain.lock";
    if let Some(StoreSection::Sqlite { path, .. }) = vault.map(|vault| &vault.store) {
        return Ok(path.with_file_name(NAME));
    }
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(own)));
    data.map(|data| data.join("grantry").join(NAME)).ok_or_else(|| {
        Error::configuration(
            "the keys are in the keychain, and the user has no folder for its lock, because HOME is not set: open the \
             key in the program and hand it in with .keys(..)",
        )
    })
}

#[cfg(feature = "pkcs11")]
async fn pkcs11(section: &KeyProviderSection) -> Result<VaultKeys, KeyError> {
    use grantry_config::TokenSection;
    use grantry_keys_pkcs11::{Pin, Pkcs11Keys, TokenSelector};
    let KeyProviderSection::Pkcs11 {
        module,
        token,
        pin,
        key_label,
        serial_in_key_ids,
        create_if_missing,
        ..
    } = section
    else {
        return Err(not_described());
    };
    let pin = pin.as_ref().ok_or_else(|| {
        KeyError::configuration(
            "the PIN of the token is missing: add \"pin\", such as \"${VAULT_PIN}\", or hand the keys in",
        )
    })?;
    let token = match token {
        TokenSection::Label(label) => TokenSelector::label(label),
        TokenSection::Serial(serial) => TokenSelector::serial(serial),
        TokenSection::Slot(slot) => TokenSelector::slot(*slot),
        _ => return Err(not_described()),
    };
    let mut builder = Pkcs11Keys::builder(module, token, Pin::new(pin.expose()));
    if let Some(label) = key_label {
        builder = builder.key_label(label);
    }
    if let Some(serial) = serial_in_key_ids {
        builder = builder.serial_in_key_ids(serial);
    }
    if *create_if_missing {
        builder = builder.create_if_missing();
    }
    builder.open().await.map(VaultKeys::rotating)
}

#[cfg(feature = "aws-kms")]
async fn aws_kms(region: &str, key: &str, endpoint_url: Option<&str>) -> Result<VaultKeys, KeyError> {
    let mut builder = grantry_keys_aws_kms::AwsKms::from_surroundings(region, key).await?;
    if let Some(url) = endpoint_url {
        builder = builder.endpoint_url(url);
    }
    builder.build().map(VaultKeys::new)
}

#[cfg(feature = "transit")]
fn transit(section: &KeyProviderSection) -> Result<VaultKeys, KeyError> {
    use grantry_keys_transit::{TransitKeys, TransitToken};
    let KeyProviderSection::Transit { address, key, token, token_file, mount, namespace, .. } = section
    else {
        return Err(not_described());
    };
    let token = match (token, token_file) {
        (Some(token), _) => TransitToken::new(token.expose()),
        (None, Some(file)) => TransitToken::from_file(file),
        (None, None) => {
            return Err(KeyError::configuration(
                "the token for the server is missing: add \"tokenFile\", or \"token\", such as \"${VAULT_TOKEN}\", or \
                 hand the keys in",
            ));
        }
    };
    let mut builder = TransitKeys::builder(address, key, token);
    if let Some(mount) = mount {
        builder = builder.mount(mount);
    }
    if let Some(namespace) = namespace {
        builder = builder.namespace(namespace);
    }
    builder.build().map(VaultKeys::rotating)
}

#[cfg(any(feature = "pkcs11", feature = "transit"))]
fn not_described() -> KeyError {
    KeyError::configuration("the section of the keys says something that is unknown here: hand them in")
}

#[allow(dead_code, reason = "with every feature nothing is off")]
fn is_off(kind: &str) -> Error {
    super::stores::is_off("keys", kind, ".keys(..)")
}
