//! What a command works with: the vault, and, where tokens are asked for, the pantry.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use grantry::TenantId;
use grantry::custody::FolderLifeboat;
use grantry::pantry::{Grantry, GrantryBuilder, PrincipalPantry, TenantPantry};
use grantry::vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry::vault::{PrincipalVault, RotationPolicy, SealedVault, Vault, VaultKeys};
use grantry_config::{Config, ServiceConfig};

use crate::console::Console;
use crate::escaped::escaped;
use crate::failed::{Failed, NOT_FOUND, VAULT};
use crate::place::{KeepsTrail, Place};
use crate::settings::services_of;
use crate::stranded::Stranded;
use crate::whereabouts::Whereabouts;

/// Few answers are on their way at once here, and a lifeboat is written in full when it is opened.
const SEATS: usize = 2;

/// So long does a person wait for a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a command works with. What was opened is closed by [`close`](Session::close), whatever became of the command.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) place: Place,
    pub(crate) tenant: String,
    /// What the configuration files say, where some were named.
    pub(crate) config: Option<Config>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) whereabouts: Whereabouts,
    vault: OnceLock<SealedVault>,
    pantry: OnceLock<Grantry>,
    stranded: Stranded,
}

impl Session {
    pub(crate) fn new(
        place: Place,
        tenant: String,
        config: Option<Config>,
        files: Vec<PathBuf>,
        whereabouts: Whereabouts,
    ) -> Self {
        let (vault, pantry, stranded) = (OnceLock::new(), OnceLock::new(), Stranded::default());
        Self { place, tenant, config, files, whereabouts, vault, pantry, stranded }
    }

    /// The vault, as whoever runs the command.
    ///
    /// # Errors
    /// Where there is none, or it cannot be opened.
    pub(crate) async fn vault(&self) -> Result<PrincipalVault, Failed> {
        let parts = self.parts().await?;
        self.unseal(parts).await
    }

    /// The vault, made if there is none; says whether it was.
    ///
    /// # Errors
    /// As [`vault`](Session::vault).
    pub(crate) async fn vault_made(&self) -> Result<(PrincipalVault, bool), Failed> {
        let (store, keys, is_new) = self.place.open_or_make().await?;
        Ok((self.unseal((store, keys)).await?, is_new))
    }

    /// What opens the vault, or what makes one where there is none.
    async fn parts(&self) -> Result<(Arc<dyn Vault>, VaultKeys), Failed> {
        self.place.open().await.map_err(|failed| match self.place.is_made() {
            true => failed,
            false => failed.with_remedy(format!("run: {}", self.whereabouts.command("vault init"))),
        })
    }

    async fn unseal(&self, (store, keys): (Arc<dyn Vault>, VaultKeys)) -> Result<PrincipalVault, Failed> {
        let me = me()?;
        let vault = SealedVault::builder(store, keys, policy(&me)?).deployment(&self.place.deployment);
        let vault = vault.trail(self.place.trail.as_ref()).open().await?;
        let vault = self.vault.get_or_init(|| vault);
        Ok(vault.as_principal(me))
    }

    /// The tenant's part of the pantry: for whatever talks to a server.
    ///
    /// # Errors
    /// As [`vault`](Session::vault); not found where the tenant is not in it.
    pub(crate) async fn pantry(&self) -> Result<TenantPantry, Failed> {
        let mine = self.whole_pantry().await?;
        self.part_of(&mine).await
    }

    /// The pantry of all tenants.
    ///
    /// # Errors
    /// As [`vault`](Session::vault).
    pub(crate) async fn whole_pantry(&self) -> Result<PrincipalPantry, Failed> {
        let mut pantry = self.pantry_builder().await?;
        if let Some(config) = &self.config {
            // Vault, keys and trail are those of the place, which may be another one.
            pantry = pantry.config(config.services_alone());
        }
        let pantry = pantry.open().await?;
        Ok(self.pantry.get_or_init(|| pantry).as_principal(me()?))
    }

    /// What of a pantry is the tenant's.
    ///
    /// # Errors
    /// Not found where the tenant is not in it.
    pub(crate) async fn part_of(&self, mine: &PrincipalPantry) -> Result<TenantPantry, Failed> {
        self.has_tenant(&mine.vault()).await?;
        mine.tenant(&self.tenant).map_err(|error| Failed::usage(error.to_string()))
    }

    /// A tenant's part of a pantry that knows no services, so that it asks no server and makes no tenant; `None` where
    /// nothing is kept for the tenant.
    ///
    /// # Errors
    /// As [`vault`](Session::vault).
    pub(crate) async fn pantry_to_look_into(&self, tenant: &str) -> Result<Option<TenantPantry>, Failed> {
        let mine = match self.pantry.get() {
            Some(pantry) => pantry.as_principal(me()?),
            None => self.open_to_look_into().await?,
        };
        let is_kept = tenants(&mine.vault()).await?.iter().any(|name| name.as_str() == tenant);
        let tenant = is_kept.then(|| mine.tenant(tenant));
        tenant.transpose().map_err(|error| Failed::usage(error.to_string()))
    }

    async fn open_to_look_into(&self) -> Result<PrincipalPantry, Failed> {
        let pantry = self.pantry_builder().await?.open().await?;
        Ok(self.pantry.get_or_init(|| pantry).as_principal(me()?))
    }

    async fn pantry_builder(&self) -> Result<GrantryBuilder, Failed> {
        let (store, keys) = self.parts().await?;
        let lifeboat = FolderLifeboat::builder(&self.place.lifeboats).seats(SEATS).open();
        let lifeboat = lifeboat.map_err(|error| {
            let folder = self.place.lifeboats.display();
            Failed::new(VAULT, format!("the folder {folder} cannot be used: {error}"))
        })?;
        Ok(Grantry::builder()
            .deployment(&self.place.deployment)
            .vault(store)
            .keys(keys)
            .access(policy(&me()?)?)
            .lifeboat(lifeboat)
            .process_name("grantry command")
            .observer(self.stranded.clone())
            .without_rotation()
            .for_a_moment()
            .most_patience(PATIENCE)
            .trail(self.place.trail.as_ref()))
    }

    /// How old keys may become: as the configuration says, or as is usual.
    pub(crate) fn rotation(&self) -> RotationPolicy {
        let keys = self.config.as_ref().and_then(Config::keys);
        keys.and_then(|keys| keys.rotation.clone()).unwrap_or_default()
    }

    /// The services that the tenant has by the configuration.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<ServiceConfig>> {
        self.config.iter().flat_map(|config| services_of(config, &self.tenant))
    }

    async fn has_tenant(&self, vault: &PrincipalVault) -> Result<(), Failed> {
        let name = TenantId::new(&self.tenant).map_err(|error| Failed::usage(error.to_string()))?;
        if tenants(vault).await?.contains(&name) {
            return Ok(());
        }
        if self.services().next().is_some() {
            // Whoever describes services for it means that it is there.
            vault.create_tenant(&self.tenant).await?;
            return Ok(());
        }
        let fact = format!("the tenant {} has nothing in the vault", self.tenant);
        Err(Failed::new(NOT_FOUND, fact).with_remedy("store something for it first: grantry auth set"))
    }

    /// The command by which a person authorizes, for a tenant, a service and an account of the vault in use.
    pub(crate) fn how_to_log_in(&self, service: &str, account: &str) -> String {
        self.whereabouts.how_to("auth login", &self.tenant, service, account)
    }

    /// What ends a revocation that the server has not confirmed.
    pub(crate) fn how_to_end_revocation(&self, service: &str, account: &str) -> String {
        let command = self.whereabouts.how_to("auth revoke", &self.tenant, service, account);
        format!(
            "ask it again: {command}; with --local-only nobody is asked, and its tokens live until they expire"
        )
    }

    /// For people: something of a tenant, which is named where it is not the one that the command is for.
    pub(crate) fn place_of(&self, tenant: &str, what: &str) -> String {
        if tenant == self.tenant { what.to_owned() } else { format!("{tenant}: {what}") }
    }

    /// Resolves where tokens that came are kept in a lifeboat because the vault does not take them.
    pub(crate) async fn stranded(&self, console: &Console) -> Failed {
        self.stranded.for_too_long(console, &self.place.lifeboats).await
    }

    /// Waits until what was sent is answered, and everything is written.
    ///
    /// # Errors
    /// Where the audit trail could not be written to its end.
    pub(crate) async fn close(&self) -> Result<(), Failed> {
        if let Some(pantry) = self.pantry.get() {
            pantry.shutdown().await?;
        }
        if let Some(vault) = self.vault.get() {
            vault.close().await?;
        }
        Ok(())
    }
}

/// A word that a shell takes as it stands.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// All tenants of a vault.
///
/// # Errors
/// Those of every call of the vault.
pub(crate) async fn tenants(vault: &PrincipalVault) -> Result<Vec<TenantId>, Failed> {
    const PAGE: usize = 256;
    let mut all: Vec<TenantId> = Vec::new();
    loop {
        let page = vault.tenants(all.last(), PAGE).await?;
        let is_last = page.is_empty();
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// A vault by itself, as whoever runs the command, who may see everything in it: for moving it.
///
/// # Errors
/// Where it cannot be opened.
pub(crate) async fn open_whole(place: &Place, makes: bool) -> Result<(SealedVault, PrincipalVault), Failed> {
    let (store, keys) = if makes {
        let (store, keys, _) = place.open_or_make().await?;
        (store, keys)
    } else {
        place.open().await?
    };
    let me = me()?;
    let wrong = |error: grantry::vault::access::PolicyError| Failed::new(1, error.to_string());
    let role = Role::custom("mover", Permission::ALL.iter().copied()).map_err(wrong)?;
    let binding = Binding::allow(&me, &role, Reach::everything());
    let policy = AccessPolicy::builder().role(role).bind(binding).build().map_err(wrong)?;
    let vault = SealedVault::builder(store, keys, policy).deployment(&place.deployment);
    let vault = vault.trail(place.trail.as_ref()).open().await?;
    let mine = vault.as_principal(me);
    Ok((vault, mine))
}

/// Whoever runs the command, as the audit trail names them.
fn me() -> Result<Principal, Failed> {
    let name = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|n| !n.is_empty()));
    let named = name.and_then(|name| Principal::person(name).ok());
    let anybody = || Principal::person("somebody");
    named.map_or_else(anybody, Ok).map_err(|error| Failed::new(1, escaped(&error.to_string())))
}

/// Whoever can read the key may do everything with the vault but see a refresh token.
fn policy(me: &Principal) -> Result<AccessPolicy, Failed> {
    let withheld = [Permission::TokenReadRefresh, Permission::GrantRenew];
    let permissions = Permission::ALL.iter().copied().filter(|permission| !withheld.contains(permission));
    let wrong = |error: grantry::vault::access::PolicyError| Failed::new(1, error.to_string());
    let role = Role::custom("owner", permissions).map_err(wrong)?;
    let binding = Binding::allow(me, &role, Reach::everything());
    AccessPolicy::builder().role(role).bind(binding).build().map_err(wrong)
}
