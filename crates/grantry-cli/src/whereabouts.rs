//! Commands that a person is told to run, for the vault and the services that this one is about.

use std::path::{Path, PathBuf};

use crate::session::shell_word;

/// The flags by which this command was told where everything is. A command that is pasted without them would mean another vault;
/// what the environment says it finds there by itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Whereabouts {
    flags: String,
}

impl Whereabouts {
    pub(crate) fn new(vault: Option<&Path>, key_file: Option<&Path>, config: &[PathBuf]) -> Self {
        let said =
            |name: &str, path: &Path| std::env::var_os(name).is_some_and(|value| value == path.as_os_str());
        let vault = vault.filter(|path| !said("GRANTRY_VAULT", path)).map(|path| ("vault", path));
        let key_file = key_file.filter(|path| !said("GRANTRY_KEY_FILE", path)).map(|path| ("key-file", path));
        let config = config.iter().map(|path| ("config", path.as_path()));
        let mut flags = String::new();
        for (flag, path) in vault.into_iter().chain(key_file).chain(config) {
            flags.push_str(&format!(" --{flag} {}", shell_word(&path.display().to_string())));
        }
        Self { flags }
    }

    /// A command, as a shell takes it.
    pub(crate) fn command(&self, command: &str) -> String {
        format!("grantry {command}{}", self.flags)
    }

    /// A command for a grant.
    pub(crate) fn how_to(&self, command: &str, tenant: &str, service: &str, account: &str) -> String {
        let mut command = command.to_owned();
        for (flag, value, by_default) in [
            ("service", service, None),
            ("tenant", tenant, Some("default")),
            ("account", account, Some("default")),
        ] {
            if by_default != Some(value) {
                command = format!("{command} --{flag} {}", shell_word(value));
            }
        }
        self.command(&command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_log_in_by_can_be_pasted_into_a_shell() {
        let here = Whereabouts::default();
        assert_eq!(
            here.how_to("auth login", "default", "crm", "default"),
            "grantry auth login --service crm"
        );
        assert_eq!(
            here.how_to("auth login", "acme", "crm", "ana@example.com"),
            "grantry auth login --service crm --tenant acme --account ana@example.com"
        );
        let odd = here.how_to("auth login", "default", "crm", "o'brien; rm -rf ~");
        assert_eq!(odd, r"grantry auth login --service crm --account 'o'\''brien; rm -rf ~'");
        let elsewhere =
            Whereabouts::new(Some(Path::new("my vault")), None, &["a.json".into(), "b.json".into()]);
        assert_eq!(
            elsewhere.how_to("auth revoke", "default", "crm", "default"),
            "grantry auth revoke --service crm --vault 'my vault' --config a.json --config b.json"
        );
    }
}
