//! `audit show` and `audit verify`.

mod show;
mod verify;

use grantry_config::Config;

use crate::console::Console;
use crate::session::Session;

pub(super) use self::show::show;
pub(super) use self::verify::verify;

/// Says where the rest of the trail is, where a configuration has it elsewhere: what is said of the vault's own part would
/// pass for all of it.
fn tell_elsewhere(console: &Console, session: &Session) {
    let Some(audit) = session.config.as_ref().and_then(Config::audit).filter(|audit| !audit.in_vault) else {
        return;
    };
    let folder = audit.folder.as_ref().map(|folder| folder.display().to_string());
    console.warn(&format!(
        "the configuration keeps the trail in {}, and not in the vault: this is about what the vault has of it",
        folder.as_deref().unwrap_or("another place")
    ));
}
